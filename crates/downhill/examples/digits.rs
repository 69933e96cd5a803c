//! The chapter's neural network on the chapter's digits: `cargo run --release -p downhill --example digits`, from the
//! repository's root.
#![forbid(unsafe_code)]

use downhill::prelude::*;

fn main() -> Result<(), downhill::learner::Error> {
    let sample = downhill::data::MnistSample::from_dir("data/mnist_sample")?;
    let dset = |split: &downhill::data::Split| TensorDataset::new(split.x(), split.y());
    let loader = |split| Ok::<_, downhill::data::Error>(DataLoader::new(dset(split)?).bs(256));
    let dls = DataLoaders::new(loader(&sample.train)?, loader(&sample.valid)?);

    let rng = &mut Rng::new(42);
    let simple_net: Sequential = sequential![Linear::new(28 * 28, 30, rng), ReLU, Linear::new(30, 1, rng)];
    let mut learn =
        Learner::new(dls, simple_net).opt_func(Sgd::new).loss_func(mnist_loss).metrics(batch_accuracy);
    learn.fit(40, 0.1)?;
    println!("{:.4}", learn.recorder().values[39][2]); // 0.9828 in the book
    Ok(())
}
