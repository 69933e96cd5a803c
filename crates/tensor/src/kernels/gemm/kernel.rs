//! The micro-kernel: one tile of C, held in registers over one block of k, or over several that lie apart.

use super::Epilogue;
use super::simd::{NV, Op, Simd};

/// One term of a sum of products: `k` columns of A and `k` rows of B, which start at the offsets `a` and `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) k: usize,
}

/// One micro-kernel call: `rows x cols` elements of C, the sum of the products of `parts`.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    pub rows: usize,
    pub cols: usize,
    pub parts: &'a [Part],
    /// Element `(i, p)` of A is at `a + part.a + i * a_row + p * a_col`, packed or in place.
    pub a: *const f32,
    pub a_row: usize,
    pub a_col: usize,
    /// Row `p` of B starts at `b + part.b + p * b_row`.
    pub b: *const f32,
    pub b_row: usize,
    /// Only the first `cols` elements of each row of B are readable. Otherwise whole vectors are, and what lies past
    /// `cols` is of no consequence.
    pub b_ends: bool,
    pub c: *mut f32,
    pub c_row: usize,
    /// Add to C instead of overwriting it.
    pub accumulate: bool,
    /// What to apply after the sum, its bias starting at the first column of the tile.
    pub epilogue: Epilogue<'a>,
    /// How far behind `a` the rows of A lie that are needed next; 0 if they are not known. Read in
    /// place, they are too many streams of too few bytes for the hardware to foresee.
    pub prefetch_a: usize,
    /// How far behind `b` the row lies that is fetched at each step; 0 if the block is in a cache already.
    pub prefetch_b: usize,
    /// Where to leave a copy of B, as a packed panel; null for nowhere. The loads are made anyway, and the stores cost
    /// next to nothing beside the multiply-adds.
    pub keep_b: *mut f32,
    /// What to bring into the second cache meanwhile.
    pub ahead: Option<Ahead>,
}

/// Rows of B, `stride` apart, that later tiles read: a row in every `every` steps, a power of two.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub row: *const f32,
    pub stride: usize,
    pub every: usize,
}

impl Tile<'_> {
    /// # Safety
    /// The pointers must be valid for what the fields' comments say: A and B for reading, C for
    /// reading and writing `rows x cols` elements, with nobody else accessing these meanwhile.
    /// `1 <= rows <= S::MR`, `1 <= cols <= NV * S::LANES`, and a bias has at least `cols` elements.
    #[inline]
    pub(super) unsafe fn run<S: Simd>(&self, simd: S) {
        // The number of rows is a constant of each instance: a short tile at the lower edge does
        // no needless work and needs no padded copy of A.
        macro_rules! instances {
            ($($rows:literal)*) => {
                match self.rows {
                    $($rows => if const { $rows <= S::MR } {
                        match (self.cols > S::LANES, self.b_ends) {
                            (true, false) => simd.enter(Instance::<$rows, NV, false>(self)),
                            (true, true) => simd.enter(Instance::<$rows, NV, true>(self)),
                            (false, false) => simd.enter(Instance::<$rows, 1, false>(self)),
                            (false, true) => simd.enter(Instance::<$rows, 1, true>(self)),
                        }
                    })*
                    _ => unreachable!("a tile has at most 12 rows"),
                }
            };
        }
        instances!(1 2 3 4 5 6 7 8 9 10 11 12);
    }
}

/// Elements in a cache line.
const LINE: usize = 16;

/// A tile of `R` rows and `W` vectors, which its maker vouches for as in [`Tile::run`]; `ENDS` is its `b_ends`.
struct Instance<'t, const R: usize, const W: usize, const ENDS: bool>(&'t Tile<'t>);

impl<S: Simd, const R: usize, const W: usize, const ENDS: bool> Op<S> for Instance<'_, R, W, ENDS> {
    type Out = ();

    #[inline(always)]
    fn run(self, simd: S) {
        let t = self.0;
        for i in 0..R {
            for j in 0..W {
                simd.prefetch(t.c.wrapping_add(i * t.c_row + j * S::LANES));
            }
        }
        let mut acc = [[simd.splat(0.0); W]; R];
        let (mut keep, mut ahead) = (t.keep_b, t.ahead);
        for part in t.parts {
            let (mut a, mut b) = (t.a.wrapping_add(part.a), t.b.wrapping_add(part.b));
            for p in 0..part.k {
                if p % LINE == 0 && t.prefetch_a != 0 {
                    for i in 0..R {
                        simd.prefetch(a.wrapping_add(t.prefetch_a + i * t.a_row));
                    }
                }
                if t.prefetch_b != 0 {
                    for j in 0..W {
                        simd.prefetch(b.wrapping_add(t.prefetch_b + j * S::LANES));
                    }
                }
                if let Some(ahead) = &mut ahead
                    && p & (ahead.every - 1) == 0
                {
                    for j in 0..W {
                        simd.prefetch_far(ahead.row.wrapping_add(j * S::LANES));
                    }
                    ahead.row = ahead.row.wrapping_add(ahead.stride);
                }
                let bs: [S::V; W] = std::array::from_fn(|j| {
                    let from = j * S::LANES;
                    let b = b.wrapping_add(from);
                    // SAFETY: `a` and `b` are at column and row `p < k` of this part, see `Tile`.
                    unsafe {
                        if ENDS && j + 1 == W { simd.load_first(b, t.cols - from) } else { simd.load(b) }
                    }
                });
                if !keep.is_null() {
                    for (j, &b) in bs.iter().enumerate() {
                        // SAFETY: the panel's next step, see `Tile`.
                        unsafe { simd.store(keep.add(j * S::LANES), b) };
                    }
                    keep = keep.wrapping_add(NV * S::LANES);
                }
                for (i, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: as above, with `i < R == rows`.
                    let x = simd.splat(unsafe { *a.add(i * t.a_row) });
                    for (acc, &b) in acc.iter_mut().zip(&bs) {
                        *acc = simd.fma(x, b, *acc);
                    }
                }
                // Wrapping, because after the last step nothing need be there.
                a = a.wrapping_add(t.a_col);
                b = b.wrapping_add(t.b_row);
            }
        }
        // A copy, so that `acc` is accessed at constant places only: it must live in registers
        // even where the compiler does not unroll what follows.
        let sums = acc;
        for (i, sums) in sums.iter().enumerate() {
            for (j, &sum) in sums.iter().enumerate() {
                let n = t.cols - j * S::LANES;
                // SAFETY: row `i < rows`, and the first `n` columns from `j * LANES < cols` on.
                unsafe { write(simd, t, sum, t.c.add(i * t.c_row + j * S::LANES), j * S::LANES, n) };
            }
        }
    }
}

/// Adds to C and applies the epilogue as the tile asks, for the first `n` lanes from column `j` on.
///
/// # Safety
/// `c` must be valid for reading and writing `min(n, LANES)` elements.
#[inline(always)]
unsafe fn write<S: Simd>(simd: S, t: &Tile<'_>, mut sum: S::V, c: *mut f32, j: usize, n: usize) {
    // SAFETY: the caller vouches for `c`; a bias has the columns that the tile has.
    unsafe {
        if t.accumulate {
            sum = simd.add(simd.load_first(c, n), sum);
        }
        if let Some(bias) = t.epilogue.bias {
            sum = simd.add(sum, simd.load_first(bias.as_ptr().add(j), n));
        }
        if t.epilogue.relu {
            sum = simd.relu(sum);
        }
        simd.store_first(c, sum, n);
    }
}
