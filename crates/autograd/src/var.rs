//! The variable: a handle on a leaf, or a value and its place in the graph.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use downhill_tensor::{Dims, Float, Tensor};

use crate::mode::is_anomaly_detected;
use crate::place::{Head, Leaf, Node, Place, lock};
use crate::record::{Record, Tape};

/// A tensor that takes part in differentiation.
///
/// A *leaf* was made from a tensor: a parameter, which collects a gradient, or a constant, which does not. Every other
/// `Var` is the result of an operation on inputs of which one requires a gradient: a value together with its place in the
/// graph.
///
/// Cloning makes a second handle on the same leaf or result.
#[derive(Clone)]
pub struct Var<T: Float = f32>(pub(crate) Handle<T>);

#[derive(Clone)]
pub(crate) enum Handle<T: Float> {
    Leaf(Arc<Leaf<T>>),
    /// The value is the handle's, not the node's: it goes with the last handle unless a derivative needs it.
    Result(Tensor<T>, Arc<Node<T>>),
}

impl<T: Float> Var<T> {
    /// The result of a recorded operation.
    pub(crate) fn result(op: &'static str, value: Tensor<T>, record: impl Record<T> + 'static) -> Self {
        let (head, shape) = (Head::new(), Dims::new(value.shape()));
        if is_anomaly_detected() {
            *lock(&head.extras().result) = Some(value.clone());
        }
        Var(Handle::Result(value, Arc::new(Node { head, op, shape, tape: Tape::new(record) })))
    }

    /// What a record holds of this.
    pub(crate) fn place(&self) -> Place<T> {
        match &self.0 {
            Handle::Leaf(leaf) => Place::Leaf(leaf.clone()),
            Handle::Result(_, node) => Place::Result(node.clone()),
        }
    }

    pub(crate) fn head(&self) -> &Head<T> {
        match &self.0 {
            Handle::Leaf(leaf) => &leaf.head,
            Handle::Result(_, node) => &node.head,
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.head().id
    }

    /// The leaf that this is.
    ///
    /// # Panics
    /// If it is none, in the name of `function`.
    #[track_caller]
    fn leaf(&self, function: &str) -> &Leaf<T> {
        match &self.0 {
            Handle::Leaf(leaf) => leaf,
            Handle::Result(_, node) => panic!("{function}: expected a leaf, got the result of {}", node.op),
        }
    }

    /// A constant: no gradient is computed for it.
    pub fn new(value: Tensor<T>) -> Self {
        Var(Handle::Leaf(Leaf::new(value, false)))
    }

    /// A parameter: backward passes add up its gradient. PyTorch's `nn.Parameter`, the book's `requires_grad_()`.
    pub fn parameter(value: Tensor<T>) -> Self {
        Var(Handle::Leaf(Leaf::new(value, true)))
    }

    /// The value. Shares storage with this variable; copying on write keeps the two apart.
    pub fn value(&self) -> Tensor<T> {
        match &self.0 {
            Handle::Leaf(leaf) => leaf.value(),
            Handle::Result(value, _) => value.clone(),
        }
    }

    /// The value of a `Var` that nobody needs any more, not shared with it if this was the last handle.
    pub fn into_value(self) -> Tensor<T> {
        match self.0 {
            Handle::Leaf(leaf) => match Arc::try_unwrap(leaf) {
                Ok(leaf) => leaf.value.into_inner().unwrap_or_else(PoisonError::into_inner),
                Err(shared) => shared.value(),
            },
            Handle::Result(value, _) => value,
        }
    }

    /// The shape of the value.
    pub fn shape(&self) -> Dims {
        match &self.0 {
            Handle::Leaf(leaf) => leaf.shape(),
            Handle::Result(value, _) => Dims::new(value.shape()),
        }
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
        match &self.0 {
            Handle::Leaf(leaf) => leaf.requires_grad.load(Relaxed),
            Handle::Result(..) => true,
        }
    }

    /// Makes a leaf a parameter (or, with `false`, a constant) for operations from now on.
    ///
    /// # Panics
    /// If this is the result of an operation.
    #[track_caller]
    pub fn requires_grad_(&self, requires_grad: bool) -> &Self {
        self.leaf("requires_grad_").requires_grad.store(requires_grad, Relaxed);
        self
    }

    /// Whether this was made from a tensor and not by a recorded operation.
    pub fn is_leaf(&self) -> bool {
        matches!(self.0, Handle::Leaf(_))
    }

    /// The operation that made this, `leaf` if none did.
    pub fn op(&self) -> &'static str {
        match &self.0 {
            Handle::Leaf(_) => "leaf",
            Handle::Result(_, node) => node.op,
        }
    }

    /// The same value as a constant: gradients do not flow through it.
    pub fn detach(&self) -> Self {
        Var::new(self.value())
    }

    /// Whether two handles are on the same leaf or result.
    pub fn same(&self, other: &Self) -> bool {
        self.id() == other.id()
    }

    /// The gradient that backward passes have added up here, if any has.
    ///
    /// This is a handle; writing to it changes a copy. To reset the gradient call [`zero_grad_`](Self::zero_grad_) or
    /// [`set_grad`](Self::set_grad).
    pub fn grad(&self) -> Option<Tensor<T>> {
        self.head().some_extras().and_then(|extras| lock(&extras.grad).clone())
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
        *lock(&self.head().extras().grad) = grad;
    }

    /// Sets the gradient's elements to zero, if there is one. The book's `p.grad.zero_()`.
    pub fn zero_grad_(&self) {
        let Some(extras) = self.head().some_extras() else { return };
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
        let Some(extras) = self.head().some_extras() else { return };
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
        let leaf = self.leaf("update_");
        let mut value = leaf.value.write().unwrap_or_else(PoisonError::into_inner);
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
        let Some(extras) = self.head().some_extras() else { return };
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
            (false, true) => write!(f, "{body}, grad_fn={})", self.op()),
            _ => f.write_str(&value),
        }
    }
}

impl<T: Float> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
