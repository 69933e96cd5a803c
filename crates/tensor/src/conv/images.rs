//! Images in the memory order that a convolution reads best.

use rayon::prelude::*;

use super::geometry::Geometry;
use crate::element::Float;
use crate::kernels::buffer::Buffer;
use crate::kernels::transpose::{transpose, transpose_each};
use crate::layout::{Dims, Layout};
use crate::nest::TASK;
use crate::tensor::Tensor;

/// With fewer channels than this (one vector), the products of a single tap are too short.
pub(super) const NARROW: usize = 16;
/// With fewer images than this, a tile has pixels for rows.
const FEW: usize = 8;

/// An order of axes in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Hwnc,
    Hwcn,
    Nhwc,
}

/// Images in memory, and how far apart neighbours are.
pub(super) struct Images<E: Float> {
    pub(super) data: Tensor<E>,
    pub(super) pixel: usize,
    pub(super) image: usize,
    pub(super) channel: usize,
    /// From one row of pixels to the next.
    pub(super) row: usize,
    /// Columns of zeros in memory on each side of the image.
    pub(super) margin: usize,
    /// Whether the rows of a product are the pixels of one image, and not the images at one pixel.
    pub(super) by_pixel: bool,
}

impl Geometry {
    /// The images in the memory order that suits the lengths: H, W, N, C if there are channels enough. Otherwise C comes
    /// straight after W, so that the channels of several taps in a row are one stretch: H, W, C, N for many images, whose
    /// rows of A are then neighbours, and N, H, W, C for few.
    pub(super) fn images<E: Float>(&self, x: &Tensor<E>) -> Images<E> {
        let Geometry { n, c, .. } = *self;
        let (h, w) = (self.rows.len, self.columns.len);
        let narrow = c < NARROW && self.groups == 1 && self.columns.kernel > 1;
        let by_pixel = n < FEW && (narrow || self.columns.stride > 1);
        if narrow && n >= FEW {
            // With margins all taps of a row have the same positions: more rows for a tile of the weight's gradient.
            let fits = self.columns.dilation == 1 && self.columns.padding < self.columns.kernel;
            let margin = if fits { self.columns.padding } else { 0 };
            let [pixel, row] = [n * c, (w + 2 * margin) * n * c];
            return Images { data: widened(x, margin), pixel, image: 1, channel: n, row, margin, by_pixel };
        }
        let (order, [pixel, image, channel], row) = match narrow {
            false => (Order::Hwnc, [n * c, c, 1], w * n * c),
            true => (Order::Nhwc, [c, h * w * c, 1], w * c),
        };
        Images { data: in_order(x, order), pixel, image, channel, row, margin: 0, by_pixel }
    }
}

/// Images `[n, c, h, w]` in the order H, W, C, N, with so many columns of zeros on each side.
fn widened<E: Float>(x: &Tensor<E>, margin: usize) -> Tensor<E> {
    let &[n, c, h, w] = x.shape() else { unreachable!("checked by the caller") };
    if margin == 0 || x.numel() == 0 {
        return in_order(x, Order::Hwcn);
    }
    let shape = Dims::new(&[h, w + 2 * margin, c, n]);
    let elements = shape.count("conv2d", size_of::<E>());
    let (size, row) = (n * c, elements / h);
    let planes = x.is_contiguous();
    let x = if planes { x.clone() } else { in_order(x, Order::Hwcn) };
    let data = x.dense_slice();
    let mut out = Buffer::stale(elements);
    out.par_chunks_mut(row).with_min_len((TASK / row).max(1)).enumerate().for_each(|(i, out)| {
        let (left, rest) = out.split_at_mut(margin * size);
        let (image, right) = rest.split_at_mut(w * size);
        left.fill(E::default());
        right.fill(E::default());
        if planes {
            pixels(data, [n, c, h * w], Order::Hwcn, i * w, image);
        } else {
            image.copy_from_slice(&data[i * w * size..][..w * size]);
        }
    });
    Tensor::from_buffer(out, Layout::contiguous(shape))
}

/// Images `[n, c, h, w]` with axes in this order, without gaps: themselves if they are so already, otherwise a copy.
pub(super) fn in_order<E: Float>(x: &Tensor<E>, order: Order) -> Tensor<E> {
    let axes = match order {
        Order::Hwnc => [2, 3, 0, 1],
        Order::Hwcn => [2, 3, 1, 0],
        Order::Nhwc => [0, 2, 3, 1],
    };
    let permuted = x.permute(&axes);
    if permuted.is_contiguous() {
        return permuted;
    }
    let &[n, c, h, w] = x.shape() else { unreachable!("checked by the caller") };
    let pixels_first = x.permute(&[2, 3, 0, 1]);
    let fill: &dyn Fn(&[E], &mut [E]) = if x.is_contiguous() && order == Order::Nhwc {
        &|data, out| transpose_each(data, c, h * w, out)
    } else if x.is_contiguous() {
        &|data, out| pixels_from_planes(data, [n, c, h * w], order, out)
    } else if pixels_first.is_contiguous() && order == Order::Hwcn {
        &|data, out| transpose_each(data, n, c, out)
    } else {
        return permuted.contiguous();
    };
    let mut out = Buffer::stale(x.numel());
    fill(x.dense_slice(), &mut out);
    Tensor::from_buffer(out, Layout::contiguous(Dims::new(permuted.shape())))
}

/// From row-major images to an order with pixels first, some pixels to a task.
fn pixels_from_planes<E: Float>(data: &[E], lengths: [usize; 3], order: Order, out: &mut [E]) {
    let size = lengths[0] * lengths[1];
    if out.is_empty() {
        return;
    }
    let band = (TASK / size).max(1);
    out.par_chunks_mut(band * size)
        .enumerate()
        .for_each(|(i, out)| pixels(data, lengths, order, i * band, out));
}

/// From row-major images to pixels `[n, c]` or `[c, n]` that lie one after the other, as many as `out` holds.
fn pixels<E: Float>(data: &[E], [n, c, pixels]: [usize; 3], order: Order, first: usize, out: &mut [E]) {
    let (image, size) = (c * pixels, n * c);
    let width = out.len() / size;
    if order == Order::Hwnc {
        for number in 0..n {
            let planes = &data[number * image + first..][..(c - 1) * pixels + width];
            transpose(planes, pixels, width, &mut out[number * c..], size);
        }
    } else {
        for channel in 0..c {
            let planes = &data[channel * pixels + first..][..(n - 1) * image + width];
            transpose(planes, image, width, &mut out[channel * n..], size);
        }
    }
}
