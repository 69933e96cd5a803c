//! First Try: Pixel Similarity. An image is a three if it is nearer to the mean three than to the mean seven.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, book};
use crate::report::Findings;

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let stacked_threes = ctx.sample.train.threes.to::<f32>() / 255.0;
    let stacked_sevens = ctx.sample.train.sevens.to::<f32>() / 255.0;
    let (mean3, mean7) = (stacked_threes.mean(0), stacked_sevens.mean(0));

    let valid_3_tens = ctx.sample.valid.threes.to::<f32>() / 255.0;
    let valid_7_tens = ctx.sample.valid.sevens.to::<f32>() / 255.0;

    // The mean absolute difference over the last two axes, rows and columns.
    let mnist_distance = |a: &Tensor, b: &Tensor| (a - b).abs().mean([-1, -2]);
    let is_3 = |x: &Tensor| mnist_distance(x, &mean3).lt(mnist_distance(x, &mean7));

    let accuracy_3s = is_3(&valid_3_tens).to::<f64>().mean(..).item();
    let accuracy_7s = 1.0 - is_3(&valid_7_tens).to::<f64>().mean(..).item();

    let names = ["accuracy of threes", "accuracy of sevens", "their mean"];
    let ours = [accuracy_3s, accuracy_7s, (accuracy_3s + accuracy_7s) / 2.0];
    for ((name, book), ours) in names.into_iter().zip(book::PIXEL_SIMILARITY).zip(ours) {
        out.number(name, book, ours);
    }
    Ok(())
}
