//! A training that can be killed at any moment: `cargo run --release -p downhill --example resume -- run.ckpt`. Started
//! again with the same file, it goes on where it was, and ends with the same numbers as one that was never stopped.
#![forbid(unsafe_code)]

use downhill::learner::Result;
use downhill::prelude::*;

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1);
    let path = path.map_or_else(|| std::env::temp_dir().join("downhill-resume.ckpt"), Into::into);
    let rng = &mut Rng::new(42);
    let mut loader = |n| {
        let x = Tensor::<f32>::randn(&[n, 20], rng);
        let y = x.square().sum_keepdim(1).gt(20.0).to::<i64>();
        TensorDataset::new(x, y).map(|dset| DataLoader::new(dset).bs(64).shuffle(true))
    };
    let dls = DataLoaders::new(loader(4096)?, loader(512)?);
    let rng = &mut Rng::new(1);
    let net: Sequential = sequential![
        Linear::new(20, 64, rng),
        ReLU,
        Dropout::new(0.1, rng.fork("dropout")),
        Linear::new(64, 1, rng)
    ];
    let mut learn = Learner::new(dls, net)
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        .cbs(Checkpoint::new(&path).every_batches(10).keep(2))
        .resume_from(&path)?;
    learn.fit_one_cycle(10, 0.01)?;
    println!("{:.4}", learn.recorder().values[9][2]);
    Ok(())
}
