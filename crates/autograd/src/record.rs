//! Recording operations.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError};

use downhill_tensor::{Float, Tensor};

use crate::mode::is_grad_enabled;
use crate::profile;
use crate::var::{Var, lock};

/// What a backward function is given.
pub(crate) struct Backward<'a, T: Float> {
    /// The gradient with respect to the operation's result, owned: its memory may be reused.
    pub(crate) grad: Var<T>,
    /// The operation's result. (A backward function that captured it would keep its own node alive for ever.)
    pub(crate) out: &'a Var<T>,
    /// For each input, whether its gradient is wanted.
    pub(crate) needs: &'a [bool],
}

/// How a result was computed, and how to differentiate it.
pub(crate) trait Record<T: Float>: Doomed {
    fn inputs(&self) -> &[Var<T>];

    /// For each input, whether it required a gradient when the operation was recorded.
    fn needs(&self) -> &[bool];

    /// Calls `arrived` with each input's gradient, in order.
    fn backward(&self, d: Backward<'_, T>, arrived: &mut dyn FnMut(Option<Var<T>>));

    /// The result computed once more with a graph of its own, through which the gradient goes on, for an operation
    /// that has that instead of a backward function.
    fn recompute(&self, _out: &Var<T>) -> Option<Var<T>> {
        None
    }
}

/// Anything that waits to be dropped.
pub(crate) trait Doomed: Send + Sync {}
impl<X: Send + Sync> Doomed for X {}

/// The record of an operation with so many inputs: one block of memory with all that it saved.
struct Fixed<T: Float, F, const N: usize> {
    inputs: [Var<T>; N],
    needs: [bool; N],
    backward: F,
}

impl<T: Float, F, const N: usize> Record<T> for Fixed<T, F, N>
where
    F: Fn(Backward<'_, T>) -> [Option<Var<T>>; N] + Send + Sync,
{
    fn inputs(&self) -> &[Var<T>] {
        &self.inputs
    }

    fn needs(&self) -> &[bool] {
        &self.needs
    }

    fn backward(&self, d: Backward<'_, T>, arrived: &mut dyn FnMut(Option<Var<T>>)) {
        (self.backward)(d).into_iter().for_each(arrived);
    }
}

/// The record of an operation whose number of inputs is known at run time only.
struct Many<T: Float, F> {
    inputs: Vec<Var<T>>,
    needs: Vec<bool>,
    backward: F,
}

impl<T: Float, F> Record<T> for Many<T, F>
where
    F: Fn(Backward<'_, T>) -> Vec<Option<Var<T>>> + Send + Sync,
{
    fn inputs(&self) -> &[Var<T>] {
        &self.inputs
    }

    fn needs(&self) -> &[bool] {
        &self.needs
    }

    fn backward(&self, d: Backward<'_, T>, arrived: &mut dyn FnMut(Option<Var<T>>)) {
        (self.backward)(d).into_iter().for_each(arrived);
    }
}

/// A node's record until a backward pass takes it.
pub(crate) struct Tape<T: Float>(Mutex<Option<Arc<dyn Record<T>>>>);

impl<T: Float> Tape<T> {
    pub(crate) fn none() -> Self {
        Tape(Mutex::new(None))
    }

    pub(crate) fn new(record: impl Record<T> + 'static) -> Self {
        Tape(Mutex::new(Some(Arc::new(record))))
    }

    /// The record, if no backward pass has taken it.
    pub(crate) fn get(&self) -> Option<Arc<dyn Record<T>>> {
        lock(&self.0).clone()
    }

    pub(crate) fn take(&self) -> Option<Arc<dyn Record<T>>> {
        lock(&self.0).take()
    }
}

/// The records that wait for the outermost drop of a thread; `None` outside of one.
type Waiting = Option<Vec<Arc<dyn Doomed>>>;

thread_local! {
    /// Without a destructor, so that a graph in another thread-local variable can still be dropped when the thread ends.
    static DOOMED: RefCell<ManuallyDrop<Waiting>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Dropping the last handle on a long chain would drop its input, and that its input, a stack frame for each. So a
/// record that goes away is put on a list, and only the outermost drop works the list off.
impl<T: Float> Drop for Tape<T> {
    fn drop(&mut self) {
        let Some(record) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let outermost = DOOMED.with_borrow_mut(|doomed| {
            let outermost = doomed.is_none();
            doomed.get_or_insert_default().push(record);
            outermost
        });
        if outermost {
            let _list = DoomedList;
            // The borrow ends before each drop, which comes back here and pushes.
            while let Some(next) = DOOMED.with_borrow_mut(|doomed| doomed.as_mut().and_then(Vec::pop)) {
                drop(next);
            }
        }
    }
}

/// Takes the list away when it has been worked off, or when something that a backward function owned panicked.
struct DoomedList;

impl Drop for DoomedList {
    fn drop(&mut self) {
        let rest = DOOMED.with_borrow_mut(|doomed| doomed.take());
        drop(rest);
    }
}

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    /// What operations read while a watch is on, by id.
    static WATCHED: RefCell<BTreeMap<u64, Box<dyn Any>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whether the result of an operation on these needs a gradient.
pub(crate) fn is_recorded<'a, T: Float>(inputs: impl IntoIterator<Item = &'a Var<T>>) -> bool {
    if is_grad_enabled() {
        return inputs.into_iter().any(Var::requires_grad);
    }
    if WATCHING.get() {
        watch(inputs);
    }
    false
}

#[cold]
fn watch<'a, T: Float>(inputs: impl IntoIterator<Item = &'a Var<T>>) {
    for var in inputs.into_iter().filter(|var| var.requires_grad()) {
        WATCHED.with_borrow_mut(|watched| {
            watched.entry(var.0.id).or_insert_with(|| Box::new(var.clone()));
        });
    }
}

/// Runs `f`, in which recording must be off, and finds the variables that its operations would have taken gradients to:
/// since nothing is recorded they all come from outside.
pub(crate) fn watched<T: Float, R>(f: impl FnOnce() -> R) -> (R, Vec<Var<T>>) {
    /// Restores the state before, also if `f` panics.
    struct Restore(bool, BTreeMap<u64, Box<dyn Any>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            WATCHING.set(self.0);
            WATCHED.set(std::mem::take(&mut self.1));
        }
    }
    let restore = Restore(WATCHING.replace(true), WATCHED.take());
    let result = f();
    let found =
        WATCHED.take().into_values().filter_map(|var| Some(*var.downcast::<Var<T>>().ok()?)).collect();
    drop(restore);
    (result, found)
}

impl<T: Float> Var<T> {
    /// The result of an operation. `backward` is called to build the backward function only if one is needed.
    pub(crate) fn record<const N: usize, F>(
        op: &'static str,
        inputs: [&Var<T>; N],
        value: Tensor<T>,
        backward: impl FnOnce() -> F,
    ) -> Var<T>
    where
        F: Fn(Backward<'_, T>) -> [Option<Var<T>>; N] + Send + Sync + 'static,
    {
        profile::mark(op, false);
        if !is_recorded(inputs) {
            return Var::new(value);
        }
        let backward = backward();
        let (inputs, needs) = (inputs.map(Var::clone), inputs.map(Var::requires_grad));
        Var::node(op, value, true, Tape::new(Fixed { inputs, needs, backward }))
    }

    /// [`record`](Self::record) for a number of inputs that is known at run time only.
    pub(crate) fn record_many(
        op: &'static str,
        inputs: &[Var<T>],
        value: Tensor<T>,
        backward: impl Fn(Backward<'_, T>) -> Vec<Option<Var<T>>> + Send + Sync + 'static,
    ) -> Var<T> {
        profile::mark(op, false);
        if !is_recorded(inputs) {
            return Var::new(value);
        }
        let needs = inputs.iter().map(Var::requires_grad).collect();
        Var::node(op, value, true, Tape::new(Many { inputs: inputs.to_vec(), needs, backward }))
    }

    /// This variable as a backward function may keep it: the node, and the value it has now.
    pub(crate) fn save(&self) -> Saved<T> {
        // Only a leaf can get another value.
        Saved { var: self.clone(), leaf: self.is_leaf().then(|| Box::new(self.value())) }
    }
}

/// An input as it was when the operation was recorded.
pub(crate) struct Saved<T: Float> {
    var: Var<T>,
    leaf: Option<Box<Tensor<T>>>,
}

impl<T: Float> Saved<T> {
    /// The value at the time of recording.
    pub(crate) fn value(&self) -> Tensor<T> {
        self.leaf.as_ref().map_or_else(|| self.var.value(), |value| (**value).clone())
    }

    /// The input as a variable to compute with: while nothing is recorded, just the value.
    ///
    /// # Panics
    /// If a graph is being recorded and the input was updated since: its present value would be the wrong one.
    pub(crate) fn var(&self) -> Var<T> {
        if is_grad_enabled() {
            assert!(
                self.is_unchanged(),
                "backward: a parameter was updated between the forward pass and its differentiation"
            );
            return self.var.clone();
        }
        match &self.leaf {
            Some(value) => Var::new((**value).clone()),
            None => self.var.clone(),
        }
    }

    /// Whether the variable still has the value that it had.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.leaf.as_ref().is_none_or(|value| self.var.value().is_set_to(value))
    }
}
