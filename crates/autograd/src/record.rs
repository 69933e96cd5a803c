//! Recording operations.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError};

use downhill_tensor::{Dims, Float, Tensor};

use crate::mode::is_grad_enabled;
use crate::place::{Node, Place, lock};
use crate::profile;
use crate::var::{Handle, Var};

/// What a backward function is given.
pub(crate) struct Backward<'a, T: Float> {
    /// The gradient with respect to the operation's result, owned: its memory may be reused.
    pub(crate) grad: Var<T>,
    /// For each input, whether its gradient is wanted.
    pub(crate) needs: &'a [bool],
    /// Where the result stands. (A backward function that captured its result, and not only the value, would keep its own
    /// node alive for ever.)
    pub(crate) node: &'a Arc<Node<T>>,
}

impl<T: Float> Backward<'_, T> {
    /// The operation's result, from the value that the backward function saved.
    pub(crate) fn out(&self, value: &Tensor<T>) -> Var<T> {
        Var(Handle::Result(value.clone(), self.node.clone()))
    }
}

/// How a result was computed, and how to differentiate it.
pub(crate) trait Record<T: Float>: Doomed {
    fn inputs(&self) -> &[Place<T>];

    /// For each input, whether it required a gradient when the operation was recorded.
    fn needs(&self) -> &[bool];

    /// Calls `arrived` with each input's gradient, in order.
    fn backward(&self, d: Backward<'_, T>, arrived: &mut dyn FnMut(Option<Var<T>>));

    /// The result computed once more with a graph of its own, through which the gradient goes on, for an operation
    /// that has that instead of a backward function.
    fn recompute(&self) -> Option<Var<T>> {
        None
    }
}

/// Anything that waits to be dropped.
pub(crate) trait Doomed: Send + Sync {}
impl<X: Send + Sync> Doomed for X {}

/// The record of an operation with so many inputs: one block of memory with all that it saved.
struct Fixed<T: Float, F, const N: usize> {
    inputs: [Place<T>; N],
    needs: [bool; N],
    backward: F,
}

impl<T: Float, F, const N: usize> Record<T> for Fixed<T, F, N>
where
    F: Fn(Backward<'_, T>) -> [Option<Var<T>>; N] + Send + Sync,
{
    fn inputs(&self) -> &[Place<T>] {
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
pub(crate) struct Many<T: Float, F> {
    pub(crate) inputs: Vec<Place<T>>,
    pub(crate) needs: Vec<bool>,
    pub(crate) backward: F,
}

impl<T: Float, F> Record<T> for Many<T, F>
where
    F: Fn(Backward<'_, T>) -> Vec<Option<Var<T>>> + Send + Sync,
{
    fn inputs(&self) -> &[Place<T>] {
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
            watched.entry(var.id()).or_insert_with(|| Box::new(var.clone()));
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
        let (inputs, needs) = (inputs.map(Var::place), inputs.map(Var::requires_grad));
        Var::result(op, value, Fixed { inputs, needs, backward })
    }

    /// [`record`](Self::record) for a function of this variable whose derivative needs neither its value nor the result.
    /// It may write over the value, if nobody else uses that.
    pub(crate) fn record_map<F>(
        self,
        op: &'static str,
        f: impl FnOnce(Tensor<T>) -> Tensor<T>,
        backward: impl FnOnce() -> F,
    ) -> Var<T>
    where
        F: Fn(Backward<'_, T>) -> [Option<Var<T>>; 1] + Send + Sync + 'static,
    {
        let place = is_recorded([&self]).then(|| self.place());
        let value = f(self.into_value());
        profile::mark(op, false);
        match place {
            None => Var::new(value),
            Some(place) => {
                Var::result(op, value, Fixed { inputs: [place], needs: [true], backward: backward() })
            }
        }
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
        let (inputs, needs) = inputs.iter().map(|input| (input.place(), input.requires_grad())).unzip();
        Var::result(op, value, Many { inputs, needs, backward })
    }

    /// This variable as a backward function may keep it.
    pub(crate) fn save(&self) -> Saved<T> {
        Saved { value: Some(self.value()), place: self.place() }
    }

    /// [`save`](Self::save) for the derivative by `other` alone: without that only the shape is kept.
    pub(crate) fn save_for(&self, other: &Var<T>) -> Saved<T> {
        Saved { value: other.requires_grad().then(|| self.value()), place: self.place() }
    }
}

/// An input as it was when the operation was recorded.
pub(crate) struct Saved<T: Float> {
    value: Option<Tensor<T>>,
    place: Place<T>,
}

impl<T: Float> Saved<T> {
    /// The value at the time of recording.
    pub(crate) fn value(&self) -> &Tensor<T> {
        self.value.as_ref().expect("saved for a derivative that was not asked for")
    }

    pub(crate) fn shape(&self) -> Dims {
        self.place.shape()
    }

    /// The input as a variable to compute with: while nothing is recorded, just the value.
    ///
    /// # Panics
    /// If a graph is being recorded and the input was updated since: its present value would be the wrong one.
    pub(crate) fn var(&self) -> Var<T> {
        if matches!(self.place, Place::Leaf(_)) && !is_grad_enabled() {
            return Var::new(self.value().clone());
        }
        assert!(
            self.is_unchanged(),
            "backward: a parameter was updated between the forward pass and its differentiation"
        );
        self.place.var(self.value())
    }

    /// Whether the variable still has the value that it had. Only a leaf can get another one.
    pub(crate) fn is_unchanged(&self) -> bool {
        match &self.place {
            Place::Leaf(leaf) => leaf.value().is_set_to(self.value()),
            Place::Result(_) => true,
        }
    }
}
