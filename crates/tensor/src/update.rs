//! Formulas over several tensors at once that end in no new tensor: updates in place, and sums.
//!
//! With [`Tensor::update_`] a step of an optimizer is what its paper says, once for every element: parameter, gradient and
//! averages are read together, and parameter and averages are written together. Nothing is stored in between, which
//! for tensors larger than the caches is the difference between one pass over memory and a dozen.

use std::array;

use rayon::prelude::*;

use crate::element::Element;
use crate::fuse::for_each_block;
use crate::kernels::buffer::Buffer;
use crate::kernels::isa::simd;
use crate::kernels::sum;
use crate::layout::{Dims, Layout};
use crate::nest::{Nest, TASK};
use crate::run::{BLOCK, padded};
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// Replaces corresponding elements of all `targets` by what `f` makes of them and of the elements of the `operands`
    /// at the same place, in one pass. `op` names the operation in messages.
    ///
    /// The pass follows the memory of the first target. Another target is laid out anew in that order if it is not so
    /// already; an operand may lie in any order, and is read fastest in that one.
    ///
    /// # Panics
    /// If the shapes are not all the same.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// // Momentum: b ← 0.9 · b + g, p ← p - 0.5 · b
    /// let (mut p, mut b) = (Tensor::from([1.0, 2.0_f32]), Tensor::from([1.0, 0.0]));
    /// let g = Tensor::from([0.1, -2.0]);
    /// Tensor::update_("momentum", [&mut p, &mut b], [&g], |[p, b], [g]| {
    ///     let b = 0.9 * b + g;
    ///     [p - 0.5 * b, b]
    /// });
    /// assert_eq!(p.to_vec(), [0.5, 3.0]);
    /// assert_eq!(b.to_vec(), [1.0, -2.0]);
    /// ```
    #[track_caller]
    pub fn update_<const M: usize, const N: usize>(
        op: &str,
        mut targets: [&mut Tensor<E>; M],
        operands: [&Tensor<E>; N],
        f: impl Fn([E; M], [E; N]) -> [E; M] + Sync,
    ) {
        const { assert!(M > 0, "there is no shape without a target") };
        let shape = targets[0].layout.shape;
        for t in targets[1..].iter().map(|t| &**t).chain(operands) {
            assert_same_shape(op, &shape, t);
        }
        targets[0].dense_mut();
        let layout = targets[0].layout;
        for t in &mut targets[1..] {
            if !t.layout.lies_like(&layout) {
                **t = t.copy_to(layout.dense_like());
            }
        }
        let layouts = operands.map(|t| t.layout);
        let nest = Nest::new(&layout, layouts.each_ref());
        let data = operands.map(|t| &t.storage[..]);
        in_tasks(targets.map(Tensor::dense_mut), 0, &|mut targets, start| {
            simd(
                #[inline(always)]
                || {
                    let len = targets[0].len();
                    nest.for_each_run(
                        start,
                        len,
                        #[inline(always)]
                        |i, run, at| {
                            let part = i..i + run;
                            update_run(
                                &mut targets.each_mut().map(|t| &mut t[part.clone()]),
                                data,
                                at,
                                nest.steps,
                                &f,
                            );
                        },
                    );
                },
            );
        });
    }

    /// The sum of `f` of corresponding elements of all `operands`, in `f64`: a norm or an inner product of a formula
    /// that is not stored anywhere. `op` names the operation in messages.
    ///
    /// The order of additions follows from the shape and from the memory of the first operand alone.
    ///
    /// # Panics
    /// If the shapes are not all the same.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let (x, y) = (Tensor::from([1.0, 2.0, 3.0_f32]), Tensor::from([4.0, 5.0, 6.0]));
    /// assert_eq!(Tensor::fuse_sum("dot", [&x, &y], |[x, y]| f64::from(x * y)), 32.0);
    /// ```
    #[track_caller]
    pub fn fuse_sum<const N: usize>(
        op: &str,
        operands: [&Tensor<E>; N],
        f: impl Fn([E; N]) -> f64 + Sync,
    ) -> f64 {
        const { assert!(N > 0, "there is no shape without an operand") };
        let first = operands[0].layout;
        for t in operands {
            assert_same_shape(op, &first.shape, t);
        }
        let order = if first.is_dense() { first.dense_like() } else { Layout::contiguous(first.shape) };
        let layouts = operands.map(|t| t.layout);
        let nest = Nest::new(&order, layouts.each_ref());
        let data = operands.map(|t| &t.storage[..]);
        let len = order.len();
        let task = |start: usize| {
            simd(
                #[inline(always)]
                || {
                    let mut lanes = [0.0; BLOCK];
                    nest.for_each_run(
                        start,
                        TASK.min(len - start),
                        #[inline(always)]
                        |_, run, at| {
                            sum_run(&mut lanes, run, data, at, nest.steps, &f);
                        },
                    );
                    sum::fold(lanes)
                },
            )
        };
        if len <= TASK {
            return if len == 0 { 0.0 } else { task(0) };
        }
        let mut sums = Buffer::<f64>::stale(len.div_ceil(TASK));
        sums.par_iter_mut().enumerate().for_each(|(i, sum)| *sum = task(i * TASK));
        sum::sum(&sums, |x| x)
    }
}

#[track_caller]
fn assert_same_shape<E: Element>(op: &str, shape: &Dims, t: &Tensor<E>) {
    assert!(*t.shape() == **shape, "{op}: shapes differ: lhs {shape:?}, rhs {:?}", t.shape());
}

/// Cuts all `targets` at the same places into tasks of a constant size, and calls `body` for each with its start.
fn in_tasks<E: Element, const M: usize>(
    targets: [&mut [E]; M],
    start: usize,
    body: &(impl Fn([&mut [E]; M], usize) + Sync),
) {
    let tasks = targets[0].len().div_ceil(TASK);
    if tasks <= 1 {
        return body(targets, start);
    }
    let middle = tasks / 2 * TASK;
    let mut right = [const { None }; M];
    let mut rest = right.iter_mut();
    let left = targets.map(|target| {
        let (left, right) = target.split_at_mut(middle);
        *rest.next().expect("as many as targets") = Some(right);
        left
    });
    let right = right.map(|half| half.expect("set above"));
    rayon::join(|| in_tasks(left, start, body), || in_tasks(right, start + middle, body));
}

/// One run of all targets.
#[inline(always)]
fn update_run<E: Element, const M: usize, const N: usize>(
    targets: &mut [&mut [E]; M],
    data: [&[E]; N],
    at: [usize; N],
    steps: [usize; N],
    f: &impl Fn([E; M], [E; N]) -> [E; M],
) {
    for_each_block(
        targets[0].len(),
        data,
        at,
        steps,
        #[inline(always)]
        |start, len, rows| {
            if len == BLOCK {
                let own = array::from_fn(|k| whole(&targets[k][start..][..BLOCK]));
                let results = update_block(own, array::from_fn(|k| whole(rows[k])), BLOCK, f);
                for k in 0..M {
                    targets[k][start..][..BLOCK].copy_from_slice(&results[k]);
                }
            } else {
                let own: [_; M] = array::from_fn(|k| padded(&targets[k][start..][..len]));
                let rows: [_; N] = array::from_fn(|k| padded(rows[k]));
                let results = update_block(own.each_ref(), rows.each_ref(), len, f);
                for k in 0..M {
                    targets[k][start..][..len].copy_from_slice(&results[k][..len]);
                }
            }
        },
    );
}

/// What becomes of the first `len` elements of a block.
///
/// The results go by way of an array that nothing else can point into: the compiler could not tell otherwise that writing
/// one target leaves the others alone, and would not do several elements at a time. Of a block whose length it knows, it
/// leaves them in registers.
#[inline(always)]
fn update_block<E: Element, const M: usize, const N: usize>(
    own: [&[E; BLOCK]; M],
    rows: [&[E; BLOCK]; N],
    len: usize,
    f: &impl Fn([E; M], [E; N]) -> [E; M],
) -> [[E; BLOCK]; M] {
    let mut results = [[E::default(); BLOCK]; M];
    for i in 0..len {
        let new = f(own.map(|row| row[i]), rows.map(|row| row[i]));
        for k in 0..M {
            results[k][i] = new[k];
        }
    }
    results
}

#[inline(always)]
fn whole<E>(row: &[E]) -> &[E; BLOCK] {
    row.try_into().expect("as long as a block")
}

/// Adds a run's terms to `lanes`.
#[inline(always)]
fn sum_run<E: Element, const N: usize>(
    lanes: &mut [f64; BLOCK],
    len: usize,
    data: [&[E]; N],
    at: [usize; N],
    steps: [usize; N],
    f: &impl Fn([E; N]) -> f64,
) {
    for_each_block(
        len,
        data,
        at,
        steps,
        #[inline(always)]
        |_, len, rows| {
            for (i, lane) in lanes[..len].iter_mut().enumerate() {
                *lane += f(rows.map(|row| row[i]));
            }
        },
    );
}
