//! Creating an Optimizer, continued: the training loop handed to `Learner.fit`.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, book, rows};
use crate::report::{Printed, Row};

pub(super) fn run(ctx: &Context) -> Result<Vec<Row>> {
    let lr = 1.0;
    let runs = ctx.for_each_seed(|rng| fit(ctx, Linear::new(28 * 28, 1, rng), 10, lr))?;
    Ok(table_rows("learner", &book::LEARNER, &runs))
}

/// `Learner(dls, model, opt_func=SGD, loss_func=mnist_loss, metrics=batch_accuracy).fit(n_epoch, lr)`, and the numbers
/// of the table that it prints.
pub(super) fn fit(ctx: &Context, model: impl Forward + 'static, n_epoch: usize, lr: f64) -> Result<Vec<f64>> {
    let mut learn = Learner::new(ctx.dls.clone(), model)
        .opt_func(Sgd::new)
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        .no_logging();
    learn.fit(n_epoch, lr)?;
    (0..n_epoch).for_each(|_| (ctx.tick)());
    Ok(learn.recorder().values.concat())
}

pub(super) fn table_rows<const N: usize>(
    section: &str,
    table: &[[Printed; 3]; N],
    runs: &[Vec<f64>],
) -> Vec<Row> {
    let columns = ["train_loss", "valid_loss", "batch_accuracy"];
    rows(section, |i| format!("epoch {}: {}", i / 3, columns[i % 3]), table.as_flattened(), runs)
}
