//! The same matrix products by other crates, whose interfaces are raw pointers.
#![allow(unsafe_code)]

/// `c = a · b`, row-major, by the crate `gemm` on `threads` threads.
pub(crate) fn gemm_crate(m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32], threads: usize) {
    assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
    let parallelism = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
    let (rows_a, rows_b, rows_c) = (k as isize, n as isize, n as isize);
    // SAFETY: the strides are those of row-major matrices of the lengths just checked, and `c` is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            rows_c,
            false,
            a.as_ptr(),
            1,
            rows_a,
            b.as_ptr(),
            1,
            rows_b,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// `c = a · b`, row-major, by the crate `matrixmultiply`, whose threads `MATMUL_NUM_THREADS` sets.
pub(crate) fn matrixmultiply(m: usize, k: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
    let (rows_a, rows_b, rows_c) = (k as isize, n as isize, n as isize);
    // SAFETY: as above.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a.as_ptr(),
            rows_a,
            1,
            b.as_ptr(),
            rows_b,
            1,
            0.0,
            c.as_mut_ptr(),
            rows_c,
            1,
        );
    }
}
