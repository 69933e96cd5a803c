//! Putting It All Together: a linear model trained with nothing but tensors and gradients.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, accuracy_curve, book, calc_grad, rows, validate_epoch};
use crate::report::Findings;

fn init_params(size: &[usize], rng: &mut Rng) -> Var {
    Var::parameter(Tensor::randn(size, rng))
}

fn train_epoch(
    dl: &DataLoader<f32, i64>,
    model: &dyn Fn(&Var) -> Var,
    lr: f32,
    params: &[&Var],
) -> Result<()> {
    for batch in dl {
        let (xb, yb) = batch?;
        calc_grad(xb, &yb, model);
        for p in params {
            p.step_(|data, grad| {
                data.sub_(grad * lr);
            });
            p.zero_grad_();
        }
    }
    Ok(())
}

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let runs = ctx.for_each_seed(|rng| {
        let weights = init_params(&[28 * 28, 1], rng);
        let bias = init_params(&[1], rng);
        let linear1 = |xb: &Var| xb.matmul(&weights) + &bias;

        let mut accuracies = vec![validate_epoch(&ctx.dls.valid, &linear1)?];
        let lr = 1.0;
        for _ in 0..21 {
            train_epoch(&ctx.dls.train, &linear1, lr, &[&weights, &bias])?;
            accuracies.push(validate_epoch(&ctx.dls.valid, &linear1)?);
            (ctx.tick)();
        }
        Ok(accuracies)
    })?;
    let names = |i| if i == 0 { "untrained".to_string() } else { format!("after epoch {i}") };
    rows(out, names, &book::BY_HAND, &runs, book::BY_HAND_TORCH);
    accuracy_curve(out, "train_epoch, 21 times", &book::BY_HAND, runs);
    Ok(())
}
