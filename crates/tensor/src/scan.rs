//! Running sums and orders along an axis.

use std::cmp::Ordering;

use rayon::prelude::*;

use crate::element::{Element, Number};
use crate::kernels::buffer::Buffer;
use crate::lanes::Lanes;
use crate::layout::axis;
use crate::nest::TASK;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// The sum of each element and all before it along axis `dim`. Integers and truth values are summed as `i64`.
    /// `torch.cumsum`.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0_f32]]);
    /// assert_eq!(x.cumsum(1).to_vec(), [1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
    /// assert_eq!(x.cumsum_reversed(1).to_vec(), [6.0, 5.0, 3.0, 15.0, 11.0, 6.0]);
    /// ```
    #[track_caller]
    pub fn cumsum(&self, dim: isize) -> Tensor<E::Sum> {
        let dim = axis("cumsum", dim, self.rank());
        self.map_lanes(
            dim,
            |out, x| {
                let mut total = E::Sum::default();
                for (o, &x) in out.iter_mut().zip(x) {
                    total = total.add(x.to_sum());
                    *o = total;
                }
            },
            |out, x, inner| {
                copy_sums(&mut out[..inner], &x[..inner]);
                for k in 1..x.len() / inner {
                    let (before, out) = out[(k - 1) * inner..][..2 * inner].split_at_mut(inner);
                    add_row(out, before, &x[k * inner..]);
                }
            },
        )
    }

    /// The sum of each element and all behind it along axis `dim`: the derivative of [`cumsum`](Self::cumsum).
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn cumsum_reversed(&self, dim: isize) -> Tensor<E::Sum> {
        let dim = axis("cumsum_reversed", dim, self.rank());
        self.map_lanes(
            dim,
            |out, x| {
                let mut total = E::Sum::default();
                for (o, &x) in out.iter_mut().zip(x).rev() {
                    total = total.add(x.to_sum());
                    *o = total;
                }
            },
            |out, x, inner| {
                let last = x.len() - inner;
                copy_sums(&mut out[last..], &x[last..]);
                for k in (0..x.len() / inner - 1).rev() {
                    let (out, behind) = out[k * inner..][..2 * inner].split_at_mut(inner);
                    add_row(out, behind, &x[k * inner..]);
                }
            },
        )
    }

    /// The elements along axis `dim` in ascending or descending order, and where each came from. Equal elements keep
    /// their order; NaN counts as larger than all numbers. `torch.sort(stable=True)`.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let (values, indices) = Tensor::from([3.0, 1.0, 2.0_f32]).sort(0, false);
    /// assert_eq!((values.to_vec(), indices.to_vec()), (vec![1.0, 2.0, 3.0], vec![1, 2, 0]));
    /// ```
    #[track_caller]
    pub fn sort(&self, dim: isize, descending: bool) -> (Self, Tensor<i64>) {
        let dim = axis("sort", dim, self.rank());
        self.first_in_order(dim, self.shape()[dim], descending)
    }

    /// The `k` largest (or smallest) elements along axis `dim`, from the most extreme on, and where each came from. Of
    /// equal elements the first ones are taken; NaN counts as larger than all numbers. `torch.topk`.
    ///
    /// # Panics
    /// If there is no such axis or it has fewer elements.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let scores = Tensor::from([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4_f32]]);
    /// assert_eq!(scores.topk(2, 1, true).1.to_vec(), [1, 2, 0, 2]);
    /// ```
    #[track_caller]
    pub fn topk(&self, k: usize, dim: isize, largest: bool) -> (Self, Tensor<i64>) {
        let dim = axis("topk", dim, self.rank());
        assert!(k <= self.shape()[dim], "topk: {k} elements of axis {dim} of shape {:?}", self.shape());
        self.first_in_order(dim, k, largest)
    }

    /// The first `k` elements along axis `dim` in order, and where each came from.
    fn first_in_order(&self, dim: usize, k: usize, descending: bool) -> (Self, Tensor<i64>) {
        let (dense, Lanes { len, inner, .. }) = self.lanes(dim);
        let mut layout = dense.layout;
        layout.shape[dim] = k;
        // Only the order of the strides matters now; an axis of one element takes no part in it.
        let layout = layout.dense_like();
        let (mut values, mut indices) = (Buffer::stale(layout.len()), Buffer::stale(layout.len()));
        if layout.len() > 0 {
            let block = |((values, indices), x): ((&mut [E], &mut [i64]), &[E])| {
                let mut lane = Vec::with_capacity(len);
                for column in 0..inner {
                    lane.clear();
                    lane.extend(x[column..].iter().step_by(inner).copied().zip(0_i64..));
                    sort_first(&mut lane, k, descending);
                    for (i, &(value, index)) in lane[..k].iter().enumerate() {
                        values[i * inner + column] = value;
                        indices[i * inner + column] = index;
                    }
                }
            };
            let x = dense.dense_slice();
            if x.len() <= TASK / 8 {
                let outs = values.chunks_mut(k * inner).zip(indices.chunks_mut(k * inner));
                outs.zip(x.chunks(len * inner)).for_each(block);
            } else {
                let outs = values.par_chunks_mut(k * inner).zip(indices.par_chunks_mut(k * inner));
                outs.zip(x.par_chunks(len * inner)).for_each(block);
            }
        }
        (Tensor::from_buffer(values, layout), Tensor::from_buffer(indices, layout))
    }
}

/// Brings the first `k` elements in order to the front. Their indices decide among equal ones, so that the result is
/// that of a stable sort.
fn sort_first<E: Element>(lane: &mut [(E, i64)], k: usize, descending: bool) {
    let order = |a: &(E, i64), b: &(E, i64)| {
        let values = if descending { compare(b.0, a.0) } else { compare(a.0, b.0) };
        values.then(a.1.cmp(&b.1))
    };
    if k > 0 && k < lane.len() {
        lane.select_nth_unstable_by(k - 1, order);
    }
    lane[..k].sort_unstable_by(order);
}

/// The order of numbers, with NaN behind them all.
#[allow(clippy::eq_op)] // NaN is the one value that differs from itself
fn compare<E: Element>(a: E, b: E) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| (a != a).cmp(&(b != b)))
}

#[inline(always)]
fn copy_sums<E: Element>(out: &mut [E::Sum], x: &[E]) {
    for (o, &x) in out.iter_mut().zip(x) {
        *o = x.to_sum();
    }
}

#[inline(always)]
fn add_row<E: Element>(out: &mut [E::Sum], other: &[E::Sum], x: &[E]) {
    for ((o, &other), &x) in out.iter_mut().zip(other).zip(x) {
        *o = other.add(x.to_sum());
    }
}
