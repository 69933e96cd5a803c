//! [`Sums`] in single precision: tasks, and the tiles of a task.
//!
//! Nothing is packed. The micro-kernel reads A and B where they are; a block of B, at most [`NC`] columns wide, stays in
//! L2 while all rows of a task pass by, and a tile's rows of A stay in L1 while it goes along that block.

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;

use super::Epilogue;
use super::block::NC;
use super::kernel::{Part, Tile};
use super::parallel::SMALL;
use super::plan::{Plan, Sums};
use super::simd::{NV, Simd};

/// Rows of C in one task at most.
const MC: usize = 96;
/// At least this many multiply-adds are worth a task of their own.
const TASK: usize = 1 << 19;
/// Enough tasks to keep several threads equally busy to the end.
const TASKS: usize = 16;

/// The same share of the rows of each run of a group, and some columns.
struct Task {
    group: Range<usize>,
    /// Where in C the first run starts.
    start: usize,
    share: usize,
    shares: usize,
    cols: Range<usize>,
}

/// C, shared by the tasks.
#[derive(Clone, Copy)]
struct Output(*mut f32);

impl Output {
    /// By a method, so that a closure captures the whole and not just the pointer.
    fn start(self) -> *mut f32 {
        self.0
    }
}

// SAFETY: it stands for an exclusive borrow of C, of which tasks write disjoint rectangles.
unsafe impl Sync for Output {}
// SAFETY: as above.
unsafe impl Send for Output {}

/// Computes all of C, which [`Sums::check`] has seen.
pub(super) fn run<S: Simd>(simd: S, sums: &Sums<'_>, c: &mut [f32]) {
    sums.check(c.len());
    // Taken, not borrowed: whatever runs on this thread in between finds an empty one.
    let mut list = LIST.take();
    let work = list_tasks(sums, &mut list);
    let tasks = &list[..];
    let c = Output(c.as_mut_ptr());
    let compute = |task: &Task| {
        // SAFETY: `check` has passed, and tasks are disjoint rectangles of C, which is borrowed here.
        unsafe { task.compute(simd, sums, c.start()) }
    };
    if work < SMALL || rayon::current_num_threads() == 1 {
        tasks.iter().for_each(compute);
    } else {
        tasks.par_iter().with_max_len(1).for_each(compute);
    }
    list.clear();
    LIST.set(list);
}

thread_local! {
    /// The memory of the list of tasks, kept from call to call.
    static LIST: Cell<Vec<Task>> = const { Cell::new(Vec::new()) };
}

/// Puts all tasks, by shape alone, into the empty list `tasks`, and returns the multiply-adds of all of them.
fn list_tasks(sums: &Sums<'_>, tasks: &mut Vec<Task>) -> usize {
    let (plan, cols) = (sums.plan, sums.cols);
    let work = plan.runs().iter().map(|run| run.rows * plan.k(run) * cols).sum::<usize>();
    let tallest =
        |group: &Range<usize>| plan.runs()[group.clone()].iter().map(|run| run.rows).max().unwrap_or(0);
    let idle = |group: &Range<usize>| plan.parts(&plan.runs()[group.start]).is_empty();
    let (mut height, mut width) = (MC, NC.min(cols.max(1)));
    loop {
        let across = cols.div_ceil(width);
        let busy = plan.groups().iter().filter(|group| !idle(group));
        let count: usize = busy.map(|group| tallest(group).div_ceil(height) * across).sum();
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
    let mut start = 0;
    for group in plan.groups() {
        // Nothing but zeros: whole rows, which lie one behind the other.
        let width = if idle(group) { cols.max(1) } else { width };
        let shares = tallest(group).div_ceil(height);
        for share in 0..shares {
            for first in (0..cols).step_by(width) {
                let cols = first..cols.min(first + width);
                tasks.push(Task { group: group.clone(), start, share, shares, cols });
            }
        }
        start += plan.runs()[group.clone()].iter().map(|run| run.rows).sum::<usize>();
    }
    work
}

/// Cuts a range into as few pieces of at most `longest` as will do, as equal as possible.
fn even_pieces(range: Range<usize>, longest: usize) -> impl Iterator<Item = Range<usize>> {
    let len = range.len().div_ceil(range.len().div_ceil(longest).max(1)).max(1);
    range.clone().step_by(len).map(move |start| start..range.end.min(start + len))
}

impl Task {
    /// # Safety
    /// [`Sums::check`] must have passed for `sums` and the memory at `c`, and nobody else may access this task's part.
    unsafe fn compute<S: Simd>(&self, simd: S, sums: &Sums<'_>, c: *mut f32) {
        let mut start = self.start;
        let mut bands = vec![];
        for run in &sums.plan.runs()[self.group.clone()] {
            let len = run.rows.div_ceil(self.shares);
            let rows = (self.share * len).min(run.rows)..((self.share + 1) * len).min(run.rows);
            let band = Band { sums, rows: rows.clone(), start, cols: self.cols.clone(), c };
            start += run.rows;
            if sums.plan.parts(run).is_empty()
                && sums.epilogue.bias.is_none()
                && self.cols.len() == sums.c_row
            {
                // SAFETY: these are whole rows of C, which are ours alone; all bits zero is an f32.
                unsafe {
                    c.add((band.start + rows.start) * sums.c_row).write_bytes(0, rows.len() * sums.c_row);
                };
            } else {
                bands.push((band, sums.plan.blocks(run).peekable()));
            }
        }
        let mut first = true;
        while !bands.is_empty() {
            bands.retain_mut(|(band, blocks)| {
                let Some(parts) = blocks.next() else { return false };
                // SAFETY: passed on from the caller; runs have rows of their own.
                unsafe { band.block(simd, parts, first, blocks.peek().is_none()) };
                true
            });
            first = false;
        }
    }
}

/// The rectangle of C of one run of a task.
struct Band<'a> {
    sums: &'a Sums<'a>,
    /// Within the run, and where in C the run starts.
    rows: Range<usize>,
    start: usize,
    cols: Range<usize>,
    c: *mut f32,
}

impl Band<'_> {
    /// Adds one block of the run's parts, or writes it if it is the `first`; the `last` is followed by the epilogue.
    ///
    /// # Safety
    /// As for [`Task::compute`].
    unsafe fn block<S: Simd>(&self, simd: S, parts: &[Part], first: bool, last: bool) {
        let epilogue = self.sums.epilogue;
        // 64 rows are 12 · 5 + 4; six tiles of 10 or 11 keep the registers fuller than that.
        for rows in even_pieces(self.rows.clone(), S::MR) {
            for cols in panels::<S>(self.cols.clone()) {
                let tile = self.tile::<S>(parts, rows.clone(), cols.clone());
                let epilogue = Epilogue {
                    bias: epilogue.bias.filter(|_| last).map(|bias| &bias[cols.start..]),
                    relu: epilogue.relu && last,
                };
                // SAFETY: the tile lies within this rectangle, and its parts within A and B.
                unsafe { Tile { accumulate: !first, epilogue, ..tile }.run(simd) };
            }
        }
    }

    fn tile<'p, S: Simd>(&self, parts: &'p [Part], rows: Range<usize>, cols: Range<usize>) -> Tile<'p> {
        let &Sums { a, b, c_row, plan, .. } = self.sums;
        let &Plan { a_row, a_col, b_row, .. } = plan;
        let (first, last) = (rows.start == self.rows.start, cols.end == self.cols.end);
        let next_rows = last && rows.end < self.rows.end && a_col == 1;
        Tile {
            rows: rows.len(),
            cols: cols.len(),
            parts,
            a: a.as_ptr().wrapping_add(rows.start * a_row),
            a_row,
            a_col,
            b: b.as_ptr().wrapping_add(cols.start),
            b_ends: cols.len() < S::LANES,
            b_row,
            c: self.c.wrapping_add((self.start + rows.start) * c_row + cols.start),
            c_row,
            accumulate: false,
            epilogue: Epilogue::default(),
            // As for a plain product in place, see there.
            prefetch_a: if next_rows { rows.len() * a_row } else { 0 },
            prefetch_b: if first && b_row > NV * S::LANES { 24 * b_row } else { 0 },
            keep_b: std::ptr::null_mut(),
            ahead: None,
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
