//! Whether operations are being recorded, and whether backward passes look for NaN, on this thread.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    /// How many guards are alive. A count, so that guards may be dropped in any order.
    static NO_GRAD: Cell<isize> = const { Cell::new(0) };
    static ANOMALY: Cell<isize> = const { Cell::new(0) };
}

/// Whether operations on this thread record how to differentiate them.
pub fn is_grad_enabled() -> bool {
    NO_GRAD.get() <= 0
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

/// Runs `f` with recording, also within [`no_grad`]. `with torch.enable_grad()`.
///
/// ```
/// use downhill_autograd::{Var, enable_grad, no_grad};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([1.0_f32]));
/// assert!(no_grad(|| enable_grad(|| &w * 2.0)).requires_grad());
/// ```
pub fn enable_grad<R>(f: impl FnOnce() -> R) -> R {
    let _guard = EnableGrad::new();
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
        NO_GRAD.set(NO_GRAD.get() + 1);
        NoGrad { _not_send: PhantomData }
    }
}

impl Drop for NoGrad {
    fn drop(&mut self) {
        NO_GRAD.set(NO_GRAD.get() - 1);
    }
}

/// Recording is on until this guard is dropped: the guards that were alive before are set aside.
pub(crate) struct EnableGrad {
    set_aside: isize,
}

impl EnableGrad {
    pub(crate) fn new() -> Self {
        EnableGrad { set_aside: NO_GRAD.replace(0) }
    }
}

impl Drop for EnableGrad {
    fn drop(&mut self) {
        // A sum: guards may have come or gone meanwhile.
        NO_GRAD.set(NO_GRAD.get() + self.set_aside);
    }
}

/// Whether backward passes on this thread look for NaN and infinity.
pub(crate) fn is_anomaly_detected() -> bool {
    ANOMALY.get() > 0
}

/// Runs `f`; a backward pass within panics at the first gradient that is NaN or infinite, and says which operation's
/// backward function produced it. `with torch.autograd.detect_anomaly()`.
///
/// The message names the operation, which of its inputs the gradient is for, the shapes and the element; and whether the
/// operation's result was finite, if that was computed within as well. It costs a look at every gradient, and every
/// result is kept until its gradient is known, so it is off unless asked for.
///
/// ```should_panic
/// use downhill_autograd::{Var, detect_anomaly};
/// use downhill_tensor::Tensor;
///
/// let x = Var::parameter(Tensor::from([4.0, 0.0_f32]));
/// // Panics: backward of sqrt: the gradient of input 0 is inf at [1]: ...
/// detect_anomaly(|| x.sqrt().sum(..).backward());
/// ```
pub fn detect_anomaly<R>(f: impl FnOnce() -> R) -> R {
    let _guard = DetectAnomaly::new();
    f()
}

/// [`detect_anomaly`] on this thread until this guard, and every other one, is dropped.
#[must_use = "gradients are looked at only while the guard lives"]
pub struct DetectAnomaly {
    _not_send: PhantomData<*const ()>,
}

impl DetectAnomaly {
    /// Switches the detection on.
    #[allow(clippy::new_without_default)] // as above
    pub fn new() -> Self {
        ANOMALY.set(ANOMALY.get() + 1);
        DetectAnomaly { _not_send: PhantomData }
    }
}

impl Drop for DetectAnomaly {
    fn drop(&mut self) {
        ANOMALY.set(ANOMALY.get() - 1);
    }
}
