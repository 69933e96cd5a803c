//! Products with a vector, `y = [y +] M·x`, bound by the reading of M: it is read once, in place.
//!
//! The products of one row are summed in 16 lanes: lane `l` adds those with `p % 16 == l` to zero
//! in ascending `p`, each by one fused multiply-add; then the lanes are added in halves, see
//! [`fold`]. If M is stored in rows, the lanes are those of a vector register; if it is stored in
//! columns, a register holds one lane of several rows. The bits are the same.

use super::parallel::SMALL;
use super::simd::{Op, Simd, relu};
use super::{Mat, Product};
use rayon::prelude::*;
use std::array::from_fn;
use std::cell::Cell;
use std::ops::Range;

const LANES: usize = 16;
/// Rows that are summed side by side where M is stored in rows: enough independent sums to hide
/// the latency of an addition, few enough to stay in 16 registers.
const ROWS: usize = 4;
/// The same where M is stored in columns: whole cache lines of each.
const STRIP: usize = 128;
/// Registers that hold them, as many at a time as fit.
const REGISTERS: usize = 8;
/// Rows in one task; a multiple of both.
const TASK: usize = 256;

/// Computes a product with `m == 1` or `n == 1`.
pub(super) fn run<S: Simd>(simd: S, p: Product<'_>) {
    // A row times a matrix is the transposed matrix times a column.
    let column = p.b.cols == 1;
    let (mat, x) = if column { (p.a, p.b) } else { (p.b.t(), p.a.t()) };
    // Taken, not borrowed: a task of another product may run on this thread before this one ends.
    let mut copy = VECTOR.take();
    let x = if x.row_stride == 1 || x.rows == 0 {
        &x.data[..x.rows]
    } else {
        copy.clear();
        copy.extend((0..x.rows).map(|i| x.data[i * x.row_stride]));
        &copy
    };
    let task = Task { p: &p, mat, x, column };
    if mat.rows.saturating_mul(mat.cols) < SMALL / 16 || rayon::current_num_threads() == 1 {
        // SAFETY: all rows, on this thread alone.
        unsafe { task.rows(simd, 0..mat.rows) };
    } else {
        (0..mat.rows.div_ceil(TASK)).into_par_iter().for_each(|i| {
            // SAFETY: the ranges of rows are disjoint.
            unsafe { task.rows(simd, i * TASK..mat.rows.min((i + 1) * TASK)) };
        });
    }
    VECTOR.set(copy);
}

thread_local! {
    /// The vector, where it is not contiguous; kept from call to call.
    static VECTOR: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

struct Task<'a> {
    p: &'a Product<'a>,
    mat: Mat<'a>,
    x: &'a [f32],
    /// The result is a column of C, not a row.
    column: bool,
}

impl Task<'_> {
    /// # Safety
    /// `rows` must be rows of `mat`, and nobody else may access their elements of C meanwhile.
    unsafe fn rows<S: Simd>(&self, simd: S, rows: Range<usize>) {
        let contiguous = self.mat.col_stride == 1 || self.x.len() < 2;
        let step = if contiguous { ROWS } else { STRIP };
        // Sums of nothing stay as they are.
        let mut sums = [0.0; STRIP];
        for start in rows.clone().step_by(step) {
            let count = step.min(rows.end - start);
            if self.x.is_empty() {
                // A sum of nothing: it is zero, and the matrix has no element to point at.
            } else if contiguous && count == ROWS {
                let rows: [_; ROWS] = from_fn(|i| &self.mat.from(start + i, 0)[..self.x.len()]);
                sums[..ROWS].copy_from_slice(&simd.enter(Rows { rows, x: self.x }));
            } else if contiguous {
                for (i, sum) in sums[..count].iter_mut().enumerate() {
                    let rows = [&self.mat.from(start + i, 0)[..self.x.len()]];
                    [*sum] = simd.enter(Rows { rows, x: self.x });
                }
            } else {
                let data = self.mat.from(start, 0);
                let mut lanes = [[0.0; STRIP]; LANES];
                simd.enter(Columns { data, mat: &self.mat, x: self.x, count, lanes: &mut lanes });
                sums = fold(&mut lanes);
            }
            // SAFETY: passed on from the caller.
            unsafe { self.write(start, &sums[..count]) };
        }
    }

    /// # Safety
    /// As for [`Task::rows`], for the rows from `start` that `sums` belong to.
    unsafe fn write(&self, start: usize, sums: &[f32]) {
        let p = self.p;
        for (i, &sum) in (start..).zip(sums) {
            let stride = if self.column { p.ldc } else { 1 };
            // SAFETY: element `i` of C, which is one column or one row and the caller's.
            let y = unsafe { &mut *p.c.add(i * stride) };
            let mut value = if p.accumulate { *y + sum } else { sum };
            if let Some(bias) = p.epilogue.bias {
                value += bias[if self.column { 0 } else { i }];
            }
            *y = if p.epilogue.relu { relu(value) } else { value };
        }
    }
}

/// Adds the upper half of the lanes to the lower half, until one is left: for `N` sums at a time.
fn fold<const N: usize>(lanes: &mut [[f32; N]; LANES]) -> [f32; N] {
    for half in [8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            for (low, high) in low.iter_mut().zip(high) {
                *low += *high;
            }
        }
    }
    // Makes -0 +0: whether a lane underflowed to -0 may depend on the zeros it was filled up with.
    lanes[0].map(|sum| sum + 0.0)
}

/// The sums of `R` contiguous rows, each as long as `x`.
struct Rows<'a, const R: usize> {
    rows: [&'a [f32]; R],
    x: &'a [f32],
}

impl<S: Simd, const R: usize> Op<S> for Rows<'_, R> {
    type Out = [f32; R];

    #[inline(always)]
    fn run(self, simd: S) -> Self::Out {
        let len = self.x.len();
        // One register of each row at a time; where it has less than 16 lanes, the rows are read
        // again from L1.
        let mut parts = [[simd.splat(0.0); R]; LANES / 4];
        let count = LANES / S::LANES;
        for (part, acc) in parts[..count].iter_mut().enumerate() {
            let first = part * S::LANES;
            let whole = len / LANES * LANES;
            for p in (first..whole).step_by(LANES) {
                // SAFETY: all have a multiple of 16 elements up to `whole`, `S::LANES` from `p` on.
                unsafe { self.step(simd, acc, p, S::LANES) };
            }
            if whole + first < len {
                let p = whole + first;
                // SAFETY: all have `len` elements. The zeros past the end leave the sums alone.
                unsafe { self.step(simd, acc, p, len - p) };
            }
        }
        // As `fold`, which has more than one sum to a register.
        for half in [2, 1] {
            for i in half..count.min(2 * half) {
                let high = parts[i];
                for (low, high) in parts[i - half].iter_mut().zip(high) {
                    *low = simd.add(*low, high);
                }
            }
        }
        let mut sums = [0.0; R];
        for (sum, &part) in sums.iter_mut().zip(&parts[0]) {
            *sum = simd.fold(part) + 0.0;
        }
        sums
    }
}

impl<const R: usize> Rows<'_, R> {
    /// Adds the products from `p` on, at most `n` and one register of each row.
    ///
    /// # Safety
    /// `x` must have `min(n, S::LANES)` elements from `p` on.
    #[inline(always)]
    unsafe fn step<S: Simd>(&self, simd: S, acc: &mut [S::V; R], p: usize, n: usize) {
        // SAFETY: as the caller vouches; the rows are as long as `x`.
        unsafe {
            let x = simd.load_first(self.x.as_ptr().add(p), n);
            for (acc, row) in acc.iter_mut().zip(&self.rows) {
                *acc = simd.fma(simd.load_first(row.as_ptr().add(p), n), x, *acc);
            }
        }
    }
}

/// The lanes of the sums of the `count <= STRIP` rows from `data[0]` on, whatever their strides.
struct Columns<'a> {
    data: &'a [f32],
    mat: &'a Mat<'a>,
    x: &'a [f32],
    count: usize,
    lanes: &'a mut [[f32; STRIP]; LANES],
}

impl<S: Simd> Op<S> for Columns<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self, simd: S) {
        let count = self.count;
        let mut gathered = [0.0; STRIP];
        for (l, lane) in self.lanes.iter_mut().enumerate() {
            for first in (0..count).step_by(REGISTERS * S::LANES) {
                let mut acc = [simd.splat(0.0); REGISTERS];
                for p in (l..self.x.len()).step_by(LANES) {
                    let mut column = &self.data[p * self.mat.col_stride..];
                    if self.mat.row_stride != 1 {
                        for (i, x) in gathered[..count].iter_mut().enumerate() {
                            *x = column[i * self.mat.row_stride];
                        }
                        column = &gathered;
                    }
                    let column = &column[first..count];
                    let x = simd.splat(self.x[p]);
                    for (v, acc) in acc.iter_mut().enumerate() {
                        let n = column.len().saturating_sub(v * S::LANES);
                        // SAFETY: `n` elements of the column are left there, if any.
                        let m = unsafe { simd.load_first(column.as_ptr().wrapping_add(v * S::LANES), n) };
                        *acc = simd.fma(m, x, *acc);
                    }
                }
                for (v, acc) in acc.into_iter().enumerate() {
                    let lane = &mut lane[first + v * S::LANES..][..S::LANES];
                    // SAFETY: the slice has `S::LANES` elements.
                    unsafe { simd.store_first(lane.as_mut_ptr(), acc, S::LANES) };
                }
            }
        }
    }
}
