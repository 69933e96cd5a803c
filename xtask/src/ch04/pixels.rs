//! The data: the threes and sevens of the full MNIST files are those of the book, and those in the repository.

use anyhow::Result;
use downhill::data::{MnistSample, Split};

use super::Context;
use crate::report::Findings;

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let MnistSample { train: Split { threes, sevens }, .. } = &ctx.sample;
    out.equal("len(three_tensors)", 6131, threes.size(0));
    out.equal("len(seven_tensors)", 6265, sevens.size(0));

    let (name, asked) = ("the embedded sample", "the threes and sevens of the full MNIST files");
    if !ctx.full {
        out.skip(name, asked, crate::download::MISSING);
        return Ok(());
    }
    let digits = |sample: &MnistSample| {
        let MnistSample { train, valid } = sample.clone();
        [train.threes, train.sevens, valid.threes, valid.sevens]
    };
    let (full, embedded) = (digits(&ctx.sample), digits(&super::embedded()?));
    let same = full.iter().zip(&embedded).all(|(a, b)| a.shape() == b.shape() && a.iter().eq(b.iter()));
    out.holds(name, asked, if same { "the same bytes" } else { "other bytes" }, same);
    Ok(())
}
