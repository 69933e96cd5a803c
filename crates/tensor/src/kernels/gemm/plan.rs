//! Sums of products whose operands are scattered: what a convolution is made of.
//!
//! Every element of a plain product is one sum over k. Here the rows of C are cut into *runs*, and each run has a list of
//! *parts*: products of a piece of A with a piece of B, found at offsets of their own, that are added up.
//!
//! ```text
//! C[first + i][j] = Σ over parts (a, b, k) of the run: Σ over p < k: A[a + i·a_row + p·a_col] · B[b + p·b_row + j]
//! ```
//!
//! The order of the sum is that of the list and, within a part, of p. Several parts make a *block*, which is summed with
//! one fused multiply-add each from zero on; the sums of the blocks are added up. Where blocks end follows from the
//! parts' lengths alone, see [`Plan::blocks`].

use std::cell::RefCell;
use std::ops::Range;

use super::block::KC;
use super::kernel::Part;
use super::{Epilogue, fits};

/// Rows of C that have their parts in common: row `i` of the run takes row `i` of each part's A.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(super) rows: usize,
    pub(super) parts: Range<usize>,
}

/// The strides of A and B, and the runs, which make up the rows of C one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(super) a_row: usize,
    pub(super) a_col: usize,
    pub(super) b_row: usize,
    runs: Vec<Run>,
    parts: Vec<Part>,
    /// Runs that are carried out in turn, block after block, because they share what they read.
    groups: Vec<Range<usize>>,
}

/// The lists of a plan, empty.
type Lists = (Vec<Run>, Vec<Part>, Vec<Range<usize>>);

thread_local! {
    /// Of plans that are done, for the next ones: what is computed again and again takes no new memory.
    static DONE: RefCell<Vec<Lists>> = const { RefCell::new(Vec::new()) };
}

impl Drop for Plan {
    fn drop(&mut self) {
        const KEPT: usize = 4;
        let (mut runs, mut parts, mut groups) = (
            std::mem::take(&mut self.runs),
            std::mem::take(&mut self.parts),
            std::mem::take(&mut self.groups),
        );
        runs.clear();
        parts.clear();
        groups.clear();
        // Not while the thread ends.
        let _ = DONE.try_with(|done| {
            let mut done = done.borrow_mut();
            if done.len() < KEPT {
                done.push((runs, parts, groups));
            }
        });
    }
}

impl Plan {
    /// A plan without rows.
    pub(crate) fn new([a_row, a_col]: [usize; 2], b_row: usize) -> Self {
        let (runs, parts, groups) = DONE.with_borrow_mut(Vec::pop).unwrap_or_default();
        Plan { a_row, a_col, b_row, runs, parts, groups }
    }

    /// Adds rows to the end. Parts that continue each other in memory become one, and so do runs.
    pub(crate) fn push(&mut self, rows: usize, parts: impl Iterator<Item = Part>) {
        let start = self.parts.len();
        for part in parts.filter(|part| part.k > 0) {
            match self.parts[start..].last_mut() {
                Some(last)
                    if last.a + last.k * self.a_col == part.a && last.b + last.k * self.b_row == part.b =>
                {
                    last.k += part.k;
                }
                _ => self.parts.push(part),
            }
        }
        if let Some(last) = self.runs.last_mut() {
            let (before, these) = (&self.parts[last.parts.clone()], &self.parts[start..]);
            let shift = last.rows * self.a_row;
            let continues = |(p, q): (&Part, &Part)| Part { a: p.a + shift, ..*p } == *q;
            if before.len() == these.len() && before.iter().zip(these).all(continues) {
                last.rows += rows;
                return self.parts.truncate(start);
            }
        }
        self.runs.push(Run { rows, parts: start..self.parts.len() });
    }

    /// Adds the runs of `line` to the end, each with its parts once for every shift of their offsets in A and B. If they
    /// share what they read, as the taps of one row of a kernel do, they are carried out `in_turn`.
    pub(crate) fn extend(&mut self, line: &Plan, shifts: &[[usize; 2]], in_turn: bool) {
        let mut joins = false;
        for run in &line.runs {
            let start = self.parts.len();
            for [a, b] in shifts {
                for part in line.parts(run) {
                    let pieces = part.k.div_ceil(KC).max(1);
                    let k = part.k.div_ceil(pieces);
                    self.parts.extend((0..part.k).step_by(k).map(|done| Part {
                        a: a + part.a + done * self.a_col,
                        b: b + part.b + done * self.b_row,
                        k: k.min(part.k - done),
                    }));
                }
            }
            let (number, works) = (self.runs.len(), start < self.parts.len());
            self.runs.push(Run { rows: run.rows, parts: start..self.parts.len() });
            match self.groups.last_mut() {
                Some(group) if joins && works => group.end += 1,
                _ => self.groups.push(number..number + 1),
            }
            joins = in_turn && works;
        }
    }

    pub(super) fn groups(&self) -> &[Range<usize>] {
        &self.groups
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    pub(super) fn parts(&self, run: &Run) -> &[Part] {
        &self.parts[run.parts.clone()]
    }

    /// The length of all sums of a run.
    pub(super) fn k(&self, run: &Run) -> usize {
        self.parts(run).iter().map(|part| part.k).sum()
    }

    /// Rows of C.
    fn rows(&self) -> Option<usize> {
        self.runs.iter().try_fold(0, |sum: usize, run| sum.checked_add(run.rows))
    }

    /// The run's parts in blocks of at most [`KC`] steps, about equally long. One empty block if there are no parts: it
    /// writes zeros.
    pub(super) fn blocks(&self, run: &Run) -> impl Iterator<Item = &[Part]> {
        let mut rest = self.parts(run);
        let k = self.k(run);
        let wanted = k.div_ceil(k.div_ceil(KC).max(1));
        let mut first = true;
        std::iter::from_fn(move || {
            if rest.is_empty() && !first {
                return None;
            }
            first = false;
            let mut length = 0;
            let count = rest.iter().take_while(|part| {
                let goes_on = length == 0 || (length < wanted && length + part.k <= KC);
                length += part.k;
                goes_on
            });
            let (block, later) = rest.split_at(count.count());
            rest = later;
            Some(block)
        })
    }
}

/// A call: the operands and the plan. C has rows of `c_row` elements, the first `cols` of which are written.
#[derive(Clone, Copy)]
pub(crate) struct Sums<'a, E = f32> {
    pub(crate) a: &'a [E],
    pub(crate) b: &'a [E],
    pub(crate) c_row: usize,
    pub(crate) cols: usize,
    pub(crate) plan: &'a Plan,
    pub(crate) epilogue: Epilogue<'a, E>,
}

impl<E> Sums<'_, E> {
    /// # Panics
    /// If a part reaches beyond A or B, C is not `len` long or more, or the bias does not fit. All unsafe code that
    /// carries out a plan relies on this.
    pub(super) fn check(&self, len: usize) {
        let &Sums { c_row, cols, plan, .. } = self;
        let &Plan { a_row, a_col, b_row, .. } = plan;
        assert!(cols <= c_row, "rows of {cols} columns overlap at distance {c_row}");
        let whole = plan.rows().is_some_and(|rows| fits(len, rows, cols, c_row, 1));
        assert!(whole, "C has only {len} elements");
        if let Some(bias) = self.epilogue.bias {
            assert_eq!(bias.len(), cols, "the bias must have one element per column of C");
        }
        for run in plan.runs() {
            for &Part { a, b, k } in plan.parts(run) {
                let a_fits =
                    self.a.len().checked_sub(a).is_some_and(|len| fits(len, run.rows, k, a_row, a_col));
                let b_fits = self.b.len().checked_sub(b).is_some_and(|len| fits(len, k, cols, b_row, 1));
                assert!(a_fits && b_fits, "a part reaches beyond its operands");
            }
        }
    }
}
