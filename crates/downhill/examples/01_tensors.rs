//! Tensors, by the chapter's first try: a digit is a three if its pixels are nearer to those of the mean three than to
//! those of the mean seven. `cargo run --release -p downhill --example 01_tensors`
#![forbid(unsafe_code)]

use downhill::data::{MnistSample, Result};
use downhill::tensor::Tensor;

/// The chapter's threes and sevens.
const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist_sample");

fn main() -> Result<()> {
    let digits = MnistSample::from_dir(DIGITS)?;

    // Images are bytes. The type of the elements is part of a tensor's type, its shape is not.
    let threes: &Tensor<u8> = &digits.train.threes;
    println!("{} threes of {} x {} pixels", threes.size(0), threes.size(1), threes.size(2));
    assert_eq!((threes.shape(), threes.rank()), (&[6131, 28, 28][..], 3));

    // A part of one of them, as in the chapter: rows 4 to 15, columns 4 to 22. It is a view, nothing is copied.
    let part = threes.select(0, 1).narrow(0, 4, 11).narrow(1, 4, 18);
    println!("{part}");
    assert_eq!(part.shape(), [11, 18]);

    // From here on in floats between 0 and 1. The mean along axis 0 is one image: the ideal three.
    let pixels = |images: &Tensor<u8>| images.to::<f32>() / 255.0;
    let (mean3, mean7) = (pixels(&digits.train.threes).mean(0), pixels(&digits.train.sevens).mean(0));
    assert_eq!(mean3.shape(), [28, 28]);

    // How far is a three from both? By the mean of the differences, and by the root of the mean of their squares.
    let a_3 = pixels(threes).select(0, 1);
    let l1 = |a: &Tensor, b: &Tensor| (a - b).abs().mean(..).item();
    let l2 = |a: &Tensor, b: &Tensor| (a - b).square().mean(..).sqrt().item();
    println!("to the mean three: {:.4} {:.4}", l1(&a_3, &mean3), l2(&a_3, &mean3));
    println!("to the mean seven: {:.4} {:.4}", l1(&a_3, &mean7), l2(&a_3, &mean7));
    assert!(l1(&a_3, &mean3) < l1(&a_3, &mean7) && l2(&a_3, &mean3) < l2(&a_3, &mean7));

    // Broadcasting: [1010, 28, 28] - [28, 28] takes the mean from each of the images, and the mean over the last two axes
    // is a distance for each.
    let distance = |images: &Tensor, ideal: &Tensor| (images - ideal).abs().mean([-1, -2]);
    let is_3 = |images: &Tensor| distance(images, &mean3).lt(distance(images, &mean7));
    let (valid_3s, valid_7s) = (pixels(&digits.valid.threes), pixels(&digits.valid.sevens));
    assert_eq!(distance(&valid_3s, &mean3).shape(), [1010]);

    // Truth values as numbers: their mean is a share.
    let accuracy_3s = is_3(&valid_3s).to::<f64>().mean(..).item();
    let accuracy_7s = 1.0 - is_3(&valid_7s).to::<f64>().mean(..).item();
    println!("{accuracy_3s:.4} of the threes, {accuracy_7s:.4} of the sevens");
    // What the book prints.
    assert_eq!(format!("{accuracy_3s:.4} {accuracy_7s:.4}"), "0.9168 0.9854");
    Ok(())
}
