//! Looking at gradients on their way, and replacing them.

use std::fmt;
use std::sync::{Arc, Weak};

use downhill_tensor::Float;

use crate::place::{Extras, Place, lock};
use crate::var::Var;

type HookFn<T> = dyn Fn(&Var<T>) -> Option<Var<T>> + Send + Sync;

/// A variable's hooks in the order in which they were registered.
pub(crate) struct Hooks<T: Float> {
    next: u64,
    list: Vec<(u64, Arc<HookFn<T>>)>,
}

impl<T: Float> Default for Hooks<T> {
    fn default() -> Self {
        Hooks { next: 0, list: Vec::new() }
    }
}

/// A hook that was registered, for removing it. Dropping this changes nothing.
pub struct GradHook<T: Float = f32> {
    extras: Weak<Extras<T>>,
    id: u64,
}

impl<T: Float> GradHook<T> {
    /// Removes the hook. Nothing happens if its variable is gone, or its graph was consumed.
    pub fn remove(self) {
        let Some(extras) = self.extras.upgrade() else { return };
        let remove = || lock(&extras.hooks).list.extract_if(.., |(id, _)| *id == self.id).collect::<Vec<_>>();
        // Dropped after the lock is released: what a hook owns may have hooks of its own.
        drop(remove());
    }
}

impl<T: Float> fmt::Debug for GradHook<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GradHook({})", self.id)
    }
}

impl<T: Float> Var<T> {
    /// Calls `hook` with this variable's gradient in every backward pass that computes it, before the gradient goes
    /// on: to the inputs of the operation that made this, or into a parameter's [`grad`](Self::grad). If `hook` returns
    /// a variable, that takes the gradient's place. `Tensor.register_hook`.
    ///
    /// The gradient is complete: that of one pass, from all uses of this variable, without what earlier passes left in
    /// `grad`. Several hooks run in the order in which they were registered, each on what the one before made of it;
    /// [`grad_with`](crate::grad_with) returns what the last one did. Nothing is recorded in a hook unless
    /// the pass has [`create_graph`](crate::GradOptions::create_graph).
    ///
    /// The hook stays until it is removed or the variable is gone; that of an operation's result also goes when its graph
    /// is consumed, after which it could never run again. A hook on a parameter that owned a handle on the same parameter
    /// would keep both for ever; the gradient is given as the argument.
    ///
    /// # Panics
    /// If this does not require a gradient. During the backward pass: if the hook returns another shape.
    ///
    /// ```
    /// use downhill_autograd::Var;
    /// use downhill_tensor::Tensor;
    ///
    /// let w = Var::parameter(Tensor::from([1.0, 2.0_f32]));
    /// let clip = w.register_hook(|grad| Some(Var::new(grad.value().clamp(-1.0, 1.0))));
    /// (&w * Tensor::from([0.5, 100.0])).sum(..).backward();
    /// assert_eq!(w.grad().unwrap().to_vec(), [0.5, 1.0]);
    /// clip.remove();
    /// ```
    #[track_caller]
    pub fn register_hook(
        &self,
        hook: impl Fn(&Var<T>) -> Option<Var<T>> + Send + Sync + 'static,
    ) -> GradHook<T> {
        assert!(self.requires_grad(), "register_hook: the variable does not require a gradient");
        let extras = self.head().extras();
        let mut hooks = lock(&extras.hooks);
        let id = hooks.next;
        hooks.next += 1;
        hooks.list.push((id, Arc::new(hook)));
        GradHook { extras: Arc::downgrade(extras), id }
    }
}

impl<T: Float> Place<T> {
    /// What the hooks make of a gradient.
    #[track_caller]
    pub(crate) fn through_hooks(&self, grad: Var<T>) -> Var<T> {
        let Some(extras) = self.head().some_extras() else { return grad };
        // A copy of the list, since a hook may register or remove hooks.
        let hooks = lock(&extras.hooks).list.clone();
        let mut grad = grad;
        for (_, hook) in hooks {
            let Some(replaced) = hook(&grad) else { continue };
            let (from, to) = (grad.shape(), replaced.shape());
            assert!(*from == *to, "hook on {}: shapes differ: gradient {from:?}, replaced {to:?}", self.op());
            grad = replaced;
        }
        grad
    }

    /// Drops the hooks of a result that no pass can reach any more.
    pub(crate) fn forget_hooks(&self) {
        let Some(extras) = self.head().some_extras() else { return };
        let list = std::mem::take(&mut lock(&extras.hooks).list);
        drop(list);
    }
}
