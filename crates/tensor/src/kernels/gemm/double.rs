//! The double-precision product: matrixmultiply's, split over rows.

use super::{Epilogue, Gemm, Mat, Sums};
use rayon::prelude::*;

/// Rows of C that one task computes. A constant: which thread computes a row must not change its bits.
const TASK_ROWS: usize = 64;
/// Below this many multiply-adds the calling thread is done before others have woken up.
const SMALL: usize = 1 << 18;

impl Gemm for f64 {
    fn gemm(a: Mat<'_, f64>, b: Mat<'_, f64>, c: &mut [f64], accumulate: bool, epilogue: Epilogue<'_, f64>) {
        let (m, k, n) = (a.rows, a.cols, b.cols);
        assert!(b.rows == k && Some(c.len()) == m.checked_mul(n), "gemm: shapes differ");
        assert!(
            epilogue.bias.is_none_or(|bias| bias.len() == n),
            "gemm: the bias must have one element per column"
        );
        if c.is_empty() {
            return;
        }
        let rows = |(task, c): (usize, &mut [f64])| {
            multiply(a, b, task * TASK_ROWS, c, accumulate);
            finish(c, n, epilogue);
        };
        if m <= TASK_ROWS || m.saturating_mul(n).saturating_mul(k) < SMALL {
            rows((0, c));
        } else {
            c.par_chunks_mut(TASK_ROWS * n).enumerate().for_each(rows);
        }
    }

    /// Part after part, on one thread.
    #[allow(private_interfaces)]
    fn sums(sums: &Sums<'_, f64>, c: &mut [f64]) {
        sums.check(c.len());
        let (plan, c_row, cols) = (sums.plan, sums.c_row, sums.cols);
        if cols == 0 {
            return;
        }
        let mut start = 0;
        for run in plan.runs().iter().filter(|run| run.rows > 0) {
            let c = &mut c[start * c_row..];
            for row in c.chunks_mut(c_row).take(run.rows) {
                row[..cols].fill(0.0);
            }
            for part in plan.parts(run) {
                // SAFETY: `check` saw that the run's rows lie within C and all elements of the part within A and B;
                // C is borrowed exclusively.
                unsafe {
                    matrixmultiply::dgemm(
                        run.rows,
                        part.k,
                        cols,
                        1.0,
                        sums.a[part.a..].as_ptr(),
                        plan.a_row as isize,
                        plan.a_col as isize,
                        sums.b[part.b..].as_ptr(),
                        plan.b_row as isize,
                        1,
                        1.0,
                        c.as_mut_ptr(),
                        c_row as isize,
                        1,
                    );
                }
            }
            for row in c.chunks_mut(c_row).take(run.rows) {
                finish(&mut row[..cols], cols, sums.epilogue);
            }
            start += run.rows;
        }
    }
}

/// The rows of C from `start` on, as many as `c` holds.
fn multiply(a: Mat<'_, f64>, b: Mat<'_, f64>, start: usize, c: &mut [f64], accumulate: bool) {
    let (k, n) = (a.cols, b.cols);
    if k == 0 {
        if !accumulate {
            c.fill(0.0);
        }
        return;
    }
    let (a_data, b_data) = (a.from(start, 0), b.from(0, 0));
    // SAFETY: `Mat::new` saw that all elements of A and B lie within their data; `c` holds whole rows of n elements,
    // of which there are no more than A has from `start` on, and it is borrowed exclusively.
    unsafe {
        matrixmultiply::dgemm(
            c.len() / n,
            k,
            n,
            1.0,
            a_data.as_ptr(),
            a.row_stride as isize,
            a.col_stride as isize,
            b_data.as_ptr(),
            b.row_stride as isize,
            b.col_stride as isize,
            if accumulate { 1.0 } else { 0.0 },
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
}

fn finish(c: &mut [f64], n: usize, epilogue: Epilogue<'_, f64>) {
    if let Some(bias) = epilogue.bias {
        for row in c.chunks_exact_mut(n) {
            row.iter_mut().zip(bias).for_each(|(c, bias)| *c += bias);
        }
    }
    if epilogue.relu {
        c.iter_mut().filter(|c| **c < 0.0).for_each(|c| *c = 0.0);
    }
}
