//! Recording operations, and running them backward.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError};

use downhill_tensor::{Float, Tensor};

use crate::mode::{NoGrad, is_grad_enabled};
use crate::profile;
use crate::var::{Var, lock};

/// What a backward function is given.
pub struct Backward<'a, T: Float> {
    /// The gradient with respect to the operation's result, owned: its memory may be reused.
    pub grad: Var<T>,
    /// The operation's result. (A backward function that captured it would keep its own node alive for ever.)
    pub out: &'a Var<T>,
    /// For each input, whether its gradient is wanted.
    pub needs: &'a [bool],
}

type BackwardFn<T> = dyn Fn(Backward<'_, T>) -> Vec<Option<Var<T>>> + Send + Sync;

/// How a result was computed, and how to differentiate it.
struct Record<T: Float> {
    /// Each with whether it required a gradient at the time.
    inputs: Vec<(Var<T>, bool)>,
    backward: Box<BackwardFn<T>>,
}

/// A node's record until a backward pass takes it.
pub(crate) struct Tape<T: Float>(Mutex<Option<Arc<Record<T>>>>);

impl<T: Float> Tape<T> {
    pub(crate) fn none() -> Self {
        Tape(Mutex::new(None))
    }
}

/// The records that wait for the outermost drop of a thread; `None` outside of one.
type Doomed = Option<Vec<Box<dyn Send>>>;

thread_local! {
    /// Without a destructor, so that a graph in another thread-local variable can still be dropped when the thread ends.
    static DOOMED: RefCell<ManuallyDrop<Doomed>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Dropping the last handle on a long chain would drop its input, and that its input, a stack frame for each. So a
/// record that goes away is put on a list, and only the outermost drop works the list off.
impl<T: Float> Drop for Tape<T> {
    fn drop(&mut self) {
        let Some(record) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let Some(record) = Arc::into_inner(record) else { return };
        let outermost = DOOMED.with_borrow_mut(|doomed| {
            let outermost = doomed.is_none();
            doomed.get_or_insert_default().push(Box::new(record));
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

/// Whether the result of an operation on these needs a gradient.
pub(crate) fn is_recorded<'a, T: Float>(inputs: impl IntoIterator<Item = &'a Var<T>>) -> bool {
    is_grad_enabled() && inputs.into_iter().any(Var::requires_grad)
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
        let inputs = inputs.map(|v| (v.clone(), v.requires_grad())).into();
        let record = Record { inputs, backward: Box::new(move |b| backward(b).into()) };
        Var::node(op, value, true, Tape(Mutex::new(Some(Arc::new(record)))))
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
        let inputs = inputs.iter().map(|v| (v.clone(), v.requires_grad())).collect();
        let record = Record { inputs, backward: Box::new(backward) };
        Var::node(op, value, true, Tape(Mutex::new(Some(Arc::new(record)))))
    }

    /// This variable as a backward function may keep it: the value it has now, and the node.
    pub(crate) fn save(&self) -> Saved<T> {
        Saved { var: self.clone(), value: self.value() }
    }

    /// Computes the gradient of this scalar with respect to every parameter that it depends on, and adds it to each
    /// one's [`grad`](Self::grad).
    ///
    /// The graph is consumed: a second call panics. To keep it, see
    /// [`backward_retain_graph`](Self::backward_retain_graph).
    ///
    /// # Panics
    /// If this has more than one element, does not depend on a parameter, or its graph was consumed before.
    #[track_caller]
    pub fn backward(&self) {
        assert!(
            self.shape().iter().all(|&d| d == 1),
            "backward: expected a scalar, got shape {:?}; see backward_with",
            self.shape()
        );
        self.backward_with(Tensor::ones(&self.shape()));
    }

    /// [`backward`](Self::backward) from a result of any shape: computes the gradient of `(self * cotangent).sum(..)`.
    ///
    /// # Panics
    /// If the shapes differ, this does not depend on a parameter, or its graph was consumed before.
    #[track_caller]
    pub fn backward_with(&self, cotangent: Tensor<T>) {
        run(&[(self, cotangent)], false, &mut accumulate);
    }

    /// [`backward`](Self::backward) that leaves the graph as it is for another pass.
    ///
    /// # Panics
    /// As `backward`.
    #[track_caller]
    pub fn backward_retain_graph(&self) {
        assert!(
            self.shape().iter().all(|&d| d == 1),
            "backward: expected a scalar, got shape {:?}; see backward_with",
            self.shape()
        );
        run(&[(self, Tensor::ones(&self.shape()))], true, &mut accumulate);
    }
}

/// Adds an arriving gradient to a parameter's.
fn accumulate<T: Float>(var: &Var<T>, grad: &mut Option<Var<T>>) {
    if var.is_leaf() {
        let grad = grad.take().expect("each gradient arrives once").into_value();
        let mut held = lock(&var.0.grad);
        *held = Some(match held.take() {
            Some(before) => before + grad,
            None => grad,
        });
    }
}

/// The gradients of the sum of all elements of `outputs` with respect to each of `inputs`, without touching any
/// variable's [`grad`](Var::grad). `None` for an input that the outputs do not depend on. `torch.autograd.grad`.
///
/// Inputs may be parameters or intermediate results. The graph is consumed.
///
/// # Panics
/// If an output does not depend on a parameter, or its graph was consumed before.
///
/// ```
/// use downhill_autograd::{Var, grad};
/// use downhill_tensor::Tensor;
///
/// let (a, b) = (Var::parameter(Tensor::from([2.0_f32])), Var::parameter(Tensor::from([5.0])));
/// let gradients = grad(&[&(&a * &b)], &[&a, &b]);
/// assert_eq!(gradients[0].as_ref().unwrap().item(), 5.0);
/// assert!(a.grad().is_none());
/// ```
#[track_caller]
pub fn grad<T: Float>(outputs: &[&Var<T>], inputs: &[&Var<T>]) -> Vec<Option<Tensor<T>>> {
    let roots: Vec<_> = outputs.iter().map(|&v| (v, Tensor::ones(&v.shape()))).collect();
    let mut wanted: HashMap<u64, Vec<usize>> = HashMap::new();
    for (i, input) in inputs.iter().enumerate() {
        wanted.entry(input.0.id).or_default().push(i);
    }
    let mut found = vec![None; inputs.len()];
    run(&roots, false, &mut |var, grad| {
        for &i in wanted.get(&var.0.id).into_iter().flatten() {
            found[i] = grad.as_ref().map(Var::value);
        }
    });
    found
}

type Arrived<'a, T> = dyn FnMut(&Var<T>, &mut Option<Var<T>>) + 'a;

/// Runs backward from `roots`. `arrived` sees every node with its complete gradient, leaves included, before the
/// gradient moves on; from a leaf it may take it.
#[track_caller]
fn run<T: Float>(roots: &[(&Var<T>, Tensor<T>)], retain_graph: bool, arrived: &mut Arrived<'_, T>) {
    let _guard = NoGrad::new();
    // The nodes whose gradient is known in part, by id. The largest is complete: every node that could still
    // contribute to it was created later, and is done.
    let mut pending: BTreeMap<u64, (Var<T>, Var<T>)> = BTreeMap::new();
    for (root, cotangent) in roots {
        assert!(root.requires_grad(), "backward: the result does not depend on any parameter");
        assert!(
            *cotangent.shape() == *root.shape(),
            "backward: shapes differ: result {:?}, cotangent {:?}",
            root.shape(),
            cotangent.shape()
        );
        add(&mut pending, root, Var::new(cotangent.clone()));
    }
    while let Some((_, (var, grad))) = pending.pop_last() {
        let mut grad = Some(grad);
        arrived(&var, &mut grad);
        if var.is_leaf() {
            continue;
        }
        let record = {
            let mut tape = lock(&var.0.tape.0);
            if retain_graph { tape.clone() } else { tape.take() }
        };
        let Some(record) = record else {
            panic!(
                "backward: the graph of {} was consumed by an earlier backward pass; see backward_retain_graph",
                var.op()
            );
        };
        let needs: Vec<bool> = record.inputs.iter().map(|(_, wanted)| *wanted).collect();
        let grad = grad.take().expect("only leaves give up their gradient");
        let gradients = (record.backward)(Backward { grad, out: &var, needs: &needs });
        profile::mark(var.op(), true);
        assert!(
            gradients.len() == record.inputs.len(),
            "backward of {}: {} gradients for {} inputs",
            var.op(),
            gradients.len(),
            record.inputs.len()
        );
        for ((input, wanted), grad) in record.inputs.iter().zip(gradients) {
            let Some(grad) = grad.filter(|_| *wanted) else { continue };
            assert!(
                *grad.shape() == *input.shape(),
                "backward of {}: shapes differ: input {:?}, gradient {:?}",
                var.op(),
                input.shape(),
                grad.shape()
            );
            add(&mut pending, input, grad);
        }
    }
}

/// Adds `grad` to what is known of `var`'s gradient; the first one is moved in.
fn add<T: Float>(pending: &mut BTreeMap<u64, (Var<T>, Var<T>)>, var: &Var<T>, grad: Var<T>) {
    let sum = match pending.remove(&var.0.id) {
        // Tensors and not variables are added: the sum takes the memory of the first if nobody else uses that.
        Some((_, before)) => Var::new(before.into_value() + grad.into_value()),
        None => grad,
    };
    pending.insert(var.0.id, (var.clone(), sum));
}

/// An input as it was when the operation was recorded.
pub(crate) struct Saved<T: Float> {
    var: Var<T>,
    value: Tensor<T>,
}

impl<T: Float> Saved<T> {
    /// The value at the time of recording.
    pub(crate) fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The input as a variable to compute with: while nothing is recorded, just the value.
    ///
    /// # Panics
    /// If a graph is being recorded and the input was updated since: its present value would be the wrong one.
    pub(crate) fn var(&self) -> Var<T> {
        if !is_grad_enabled() {
            return Var::new(self.value.clone());
        }
        let unchanged = self.var.value().shares_storage(&self.value);
        assert!(
            unchanged,
            "backward: a parameter was updated between the forward pass and its differentiation"
        );
        self.var.clone()
    }
}

/// A result with a derivative of one's own: a user's operation is first class.
///
/// `value` is the operation's result for `inputs`. `backward` is given the gradient with respect to the result and, for
/// each input, whether its gradient is wanted; it returns a gradient of each input's shape, or `None` where it is not
/// wanted or zero. Under [`no_grad`](crate::no_grad), or if no input requires a gradient, the result is a constant.
///
/// # Panics
/// If `name` is `leaf`. During the backward pass: if `backward` returns another number of gradients than there are inputs, or one of
/// another shape.
///
/// ```
/// use downhill_autograd::{Tolerance, Var, from_op, gradcheck};
/// use downhill_tensor::Tensor;
///
/// /// x³, with the derivative 3x².
/// fn cube(x: &Var<f64>) -> Var<f64> {
///     let value = x.value();
///     let cubed = value.map(|x| x * x * x);
///     from_op("cube", &[x], cubed, move |grad, _needs| {
///         vec![Some(grad * value.map(|x| 3.0 * x * x))]
///     })
/// }
///
/// gradcheck(|x| cube(&x[0]), &[Tensor::from([-1.5, 0.0, 2.0])], Tolerance::default()).unwrap();
/// ```
#[track_caller]
pub fn from_op<T: Float>(
    name: &'static str,
    inputs: &[&Var<T>],
    value: Tensor<T>,
    backward: impl Fn(Tensor<T>, &[bool]) -> Vec<Option<Tensor<T>>> + Send + Sync + 'static,
) -> Var<T> {
    assert!(name != "leaf", "from_op: leaf is the name of what no operation made");
    let inputs: Vec<Var<T>> = inputs.iter().map(|&v| v.clone()).collect();
    Var::record_many(name, &inputs, value, move |b| {
        backward(b.grad.into_value(), b.needs).into_iter().map(|grad| grad.map(Var::new)).collect()
    })
}
