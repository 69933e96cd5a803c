//! The chapter's training loop with nothing but tensors and gradients: is a digit a three or a seven?
//! `cargo run --release -p downhill --example 03_by_hand`
#![forbid(unsafe_code)]

use downhill::autograd::where_;
use downhill::data::{MnistSample, Result, Split};
use downhill::prelude::*;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist_sample");

/// `init_params`: small random numbers to begin with.
fn init_params(size: &[usize], rng: &mut Rng) -> Var {
    Var::parameter(Tensor::randn(size, rng))
}

/// `mnist_loss`: how far the predictions, squeezed between 0 and 1, are from the targets.
fn mnist_loss(predictions: &Var, targets: &Tensor<i64>) -> Var {
    let predictions = predictions.sigmoid();
    where_(&targets.eq(1), 1.0 - &predictions, &predictions).mean(..)
}

/// `calc_grad`, for one batch.
fn calc_grad(xb: Tensor, yb: &Tensor<i64>, model: impl Fn(&Var) -> Var) {
    let preds = model(&Var::new(xb));
    mnist_loss(&preds, yb).backward();
}

/// `train_epoch`: batch by batch, a step against the gradient.
fn train_epoch(
    dl: &DataLoader<f32, i64>,
    model: impl Fn(&Var) -> Var,
    lr: f32,
    params: &[&Var],
) -> Result<()> {
    for batch in dl {
        let (xb, yb) = batch?;
        calc_grad(xb, &yb, &model);
        for p in params {
            p.step_(|data, grad| {
                data.sub_(grad * lr);
            });
            p.zero_grad_();
        }
    }
    Ok(())
}

/// `batch_accuracy`: the share of predictions on the right side of one half.
fn batch_accuracy(preds: &Tensor, yb: &Tensor<i64>) -> f64 {
    let correct = preds.sigmoid().gt(0.5).eq(yb.eq(1));
    correct.to::<f64>().mean(..).item()
}

/// `validate_epoch`: the mean accuracy of the validation set's batches.
fn validate_epoch(dl: &DataLoader<f32, i64>, model: impl Fn(&Var) -> Var) -> Result<f64> {
    let mut accs = Vec::new();
    for batch in dl {
        let (xb, yb) = batch?;
        let preds = no_grad(|| model(&Var::new(xb)).into_value());
        accs.push(batch_accuracy(&preds, &yb));
    }
    Ok(accs.iter().sum::<f64>() / accs.len() as f64)
}

fn main() -> Result<()> {
    let digits = MnistSample::from_dir(DIGITS)?;
    // Images as rows of 784 numbers between 0 and 1, threes with target 1 and sevens with 0.
    let loader =
        |split: &Split| TensorDataset::new(split.x(), split.y()).map(|dset| DataLoader::new(dset).bs(256));
    let (dl, valid_dl) = (loader(&digits.train)?, loader(&digits.valid)?);

    let rng = &mut Rng::new(42);
    let (weights, bias) = (init_params(&[28 * 28, 1], rng), init_params(&[1], rng));
    let linear1 = |xb: &Var| xb.matmul(&weights) + &bias;
    println!("before: {:.4}", validate_epoch(&valid_dl, linear1)?);

    let lr = 1.0;
    let mut accuracy = 0.0;
    for epoch in 0..20 {
        train_epoch(&dl, linear1, lr, &[&weights, &bias])?;
        accuracy = validate_epoch(&valid_dl, linear1)?;
        println!("epoch {epoch:2}: {accuracy:.4}");
    }
    assert!(accuracy > 0.96, "the book gets to 0.9735");
    Ok(())
}
