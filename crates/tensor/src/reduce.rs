//! Reductions: one value from the elements along some axes.
//!
//! The axes that stay are the *kept* ones, the others are *reduced*. In memory, either a reduced axis is innermost and
//! each result is a sum of contiguous rows, or a kept axis is innermost and whole rows are added onto each other.
//! Anything else is copied into the first form.

use rayon::prelude::*;

use crate::axes::Axes;
use crate::element::{DType, Element, Float, Number};
use crate::kernels::buffer::Buffer;
use crate::kernels::isa::simd;
use crate::kernels::sum::{LANES, add_rows, sum, sum_columns};
use crate::kernels::transpose::transpose;
use crate::layout::{Dims, Layout};
use crate::nest::{Nest, TASK};
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// The sum over `axes`, which are gone from the result. Integers and truth values are summed as `i64`.
    /// The sum of no elements is zero.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0_f32]]);
    /// assert_eq!(x.sum(..).item(), 10.0);
    /// assert_eq!(x.sum(0).to_vec(), [4.0, 6.0]);
    /// assert_eq!(x.gt(1.5).sum(1).to_vec(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn sum(&self, axes: impl Into<Axes>) -> Tensor<E::Sum> {
        self.sum_masked(&axes.into().mask("sum", self.rank()), false)
    }

    /// [`sum`](Self::sum), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn sum_keepdim(&self, axes: impl Into<Axes>) -> Tensor<E::Sum> {
        self.sum_masked(&axes.into().mask("sum_keepdim", self.rank()), true)
    }

    /// The sum of the elements that were repeated when a tensor of `shape` was broadcast to this one: the
    /// derivative of broadcasting.
    ///
    /// # Panics
    /// If `shape` does not broadcast to the shape of this tensor.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let gradient = Tensor::<f32>::ones(&[64, 10]);
    /// assert_eq!(gradient.sum_to(&[10]).to_vec(), [64.0; 10]);
    /// ```
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Tensor<E::Sum> {
        let to = Layout::contiguous(Dims::named("sum_to", shape));
        assert!(
            to.broadcast_to(&self.layout.shape).is_some(),
            "sum_to: shape {shape:?} does not broadcast to {:?}",
            self.shape()
        );
        let added = self.rank() - shape.len();
        let mut mask = Dims::repeat(1, self.rank());
        for (i, &d) in shape.iter().enumerate() {
            mask[added + i] = usize::from(d == 1 && self.shape()[added + i] != 1);
        }
        let sum = self.sum_masked(&mask, true);
        let layout = sum.layout.reshape(&to.shape).expect("axes of one element need no copy");
        sum.view_as(layout)
    }

    /// The sum over the axes that `mask` marks.
    pub(crate) fn sum_masked(&self, mask: &Dims, keepdim: bool) -> Tensor<E::Sum> {
        let (kept, mut reduced) = self.layout.split(mask);
        let layout = kept.dense_like();
        let mut out = Buffer::stale(layout.len());
        if self.numel() == 0 {
            out.fill(E::Sum::default());
        } else {
            // What an expanded axis repeats is multiplied, not added, however long the axis is.
            let mut repeats = 1;
            for i in (0..reduced.rank()).filter(|&i| reduced.strides[i] == 0) {
                repeats *= std::mem::replace(&mut reduced.shape[i], 1);
            }
            self.sum_into(&mut out, &layout, &kept, &reduced);
            if repeats > 1 {
                out.iter_mut().for_each(|sum| *sum = times(*sum, repeats));
            }
        }
        let sum = Tensor::from_buffer(out, layout);
        if !keepdim {
            return sum;
        }
        let layout = (0..mask.len()).filter(|&i| mask[i] == 1).fold(sum.layout, |l, i| l.unsqueeze(i));
        sum.view_as(layout)
    }

    /// The sums over `reduced`, for each index of `kept`, in the memory order of `layout`.
    fn sum_into(&self, out: &mut [E::Sum], layout: &Layout, kept: &Layout, reduced: &Layout) {
        let data = &self.storage[..];
        let results = Nest::new(layout, [kept]);
        let terms = Nest::new(&reduced.dense_like(), [reduced]);
        let count = reduced.len();
        let rows_are_long = terms.run >= 16 || results.steps != [1];
        if terms.steps == [1]
            && terms.runs() == 1
            && (2..=LANES).contains(&count)
            && results.steps[0] >= count
        {
            let first = terms.starts_from(0)()[0];
            results.for_each_task(
                (TASK / count).max(1),
                out,
                #[inline(always)]
                |out, [at]| sum_short(out, &data[at + first..], results.steps[0], count),
            );
        } else if terms.steps == [1] && rows_are_long {
            results.for_each_task(
                (TASK / count).max(1),
                out,
                #[inline(always)]
                |out, [at]| {
                    for (i, o) in out.iter_mut().enumerate() {
                        let mut row = terms.starts_from(0);
                        let mut next =
                            || sum_long(&data[at + i * results.steps[0] + row()[0]..][..terms.run]);
                        let first = next();
                        *o = (1..terms.runs()).fold(first, |total, _| total.add(next()));
                    }
                },
            );
        } else if results.steps == [1] {
            results.for_each_task(
                TASK,
                out,
                #[inline(always)]
                |out, [at]| {
                    // Blocks of rows are summed apart and then added: a constant number of tasks for each shape, and
                    // a smaller rounding error than one long chain.
                    let block = (TASK / out.len()).max(1);
                    let width = out.len();
                    let add_block = |out: &mut [E::Sum], start: usize, rows: usize| {
                        let mut next = terms.positions_from(start);
                        simd(
                            #[inline(always)]
                            || add_rows(out, (0..rows).map(|_| &data[at + next()[0]..][..width]), E::to_sum),
                        );
                    };
                    if count <= block {
                        return add_block(out, 0, count);
                    }
                    let mut blocks = Buffer::stale(count.div_ceil(block) * width);
                    blocks.par_chunks_mut(width).enumerate().for_each(|(i, sums)| {
                        add_block(sums, i * block, block.min(count - i * block));
                    });
                    simd(
                        #[inline(always)]
                        || add_rows(out, blocks.chunks_exact(width), |x| x),
                    );
                },
            );
        } else {
            let rows = self.view_as(kept.in_order_of(layout).join(reduced)).contiguous();
            let per_task = (TASK / count).max(1);
            out.par_chunks_mut(per_task).zip(rows.dense_slice().par_chunks(per_task * count)).for_each(
                |(out, rows)| {
                    for (o, row) in out.iter_mut().zip(rows.chunks_exact(count)) {
                        *o = sum_long(row);
                    }
                },
            );
        }
    }
}

impl<E: Float> Tensor<E> {
    /// The arithmetic mean over `axes`, which are gone from the result. The mean of no elements is NaN.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let threes = Tensor::from([[0.0, 1.0], [1.0, 1.0_f32]]);
    /// assert_eq!(threes.mean(0).to_vec(), [0.5, 1.0]);
    /// ```
    #[track_caller]
    pub fn mean(&self, axes: impl Into<Axes>) -> Tensor<E> {
        self.mean_masked(&axes.into().mask("mean", self.rank()), false)
    }

    /// [`mean`](Self::mean), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn mean_keepdim(&self, axes: impl Into<Axes>) -> Tensor<E> {
        self.mean_masked(&axes.into().mask("mean_keepdim", self.rank()), true)
    }

    pub(crate) fn mean_masked(&self, mask: &Dims, keepdim: bool) -> Tensor<E> {
        let count: usize = (0..self.rank()).filter(|&i| mask[i] == 1).map(|i| self.shape()[i]).product();
        self.sum_masked(mask, keepdim) / E::from_f64(count as f64)
    }
}

/// `n · x`, of floats rounded once.
fn times<N: Number>(x: N, n: usize) -> N {
    match N::DTYPE {
        DType::F32 | DType::F64 => N::from_f64(x.to_f64() * n as f64),
        _ => N::from_i64(x.to_i64().wrapping_mul(n as i64)),
    }
}

/// The sums of the rows of `count` elements that begin `step` apart, of which there is one for each element of `out`.
///
/// They are turned into columns, some at a time, for a short row does not fill vectors.
#[inline(always)]
fn sum_short<E: Element>(out: &mut [E::Sum], data: &[E], step: usize, count: usize) {
    const ROWS: usize = 64;
    let (mut tile, mut terms) = (Buffer::stale(ROWS * count), Buffer::stale(ROWS * count));
    for (i, out) in out.chunks_mut(ROWS).enumerate() {
        let width = out.len();
        let rows = &data[i * ROWS * step..][..(width - 1) * step + count];
        let (tile, terms) = (&mut tile[..width * count], &mut terms[..width * count]);
        transpose(rows, step, count, tile, width);
        for (term, &x) in terms.iter_mut().zip(&*tile) {
            *term = E::Sum::default().add(x.to_sum());
        }
        sum_columns(terms, width);
        out.copy_from_slice(&terms[..width]);
    }
}

/// The sum of a contiguous row of any length, long ones on several threads in pieces of constant size.
fn sum_long<E: Element>(row: &[E]) -> E::Sum {
    const PIECE: usize = 2 * TASK;
    if row.len() <= PIECE {
        return simd(
            #[inline(always)]
            || sum(row, E::to_sum),
        );
    }
    let mut pieces = Buffer::stale(row.len().div_ceil(PIECE));
    pieces.par_iter_mut().zip(row.par_chunks(PIECE)).for_each(|(piece, row)| {
        *piece = simd(
            #[inline(always)]
            || sum(row, E::to_sum),
        );
    });
    simd(
        #[inline(always)]
        || sum(&pieces, |x| x),
    )
}
