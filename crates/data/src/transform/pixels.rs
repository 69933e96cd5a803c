//! Images in a batch, one at a time.

use downhill_tensor::Tensor;
use rayon::prelude::*;

use super::Keys;

/// Channels, height and width of the images in a batch of shape `[n, c, h, w]` or `[n, h, w]`.
#[track_caller]
pub(super) fn dims(op: &str, shape: &[usize]) -> [usize; 3] {
    match *shape {
        [_, c, h, w] => [c, h, w],
        [_, h, w] => [1, h, w],
        _ => panic!("{op}: expected images [n, c, h, w] or [n, h, w], got shape {shape:?}"),
    }
}

/// Calls `f` with each image's place in the batch and its planes, in parallel.
pub(super) fn each(x: &mut Tensor<f32>, f: impl Fn(usize, &mut [f32]) + Sync) {
    let size: usize = x.shape()[1..].iter().product();
    if size > 0 {
        x.as_mut_slice().par_chunks_exact_mut(size).enumerate().for_each(|(at, image)| f(at, image));
    }
}

/// Images of another size, each made by `f` from its place in the batch, the planes that it had and those to fill.
pub(super) fn mapped(
    x: &Tensor<f32>,
    [height, width]: [usize; 2],
    f: impl Fn(usize, &[f32], &mut [f32]) + Sync,
) -> Tensor<f32> {
    let mut shape = x.shape().to_vec();
    let size: usize = shape[1..].iter().product();
    let at = shape.len() - 2;
    shape[at..].copy_from_slice(&[height, width]);
    let out_size: usize = shape[1..].iter().product();
    let mut out = Tensor::zeros(&shape);
    if size > 0 && out_size > 0 {
        let x = x.contiguous();
        let images = x.as_slice().expect("contiguous").par_chunks_exact(size);
        let outs = out.as_mut_slice().par_chunks_exact_mut(out_size);
        images.zip(outs).enumerate().for_each(|(at, (image, out))| f(at, image, out));
    }
    out
}

/// The batch and its streams belong together.
#[track_caller]
pub(super) fn check(op: &str, shape: &[usize], keys: &Keys) {
    let n = shape.first().copied().unwrap_or(0);
    assert!(n == keys.len(), "{op}: {} streams for a batch of shape {shape:?}", keys.len());
}

#[track_caller]
pub(super) fn probability(op: &str, p: f64) {
    assert!((0.0..=1.0).contains(&p), "{op}: p must be from 0 to 1: {p}");
}
