//! Where a variable stands in the graph: at a leaf, or behind the operation that computed it.
//!
//! A place does not hold the value of a result. Records and backward passes are made of places, so a value lives as long
//! as somebody uses it: a handle on its variable, or an operation whose derivative needs it and saved it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use downhill_tensor::{Dims, Float, Tensor};

use crate::hook::Hooks;
use crate::record::{Record, Tape};
use crate::var::{Handle, Var};

/// A place in a graph.
#[derive(Clone)]
pub(crate) enum Place<T: Float> {
    Leaf(Arc<Leaf<T>>),
    Result(Arc<Node<T>>),
}

/// A variable that was made from a tensor. All handles on it share its value, which can be updated.
pub(crate) struct Leaf<T: Float> {
    pub(crate) head: Head<T>,
    pub(crate) requires_grad: AtomicBool,
    pub(crate) value: RwLock<Tensor<T>>,
}

/// A recorded operation: all that a backward pass needs to know of its result.
pub(crate) struct Node<T: Float> {
    pub(crate) head: Head<T>,
    pub(crate) op: &'static str,
    pub(crate) shape: Dims,
    pub(crate) tape: Tape<T>,
}

/// What leaves and nodes have in common.
pub(crate) struct Head<T: Float> {
    /// Later ones have larger numbers, so an operation's inputs have smaller ones.
    pub(crate) id: u64,
    /// What few have, so that the others stay small.
    extras: OnceLock<Arc<Extras<T>>>,
}

pub(crate) struct Extras<T: Float> {
    pub(crate) grad: Mutex<Option<Tensor<T>>>,
    pub(crate) hooks: Mutex<Hooks<T>>,
    /// The value of a result, for the messages of `detect_anomaly`; kept only while that is switched on.
    pub(crate) result: Mutex<Option<Tensor<T>>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The content of a mutex even if a thread panicked while it held it: nothing is ever left half-written.
pub(crate) fn lock<X>(mutex: &Mutex<X>) -> MutexGuard<'_, X> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Float> Head<T> {
    pub(crate) fn new() -> Self {
        Head { id: NEXT_ID.fetch_add(1, Relaxed), extras: OnceLock::new() }
    }

    /// Made if there are none.
    pub(crate) fn extras(&self) -> &Arc<Extras<T>> {
        let none = || Extras {
            grad: Mutex::new(None),
            hooks: Mutex::new(Hooks::default()),
            result: Mutex::new(None),
        };
        self.extras.get_or_init(|| Arc::new(none()))
    }

    /// If there ever were any.
    pub(crate) fn some_extras(&self) -> Option<&Extras<T>> {
        self.extras.get().map(|extras| &**extras)
    }
}

impl<T: Float> Leaf<T> {
    pub(crate) fn new(value: Tensor<T>, requires_grad: bool) -> Arc<Self> {
        let requires_grad = AtomicBool::new(requires_grad);
        Arc::new(Leaf { head: Head::new(), requires_grad, value: RwLock::new(value) })
    }

    pub(crate) fn value(&self) -> Tensor<T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn shape(&self) -> Dims {
        Dims::new(self.value.read().unwrap_or_else(PoisonError::into_inner).shape())
    }
}

impl<T: Float> Node<T> {
    /// The record for a backward pass, if no other one has taken it.
    pub(crate) fn record(&self, retain_graph: bool) -> Option<Arc<dyn Record<T>>> {
        if retain_graph { self.tape.get() } else { self.tape.take() }
    }
}

impl<T: Float> Place<T> {
    pub(crate) fn head(&self) -> &Head<T> {
        match self {
            Place::Leaf(leaf) => &leaf.head,
            Place::Result(node) => &node.head,
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.head().id
    }

    /// The operation whose result stands here, `leaf` if none.
    pub(crate) fn op(&self) -> &'static str {
        match self {
            Place::Leaf(_) => "leaf",
            Place::Result(node) => node.op,
        }
    }

    pub(crate) fn requires_grad(&self) -> bool {
        match self {
            Place::Leaf(leaf) => leaf.requires_grad.load(Relaxed),
            Place::Result(_) => true,
        }
    }

    pub(crate) fn shape(&self) -> Dims {
        match self {
            Place::Leaf(leaf) => leaf.shape(),
            Place::Result(node) => node.shape,
        }
    }

    /// The variable that stands here: a leaf has its own value, a result is given it again.
    pub(crate) fn var(&self, value: &Tensor<T>) -> Var<T> {
        Var(match self {
            Place::Leaf(leaf) => Handle::Leaf(leaf.clone()),
            Place::Result(node) => Handle::Result(value.clone(), node.clone()),
        })
    }
}
