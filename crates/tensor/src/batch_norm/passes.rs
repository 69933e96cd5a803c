//! The passes over rows of channels, in blocks and tasks.

use rayon::prelude::*;

use crate::element::Float;
use crate::kernels::buffer::Buffer;
use crate::kernels::channels::{map_rows, sum_rows};
use crate::kernels::isa::simd;
use crate::layout::{Dims, Layout};
use crate::nest::TASK;
use crate::tensor::Tensor;

#[inline(always)]
pub(super) fn relu<E: Float>(x: E) -> E {
    if E::default() > x { E::default() } else { x }
}

/// The normalised value, before what follows.
#[inline(always)]
pub(super) fn normalized<E: Float>(x: E, [mean, scale, weight, bias]: [E; 4]) -> E {
    ((x - mean) * scale).mul_add(weight, bias)
}

/// The passes backward over dense memory.
pub(super) struct Pass<'a, E: Float> {
    pub(super) x: &'a [E],
    pub(super) parameters: [&'a [E]; 4],
    /// Whether a ReLU followed whose result was not kept: it is computed again from x.
    pub(super) recomputed: bool,
}

impl<E: Float> Pass<'_, E> {
    /// `Σ h · x̂` and `Σ h` of each block.
    pub(super) fn sums(&self, g: &[E]) -> Buffer<E> {
        let &Pass { parameters, recomputed, .. } = self;
        per_block(
            g,
            parameters[0].len(),
            #[inline(always)]
            |g, at, sums| {
                let x = &self.x[at..][..g.len()];
                if recomputed {
                    sum_rows([x, g], parameters, sums, |[x, g], p| {
                        let h = if normalized(x, p) > E::default() { g } else { E::default() };
                        [h * ((x - p[0]) * p[1]), h]
                    });
                } else {
                    weight_and_bias(x, g, parameters, sums);
                }
            },
        )
    }

    /// [`sums`](Self::sums), with g replaced by h, given the result of the forward pass.
    pub(super) fn sums_and_h(&self, g: &mut [E], out: &[E], relus: bool) -> Buffer<E> {
        let c = self.parameters[0].len();
        let (size, mut sums) = (block_rows(c) * c, block_results(g.len(), c));
        if !sums.is_empty() {
            let blocks = sums.par_chunks_mut(2 * c).zip(g.par_chunks_mut(size)).enumerate();
            blocks.with_min_len((TASK / size).max(1)).for_each(|(i, (sums, h))| {
                let (x, out) = (&self.x[i * size..][..h.len()], &out[i * size..][..h.len()]);
                simd(
                    #[inline(always)]
                    || {
                        if relus {
                            let zero = E::default();
                            map_rows(
                                h,
                                [out],
                                [self.parameters[0]],
                                |h, [out], _| if out > zero { h } else { zero },
                            );
                        }
                        weight_and_bias(x, h, self.parameters, sums);
                    },
                );
            });
        }
        sums
    }

    /// The parameters that the input's gradient needs: `means` are those of h and h · x̂, times the weight.
    fn with_means<'b>(&'b self, means: [&'b [E]; 2]) -> [&'b [E]; 6] {
        let [mean, scale, weight, bias] = self.parameters;
        [mean, scale, weight, bias, means[0], means[1]]
    }

    /// The input's gradient in place of g.
    pub(super) fn input_in_place(&self, g: &mut [E], means: [&[E]; 2]) {
        let (p, width) = (self.with_means(means), task_rows(self.parameters[0].len()));
        each_task(
            g,
            width,
            #[inline(always)]
            |at, g| {
                let x = &self.x[at..][..g.len()];
                if self.recomputed {
                    map_rows(g, [x], p, |g, [x], p| {
                        let positive = normalized(x, [p[0], p[1], p[2], p[3]]) > E::default();
                        input_gradient(if positive { g } else { E::default() }, x, p)
                    });
                } else {
                    map_rows(g, [x], p, |g, [x], p| input_gradient(g, x, p));
                }
            },
        );
    }

    /// The input's gradient beside h.
    pub(super) fn input(&self, dx: &mut [E], h: &[E], means: [&[E]; 2]) {
        let (p, width) = (self.with_means(means), task_rows(self.parameters[0].len()));
        each_task(
            dx,
            width,
            #[inline(always)]
            |at, dx| {
                let (x, h) = (&self.x[at..][..dx.len()], &h[at..][..dx.len()]);
                map_rows(dx, [x, h], p, |_, [x, h], p| input_gradient(h, x, p));
            },
        );
    }
}

#[inline(always)]
pub(super) fn input_gradient<E: Float>(h: E, x: E, [mean, scale, weight, _, mean_h, mean_hx]: [E; 6]) -> E {
    scale * (h * weight - mean_h - (x - mean) * scale * mean_hx)
}

/// `Σ h · x̂` and `Σ h`.
#[inline(always)]
pub(super) fn weight_and_bias<E: Float>(x: &[E], h: &[E], [mean, scale, ..]: [&[E]; 4], sums: &mut [E]) {
    sum_rows([x, h], [mean, scale], sums, |[x, h], [mean, scale]| [h * ((x - mean) * scale), h]);
}

/// Rows of `c` channels in a block of sums.
pub(super) fn block_rows(c: usize) -> usize {
    (TASK / c.max(1)).clamp(1, 512)
}

/// Elements of whole rows that a task maps.
pub(super) fn task_rows(c: usize) -> usize {
    (TASK / c.max(1)).max(1) * c
}

/// Memory for two results a channel of each block.
pub(super) fn block_results<E: Float>(len: usize, c: usize) -> Buffer<E> {
    Buffer::stale(if c == 0 { 0 } else { len.div_ceil(block_rows(c) * c) * 2 * c })
}

/// `f` of each block of rows, where it starts, and two results a channel.
pub(super) fn per_block<E: Float>(x: &[E], c: usize, f: impl Fn(&[E], usize, &mut [E]) + Sync) -> Buffer<E> {
    let (size, mut out) = (block_rows(c) * c, block_results(x.len(), c));
    if !out.is_empty() {
        let blocks = out.par_chunks_mut(2 * c).zip(x.par_chunks(size)).enumerate();
        blocks.with_min_len((TASK / size).max(1)).for_each(|(i, (out, x))| {
            simd(
                #[inline(always)]
                || f(x, i * size, out),
            );
        });
    }
    out
}

/// The sums of two results of each block.
pub(super) fn joined<E: Float>(blocks: &[E], c: usize) -> [Tensor<E>; 2] {
    let mut sums = vec![0.0; 2 * c];
    for block in blocks.chunks_exact((2 * c).max(1)) {
        sums.iter_mut().zip(block).for_each(|(sum, x)| *sum += x.to_f64());
    }
    let second = sums.split_off(c);
    [sums, second].map(rounded)
}

pub(super) fn rounded<E: Float>(values: Vec<f64>) -> Tensor<E> {
    let data: Vec<E> = values.into_iter().map(E::from_f64).collect();
    let shape = Dims::new(&[data.len()]);
    Tensor::from_buffer(Buffer::from(&data[..]), Layout::contiguous(shape))
}

/// `f` of pieces of `out` of `width` elements and where they start.
pub(super) fn each_task<E: Float>(out: &mut [E], width: usize, f: impl Fn(usize, &mut [E]) + Sync) {
    if out.is_empty() {
        return;
    }
    let piece = |(i, out): (usize, &mut [E])| {
        simd(
            #[inline(always)]
            || f(i * width, out),
        );
    };
    if out.len() <= width {
        return piece((0, out));
    }
    out.par_chunks_mut(width).enumerate().for_each(piece);
}
