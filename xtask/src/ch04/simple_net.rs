//! Adding a Nonlinearity: two linear layers with a ReLU between them.

use anyhow::Result;
use downhill::prelude::*;

use super::learner::{fit, table_rows};
use super::{Context, book};
use crate::report::Row;

pub(super) fn run(ctx: &Context) -> Result<Vec<Row>> {
    let runs = ctx.for_each_seed(|rng| {
        let simple_net: Sequential =
            sequential![Linear::new(28 * 28, 30, rng), ReLU, Linear::new(30, 1, rng)];
        fit(ctx, simple_net, 40, 0.1)
    })?;
    Ok(table_rows("simple-net", &book::SIMPLE_NET, &runs))
}
