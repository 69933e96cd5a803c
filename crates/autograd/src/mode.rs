//! Whether operations are being recorded, on this thread.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    /// How many guards are alive. A count, so that guards may be dropped in any order.
    static GUARDS: Cell<usize> = const { Cell::new(0) };
}

/// Whether operations on this thread record how to differentiate them.
pub fn is_grad_enabled() -> bool {
    GUARDS.get() == 0
}

/// Runs `f` without recording: what it computes has no gradient. `with torch.no_grad()`.
///
/// ```
/// use downhill_autograd::{Var, no_grad};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([1.0_f32]));
/// assert!(!no_grad(|| &w * 2.0).requires_grad());
/// assert!((&w * 2.0).requires_grad());
/// ```
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    let _guard = NoGrad::new();
    f()
}

/// Recording is off on this thread until this guard, and every other one, is dropped.
#[must_use = "recording is off only while the guard lives"]
pub struct NoGrad {
    /// A guard counts on its own thread, so it must not be dropped on another.
    _not_send: PhantomData<*const ()>,
}

impl NoGrad {
    /// Switches recording off.
    #[allow(clippy::new_without_default)] // a default guard would hide that it does something
    pub fn new() -> Self {
        GUARDS.set(GUARDS.get() + 1);
        NoGrad { _not_send: PhantomData }
    }
}

impl Drop for NoGrad {
    fn drop(&mut self) {
        GUARDS.set(GUARDS.get() - 1);
    }
}
