//! Which part of C is computed by whom.

use super::block::{MANY_ROWS, NC, b_in_place, multiply, multiply_shared};
use super::simd::Simd;
use super::{Mat, Product};
use rayon::prelude::*;
use std::ops::Range;

/// Below this many multiply-adds, waking another thread costs more than it saves.
pub(super) const SMALL: usize = 1 << 20;
/// At least this many multiply-adds are worth a task of their own.
const TASK: usize = 1 << 19;
/// Enough tasks to keep many threads equally busy to the end.
const MAX_TASKS: usize = 16;

/// From this many rows on, a packed B is shared between threads.
const SHARED_FROM: usize = 192;

/// Computes all of C, on the threads of the current rayon pool if that is worth while.
pub(super) fn run<S: Simd>(simd: S, p: Product<'_>) {
    let (m, n) = (p.a.rows, p.b.cols);
    let work = m.saturating_mul(n).saturating_mul(p.a.cols);
    if work >= SMALL && m >= SHARED_FROM && !b_in_place(&p.b, m) {
        return multiply_shared(simd, &p);
    }
    if work < SMALL || rayon::current_num_threads() == 1 {
        // SAFETY: all of C, on this thread alone.
        return unsafe { multiply(simd, &p, 0..m, 0..n) };
    }
    let (down, across) = task_grid(m, n, work, &p.b);
    let p = &p;
    (0..down * across).into_par_iter().with_max_len(1).for_each(|task| {
        let (rows, cols) = (share(m, 12, down, task / across), share(n, 32, across, task % across));
        // SAFETY: tasks are disjoint rectangles of C.
        unsafe { multiply(simd, p, rows, cols) };
    });
}

/// Part `i` of `len` in `parts` parts that are as equal as they can be in whole units.
fn share(len: usize, unit: usize, parts: usize, i: usize) -> Range<usize> {
    let start = |i: usize| (len.div_ceil(unit) * i / parts * unit).min(len);
    start(i)..start(i + 1)
}

/// How many tasks there are down and across C, by shape alone. Each packs for itself what it does not read in place: so
/// tasks that pack B are tall, to pack it few times over.
fn task_grid(m: usize, n: usize, work: usize, b: &Mat<'_>) -> (usize, usize) {
    let wanted = (work / TASK).clamp(1, MAX_TASKS);
    if m < MANY_ROWS {
        // Few rows: what costs is to read B, so nobody reads what another reads. Four lines of each row of B are read in
        // less time than two twice, so tasks are two tiles wide if there are enough of them.
        (1, wanted.min(n.div_ceil(if n < 512 { 32 } else { 64 })))
    } else if b_in_place(b, m) {
        let down = wanted.min(m.div_ceil(24));
        (down, wanted.div_ceil(down).min(n.div_ceil(64)))
    } else {
        let across = wanted.min(n.div_ceil(NC));
        (wanted.div_ceil(across).min(m.div_ceil(512)), across)
    }
}
