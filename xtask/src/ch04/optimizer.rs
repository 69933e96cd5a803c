//! Creating an Optimizer: the same with `nn.Linear` and `BasicOptim`.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, accuracy_curve, book, calc_grad, rows, validate_epoch};
use crate::report::Findings;

fn train_epoch(dl: &DataLoader<f32, i64>, model: &dyn Fn(&Var) -> Var, opt: &mut BasicOptim) -> Result<()> {
    for batch in dl {
        let (xb, yb) = batch?;
        calc_grad(xb, &yb, model);
        opt.step();
        opt.zero_grad();
    }
    Ok(())
}

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let runs = ctx.for_each_seed(|rng| {
        let linear_model = Linear::new(28 * 28, 1, rng);
        let model = |xb: &Var| linear_model.forward(xb);

        let mut accuracies = vec![validate_epoch(&ctx.dls.valid, &model)?];
        let lr = 1.0;
        let mut opt = BasicOptim::new(linear_model.parameters(), lr);
        for _ in 0..20 {
            train_epoch(&ctx.dls.train, &model, &mut opt)?;
            accuracies.push(validate_epoch(&ctx.dls.valid, &model)?);
            (ctx.tick)();
        }
        Ok(accuracies)
    })?;
    let names = |i| if i == 0 { "untrained".to_string() } else { format!("after epoch {i}") };
    rows(out, names, &book::OPTIMIZER, &runs, book::OPTIMIZER_TORCH);
    accuracy_curve(out, "train_model(linear_model, 20)", &book::OPTIMIZER, runs);
    Ok(())
}
