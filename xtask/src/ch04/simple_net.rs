//! Adding a Nonlinearity: two linear layers with a ReLU between them.

use anyhow::Result;
use downhill::prelude::*;

use super::learner::{fit, table};
use super::{Context, book, curve, init_params};
use crate::report::{Figure, Findings};

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    two_lines_are_one(ctx, out)?;
    by_hand(ctx, out)?;

    let runs = ctx.for_each_seed(|rng| {
        let simple_net: Sequential =
            sequential![Linear::new(28 * 28, 30, rng), ReLU, Linear::new(30, 1, rng)];
        fit(ctx, simple_net, 40, 0.1)
    })?;
    table(out, "learn.fit(40, 0.1)", &book::SIMPLE_NET, &runs, Some(book::SIMPLE_NET_TORCH));

    let (title, x, y) = ("F.relu".into(), "x".into(), "relu(x)".into());
    let series = vec![curve("F.relu", -2.0, 2.0, |x| x.relu())];
    out.figure(Figure::Functions { title, x, y, series });
    Ok(())
}

/// Without something between them, two linear layers are one: `(x@w1 + b1)@w2 + b2 = x@(w1@w2) + (b1@w2 + b2)`.
fn two_lines_are_one(ctx: &Context, out: &mut Findings) -> Result<()> {
    let (batch, _) = ctx.dls.valid.first()?;
    let rng = &mut Rng::new(0);
    let layer = |n_in: usize, n_out: usize, rng: &mut Rng| {
        let std = 1.0 / (n_in as f32).sqrt();
        [&[n_in, n_out][..], &[n_out]].map(|size| init_params(size, rng).value() * std)
    };
    let ([w1, b1], [w2, b2]) = (layer(28 * 28, 30, rng), layer(30, 1, rng));
    let two = (batch.matmul(&w1) + &b1).matmul(&w2) + &b2;
    let one = batch.matmul(&w1.matmul(&w2)) + (b1.unsqueeze(0).matmul(&w2) + &b2);
    let difference = largest(&(&two - &one));
    let (asked, found) = ("one, but for rounding: within 1e-5", format!("within {difference:.1e}"));
    out.holds("two linear layers", asked, found, difference < 1e-5);
    // The same with a ReLU is no line: what it does to -x is not what it does to x.
    let net = |x: &Tensor| (x.matmul(&w1) + &b1).relu().matmul(&w2) + &b2;
    let bend = largest(&(net(&batch) + net(&-&batch) - net(&batch.zeros_like()) * 2.0));
    let (asked, found) = ("no line: f(x) + f(-x) - 2 f(0) is not 0", format!("up to {bend:.2}"));
    out.holds("two with a ReLU between them", asked, found, bend > 0.1);
    Ok(())
}

/// The network as a function of tensors, beside the layers with the same weights.
fn by_hand(ctx: &Context, out: &mut Findings) -> Result<()> {
    let (batch, _) = ctx.dls.valid.first()?;
    let xb = Var::new(batch);
    let model: Sequential = simple_net(&mut Rng::new(0));
    let [w1, b1, w2, b2] = &model.parameters()[..] else { anyhow::bail!("two layers have four parameters") };
    // PyTorch's layers keep their weights transposed.
    let (w1, w2) = (w1.t(), w2.t());
    let simple_net = |xb: &Var| {
        let res = xb.matmul(&w1) + b1;
        let res = res.maximum(Var::new(Tensor::scalar(0.0)));
        res.matmul(&w2) + b2
    };
    let difference = largest(&(simple_net(&xb).value() - model.forward(&xb).value()));
    let (asked, found) = ("the same: within 1e-5", format!("within {difference:.1e}"));
    out.holds("simple_net(xb) with max(0) beside nn.Sequential", asked, found, difference < 1e-5);
    Ok(())
}

fn largest(x: &Tensor) -> f32 {
    x.iter().fold(0.0, |largest, x| x.abs().max(largest))
}
