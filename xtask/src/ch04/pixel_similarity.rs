//! First Try: Pixel Similarity. An image is a three if it is nearer to the mean three than to the mean seven.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, Fault, book, pictures, size};
use crate::report::{Figure, Findings};

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let stacked_threes = ctx.sample.train.threes.to::<f32>() / 255.0;
    let stacked_sevens = ctx.sample.train.sevens.to::<f32>() / 255.0;
    let mean3 = stacked_threes.mean(0);
    let mut mean7 = stacked_sevens.mean(0);
    if ctx.injects(Fault::Mean) {
        mean7 = stacked_sevens.narrow(0, 0, 1000).mean(0);
    }

    let a_3 = stacked_threes.select(0, 1);
    let bytes = |image: &Tensor| (image * 255.0).to::<u8>();
    let shown = [("mean3", &mean3), ("mean7", &mean7), ("a_3", &a_3)]
        .map(|(label, image)| (label.to_string(), bytes(image)));
    let title = "The mean three, the mean seven, and a three".into();
    out.figure(Figure::Pictures { title, columns: 3, pictures: pictures(&shown) });

    let dist_3_abs = (&a_3 - &mean3).abs().mean(..);
    let dist_3_sqr = (&a_3 - &mean3).square().mean(..).sqrt();
    let both = |a: &Tensor, b: &Tensor| format!("({a}, {b})");
    out.equal("dist_3_abs,dist_3_sqr", "(tensor(0.1114), tensor(0.2021))", both(&dist_3_abs, &dist_3_sqr));

    let dist_7_abs = (&a_3 - &mean7).abs().mean(..);
    let dist_7_sqr = (&a_3 - &mean7).square().mean(..).sqrt();
    out.equal("dist_7_abs,dist_7_sqr", "(tensor(0.1586), tensor(0.3021))", both(&dist_7_abs, &dist_7_sqr));

    let var = |x: &Tensor| Var::new(x.clone());
    let l1 = l1_loss(&var(&a_3), &mean7, Reduction::Mean).value();
    let rmse = mse_loss(&var(&a_3), &mean7, Reduction::Mean).value().sqrt();
    let name = "F.l1_loss(a_3,mean7), F.mse_loss(a_3,mean7).sqrt()";
    out.equal(name, "(tensor(0.1586), tensor(0.3021))", both(&l1, &rmse));

    broadcasting(ctx, out, [&a_3, &mean3, &mean7]);
    Ok(())
}

/// Computing Metrics Using Broadcasting.
fn broadcasting(ctx: &Context, out: &mut Findings, [a_3, mean3, mean7]: [&Tensor; 3]) {
    let valid_3_tens = ctx.sample.valid.threes.to::<f32>() / 255.0;
    let valid_7_tens = ctx.sample.valid.sevens.to::<f32>() / 255.0;
    let shapes = format!("({}, {})", size(valid_3_tens.shape()), size(valid_7_tens.shape()));
    let book = "(torch.Size([1010, 28, 28]), torch.Size([1028, 28, 28]))";
    out.equal("valid_3_tens.shape,valid_7_tens.shape", book, shapes);

    // The mean over the last two axes, rows and columns: of one image or of many.
    let mnist_distance = |a: &Tensor, b: &Tensor| (a - b).abs().mean([-1, -2]);
    out.equal("mnist_distance(a_3, mean3)", "tensor(0.1114)", mnist_distance(a_3, mean3));

    let valid_3_dist = mnist_distance(&valid_3_tens, mean3);
    out.equal("valid_3_dist.shape", "torch.Size([1010])", size(valid_3_dist.shape()));
    let all: Vec<String> = valid_3_dist.iter().map(|x| format!("{x:.4}")).collect();
    let found = book::VALID_3_DIST.iter().filter(|text| all.iter().any(|x| x == *text)).count();
    let asked = format!("has {}", book::VALID_3_DIST.join(", "));
    out.holds("valid_3_dist", asked, format!("has {found} of these"), found == book::VALID_3_DIST.len());
    out.note("the book's order is that of its file system");
    let difference = &valid_3_tens - mean3;
    out.equal("(valid_3_tens-mean3).shape", "torch.Size([1010, 28, 28])", size(difference.shape()));

    let is_3 = |x: &Tensor| mnist_distance(x, mean3).lt(mnist_distance(x, mean7));
    let answer = format!("({}, {})", is_3(a_3), is_3(a_3).to::<f32>());
    out.equal("is_3(a_3), is_3(a_3).float()", "(tensor(True), tensor(1.))", answer);

    let accuracy_3s = is_3(&valid_3_tens).to::<f64>().mean(..).item();
    let accuracy_7s = 1.0 - is_3(&valid_7_tens).to::<f64>().mean(..).item();
    let names = ["accuracy_3s", "accuracy_7s", "(accuracy_3s+accuracy_7s)/2"];
    let ours = [accuracy_3s, accuracy_7s, (accuracy_3s + accuracy_7s) / 2.0];
    for ((name, book), ours) in names.into_iter().zip(book::PIXEL_SIMILARITY).zip(ours) {
        out.number(name, book, ours);
    }
}
