//! Operations along one axis: dense memory seen as `[outer, len, inner]`.
//!
//! A dense tensor of whatever order of axes is, for any one of them, a number of blocks (*outer*), in each of which
//! `len` rows of `inner` elements follow each other. With `inner` of one, a *lane* (the elements along the axis) is
//! contiguous; otherwise whole rows are worked on side by side. So an operation along an axis needs two loops over
//! slices and no strides. Several axes that are reduced together are first made one, by a view if memory allows.

use rayon::prelude::*;

use crate::element::Element;
use crate::kernels::buffer::Buffer;
use crate::kernels::isa::simd;
use crate::kernels::tile::{Tile, for_each_tile};
use crate::kernels::transpose::transpose;
use crate::layout::{Dims, Layout};
use crate::nest::TASK;
use crate::tensor::Tensor;

/// Columns that a reduction works on at a time, so that what it keeps for each fits on the stack.
pub(crate) const TILE: usize = 256;

/// Lanes longer than this are folded in pieces of this length, on several threads.
const PIECE: usize = 2 * TASK;

/// Partial results side by side within a contiguous lane.
const PARTIAL: usize = 64;

/// Rows of at most this many elements are turned into columns, [`ROWS`] at a time: alone they would not fill vectors.
const SHORT: usize = 64;

/// Short rows that are worked on side by side.
const ROWS: usize = 64;

/// With fewer short rows it does not pay to turn them.
const FEW: usize = 8;

/// How an axis lies in dense memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub(crate) outer: usize,
    pub(crate) len: usize,
    pub(crate) inner: usize,
}

impl<E: Element> Tensor<E> {
    /// This tensor in dense memory, copied if need be, and how axis `dim` lies in it.
    pub(crate) fn lanes(&self, dim: usize) -> (Self, Lanes) {
        let dense = self.dense();
        let len = dense.layout.shape[dim];
        // An axis of one element has no place in memory, whatever its stride says; without elements none has.
        let inner = if len <= 1 || dense.numel() == 0 { 1 } else { dense.layout.strides[dim] };
        let others: usize = dense.layout.shape.remove(dim).iter().product();
        (dense, Lanes { outer: others / inner, len, inner })
    }

    fn dense(&self) -> Self {
        if self.layout.is_dense() {
            self.clone()
        } else {
            self.copy_to(Layout::contiguous(self.layout.shape))
        }
    }

    /// The layout of a result without axis `dim`, in the order in which [`lanes`](Self::lanes) has the others.
    pub(crate) fn layout_without(&self, dim: usize) -> Layout {
        Layout { offset: 0, ..self.layout }.select(dim, 0).dense_like()
    }

    /// The axes that `mask` marks, of which there must be one, as a single axis behind the others. Their elements come
    /// in the order of memory.
    pub(crate) fn marked_as_one(&self, mask: &Dims) -> Self {
        let (kept, marked) = self.layout.split(mask);
        let joined = self.view_as(kept.join(&marked.in_order_of(&marked)));
        let merged = kept.shape.insert(kept.rank(), marked.len());
        match joined.layout.reshape(&merged) {
            Some(layout) => joined.view_as(layout),
            None => {
                let copy = joined.contiguous();
                let layout = copy.layout.reshape(&merged).expect("contiguous");
                copy.view_as(layout)
            }
        }
    }

    /// Puts axes of one element back where `mask` marks them.
    pub(crate) fn with_marked(self, mask: &Dims) -> Self {
        let layout = (0..mask.len()).filter(|&i| mask[i] == 1).fold(self.layout, |l, i| l.unsqueeze(i));
        self.view_as(layout)
    }

    /// One value for each lane along axis `dim`, which is gone from the result. `row` computes it from a contiguous
    /// lane; `columns(out, block, inner)` for several neighbouring lanes, the first of which starts at `block[0]`,
    /// with `inner` elements from one row to the next. There are at most [`TILE`] of them.
    ///
    /// The lanes must have elements.
    pub(crate) fn reduce_lanes<A: Element>(
        &self,
        dim: usize,
        row: impl Fn(&[E]) -> A + Sync,
        columns: impl Fn(&mut [A], &[E], usize) + Sync,
    ) -> Tensor<A> {
        let (dense, Lanes { outer, len, inner }) = self.lanes(dim);
        let layout = dense.layout_without(dim);
        let mut out = Buffer::stale(layout.len());
        if out.is_empty() {
            return Tensor::from_buffer(out, layout);
        }
        let x = dense.dense_slice();
        let block = len * inner;
        let turned = inner == 1 && len <= SHORT && outer >= FEW;
        let several = |(out, x): (&mut [A], &[E])| {
            simd(
                #[inline(always)]
                || {
                    if turned {
                        let mut tile = Buffer::stale(len * ROWS);
                        for (out, x) in out.chunks_mut(ROWS).zip(x.chunks(ROWS * len)) {
                            let tile = &mut tile[..x.len()];
                            transpose(x, len, len, tile, out.len());
                            columns(out, tile, out.len());
                        }
                        return;
                    }
                    if inner == 1 {
                        for (o, x) in out.iter_mut().zip(x.chunks_exact(len)) {
                            *o = row(x);
                        }
                        return;
                    }
                    for (out, x) in out.chunks_exact_mut(inner).zip(x.chunks_exact(block)) {
                        for (i, out) in out.chunks_mut(TILE).enumerate() {
                            columns(out, &x[i * TILE..], inner);
                        }
                    }
                },
            );
        };
        if x.len() <= TASK || (outer == 1 && inner <= TILE) {
            several((&mut out, x));
        } else if block <= TASK || inner <= TILE {
            let blocks = (TASK / block).max(1);
            out.par_chunks_mut(blocks * inner).zip(x.par_chunks(blocks * block)).for_each(several);
        } else {
            out.par_chunks_mut(inner).zip(x.par_chunks(block)).for_each(|(out, x)| {
                let tile = |(i, out): (usize, &mut [A])| {
                    simd(
                        #[inline(always)]
                        || columns(out, &x[i * TILE..], inner),
                    );
                };
                out.par_chunks_mut(TILE).enumerate().for_each(tile);
            });
        }
        Tensor::from_buffer(out, layout)
    }

    /// Folds every lane along axis `dim`, which is gone from the result. `start` is given the lane's first element,
    /// which is then pushed like the others; `merge` joins partial results, in an order that depends on the length.
    ///
    /// The lanes must have elements.
    pub(crate) fn fold_lanes<A: Element>(
        &self,
        dim: usize,
        start: impl Fn(E) -> A + Copy + Sync,
        push: impl Fn(A, E) -> A + Copy + Sync,
        merge: impl Fn(A, A) -> A + Copy + Sync,
    ) -> Tensor<A> {
        let row = |x: &[E]| {
            if x.len() <= PIECE {
                return fold(x, start, push, merge);
            }
            let mut pieces = Buffer::stale(x.len().div_ceil(PIECE));
            pieces.par_iter_mut().zip(x.par_chunks(PIECE)).for_each(|(piece, x)| {
                *piece = simd(
                    #[inline(always)]
                    || fold(x, start, push, merge),
                );
            });
            pieces[1..].iter().fold(pieces[0], |a, &b| merge(a, b))
        };
        self.reduce_lanes(dim, row, |out, block, inner| {
            for (o, &x) in out.iter_mut().zip(block) {
                *o = start(x);
            }
            for row in block.chunks(inner) {
                for (o, &x) in out.iter_mut().zip(row) {
                    *o = push(*o, x);
                }
            }
        })
    }

    /// [`fold_lanes`](Self::fold_lanes) over all axes that `mask` marks, be they none; `empty` is the result for no
    /// elements.
    pub(crate) fn fold_marked<A: Element>(
        &self,
        mask: &Dims,
        empty: A,
        push: impl Fn(A, E) -> A + Copy + Sync,
        merge: impl Fn(A, A) -> A + Copy + Sync,
    ) -> Tensor<A> {
        if !mask.contains(&1) {
            return self.map(|x| push(empty, x));
        }
        let merged = self.marked_as_one(mask);
        let dim = merged.rank() - 1;
        if merged.shape()[dim] == 0 {
            return Tensor::full(&merged.shape()[..dim], empty);
        }
        merged.fold_lanes(dim, |_| empty, push, merge)
    }

    /// A result of the same shape, block by block: `row(out, x)` for a contiguous lane, `columns(out, x, inner)` for
    /// several neighbouring lanes, the first of which starts at `x[0]`, with `inner` elements from one row to the next.
    /// There are at most [`TILE`] of them.
    pub(crate) fn map_lanes<A: Element>(
        &self,
        dim: usize,
        row: impl Fn(&mut [A], &[E]) + Sync,
        columns: impl Fn(&mut Tile<'_, A>, &[E], usize) + Sync,
    ) -> Tensor<A> {
        let (dense, Lanes { outer, len, inner }) = self.lanes(dim);
        let layout = dense.layout.dense_like();
        let mut out = Buffer::stale(layout.len());
        if out.is_empty() {
            return Tensor::from_buffer(out, layout);
        }
        let x = dense.dense_slice();
        let block = len * inner;
        let turned = inner == 1 && len <= SHORT && outer >= FEW;
        let several = |(out, x): (&mut [A], &[E])| {
            if turned {
                let (mut tile, mut results) = (Buffer::stale(len * ROWS), Buffer::stale(len * ROWS));
                for (out, x) in out.chunks_mut(ROWS * len).zip(x.chunks(ROWS * len)) {
                    let (rows, count) = (x.len() / len, x.len());
                    let (tile, results) = (&mut tile[..count], &mut results[..count]);
                    transpose(x, len, len, tile, rows);
                    for_each_tile(results, rows, ROWS, false, |_, columns_of| {
                        simd(
                            #[inline(always)]
                            || columns(columns_of, tile, rows),
                        );
                    });
                    transpose(results, rows, rows, out, len);
                }
                return;
            }
            for (out, x) in out.chunks_exact_mut(block).zip(x.chunks_exact(block)) {
                if inner == 1 {
                    simd(
                        #[inline(always)]
                        || row(out, x),
                    );
                    continue;
                }
                for_each_tile(out, inner, TILE, block > TASK, |first, tile| {
                    simd(
                        #[inline(always)]
                        || columns(tile, &x[first..], inner),
                    );
                });
            }
        };
        if x.len() <= TASK {
            several((&mut out, x));
        } else {
            let task = (TASK / block).max(1) * block;
            out.par_chunks_mut(task).zip(x.par_chunks(task)).for_each(several);
        }
        Tensor::from_buffer(out, layout)
    }
}

/// Folds a contiguous lane in interleaved partial results, which are then merged as a fixed tree.
#[inline(always)]
pub(crate) fn fold<E: Copy, A: Copy>(
    x: &[E],
    start: impl Fn(E) -> A,
    push: impl Fn(A, E) -> A,
    merge: impl Fn(A, A) -> A,
) -> A {
    let first = start(x[0]);
    if x.len() < PARTIAL {
        return x.iter().fold(first, |a, &x| push(a, x));
    }
    let mut partial = [first; PARTIAL];
    let chunks = x.chunks_exact(PARTIAL);
    for (a, &x) in partial.iter_mut().zip(chunks.remainder()) {
        *a = push(*a, x);
    }
    for chunk in chunks {
        for (a, &x) in partial.iter_mut().zip(chunk) {
            *a = push(*a, x);
        }
    }
    let mut width = PARTIAL / 2;
    while width > 0 {
        for i in 0..width {
            partial[i] = merge(partial[i], partial[i + width]);
        }
        width /= 2;
    }
    partial[0]
}
