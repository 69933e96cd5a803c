//! Putting It All Together: a linear model trained with nothing but tensors and gradients.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, accuracy_curve, book, calc_grad, init_params, rows, size};
use crate::report::{Findings, Printed};

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let (xb, yb) = ctx.dls.train.first()?;
    let shapes = format!("({}, {})", size(xb.shape()), size(yb.shape()));
    out.equal("xb,yb = first(dl)", "(torch.Size([256, 784]), torch.Size([256, 1]))", shapes);

    a_batch_of_four(ctx, out)?;

    let runs = ctx.for_each_seed(|rng| {
        let weights = init_params(&[28 * 28, 1], rng);
        let bias = init_params(&[1], rng);
        let linear1 = |xb: &Var| xb.matmul(&weights) + &bias;

        let mut accuracies = vec![ctx.validate_epoch(&linear1)?];
        let lr = 1.0;
        for _ in 0..21 {
            train_epoch(&ctx.dls.train, &linear1, lr, &[&weights, &bias])?;
            accuracies.push(ctx.validate_epoch(&linear1)?);
            (ctx.tick)();
        }
        Ok(accuracies)
    })?;
    let names = |i| if i == 0 { "untrained".to_string() } else { format!("after epoch {i}") };
    rows(out, names, &book::BY_HAND, &runs, book::BY_HAND_TORCH);
    accuracy_curve(out, "train_epoch, 21 times", &book::BY_HAND, runs);
    Ok(())
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

/// Predictions, loss and gradients for the first four threes, and what becomes of gradients that are not set to zero.
fn a_batch_of_four(ctx: &Context, out: &mut Findings) -> Result<()> {
    let (batch, train_y) = (ctx.sample.train.x().narrow(0, 0, 4), ctx.sample.train.y().narrow(0, 0, 4));
    out.equal("batch.shape", "torch.Size([4, 784])", size(batch.shape()));

    let runs = ctx.for_each_seed(|rng| {
        let (weights, bias) = (init_params(&[28 * 28, 1], rng), init_params(&[1], rng));
        let linear1 = |xb: &Var| xb.matmul(&weights) + &bias;
        let preds = linear1(&Var::new(batch.clone())).value();
        let correct = preds.gt(0.0).to::<i64>().eq(&train_y).to::<f64>().mean(..).item();
        let mut seen = Four {
            shapes: format!("{}, {}", size(preds.shape()), size(&weights.shape())),
            metric: batch_accuracy(&preds, &train_y) == correct,
            loss: 0.0,
            accumulate: true,
            zero: true,
        };
        let grads = || [&weights, &bias].map(|p| p.grad().expect("backward leaves one"));
        let mut once: Option<[Tensor; 2]> = None;
        for times in 1..=3_u8 {
            seen.loss = f64::from(calc_grad(batch.clone(), &train_y, &linear1));
            let now = grads();
            let once = once.get_or_insert_with(|| now.clone());
            let times = f32::from(times);
            let multiple = |(one, now): (&Tensor, &Tensor)| one.iter().map(|x| times * x).eq(now.iter());
            seen.accumulate &= once.iter().zip(&now).all(multiple);
        }
        for p in [&weights, &bias] {
            p.update_grad_(|grad| {
                grad.zero_();
            });
        }
        seen.zero &= grads().iter().all(|grad| grad.iter().all(|x| x == 0.0));
        Ok(seen)
    })?;

    out.equal(
        "linear1(batch).shape, weights.grad.shape",
        "torch.Size([4, 1]), torch.Size([784, 1])",
        &runs[0].shapes,
    );
    let losses: Vec<f64> = runs.iter().map(|run| run.loss).collect();
    out.runs("mnist_loss(preds, train_y[:4])", Printed { value: 0.5006, decimals: 4 }, &losses, None);
    let mut all = |name: &str, asked: &str, holds: &dyn Fn(&Four) -> bool| {
        let count = runs.iter().filter(|run| holds(run)).count();
        out.holds(name, asked, format!("for {count} of {} seeds", runs.len()), count == runs.len());
    };
    all("calc_grad, again and again", "gradients double and triple, to the bit", &|run| run.accumulate);
    all("weights.grad.zero_(), bias.grad.zero_()", "all zeros", &|run| run.zero);
    all("batch_accuracy(linear1(batch), train_y[:4])", "the mean of (preds>0.0) == train_y", &|run| {
        run.metric
    });
    Ok(())
}

/// What one seed has seen on the batch of four.
struct Four {
    shapes: String,
    loss: f64,
    accumulate: bool,
    zero: bool,
    metric: bool,
}
