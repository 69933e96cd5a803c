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
/// Rows of A that share a pointer: those 0, 1 and 2 `a_row` behind it, which an x86 address can say.
const SHARE: usize = 3;
/// Pointers into A for a tile of 12 rows.
const POINTERS: usize = 12 / SHARE;

/// A tile of `R` rows and `W` vectors, which its maker vouches for as in [`Tile::run`]; `ENDS` is its `b_ends`.
struct Instance<'t, const R: usize, const W: usize, const ENDS: bool>(&'t Tile<'t>);

/// Where a tile reads the next step of a part.
struct Cursor {
    a: [*const f32; POINTERS],
    b: *const f32,
}

impl Cursor {
    #[inline(always)]
    fn advance(&mut self, t: &Tile<'_>) {
        // Wrapping, because after the last step nothing need be there.
        self.a = self.a.map(|a| a.wrapping_add(t.a_col));
        self.b = self.b.wrapping_add(t.b_row);
    }

    #[inline(always)]
    fn row_of_a(&self, t: &Tile<'_>, i: usize) -> *const f32 {
        self.a[i / SHARE].wrapping_add(i % SHARE * t.a_row)
    }
}

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
        // Opaque, or the compiler finds each row's address from the one before: a chain of additions as long as a step.
        let rows: [usize; POINTERS] =
            std::array::from_fn(
                |g| {
                    if g * SHARE < R { std::hint::black_box(g * SHARE * t.a_row) } else { 0 }
                },
            );
        let mut acc = [[simd.splat(0.0); W]; R];
        let (mut keep, mut ahead) = (t.keep_b, t.ahead);
        let plain = t.prefetch_b == 0 && keep.is_null() && ahead.is_none();
        for part in t.parts {
            let mut at =
                Cursor { a: rows.map(|rows| t.a.wrapping_add(part.a + rows)), b: t.b.wrapping_add(part.b) };
            // By cache lines of A in place, and with a loop that does nothing else for most tiles.
            let mut rest = part.k;
            while rest > 0 {
                let steps = rest.min(LINE);
                rest -= steps;
                if t.prefetch_a != 0 {
                    for i in 0..R {
                        simd.prefetch(at.row_of_a(t, i).wrapping_add(t.prefetch_a));
                    }
                }
                if plain {
                    for _ in 0..steps {
                        // SAFETY: `at` is at a step of this part.
                        unsafe { self.step(simd, &mut acc, &at, std::ptr::null_mut()) };
                        at.advance(t);
                    }
                } else {
                    for p in 0..steps {
                        self.fetch(simd, &at, p, &mut ahead);
                        // SAFETY: `at` is at a step of this part, `keep` at the same one of the panel.
                        unsafe { self.step(simd, &mut acc, &at, keep) };
                        if !keep.is_null() {
                            keep = keep.wrapping_add(NV * S::LANES);
                        }
                        at.advance(t);
                    }
                }
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

impl<const R: usize, const W: usize, const ENDS: bool> Instance<'_, R, W, ENDS> {
    /// Adds the products of one step, and leaves its row of B at `keep` unless that is null.
    ///
    /// # Safety
    /// `at` must be at a step of a part of the tile, and `keep` null or valid for writing a panel's row.
    #[inline(always)]
    unsafe fn step<S: Simd>(&self, simd: S, acc: &mut [[S::V; W]; R], at: &Cursor, keep: *mut f32) {
        let t = self.0;
        let bs: [S::V; W] = std::array::from_fn(|j| {
            let from = j * S::LANES;
            let b = at.b.wrapping_add(from);
            // SAFETY: passed on from the caller; see `Tile` for how much of the row is readable.
            unsafe { if ENDS && j + 1 == W { simd.load_first(b, t.cols - from) } else { simd.load(b) } }
        });
        if !keep.is_null() {
            for (j, &b) in bs.iter().enumerate() {
                // SAFETY: passed on from the caller.
                unsafe { simd.store(keep.add(j * S::LANES), b) };
            }
        }
        for (i, acc) in acc.iter_mut().enumerate() {
            // SAFETY: passed on from the caller, with `i < R == rows`.
            let x = simd.splat(unsafe { *at.row_of_a(t, i) });
            for (acc, &b) in acc.iter_mut().zip(&bs) {
                *acc = simd.fma(x, b, *acc);
            }
        }
    }

    /// What the tile asks to be brought closer at step `p`.
    #[inline(always)]
    fn fetch<S: Simd>(&self, simd: S, at: &Cursor, p: usize, ahead: &mut Option<Ahead>) {
        if self.0.prefetch_b != 0 {
            for j in 0..W {
                simd.prefetch(at.b.wrapping_add(self.0.prefetch_b + j * S::LANES));
            }
        }
        if let Some(ahead) = ahead
            && p & (ahead.every - 1) == 0
        {
            for j in 0..W {
                simd.prefetch_far(ahead.row.wrapping_add(j * S::LANES));
            }
            ahead.row = ahead.row.wrapping_add(ahead.stride);
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
