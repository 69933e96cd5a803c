//! Matrix products.

use rayon::prelude::*;

/// A matrix in place: element (i, j) is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy)]
pub struct Mat<'a, E> {
    pub(crate) data: &'a [E],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl<'a, E> Mat<'a, E> {
    /// The rows from `start` on, `rows` of them.
    fn rows(self, start: usize, rows: usize) -> Self {
        Mat { data: &self.data[start * self.row_stride..], rows, ..self }
    }

    fn check(&self) {
        if self.rows > 0 && self.cols > 0 {
            let last = (self.rows - 1)
                .checked_mul(self.row_stride)
                .zip((self.cols - 1).checked_mul(self.col_stride))
                .and_then(|(r, c)| r.checked_add(c));
            assert!(last.is_some_and(|last| last < self.data.len()), "gemm: matrix exceeds its data");
        }
    }
}

/// A float type with a matrix product.
pub trait Gemm: Sized {
    /// `c = a · b`, with `c` row-major and contiguous.
    #[doc(hidden)]
    fn gemm(a: Mat<'_, Self>, b: Mat<'_, Self>, c: &mut [Self]);
}

/// Rows of the result that one task computes. A constant: which thread computes a row must not change its bits.
const TASK_ROWS: usize = 64;
/// Below this many multiply-adds the calling thread is done before others have woken up.
const PARALLEL_FROM: usize = 1 << 18;

macro_rules! gemm {
    ($t:ty, $matrixmultiply:path) => {
        impl Gemm for $t {
            fn gemm(a: Mat<'_, $t>, b: Mat<'_, $t>, c: &mut [$t]) {
                let (m, k, n) = (a.rows, a.cols, b.cols);
                assert!(b.rows == k && Some(c.len()) == m.checked_mul(n), "gemm: shapes differ");
                a.check();
                b.check();
                if c.is_empty() {
                    return;
                }
                if k == 0 {
                    return c.fill(0.0);
                }
                let rows = |start: usize, c: &mut [$t]| {
                    let a = a.rows(start, c.len() / n);
                    // SAFETY: `check` saw that every element of a and b lies within their data, a.rows(..) keeps
                    // within a, c holds a.rows * n elements, and c is borrowed exclusively.
                    unsafe {
                        $matrixmultiply(
                            a.rows,
                            k,
                            n,
                            1.0,
                            a.data.as_ptr(),
                            a.row_stride as isize,
                            a.col_stride as isize,
                            b.data.as_ptr(),
                            b.row_stride as isize,
                            b.col_stride as isize,
                            0.0,
                            c.as_mut_ptr(),
                            n as isize,
                            1,
                        );
                    }
                };
                if m <= TASK_ROWS || m * n * k < PARALLEL_FROM {
                    rows(0, c);
                } else {
                    c.par_chunks_mut(TASK_ROWS * n).enumerate().for_each(|(i, c)| rows(i * TASK_ROWS, c));
                }
            }
        }
    };
}

gemm!(f32, matrixmultiply::sgemm);
gemm!(f64, matrixmultiply::dgemm);
