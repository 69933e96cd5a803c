//! The chapter's neural network, handed to the Learner: `cargo run --release -p downhill --example 04_learner`
#![forbid(unsafe_code)]

use downhill::data::{MnistSample, Split};
use downhill::learner::Result;
use downhill::prelude::*;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist_sample");

fn main() -> Result<()> {
    let digits = MnistSample::from_dir(DIGITS)?;
    let loader =
        |split: &Split| TensorDataset::new(split.x(), split.y()).map(|dset| DataLoader::new(dset).bs(256));
    let dls = DataLoaders::new(loader(&digits.train)?, loader(&digits.valid)?);

    // Two linear layers with a nonlinearity between them.
    let rng = &mut Rng::new(42);
    let simple_net: Sequential = sequential![Linear::new(28 * 28, 30, rng), ReLU, Linear::new(30, 1, rng)];

    let mut learn =
        Learner::new(dls, simple_net).opt_func(Sgd::new).loss_func(mnist_loss).metrics(batch_accuracy);
    learn.fit(40, 0.1)?;

    // `learn.recorder.values`: for each epoch the training loss, the validation loss and the accuracy.
    let recorder = learn.recorder();
    let accuracy = recorder.column("batch_accuracy").expect("it is a metric");
    println!("the loss: {}", recorder.sparkline(40));
    let plot = std::env::temp_dir().join("downhill-04_learner.svg");
    recorder.plot_metrics(&plot)?;
    println!("losses and accuracy, epoch by epoch: {}", plot.display());
    println!("the accuracy in the end: {:.4} (0.9828 in the book)", accuracy[39]);
    assert!((accuracy[39] - 0.9828).abs() < 0.002);
    assert!(recorder.values[39][1] < recorder.values[0][1], "the validation loss has fallen");

    // What the model says about a digit that it was not trained on.
    let a_7 = digits.valid.sevens.select(0, 0).to::<f32>().reshape(&[28 * 28]) / 255.0;
    let prediction = learn.predict(&a_7);
    println!("a seven is a three with probability {:.4}", prediction.pred.item());
    assert_eq!(prediction.decoded.item(), 0.0);
    Ok(())
}
