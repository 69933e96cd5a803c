//! [`Sums`] in single precision: tasks, and the tiles of a task.
//!
//! Nothing is packed. The micro-kernel reads A and B where they are; a block of B, at most [`NC`] columns wide, stays in
//! L2 while all rows of a task pass by, and a tile's rows of A stay in L1 while it goes along that block.

use std::ops::Range;

use rayon::prelude::*;

use super::Epilogue;
use super::block::NC;
use super::kernel::{Part, Tile};
use super::parallel::SMALL;
use super::plan::{Plan, Run, Sums};
use super::simd::{NV, Simd};

/// Rows of C in one task at most.
const MC: usize = 96;
/// At least this many multiply-adds are worth a task of their own.
const TASK: usize = 1 << 19;
/// Enough tasks to keep several threads equally busy to the end.
const TASKS: usize = 16;

/// A rectangle of C within one run.
struct Task<'a> {
    run: &'a Run,
    /// Within the run, and where in C the run starts.
    rows: Range<usize>,
    start: usize,
    cols: Range<usize>,
}

/// C, shared by the tasks.
#[derive(Clone, Copy)]
struct Output(*mut f32);

// SAFETY: it stands for an exclusive borrow of C, of which tasks write disjoint rectangles.
unsafe impl Sync for Output {}
// SAFETY: as above.
unsafe impl Send for Output {}

/// Computes all of C, which [`Sums::check`] has seen.
pub(super) fn run<S: Simd>(simd: S, sums: &Sums<'_>, c: &mut [f32]) {
    sums.check(c.len());
    let (tasks, work) = tasks(sums);
    let c = Output(c.as_mut_ptr());
    let compute = |task: &Task<'_>| {
        let c = c;
        // SAFETY: `check` has passed, and tasks are disjoint rectangles of C, which is borrowed here.
        unsafe { task.compute(simd, sums, c.0) }
    };
    if work < SMALL || rayon::current_num_threads() == 1 {
        tasks.iter().for_each(compute);
    } else {
        tasks.par_iter().with_max_len(1).for_each(compute);
    }
}

/// The tasks, by shape alone, and the multiply-adds of all of them.
fn tasks<'a>(sums: &Sums<'a>) -> (Vec<Task<'a>>, usize) {
    let (plan, cols) = (sums.plan, sums.cols);
    let work = plan.runs().iter().map(|run| run.rows * plan.k(run) * cols).sum::<usize>();
    let (mut height, mut width) = (MC, NC.min(cols.max(1)));
    loop {
        let across = cols.div_ceil(width);
        let count: usize = plan.runs().iter().map(|run| run.rows.div_ceil(height) * across).sum();
        if count >= TASKS || work / count.max(1) < 2 * TASK {
            break;
        }
        match (height, width) {
            // B is what is read most: its columns are divided first, so that no task reads another's.
            (_, 65..) => width = (width / 2).next_multiple_of(32),
            (25.., _) => height = (height / 2).next_multiple_of(12),
            (_, 33..) => width = 32,
            _ => break,
        }
    }
    let mut tasks = vec![];
    let mut start = 0;
    for run in plan.runs() {
        // Nothing but zeros: whole rows, which lie one behind the other.
        let width = if plan.parts(run).is_empty() { cols.max(1) } else { width };
        for rows in even_pieces(0..run.rows, height) {
            for first in (0..cols).step_by(width) {
                tasks.push(Task { run, rows: rows.clone(), start, cols: first..cols.min(first + width) });
            }
        }
        start += run.rows;
    }
    (tasks, work)
}

/// Cuts a range into as few pieces of at most `longest` as will do, as equal as possible.
fn even_pieces(range: Range<usize>, longest: usize) -> impl Iterator<Item = Range<usize>> {
    let len = range.len().div_ceil(range.len().div_ceil(longest).max(1)).max(1);
    range.clone().step_by(len).map(move |start| start..range.end.min(start + len))
}

impl Task<'_> {
    /// # Safety
    /// [`Sums::check`] must have passed for `sums` and the memory at `c`, and nobody else may access this rectangle.
    unsafe fn compute<S: Simd>(&self, simd: S, sums: &Sums<'_>, c: *mut f32) {
        let filled = sums.plan.parts(self.run).is_empty() && sums.epilogue.bias.is_none();
        if filled && self.cols.len() == sums.c_row {
            let start = (self.start + self.rows.start) * sums.c_row;
            // SAFETY: the rectangle is whole rows of C, which are ours alone; any zeroed f32 is one.
            unsafe { c.add(start).write_bytes(0, self.rows.len() * sums.c_row) };
            return;
        }
        let mut blocks = sums.plan.blocks(self.run).peekable();
        let mut accumulate = false;
        while let Some(parts) = blocks.next() {
            let last = blocks.peek().is_none();
            // 64 rows are 12 · 5 + 4; six tiles of 10 or 11 keep the registers fuller than that.
            for rows in even_pieces(self.rows.clone(), S::MR) {
                for cols in panels::<S>(self.cols.clone()) {
                    let tile = self.tile::<S>(sums, parts, rows.clone(), cols.clone(), c);
                    let epilogue = Epilogue {
                        bias: sums.epilogue.bias.filter(|_| last).map(|bias| &bias[cols.start..]),
                        relu: sums.epilogue.relu && last,
                    };
                    // SAFETY: the tile lies within this task's rectangle, and its parts within A and B.
                    unsafe { Tile { accumulate, epilogue, ..tile }.run(simd) };
                }
            }
            accumulate = true;
        }
    }

    fn tile<'p, S: Simd>(
        &self,
        sums: &Sums<'p>,
        parts: &'p [Part],
        rows: Range<usize>,
        cols: Range<usize>,
        c: *mut f32,
    ) -> Tile<'p> {
        let c_row = sums.c_row;
        let &Plan { a_row, a_col, b_row, .. } = sums.plan;
        let (first, last) = (rows.start == self.rows.start, cols.end == self.cols.end);
        let next_rows = last && rows.end < self.rows.end && a_col == 1;
        Tile {
            rows: rows.len(),
            cols: cols.len(),
            parts,
            a: sums.a.as_ptr().wrapping_add(rows.start * a_row),
            a_row,
            a_col,
            b: sums.b.as_ptr().wrapping_add(cols.start),
            b_ends: cols.len() < S::LANES,
            b_row,
            c: c.wrapping_add((self.start + rows.start) * c_row + cols.start),
            c_row,
            accumulate: false,
            epilogue: Epilogue::default(),
            // As for a plain product in place, see there.
            prefetch_a: if next_rows { rows.len() * a_row } else { 0 },
            prefetch_b: if first && b_row > NV * S::LANES { 24 * b_row } else { 0 },
        }
    }
}

/// The columns of the tiles: as many vectors as a tile has, then single ones, then what is less than a vector.
fn panels<S: Simd>(cols: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = cols.start;
    std::iter::from_fn(move || {
        let len = match cols.end - start {
            0 => return None,
            rest if rest >= NV * S::LANES => NV * S::LANES,
            rest if rest >= S::LANES => S::LANES,
            rest => rest,
        };
        start += len;
        Some(start - len..start)
    })
}
