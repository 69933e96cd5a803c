//! Loop nests: how an operation on tensors of any strides becomes runs over slices.
//!
//! An elementwise operation writes a fresh, dense result and reads operands that may be transposed, sliced or
//! broadcast. A [`Nest`] takes the axes in the order of the result's memory, drops those of one element and merges
//! neighbours that every operand walks with one stride. What remains is an outer counter and an inner *run*: for
//! plain tensors a single run over everything, for a broadcast bias one run a row.
//!
//! An operand may be walked backward: strides and steps may be negative numbers, wrapped around. (No tensor has such a
//! layout, but `flip` reads through one.)

use rayon::prelude::*;

use crate::element::Element;
use crate::kernels::isa::simd;
use crate::kernels::stream::{self, STREAM_FROM};
use crate::layout::{Dims, Layout};

/// Elements of output that one task computes; smaller results stay on the calling thread. Splitting by a constant
/// and not by the number of threads changes no result, since elements are independent; it keeps timing even.
///
/// Measured (`benches/RESULTS.md`): with tasks of a sixteenth of this, two threads that are awake take longer than one for
/// 2^14 elements, whatever the operation; for 2^16, exp takes 0.6 and an addition 0.9 of the time.
pub(crate) const TASK: usize = 1 << 15;

/// The loops over one output and `N` operands.
pub(crate) struct Nest<const N: usize> {
    /// Elements in each run, and how far each operand moves from one to the next.
    pub(crate) run: usize,
    pub(crate) steps: [usize; N],
    /// The outer loops, slowest first, with each operand's stride.
    outer: Dims,
    strides: [Dims; N],
    starts: [usize; N],
}

impl Nest<1> {
    /// If the operand is the transpose of a matrix with contiguous rows: its start, and the length of its rows. A run goes
    /// down a column.
    pub(crate) fn columns(&self) -> Option<(usize, usize)> {
        let [ref strides] = self.strides;
        (**strides == [1] && self.steps[0] as isize > 1 && self.run * self.outer[0] > 0)
            .then(|| (self.starts[0], self.outer[0]))
    }
}

impl<const N: usize> Nest<N> {
    /// The loops over the memory of `out` in ascending order, reading `operands`, all of the shape of `out`.
    pub(crate) fn new(out: &Layout, operands: [&Layout; N]) -> Self {
        let mut dims = Dims::new(&[]);
        let mut strides = [dims; N];
        for &i in out.memory_order().iter() {
            let d = out.shape[i];
            if d == 1 {
                continue;
            }
            let last = dims.len().wrapping_sub(1);
            let merges = !dims.is_empty()
                && (0..N).all(|k| strides[k][last] == operands[k].strides[i].wrapping_mul(d));
            if merges {
                dims[last] *= d;
            } else {
                dims = dims.insert(dims.len(), d);
            }
            for (s, operand) in strides.iter_mut().zip(operands) {
                if merges {
                    s[last] = operand.strides[i];
                } else {
                    *s = s.insert(s.len(), operand.strides[i]);
                }
            }
        }
        let starts = operands.map(|l| l.offset);
        let Some(inner) = dims.len().checked_sub(1) else {
            let run = out.len();
            return Nest { run, steps: [1; N], outer: dims, strides, starts };
        };
        Nest {
            run: dims[inner],
            steps: strides.map(|s| s[inner]),
            outer: dims.remove(inner),
            strides: strides.map(|s| s.remove(inner)),
            starts,
        }
    }

    /// Where each operand's run `number` starts.
    fn start(&self, number: usize) -> [usize; N] {
        let mut at = self.starts;
        for (i, index) in self.outer.index_of(number).iter().enumerate() {
            for (at, s) in at.iter_mut().zip(&self.strides) {
                *at = at.wrapping_add(index.wrapping_mul(s[i]));
            }
        }
        at
    }

    /// The starts of all runs from `number` on, without a division for each.
    pub(crate) fn starts_from(&self, number: usize) -> impl FnMut() -> [usize; N] + '_ {
        let mut index = self.outer.index_of(number);
        let mut at = self.start(number);
        move || {
            let now = at;
            for i in (0..index.len()).rev() {
                index[i] += 1;
                let wraps = index[i] == self.outer[i];
                for (at, s) in at.iter_mut().zip(&self.strides) {
                    let step =
                        if wraps { s[i].wrapping_mul(1_usize.wrapping_sub(self.outer[i])) } else { s[i] };
                    *at = at.wrapping_add(step);
                }
                if !wraps {
                    break;
                }
                index[i] = 0;
            }
            now
        }
    }

    /// The positions of single elements from `number` on, run after run.
    pub(crate) fn positions_from(&self, number: usize) -> impl FnMut() -> [usize; N] + '_ {
        let mut next_run = self.starts_from(number / self.run);
        let mut at = next_run();
        let mut in_run = number % self.run;
        at = std::array::from_fn(|k| at[k].wrapping_add(in_run.wrapping_mul(self.steps[k])));
        move || {
            if in_run == self.run {
                at = next_run();
                in_run = 0;
            }
            let now = at;
            in_run += 1;
            at = std::array::from_fn(|k| at[k].wrapping_add(self.steps[k]));
            now
        }
    }

    /// Calls `body` for the runs, or parts of runs, that make up `len` elements of output from `start` on: with the
    /// position after `start`, the length, and the operands' starts.
    #[inline(always)]
    pub(crate) fn for_each_run(
        &self,
        start: usize,
        len: usize,
        mut body: impl FnMut(usize, usize, [usize; N]),
    ) {
        if len == 0 {
            return;
        }
        let mut next = self.starts_from(start / self.run);
        let mut skipped = start % self.run;
        let mut done = 0;
        while done < len {
            let part = (self.run - skipped).min(len - done);
            body(done, part, self.along(next(), skipped));
            done += part;
            skipped = 0;
        }
    }

    /// How many runs there are.
    pub(crate) fn runs(&self) -> usize {
        self.outer.iter().product()
    }

    /// Calls `body` for pieces of `out` (at most one run long) with the operands' starts, in parallel where there
    /// is enough to do. `body` is compiled for the best instruction set.
    pub(crate) fn for_each<O: Element>(&self, out: &mut [O], body: impl Fn(&mut [O], [usize; N]) + Sync) {
        self.for_each_task(TASK, out, body);
    }

    /// [`for_each`](Self::for_each) for a `body` that writes all of a piece and reads nothing of it: large results go
    /// past the caches.
    pub(crate) fn write<O: Element>(&self, out: &mut [O], body: impl Fn(&mut [O], [usize; N]) + Sync) {
        let streams = size_of_val(out) >= STREAM_FROM && self.run >= TASK;
        if !streams {
            return self.for_each(out, body);
        }
        for (number, run) in out.chunks_mut(self.run).enumerate() {
            let starts = self.start(number);
            run.par_chunks_mut(TASK).enumerate().for_each(|(i, piece)| {
                stream::fill(piece, |block, at| {
                    let at = self.along(starts, i * TASK + at);
                    simd(
                        #[inline(always)]
                        || body(block, at),
                    );
                });
            });
        }
    }

    /// [`for_each`](Self::for_each) with `task` elements of output to a task.
    pub(crate) fn for_each_task<O: Element>(
        &self,
        task: usize,
        out: &mut [O],
        body: impl Fn(&mut [O], [usize; N]) + Sync,
    ) {
        if out.is_empty() {
            return;
        }
        if self.run >= task {
            for (number, run) in out.chunks_mut(self.run).enumerate() {
                let starts = self.start(number);
                let piece = |(i, piece): (usize, &mut [O])| {
                    let at = self.along(starts, i * task);
                    simd(
                        #[inline(always)]
                        || body(piece, at),
                    );
                };
                if run.len() <= task {
                    piece((0, run));
                } else {
                    run.par_chunks_mut(task).enumerate().for_each(piece);
                }
            }
        } else {
            let runs = task / self.run;
            let several = |(i, out): (usize, &mut [O])| {
                let mut next = self.starts_from(i * runs);
                simd(
                    #[inline(always)]
                    || {
                        for run in out.chunks_mut(self.run) {
                            body(run, next());
                        }
                    },
                );
            };
            if out.len() <= runs * self.run {
                several((0, out));
            } else {
                out.par_chunks_mut(runs * self.run).enumerate().for_each(several);
            }
        }
    }

    /// The operands' positions `count` elements after those at the start of a run.
    fn along(&self, starts: [usize; N], count: usize) -> [usize; N] {
        std::array::from_fn(|k| starts[k].wrapping_add(count.wrapping_mul(self.steps[k])))
    }
}
