//! Creating an Optimizer, continued: the training loop handed to `Learner.fit`.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, book, column};
use crate::report::{Figure, Findings, Printed, Torch};

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let lr = 1.0;
    let runs = ctx.for_each_seed(|rng| fit(ctx, Linear::new(28 * 28, 1, rng), 10, lr))?;
    table(out, "learn.fit(10, lr=lr)", &book::LEARNER, &runs, None);
    Ok(())
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

/// The table's rows, of which the last is also compared with PyTorch's, and a figure of each column.
#[track_caller]
pub(super) fn table<const N: usize>(
    out: &mut Findings,
    title: &str,
    book: &[[Printed; 3]; N],
    runs: &[Vec<f64>],
    torch: Option<Torch>,
) {
    let columns = ["train_loss", "valid_loss", "batch_accuracy"];
    for (i, &printed) in book.as_flattened().iter().enumerate() {
        let last = i + 1 == 3 * N;
        let name = format!("epoch {}: {}", i / 3, columns[i % 3]);
        out.runs(name, printed, &column(runs, i), torch.filter(|_| last));
    }
    for (i, name) in columns.iter().enumerate() {
        let (x, y) = ("epoch".into(), (*name).into());
        let book = book.iter().map(|row| row[i].value).collect();
        let runs = runs.iter().map(|run| run.iter().copied().skip(i).step_by(3).collect()).collect();
        out.figure(Figure::Curves { title: format!("{title}: {name}"), x, y, first_x: 0.0, book, runs });
    }
}
