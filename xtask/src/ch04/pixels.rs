//! Pixels: The Foundations of Computer Vision. What a picture of a three is to a computer.

use anyhow::Result;
use downhill::data::MnistSample;

use super::{Context, book, pictures, size};
use crate::report::{Figure, Findings};

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    // In the order of the folder, by name, where `threes[1]` is 10000.png.
    let (three_tensors, seven_tensors) = (&ctx.sample.train.threes, &ctx.sample.train.sevens);
    let im3 = three_tensors.select(0, 1);
    let corner = im3.slice(0, 4, 10, 1).slice(1, 4, 10, 1);
    out.equal("tensor(im3)[4:10,4:10]", book::IM3, corner.to::<i64>());

    let lengths = format!("({}, {})", three_tensors.size(0), seven_tensors.size(0));
    out.equal("len(three_tensors),len(seven_tensors)", "(6131, 6265)", lengths);

    let shown: Vec<_> = (0..9).map(|i| (String::new(), three_tensors.select(0, i))).collect();
    let (title, pictures) = ("The first threes; the second is im3".into(), pictures(&shown));
    out.figure(Figure::Pictures { title, columns: 9, pictures });

    let stacked_threes = three_tensors.to::<f32>() / 255.0;
    out.equal("stacked_threes.shape", "torch.Size([6131, 28, 28])", size(stacked_threes.shape()));
    out.equal("len(stacked_threes.shape)", 3, stacked_threes.shape().len());
    out.equal("stacked_threes.ndim", 3, stacked_threes.rank());

    same_digits(ctx, out)
}

/// What is in the repository are the threes and sevens of the full files.
fn same_digits(ctx: &Context, out: &mut Findings) -> Result<()> {
    let (name, asked) = ("the embedded sample", "the full files' threes and sevens");
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
