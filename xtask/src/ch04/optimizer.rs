//! Creating an Optimizer: the same with `nn.Linear`, `BasicOptim` and `SGD`.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, accuracy_curve, book, calc_grad, rows, size};
use crate::report::Findings;

fn train_epoch(
    dl: &DataLoader<f32, i64>,
    model: &dyn Fn(&Var) -> Var,
    opt: &mut dyn Optimizer,
) -> Result<()> {
    for batch in dl {
        let (xb, yb) = batch?;
        calc_grad(xb, &yb, model);
        opt.step();
        opt.zero_grad();
    }
    Ok(())
}

/// The accuracy before, and after each of `epochs`.
fn train_model(ctx: &Context, model: &Linear, opt: &mut dyn Optimizer, epochs: usize) -> Result<Vec<f64>> {
    let model = |xb: &Var| model.forward(xb);
    let mut accuracies = vec![ctx.validate_epoch(&model)?];
    for _ in 0..epochs {
        train_epoch(&ctx.dls.train, &model, opt)?;
        accuracies.push(ctx.validate_epoch(&model)?);
        (ctx.tick)();
    }
    Ok(accuracies)
}

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let lr = 1.0;
    let basic = ctx.for_each_seed(|rng| {
        let linear_model = Linear::new(28 * 28, 1, rng);
        let mut opt = BasicOptim::new(linear_model.parameters(), lr);
        train_model(ctx, &linear_model, &mut opt, 20)
    })?;
    let sgd = ctx.for_each_seed(|rng| {
        let linear_model = Linear::new(28 * 28, 1, rng);
        let mut opt = Sgd::new(linear_model.parameters(), lr);
        train_model(ctx, &linear_model, &mut opt, 20)
    })?;

    let linear_model: Linear = Linear::new(28 * 28, 1, &mut Rng::new(0));
    let [w, b] = &linear_model.parameters()[..] else { anyhow::bail!("a linear layer has two parameters") };
    let shapes = format!("({}, {})", size(&w.shape()), size(&b.shape()));
    out.equal("w.shape,b.shape", "(torch.Size([1, 784]), torch.Size([1]))", shapes);

    let names = |i| if i == 0 { "untrained".to_string() } else { format!("BasicOptim: after epoch {i}") };
    rows(out, names, &book::OPTIMIZER, &basic, book::OPTIMIZER_TORCH);
    let trained: Vec<Vec<f64>> = sgd.iter().map(|run| run[1..].to_vec()).collect();
    rows(out, |i| format!("SGD: after epoch {}", i + 1), &book::SGD, &trained, book::OPTIMIZER_TORCH);
    let same = basic == sgd;
    let found = if same { "the same" } else { "others" };
    out.holds("SGD beside BasicOptim", "the same accuracies from the same weights", found, same);
    accuracy_curve(out, "train_model(linear_model, 20)", &book::OPTIMIZER, basic);
    Ok(())
}
