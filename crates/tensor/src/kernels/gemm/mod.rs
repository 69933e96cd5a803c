//! Matrix products. This file and most others are the single-precision one; [`double`] is the other.
//!
//! It computes `C = [C +] A·B`, then a bias and a ReLU on the way out.
//!
//! # The same bits everywhere
//!
//! The order in which the products of one element of C are summed is fixed by the shapes alone:
//!
//! * k is cut into equal blocks of at most [`block::KC`]. Within a block the products are added to
//!   zero in ascending k, each by one fused multiply-add; the sums of the blocks are added up in
//!   ascending order, onto C if it is accumulated into.
//! * Products with a vector (`m == 1` or `n == 1`) are summed in 16 interleaved lanes, see
//!   [`matvec`].
//!
//! Every instruction set computes each of these steps with the same rounding, and nothing else
//! (tiling, packing, strides, threads) touches the order. So results are equal to the last bit on
//! all CPUs and for all numbers of threads; only sign and payload of a NaN are not specified.

mod block;
mod double;
mod kernel;
mod matvec;
mod pack;
mod parallel;
mod peak;
mod plan;
mod simd;
mod sums;
#[cfg(test)]
mod sums_tests;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::isa::Isa;
pub(crate) use kernel::Part;
pub(crate) use plan::{Plan, Sums};
use simd::{Portable, Simd};

/// A float type with a matrix product.
pub trait Gemm: Sized {
    /// `C = A·B` or, if `accumulate`, `C = C + A·B`; then the epilogue. C is stored row after row, without gaps.
    #[doc(hidden)]
    fn gemm(
        a: Mat<'_, Self>,
        b: Mat<'_, Self>,
        c: &mut [Self],
        accumulate: bool,
        epilogue: Epilogue<'_, Self>,
    );

    /// Sums of products, see [`plan`].
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn sums(sums: &Sums<'_, Self>, c: &mut [Self]);
}

impl Gemm for f32 {
    fn gemm(a: Mat<'_>, b: Mat<'_>, c: &mut [f32], accumulate: bool, epilogue: Epilogue<'_>) {
        let ldc = b.cols;
        gemm_with(Isa::current(), a, b, c, ldc, accumulate, epilogue);
    }

    #[allow(private_interfaces)]
    fn sums(sums: &Sums<'_>, c: &mut [f32]) {
        sums_with(Isa::current(), sums, c);
    }
}

/// A view of a matrix: element `(i, j)` is `data[i * row_stride + j * col_stride]`.
///
/// Any strides will do, among them 0 (a broadcast row or column) and those of a transpose.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, E = f32> {
    // Private: unsafe code relies on the bounds that `new` checks.
    data: &'a [E],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, E: Copy> Mat<'a, E> {
    /// # Panics
    /// If an element lies outside `data`.
    #[track_caller]
    pub(crate) fn new(data: &'a [E], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        assert!(
            fits(data.len(), rows, cols, row_stride, col_stride),
            "a {rows}x{cols} matrix of strides {row_stride}, {col_stride} needs more than {} elements",
            data.len()
        );
        Self { data, rows, cols, row_stride, col_stride }
    }

    /// The transpose of this view.
    fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// The elements from `(i, j)`, which must be one of the matrix, to the end of the data.
    fn from(&self, i: usize, j: usize) -> &'a [E] {
        &self.data[i * self.row_stride + j * self.col_stride..]
    }
}

/// Whether the farthest element of a matrix lies within `len`, computed without overflow.
fn fits(len: usize, rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> bool {
    if rows == 0 || cols == 0 {
        return true;
    }
    let down = (rows - 1).checked_mul(row_stride);
    let right = (cols - 1).checked_mul(col_stride);
    let last = down.zip(right).and_then(|(down, right)| down.checked_add(right));
    last.is_some_and(|last| last < len)
}

/// What is applied to C after the last product has been added.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a, E = f32> {
    /// Added to every row: one element per column of C.
    pub(crate) bias: Option<&'a [E]>,
    /// Replaces negative elements by 0 after that; NaN and -0 stay as they are.
    pub(crate) relu: bool,
}

impl<E> Default for Epilogue<'_, E> {
    fn default() -> Self {
        Epilogue { bias: None, relu: false }
    }
}

/// `C = A·B` or, if `accumulate`, `C = C + A·B`; then the epilogue. C is stored in rows of `ldc`
/// elements, the last of which may end early; what lies between the rows is left alone.
///
/// With no columns in A, the product is zero.
///
/// # Panics
/// If the shapes do not match, C does not fit its slice, or this CPU lacks the instruction set.
fn gemm_with(
    isa: Isa,
    a: Mat<'_>,
    b: Mat<'_>,
    c: &mut [f32],
    ldc: usize,
    accumulate: bool,
    epilogue: Epilogue<'_>,
) {
    let (m, n) = (a.rows, b.cols);
    assert_eq!(a.cols, b.rows, "the columns of A must match the rows of B");
    assert!(n <= ldc, "rows of {n} columns overlap at distance {ldc}");
    assert!(fits(c.len(), m, n, ldc, 1), "C is {m}x{n} in rows of {ldc}, but has {} elements", c.len());
    if let Some(bias) = epilogue.bias {
        assert_eq!(bias.len(), n, "the bias must have one element per column of C");
    }
    if m == 0 || n == 0 {
        return;
    }
    let p = Product { a, b, c: c.as_mut_ptr(), ldc, accumulate, epilogue };
    match isa {
        Isa::Portable => run(Portable::new(), p),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => run(x86::Avx2::new(), p),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => run(x86::Avx512::new(), p),
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => run(None::<Portable>, p),
    }
}

/// [`Sums`] on a given instruction set.
///
/// # Panics
/// If a part reaches beyond its operands, C does not fit its slice, or this CPU lacks the instruction set.
fn sums_with(isa: Isa, sums: &Sums<'_>, c: &mut [f32]) {
    fn enter<S: Simd>(simd: Option<S>, sums: &Sums<'_>, c: &mut [f32]) {
        sums::run(simd.expect("this CPU lacks the instruction set asked for"), sums, c);
    }
    match isa {
        Isa::Portable => enter(Portable::new(), sums, c),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => enter(x86::Avx2::new(), sums, c),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => enter(x86::Avx512::new(), sums, c),
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => enter(None::<Portable>, sums, c),
    }
}

/// The work of `count` fused multiply-adds on one thread, with nothing to wait for. The result means nothing.
pub(crate) fn fused_multiply_adds(count: usize) -> f32 {
    fn enter<S: Simd>(simd: Option<S>, peak: peak::Peak) -> f32 {
        simd.expect("the current instruction set is there").enter(peak)
    }
    let peak = peak::Peak { count, factor: std::hint::black_box(0.999), term: std::hint::black_box(0.001) };
    match Isa::current() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => enter(x86::Avx2::new(), peak),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => enter(x86::Avx512::new(), peak),
        _ => enter(Portable::new(), peak),
    }
}

fn run<S: Simd>(simd: Option<S>, p: Product<'_>) {
    let simd = simd.expect("this CPU lacks the instruction set asked for");
    if p.a.rows == 1 || p.b.cols == 1 {
        matvec::run(simd, p);
    } else {
        parallel::run(simd, p);
    }
}

/// A validated call of [`gemm_with`] with `m, n > 0`: shapes match, and `c` is valid for reading and
/// writing `m` rows of `n` elements at distance `ldc >= n`, with nobody else accessing these.
#[derive(Clone, Copy)]
struct Product<'a> {
    a: Mat<'a>,
    b: Mat<'a>,
    c: *mut f32,
    ldc: usize,
    accumulate: bool,
    epilogue: Epilogue<'a>,
}

// SAFETY: all but `c` are shared references and plain values. `c` stands for an exclusive borrow
// of its elements, and threads that share a `Product` write to disjoint sets of them: that is for
// the unsafe functions which take one to demand.
unsafe impl Sync for Product<'_> {}
