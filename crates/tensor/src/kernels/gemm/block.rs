//! The loops around the micro-kernel.
//!
//! A block of B, `KC x NC`, stays in L2 while all rows of A pass by; `MR` rows of A stay in L1
//! while the micro-kernel goes along that block; its tile of C stays in registers. Where the
//! operands' own layout serves, they are read in place: copying costs most where m or n is small.

use super::super::buffer::Buffer;
use super::kernel::{Ahead, Part, Tile};
use super::pack::{Pack, panel_width};
use super::simd::{NV, Simd};
use super::{Epilogue, Mat, Product};
use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;

/// Most elements of k in one block. All instruction sets must share it: it shapes the sums.
/// Twelve rows of A take half of a 48 KiB L1 cache.
pub(super) const KC: usize = 512;
/// Columns in one block of B, which takes half of a 1 MiB L2 cache. A multiple of any tile's width.
pub(super) const NC: usize = 256;
/// Rows of A that are packed at a time. A multiple of any tile's height.
const MC: usize = 96;
/// Columns of B that are packed at a time for all threads: with KC, 4 MiB, which L3 holds.
const SHARED_NC: usize = 2048;
/// Rows of A in a task that shares B: whole micro-tiles of any instruction set, and few enough for many tasks, which
/// keep all threads busy to the end: products of fewer rows need shorter tasks for that, taller ones pass B less often.
const fn shared_mc(m: usize) -> usize {
    if m < 1024 { 24 } else { 48 }
}
/// With fewer rows than this, copying B costs more than its better layout saves.
pub(super) const MANY_ROWS: usize = 96;
/// With no more columns than this, copying A costs more than its better layout saves.
const FEW_COLS: usize = 128;

/// Whether the blocks of B are used where they are: rows must be contiguous, and either close
/// enough for a block to use all cache sets and few pages, or read too few times to matter.
pub(super) fn b_in_place(b: &Mat<'_>, rows: usize) -> bool {
    b.col_stride == 1 && (b.row_stride <= 2 * NC || rows < MANY_ROWS)
}

/// Length of the blocks of k, all equal but for the last.
fn block_of_k(k: usize) -> usize {
    k.div_ceil(k.div_ceil(KC).max(1)).max(1)
}

/// Computes the elements of C in `rows x cols`.
///
/// # Safety
/// The ranges must lie within C, and nobody else may access these elements meanwhile.
pub(super) unsafe fn multiply<S: Simd>(simd: S, p: &Product<'_>, rows: Range<usize>, cols: Range<usize>) {
    let k = p.a.cols;
    // With k = 0 one empty block remains: it writes the zeros and the epilogue.
    let kc = block_of_k(k);
    let b_in_place = b_in_place(&p.b, p.a.rows);
    let a_in_place = p.a.col_stride == 1 || cols.len() <= FEW_COLS;
    // Taken, not borrowed: whatever runs on this thread in between finds an empty one.
    let mut scratch = SCRATCH.take();
    for cols in pieces(cols, NC) {
        let mut steps = 0..kc.min(k);
        loop {
            let b = place::<S, false>(simd, p.b.t(), cols.clone(), steps.clone(), b_in_place, &mut scratch.b);
            for rows in pieces(rows.clone(), MC) {
                let a = place::<S, true>(simd, p.a, rows.clone(), steps.clone(), a_in_place, &mut scratch.a);
                let keeps = b_in_place && p.a.rows < MANY_ROWS && rows.len() > 2 * S::MR;
                let kept = keeps.then(|| keep::<S>(cols.len(), steps.len(), &mut scratch.b));
                let sweep = Sweep { p, rows, cols: cols.clone(), steps: steps.clone(), a, b, kept };
                // SAFETY: passed on from the caller; `a`, `b` and `kept` are these blocks.
                unsafe { sweep.tiles(simd) };
            }
            if steps.end == k {
                break;
            }
            steps = steps.end..(steps.end + kc).min(k);
        }
    }
    SCRATCH.set(scratch);
}

/// Computes all of C, with B packed once for all threads: the way for products that are large in every direction.
///
/// A thread packs a block of A for itself, and takes from L3 one block of B after the other.
pub(super) fn multiply_shared<S: Simd>(simd: S, p: &Product<'_>) {
    let (m, k, n) = (p.a.rows, p.a.cols, p.b.cols);
    let (kc, width) = (block_of_k(k), panel_width::<S, false>());
    let height = shared_mc(m);
    let mut packed = Buffer::<f32>::stale(kc * n.min(SHARED_NC).next_multiple_of(width));
    for cols in pieces(0..n, SHARED_NC) {
        for steps in pieces(0..k, kc) {
            pack_shared(simd, p.b.t(), cols.clone(), steps.clone(), &mut packed);
            let packed = &packed[..];
            (0..m.div_ceil(height)).into_par_iter().with_max_len(1).for_each(|task| {
                let rows = task * height..m.min((task + 1) * height);
                // Taken, not borrowed: whatever runs on this thread in between finds an empty one.
                let mut scratch = SCRATCH.take();
                let a =
                    place::<S, true>(simd, p.a, rows.clone(), steps.clone(), n <= FEW_COLS, &mut scratch.a);
                for part in pieces(cols.clone(), NC) {
                    let start = packed[(part.start - cols.start) * steps.len()..].as_ptr();
                    let b =
                        Block { start, panel: width * steps.len(), lane: 1, step: width, in_place: false };
                    let sweep =
                        Sweep { p, rows: rows.clone(), cols: part, steps: steps.clone(), a, b, kept: None };
                    // SAFETY: tasks have rows of their own, and `a` and `b` are these blocks.
                    unsafe { sweep.tiles(simd) };
                }
                SCRATCH.set(scratch);
            });
        }
    }
}

/// Packs the columns `cols` of B at `steps`, a few panels to a task. `src` is the transpose of B.
fn pack_shared<S: Simd>(simd: S, src: Mat<'_>, cols: Range<usize>, steps: Range<usize>, dst: &mut [f32]) {
    const PANELS: usize = 4;
    let (width, panels) = (panel_width::<S, false>(), cols.len().div_ceil(panel_width::<S, false>()));
    let panel = width * steps.len();
    dst[..panels * panel].par_chunks_mut(PANELS * panel).enumerate().for_each(|(i, dst)| {
        let first = cols.start + i * PANELS * width;
        simd.enter(Pack::<false> {
            src: src.from(first, steps.start),
            lane_stride: src.row_stride,
            step_stride: src.col_stride,
            lanes: (PANELS * width).min(cols.end - first),
            steps: steps.len(),
            dst,
        });
    });
}

/// One block of C: a block of A times one of B.
struct Sweep<'a> {
    p: &'a Product<'a>,
    rows: Range<usize>,
    cols: Range<usize>,
    steps: Range<usize>,
    a: Block,
    b: Block,
    /// Where the first row of tiles leaves a packed copy of B in passing, for the other rows to read.
    kept: Option<Block>,
}

impl Sweep<'_> {
    /// All tiles; row after row, unless B is kept: the rows of A in L1 meet all of B's block.
    ///
    /// # Safety
    /// As for [`multiply`]; `a` and `b` must be the blocks `rows x steps` and `cols x steps`.
    unsafe fn tiles<S: Simd>(&self, simd: S) {
        let (down, across) = (self.rows.len().div_ceil(S::MR), self.cols.len().div_ceil(NV * S::LANES));
        for tile in 0..down * across {
            // Where B is kept, all tiles of a panel before the next one, which is on its way meanwhile.
            let (x, y) =
                if self.kept.is_some() { (tile % down, tile / down) } else { (tile / across, tile % across) };
            // SAFETY: passed on from the caller.
            unsafe { self.tile(simd, x, y) };
        }
    }

    /// # Safety
    /// As for [`Sweep::tiles`]; tile `(x, y)` must be one of the block's.
    #[inline(always)]
    unsafe fn tile<S: Simd>(&self, simd: S, x: usize, y: usize) {
        let Sweep { p, rows, cols, steps, a, kept, .. } = self;
        let b = kept.as_ref().filter(|_| x > 0).unwrap_or(&self.b);
        let keep = kept.as_ref().filter(|_| x == 0);
        let (i, j) = (rows.start + x * S::MR, cols.start + y * NV * S::LANES);
        let width = (NV * S::LANES).min(cols.end - j);
        let last = steps.end == p.a.cols;
        let tile = Tile {
            rows: S::MR.min(rows.end - i),
            cols: width,
            parts: &[Part { a: 0, b: 0, k: steps.len() }],
            a: a.start.wrapping_add(x * a.panel),
            a_row: a.lane,
            a_col: a.step,
            // In place, once per row of tiles, and in time for the next. (What is packed, the hardware foresees.)
            prefetch_a: if a.lane != 1 && j + width == cols.end { a.panel } else { 0 },
            // In place, for the first rows of A: some steps ahead from the second cache, more from L3 or memory.
            prefetch_b: match keep {
                Some(_) => 8 * b.step,
                None if x == 0 && b.in_place => 24 * b.step,
                None => 0,
            },
            b: b.start.wrapping_add(y * b.panel),
            b_row: b.step,
            // In place, what lies past the columns may be outside of the matrix.
            b_ends: b.in_place && !width.is_multiple_of(S::LANES),
            keep_b: keep
                .map_or(std::ptr::null_mut(), |kept| kept.start.wrapping_add(y * kept.panel).cast_mut()),
            ahead: self.ahead::<S>(x, y),
            c: p.c.wrapping_add(i * p.ldc + j),
            c_row: p.ldc,
            accumulate: p.accumulate || steps.start > 0,
            epilogue: Epilogue {
                bias: p.epilogue.bias.filter(|_| last).map(|bias| &bias[j..]),
                relu: p.epilogue.relu && last,
            },
        };
        // SAFETY: the tile lies within `rows x cols` of C, which the caller vouches for, and its operands within
        // the blocks `a`, `b` and `kept`.
        unsafe { tile.run(simd) };
    }

    /// What tile `x` of column `y` brings into the second cache, if B is kept: its share of the next panel, so that the
    /// tiles of a column together bring all of it, and B flows in evenly.
    fn ahead<S: Simd>(&self, x: usize, y: usize) -> Option<Ahead> {
        let Block { start, panel, step, .. } = self.b;
        let tiles = self.rows.len().div_ceil(S::MR);
        // So many tiles have a share, and bring a row in as many steps.
        let every = 1 << tiles.ilog2().min(2);
        self.kept.as_ref().filter(|_| x < every)?;
        let last = (y + 1) * NV * S::LANES >= self.cols.len();
        // After the last panel of this block of k, the first one of the next.
        let next = if last { self.steps.len() * step } else { (y + 1) * panel };
        let row = start.wrapping_add(next + x * self.steps.len().div_ceil(every) * step);
        Some(Ahead { row, stride: step, every })
    }
}

/// Where the micro-kernel finds a block of an operand: lane `i` of panel `x` at step `p` is at
/// `start + x * panel + i * lane + p * step`. Lanes are rows of A or columns of B.
#[derive(Clone, Copy)]
struct Block {
    start: *const f32,
    panel: usize,
    lane: usize,
    step: usize,
    in_place: bool,
}

/// Finds or makes the block `lanes x steps` of `src`, whose rows are the lanes.
fn place<S: Simd, const A: bool>(
    simd: S,
    src: Mat<'_>,
    lanes: Range<usize>,
    steps: Range<usize>,
    in_place: bool,
    buffer: &mut Lines,
) -> Block {
    let width = panel_width::<S, A>();
    if steps.is_empty() {
        return Block { start: std::ptr::null(), panel: 0, lane: 0, step: 0, in_place: false };
    }
    let data = src.from(lanes.start, steps.start);
    if in_place {
        let (lane, step) = (src.row_stride, src.col_stride);
        return Block { start: data.as_ptr(), panel: width * lane, lane, step, in_place };
    }
    let dst = buffer.get(lanes.len().next_multiple_of(width) * steps.len());
    simd.enter(Pack::<A> {
        src: data,
        lane_stride: src.row_stride,
        step_stride: src.col_stride,
        lanes: lanes.len(),
        steps: steps.len(),
        dst,
    });
    Block {
        start: buffer.0.as_ptr().cast(),
        panel: width * steps.len(),
        lane: 1,
        step: width,
        in_place: false,
    }
}

/// Room for the block `lanes x steps` of B, packed.
fn keep<S: Simd>(lanes: usize, steps: usize, buffer: &mut Lines) -> Block {
    let width = panel_width::<S, false>();
    let start = buffer.get(lanes.next_multiple_of(width) * steps).as_mut_ptr();
    Block { start, panel: width * steps, lane: 1, step: width, in_place: false }
}

/// Cuts a range into pieces of `len`, the last of which may be shorter.
fn pieces(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(len).map(move |start| start..end.min(start + len))
}

/// The packed blocks of a thread, kept from call to call.
#[derive(Default)]
struct Scratch {
    a: Lines,
    b: Lines,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Memory that grows to the largest length asked for and starts on a cache line.
#[derive(Default)]
struct Lines(Vec<Line>);

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

impl Lines {
    fn get(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(16);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; 16]));
        }
        // SAFETY: a `Line` is 16 f32 without padding, and the vector has `lines` of them at least.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) }
    }
}
