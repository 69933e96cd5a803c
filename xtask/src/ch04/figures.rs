//! What sections draw in the same way.

use downhill::prelude::*;

use crate::report::{Figure, Findings, Picture, Printed, Series};

/// Our accuracies over the book's, from before the first epoch on.
pub(super) fn accuracy_curve(out: &mut Findings, title: &str, book: &[Printed], runs: Vec<Vec<f64>>) {
    let book = book.iter().map(|printed| printed.value).collect();
    let (title, x, y) = (title.into(), "epoch".into(), "accuracy".into());
    out.figure(Figure::Curves { title, x, y, first_x: 0.0, book, runs });
}

/// A function between two places.
pub(super) fn curve(name: &str, low: f64, high: f64, f: impl Fn(&Tensor) -> Tensor) -> Series {
    let x = Tensor::<f32>::linspace(low, high, 100);
    let points = x.iter().zip(f(&x).iter()).map(|(x, y)| (x.into(), y.into())).collect();
    Series { name: name.into(), line: true, points }
}

/// Grey images of bytes, and what stands below each.
pub(super) fn pictures(images: &[(String, Tensor<u8>)]) -> Vec<Picture> {
    let picture = |(label, image): &(String, Tensor<u8>)| Picture {
        label: label.clone(),
        height: image.size(0),
        width: image.size(1),
        channels: 1,
        bytes: image.to_vec(),
    };
    images.iter().map(picture).collect()
}

/// Some images of a batch `[n, c, h, w]` with pixels from 0 to 1, by their first channel.
pub(super) fn digits(x: &Tensor, items: &[usize], label: &dyn Fn(usize) -> String) -> Vec<Picture> {
    let image = |&i: &usize| (label(i), (x.select(0, i).select(0, 0) * 255.0).to::<u8>());
    pictures(&items.iter().map(image).collect::<Vec<_>>())
}
