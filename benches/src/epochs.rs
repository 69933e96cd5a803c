//! An epoch of the chapter's models through the Learner: training, validation, recorder and metric.

use std::path::Path;

use anyhow::Result;
use downhill::data::{MnistSample, Split};
use downhill::nn::simple_net;
use downhill::prelude::*;

use crate::cases::Work;

/// One more epoch of 12,396 images in batches of 256, and of 2,038 to validate on.
fn epoch(model: impl Forward + 'static, lr: f64) -> Result<Work> {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/mnist_sample"));
    let sample = MnistSample::from_dir(dir)?;
    let loader =
        |split: &Split| TensorDataset::new(split.x(), split.y()).map(|dset| DataLoader::new(dset).bs(256));
    let mut learn = Learner::new(DataLoaders::new(loader(&sample.train)?, loader(&sample.valid)?), model)
        .opt_func(Sgd::new)
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        .no_logging();
    Ok(Box::new(move || learn.fit(1, lr).expect("the sample is in memory")))
}

/// 784-1, with learning rate 1.
pub(crate) fn linear() -> Result<Work> {
    epoch(Linear::new(28 * 28, 1, &mut Rng::new(42)), 1.0)
}

/// 784-30-1, with learning rate 0.1.
pub(crate) fn net() -> Result<Work> {
    let net: Sequential = simple_net(&mut Rng::new(42));
    epoch(net, 0.1)
}
