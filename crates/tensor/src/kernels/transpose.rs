//! Transposes of matrices, square by square.

use rayon::prelude::*;

use crate::element::{DType, Element};

/// Rows and columns that are transposed at a time: what is read and written stays in the first cache.
const BLOCK: usize = 32;

/// Elements in a task.
const TASK: usize = 1 << 13;

/// `dst[i] = src[i]ᵀ` for dense matrices `rows x cols` that lie one after the other.
///
/// # Panics
/// If the lengths differ, or are no multiple of a matrix.
pub(crate) fn transpose_each<E: Element>(src: &[E], rows: usize, cols: usize, dst: &mut [E]) {
    let size = rows * cols;
    assert!(src.len() == dst.len(), "transpose: lengths differ");
    if size == 0 || src.is_empty() {
        return;
    }
    assert!(
        src.len().is_multiple_of(size),
        "transpose: {} elements are no {rows}x{cols} matrices",
        src.len()
    );
    let matrices = |(src, dst): (&[E], &mut [E])| {
        for (src, dst) in src.chunks_exact(size).zip(dst.chunks_exact_mut(size)) {
            transpose(src, cols, cols, dst, rows);
        }
    };
    if src.len() <= TASK {
        return matrices((src, dst));
    }
    if size >= TASK {
        // Columns of the source are rows of the result.
        let width = (TASK / rows).clamp(1, cols);
        for (src, dst) in src.chunks_exact(size).zip(dst.chunks_exact_mut(size)) {
            let bands = dst.par_chunks_mut(width * rows).enumerate();
            bands.for_each(|(i, dst)| transpose(&src[i * width..], cols, dst.len() / rows, dst, rows));
        }
        return;
    }
    let together = (TASK / size).max(1) * size;
    src.par_chunks(together).zip(dst.par_chunks_mut(together)).for_each(matrices);
}

/// `dst[j · dst_row + i] = src[i · src_row + j]` for `j < cols`, and for all i for which the rows of `src` last.
/// A row of `dst` may end before `dst_row` elements.
pub(crate) fn transpose<E: Element>(src: &[E], src_row: usize, cols: usize, dst: &mut [E], dst_row: usize) {
    let rows = if src.len() < cols { 0 } else { (src.len() - cols) / src_row + 1 };
    for first in (0..rows).step_by(BLOCK) {
        let height = BLOCK.min(rows - first);
        for start in (0..cols).step_by(BLOCK) {
            let width = BLOCK.min(cols - start);
            let (src, dst) = (&src[first * src_row + start..], &mut dst[start * dst_row + first..]);
            block(src, src_row, dst, dst_row, height, width);
        }
    }
}

/// [`transpose`] of `height x width` elements.
fn block<E: Element>(src: &[E], src_row: usize, dst: &mut [E], dst_row: usize, height: usize, width: usize) {
    let whole = if E::DTYPE == DType::F32 { [height / 4 * 4, width / 4 * 4] } else { [0, 0] };
    if !whole.contains(&0) {
        let [height, width] = whole;
        assert!((height - 1) * src_row + width <= src.len() && (width - 1) * dst_row + height <= dst.len());
        // SAFETY: E is f32, and the furthest elements of the rows lie within both slices.
        unsafe { squares(src.as_ptr().cast(), src_row, dst.as_mut_ptr().cast(), dst_row, height, width) };
    }
    for i in 0..height {
        let done = if i < whole[0] { whole[1] } else { 0 };
        for j in done..width {
            dst[j * dst_row + i] = src[i * src_row + j];
        }
    }
}

/// [`block`] of whole squares of four.
///
/// # Safety
/// `height` and `width` are multiples of four; `src` must be valid for reading `height` rows of `width` elements at
/// distance `src_row`, `dst` for writing `width` rows of `height` elements at distance `dst_row`.
unsafe fn squares(
    src: *const f32,
    src_row: usize,
    dst: *mut f32,
    dst_row: usize,
    height: usize,
    width: usize,
) {
    for i in (0..height).step_by(4) {
        for j in (0..width).step_by(4) {
            // SAFETY: rows i to i + 3 and columns j to j + 3 are inside of what the caller vouches for.
            unsafe {
                let row = |r: usize| src.add((i + r) * src_row + j).cast::<[f32; 4]>().read_unaligned();
                for (r, lanes) in transposed([row(0), row(1), row(2), row(3)]).into_iter().enumerate() {
                    dst.add((j + r) * dst_row + i).cast::<[f32; 4]>().write_unaligned(lanes);
                }
            }
        }
    }
}

/// The transpose of a square, which the compiler does not turn into shuffles by itself.
#[inline(always)]
pub(crate) fn transposed([a, b, c, d]: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        // SAFETY: SSE is part of every x86-64; __m128 and [f32; 4] have the same size, and any
        // bits are valid for both.
        unsafe {
            let [a, b, c, d] = std::mem::transmute::<[[f32; 4]; 4], [__m128; 4]>([a, b, c, d]);
            let (ab01, ab23) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
            let (cd01, cd23) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
            std::mem::transmute::<[__m128; 4], [[f32; 4]; 4]>([
                _mm_movelh_ps(ab01, cd01),
                _mm_movehl_ps(cd01, ab01),
                _mm_movelh_ps(ab23, cd23),
                _mm_movehl_ps(cd23, ab23),
            ])
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::array::from_fn(|p| [a[p], b[p], c[p], d[p]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<E: Element>() {
        for rows in [1, 2, 3, 4, 5, 7, 8, 31, 33, 70] {
            for cols in [1, 2, 3, 4, 6, 9, 32, 35, 66] {
                for count in [0, 1, 3] {
                    let src: Vec<E> = (0..count * rows * cols).map(|i| E::from_i64(i as i64)).collect();
                    let mut dst = vec![E::default(); src.len()];
                    transpose_each(&src, rows, cols, &mut dst);
                    for (at, &x) in src.iter().enumerate() {
                        let (matrix, i, j) = (at / (rows * cols), at / cols % rows, at % cols);
                        assert!(
                            dst[(matrix * cols + j) * rows + i] == x,
                            "{count} of {rows}x{cols}, ({i}, {j})"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn small_matrices() {
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn matrices_of_several_tasks() {
        for (count, rows, cols) in [(2, 300, 517), (5, 101, 99), (700, 9, 14)] {
            let src: Vec<f32> = (0..count * rows * cols).map(|i| i as f32).collect();
            let mut dst = vec![0.0; src.len()];
            transpose_each(&src, rows, cols, &mut dst);
            let expected = |at: usize| {
                let (matrix, j, i) = (at / (rows * cols), at / rows % cols, at % rows);
                src[(matrix * rows + i) * cols + j]
            };
            assert!(dst.iter().enumerate().all(|(at, &x)| x == expected(at)), "{count} of {rows}x{cols}");
        }
    }
}
