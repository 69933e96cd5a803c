//! Where the time goes: a stopwatch that every operation reads when it is done.
//!
//! Operations run one after the other, so the time between two readings belongs to the second one. Nothing is lost
//! between them; what an operation's neighbourhood costs (a layer's own code, the engine's) is part of its time. Without a
//! running stopwatch an operation pays for looking whether there is one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// A running stopwatch.
struct Watch {
    last: Instant,
    multiply_adds: u64,
    entries: BTreeMap<(&'static str, bool), Entry>,
}

/// What all calls of one operation took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The operation.
    pub op: &'static str,
    /// Whether this is the rest of its backward pass: operations that a backward pass is made of have entries of their
    /// own.
    pub backward: bool,
    /// The time of all calls.
    pub time: Duration,
    /// How often it ran.
    pub calls: usize,
    /// Multiply-adds, of operations that count them: convolutions (without those that meet padding) and matrix products.
    pub multiply_adds: u64,
}

/// Runs `f` and tells what its operations on this thread took, the longest first. Their sum is the time from the start
/// to the end of the last one.
///
/// ```
/// use downhill_autograd::{Var, profile};
/// use downhill_tensor::Tensor;
///
/// let x = Var::parameter(Tensor::<f32>::ones(&[100, 100]));
/// let ((), entries) = profile::run(|| x.matmul(&x).sum(..).backward());
/// let product = entries.iter().find(|entry| entry.op == "matmul" && !entry.backward).unwrap();
/// // Forward, and once for each of its gradients.
/// assert_eq!((product.calls, product.multiply_adds), (3, 3_000_000));
/// ```
pub fn run<R>(f: impl FnOnce() -> R) -> (R, Vec<Entry>) {
    let watch = Watch { last: Instant::now(), multiply_adds: 0, entries: BTreeMap::new() };
    let outer = WATCH.replace(Some(watch));
    let result = f();
    let watch = WATCH.replace(outer).expect("nobody else takes it");
    let mut entries: Vec<Entry> = watch.entries.into_values().collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.time));
    (result, entries)
}

/// Says that `op`, which is no operation on variables (an optimizer's step, say), has just been done.
pub fn done(op: &'static str) {
    mark(op, false);
}

/// Reads the stopwatch for `op`.
pub(crate) fn mark(op: &'static str, backward: bool) {
    WATCH.with_borrow_mut(|watch| {
        let Some(watch) = watch else { return };
        let now = Instant::now();
        let new = Entry { op, backward, time: Duration::ZERO, calls: 0, multiply_adds: 0 };
        let entry = watch.entries.entry((op, backward)).or_insert(new);
        entry.time += now - watch.last;
        entry.calls += 1;
        entry.multiply_adds += std::mem::take(&mut watch.multiply_adds);
        watch.last = now;
    });
}

/// Counts multiply-adds for the operation that will be done next, if anybody wants to know.
pub(crate) fn count(multiply_adds: impl FnOnce() -> u64) {
    WATCH.with_borrow_mut(|watch| {
        if let Some(watch) = watch {
            watch.multiply_adds += multiply_adds();
        }
    });
}
