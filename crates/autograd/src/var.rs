//! The variable: a shared handle on a node of the graph.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use downhill_tensor::{Dims, Float, Tensor};

use crate::hook::Hooks;
use crate::record::Tape;

/// A tensor that takes part in differentiation.
///
/// A *leaf* was made from a tensor: a parameter, which collects a gradient, or a constant, which does not. Every other
/// `Var` is the result of an operation and remembers its inputs, if one of them requires a gradient.
///
/// Cloning makes a second handle on the same node.
#[derive(Clone)]
pub struct Var<T: Float = f32>(pub(crate) Arc<Node<T>>);

pub(crate) struct Node<T: Float> {
    /// Later nodes have larger numbers, so a node's inputs have smaller ones.
    pub(crate) id: u64,
    /// The operation that made it, `leaf` if none did.
    pub(crate) op: &'static str,
    pub(crate) value: RwLock<Tensor<T>>,
    pub(crate) requires_grad: AtomicBool,
    pub(crate) tape: Tape<T>,
    /// What few nodes have, so that the others stay small.
    extras: OnceLock<Box<Extras<T>>>,
}

pub(crate) struct Extras<T: Float> {
    pub(crate) grad: Mutex<Option<Tensor<T>>>,
    pub(crate) hooks: Mutex<Hooks<T>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The content of a mutex even if a thread panicked while it held it: no node is ever left half-written.
pub(crate) fn lock<X>(mutex: &Mutex<X>) -> MutexGuard<'_, X> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Float> Var<T> {
    pub(crate) fn node(op: &'static str, value: Tensor<T>, requires_grad: bool, tape: Tape<T>) -> Self {
        Var(Arc::new(Node {
            id: NEXT_ID.fetch_add(1, Relaxed),
            op,
            value: RwLock::new(value),
            requires_grad: AtomicBool::new(requires_grad),
            tape,
            extras: OnceLock::new(),
        }))
    }

    /// Gradient and hooks, made if there are none.
    pub(crate) fn extras(&self) -> &Extras<T> {
        self.0
            .extras
            .get_or_init(|| Box::new(Extras { grad: Mutex::new(None), hooks: Mutex::new(Hooks::default()) }))
    }

    /// Gradient and hooks, if there ever were any.
    pub(crate) fn some_extras(&self) -> Option<&Extras<T>> {
        self.0.extras.get().map(|extras| &**extras)
    }

    /// A constant: no gradient is computed for it.
    pub fn new(value: Tensor<T>) -> Self {
        Var::node("leaf", value, false, Tape::none())
    }

    /// A parameter: backward passes add up its gradient. PyTorch's `nn.Parameter`, the book's `requires_grad_()`.
    pub fn parameter(value: Tensor<T>) -> Self {
        Var::node("leaf", value, true, Tape::none())
    }

    /// The value. Shares storage with this node; copying on write keeps the two apart.
    pub fn value(&self) -> Tensor<T> {
        self.0.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The value of a `Var` that nobody needs any more, not shared with it if this was the last handle.
    pub fn into_value(self) -> Tensor<T> {
        match Arc::try_unwrap(self.0) {
            Ok(node) => node.value.into_inner().unwrap_or_else(PoisonError::into_inner),
            Err(shared) => Var(shared).value(),
        }
    }

    /// The shape of the value.
    pub fn shape(&self) -> Dims {
        Dims::new(self.0.value.read().unwrap_or_else(PoisonError::into_inner).shape())
    }

    /// The value of a `Var` of one element.
    ///
    /// # Panics
    /// If there are more or fewer.
    #[track_caller]
    pub fn item(&self) -> T {
        self.value().item()
    }

    /// Whether backward passes compute a gradient for this.
    pub fn requires_grad(&self) -> bool {
        self.0.requires_grad.load(Relaxed)
    }

    /// Makes a leaf a parameter (or, with `false`, a constant) for operations from now on.
    ///
    /// # Panics
    /// If this is the result of an operation.
    #[track_caller]
    pub fn requires_grad_(&self, requires_grad: bool) -> &Self {
        assert!(self.is_leaf(), "requires_grad_: expected a leaf, got the result of {}", self.0.op);
        self.0.requires_grad.store(requires_grad, Relaxed);
        self
    }

    /// Whether this was made from a tensor and not by a recorded operation.
    pub fn is_leaf(&self) -> bool {
        self.0.op == "leaf"
    }

    /// The operation that made this, `leaf` if none did.
    pub fn op(&self) -> &'static str {
        self.0.op
    }

    /// The same value as a constant: gradients do not flow through it.
    pub fn detach(&self) -> Self {
        Var::new(self.value())
    }

    /// Whether two handles are on the same node.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The gradient that backward passes have added up here, if any has.
    ///
    /// This is a handle; writing to it changes a copy. To reset the gradient call [`zero_grad_`](Self::zero_grad_) or
    /// [`set_grad`](Self::set_grad).
    pub fn grad(&self) -> Option<Tensor<T>> {
        self.some_extras().and_then(|extras| lock(&extras.grad).clone())
    }

    /// Replaces the gradient; `None` is PyTorch's `p.grad = None`.
    ///
    /// # Panics
    /// If the gradient's shape is not this variable's.
    #[track_caller]
    pub fn set_grad(&self, grad: Option<Tensor<T>>) {
        if let Some(grad) = &grad {
            assert!(
                *grad.shape() == *self.shape(),
                "set_grad: shapes differ: variable {:?}, gradient {:?}",
                self.shape(),
                grad.shape()
            );
        }
        *lock(&self.extras().grad) = grad;
    }

    /// Sets the gradient's elements to zero, if there is one. The book's `p.grad.zero_()`.
    pub fn zero_grad_(&self) {
        let Some(extras) = self.some_extras() else { return };
        if let Some(grad) = lock(&extras.grad).as_mut() {
            grad.zero_();
        }
    }

    /// Changes the gradient in place, if there is one.
    ///
    /// # Panics
    /// If `f` changes the shape, which is then not undone.
    #[track_caller]
    pub fn update_grad_(&self, f: impl FnOnce(&mut Tensor<T>)) {
        let Some(extras) = self.some_extras() else { return };
        if let Some(grad) = lock(&extras.grad).as_mut() {
            f(grad);
            assert!(
                *grad.shape() == *self.shape(),
                "update_grad_: shapes differ: variable {:?}, gradient {:?}",
                self.shape(),
                grad.shape()
            );
        }
    }

    /// Changes a leaf's value in place, outside of the graph. The book's `p.data -= p.grad * lr`.
    ///
    /// Operations recorded before keep the value that they saw. The value is locked meanwhile: in `f`, reading this
    /// variable other than through the argument would wait for ever.
    ///
    /// # Panics
    /// If this is the result of an operation, or if `f` changes the shape, which is then not undone.
    ///
    /// ```
    /// use downhill_autograd::Var;
    /// use downhill_tensor::Tensor;
    ///
    /// let w = Var::parameter(Tensor::from([1.0_f32]));
    /// (&w * 3.0).sum(..).backward();
    /// w.update_(|data| {
    ///     data.sub_(w.grad().unwrap() * 0.1);
    /// });
    /// assert_eq!(w.item(), 0.7);
    /// ```
    #[track_caller]
    pub fn update_(&self, f: impl FnOnce(&mut Tensor<T>)) {
        assert!(self.is_leaf(), "update_: expected a leaf, got the result of {}", self.0.op);
        let mut value = self.0.value.write().unwrap_or_else(PoisonError::into_inner);
        let before = Dims::new(value.shape());
        f(&mut value);
        assert!(
            *value.shape() == *before,
            "update_: shapes differ: before {before:?}, after {:?}",
            value.shape()
        );
    }

    /// [`update_`](Self::update_) with the gradient at hand; nothing happens if there is none. What an optimizer does
    /// to each of its parameters. Value and gradient are locked meanwhile, as in `update_`.
    ///
    /// # Panics
    /// As `update_`.
    #[track_caller]
    pub fn step_(&self, f: impl FnOnce(&mut Tensor<T>, &Tensor<T>)) {
        let Some(extras) = self.some_extras() else { return };
        if let Some(grad) = lock(&extras.grad).as_ref() {
            self.update_(|value| f(value, grad));
        }
    }
}

impl<T: Float> From<Tensor<T>> for Var<T> {
    fn from(value: Tensor<T>) -> Self {
        Var::new(value)
    }
}

impl<T: Float> From<&Tensor<T>> for Var<T> {
    fn from(value: &Tensor<T>) -> Self {
        Var::new(value.clone())
    }
}

impl<T: Float> From<T> for Var<T> {
    fn from(value: T) -> Self {
        Var::new(Tensor::scalar(value))
    }
}

impl<T: Float> From<&Var<T>> for Var<T> {
    fn from(var: &Var<T>) -> Self {
        var.clone()
    }
}

impl<T: Float> fmt::Display for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value().to_string();
        let body = value.strip_suffix(')').unwrap_or(&value);
        match (self.is_leaf(), self.requires_grad()) {
            (true, true) => write!(f, "{body}, requires_grad=True)"),
            (false, true) => write!(f, "{body}, grad_fn={})", self.0.op),
            _ => f.write_str(&value),
        }
    }
}

impl<T: Float> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
