//! The elements along an axis in order.
//!
//! What is sorted are pairs of integers: a key that orders as the element does, and the element's index, which decides
//! among equal ones. So the sort is stable without a stable sort, and one routine serves all types.

use rayon::prelude::*;

use crate::element::{DType, Element};
use crate::kernels::buffer::Buffer;
use crate::kernels::tile::for_each_tile;
use crate::lanes::Lanes;
use crate::layout::axis;
use crate::nest::TASK;
use crate::tensor::Tensor;

/// Elements that one task sorts. An element takes longer than in elementwise work, by the logarithm of the lane's length.
const SORT_TASK: usize = TASK / 8;

/// Columns that one task sorts, where lanes lie side by side.
const COLUMNS: usize = 16;

/// So few of a lane are found by inserting them, one after the other.
const FEW: usize = 16;

/// Lanes up to this length are sorted on the stack.
const SHORT: usize = 64;

impl<E: Element> Tensor<E> {
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
        let indices = self.order(dim, self.shape()[dim], descending);
        (self.gather_along(dim, &indices), indices)
    }

    /// The indices that sort the elements along axis `dim`: the second result of [`sort`](Self::sort). `torch.argsort`.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([3.0, 1.0, 2.0_f32]).argsort(0, true).to_vec(), [0, 2, 1]);
    /// ```
    #[track_caller]
    pub fn argsort(&self, dim: isize, descending: bool) -> Tensor<i64> {
        let dim = axis("argsort", dim, self.rank());
        self.order(dim, self.shape()[dim], descending)
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
        let indices = self.order(dim, k, largest);
        (self.gather_along(dim, &indices), indices)
    }

    /// Every value that occurs, once, in ascending order. NaN differs from itself, so each NaN is kept. `torch.unique`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([[3, 1], [1, 2_i64]]).unique().to_vec(), [1, 2, 3]);
    /// ```
    pub fn unique(&self) -> Self {
        let mut values = self.reshape(&[-1]).sort(0, false).0.to_vec();
        values.dedup();
        Tensor::from(values)
    }

    /// The indices of the first `k` elements along axis `dim` in order.
    fn order(&self, dim: usize, k: usize, descending: bool) -> Tensor<i64> {
        let (dense, Lanes { len, inner, .. }) = self.lanes(dim);
        let mut layout = dense.layout;
        layout.shape[dim] = k;
        // Only the order of the strides matters now; an axis of one element takes no part in it.
        let layout = layout.dense_like();
        let mut out = Buffer::stale(layout.len());
        if out.is_empty() {
            return Tensor::from_buffer(out, layout);
        }
        let block = len * inner;
        let several = |(out, x): (&mut [i64], &[E])| {
            for (out, x) in out.chunks_exact_mut(k * inner).zip(x.chunks_exact(block)) {
                for_each_tile(out, inner, COLUMNS, block > SORT_TASK, |first, tile| {
                    with_pairs(len, |pairs| {
                        for column in 0..tile.width() {
                            let lane = x[first + column..].iter().step_by(inner);
                            for (i, (pair, &x)) in pairs.iter_mut().zip(lane).enumerate() {
                                *pair = [if descending { !key(x) } else { key(x) }, i as i64];
                            }
                            for (i, [_, index]) in sort_first(pairs, k).iter().enumerate() {
                                tile.row(i)[column] = *index;
                            }
                        }
                    });
                });
            }
        };
        let (x, blocks) = (dense.dense_slice(), (SORT_TASK / block).max(1));
        if x.len() <= SORT_TASK {
            several((&mut out, x));
        } else {
            out.par_chunks_mut(blocks * k * inner).zip(x.par_chunks(blocks * block)).for_each(several);
        }
        Tensor::from_buffer(out, layout)
    }
}

/// Calls `f` with memory for `len` pairs.
fn with_pairs(len: usize, f: impl FnOnce(&mut [[i64; 2]])) {
    if len <= SHORT {
        f(&mut [[0; 2]; SHORT][..len]);
    } else {
        f(Buffer::stale(2 * len).as_chunks_mut().0);
    }
}

/// Brings the first `k` pairs in order to the front, and returns them. The pairs come in the order of their indices.
fn sort_first(pairs: &mut [[i64; 2]], k: usize) -> &[[i64; 2]] {
    if k == 0 || k == pairs.len() || k > FEW {
        if k > 0 && k < pairs.len() {
            pairs.select_nth_unstable(k - 1);
        }
        pairs[..k].sort_unstable();
        return &pairs[..k];
    }
    pairs[..k].sort_unstable();
    for i in k..pairs.len() {
        let pair = pairs[i];
        // Most are no better than the last of the best so far. Of equal ones the first, which is there, stays.
        if pair[0] < pairs[k - 1][0] {
            let place = pairs[..k].iter().position(|best| pair[0] < best[0]).expect("before the last");
            pairs.copy_within(place..k - 1, place + 1);
            pairs[place] = pair;
        }
    }
    &pairs[..k]
}

/// An integer that orders as the element does: equal for equal elements, and largest for NaN.
#[inline(always)]
fn key<E: Element>(x: E) -> i64 {
    if !matches!(E::DTYPE, DType::F32 | DType::F64) {
        return x.to_i64();
    }
    let x = x.to_f64();
    if x.is_nan() {
        return i64::MAX;
    }
    // The sum makes the two zeros one. The bits of positive floats ascend with them, those of negative ones descend, and
    // all but the sign are turned around.
    let bits = (x + 0.0).to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}
