//! Adding a Nonlinearity: two linear layers with a ReLU between them.

use anyhow::Result;
use downhill::prelude::*;

use super::learner::{fit, table};
use super::{Context, book};
use crate::report::Findings;

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let runs = ctx.for_each_seed(|rng| {
        let simple_net: Sequential =
            sequential![Linear::new(28 * 28, 30, rng), ReLU, Linear::new(30, 1, rng)];
        fit(ctx, simple_net, 40, 0.1)
    })?;
    table(out, "learn.fit(40, 0.1)", &book::SIMPLE_NET, &runs, Some(book::SIMPLE_NET_TORCH));
    Ok(())
}
