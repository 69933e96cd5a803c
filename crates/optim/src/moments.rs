//! What Adam and its kin share: averages of the gradient and of its square.

use downhill_tensor::Float;

use crate::groups::Groups;
use crate::hypers::{Hyper, Hypers};
use crate::stepper::{Rule, Stepper};

/// The names of the averages, PyTorch's.
pub(crate) const MOMENTS: [&str; 2] = ["exp_avg", "exp_avg_sq"];

/// A rule that keeps averages of the gradient, `m`, and of its square, `v`:
///
/// ```text
/// m ← β₁ · m + (1 - β₁) · g
/// v ← β₂ · v + (1 - β₂) · g²
/// ```
///
/// `β₁` is the hyper-parameter `mom`, `β₂` is `sqr_mom`. Both averages start at zero; after `t` steps with constant `β`
/// they have seen weights of `1 - βᵗ` in sum.
pub trait Moments {}

impl<R: Rule<T> + Moments, T: Float> Stepper<R, T> {
    /// Sets `β₁` and `β₂`.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        self.with(Hyper::Mom, beta1).with(Hyper::SqrMom, beta2)
    }

    /// Sets `eps`, which keeps the denominator from zero.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with(Hyper::Eps, eps)
    }

    /// An optimizer with PyTorch's defaults.
    #[track_caller]
    pub(crate) fn as_pytorch(rule: R, params: impl Into<Groups<T>>, lr: f64) -> Self {
        Stepper::from_rule(rule, params, Hypers { lr, mom: 0.9, sqr_mom: 0.999, eps: 1e-8, wd: 0.0 })
    }

    /// An optimizer with fastai's defaults, which agree but for weight decay.
    #[track_caller]
    pub(crate) fn as_fastai(rule: R, params: impl Into<Groups<T>>, lr: f64) -> Self {
        let hypers = Hypers { lr, mom: 0.9, sqr_mom: 0.99, eps: 1e-5, wd: 0.0 };
        Stepper::from_rule(rule, params, hypers).decoupled_weight_decay(true)
    }
}

/// The decays, and by how much the averages are too small after this step.
pub(crate) struct Averages<T> {
    pub(crate) beta1: T,
    pub(crate) beta2: T,
    /// One minus each, of numbers that are not rounded yet.
    new1: T,
    new2: T,
    /// `1 - β₁ᵗ` and `1 - β₂ᵗ`.
    pub(crate) debias1: f64,
    pub(crate) debias2: f64,
}

impl<T: Float> Averages<T> {
    /// For step number `step`, counted from one.
    pub(crate) fn new(h: &Hypers, step: u64) -> Self {
        let debias = |beta: f64| 1.0 - beta.powf(step as f64);
        Averages {
            beta1: T::from_f64(h.mom),
            beta2: T::from_f64(h.sqr_mom),
            new1: T::from_f64(1.0 - h.mom),
            new2: T::from_f64(1.0 - h.sqr_mom),
            debias1: debias(h.mom),
            debias2: debias(h.sqr_mom),
        }
    }

    /// The averages `m` and `v` once they have seen `g`.
    #[inline(always)]
    pub(crate) fn see(&self, m: T, v: T, g: T) -> (T, T) {
        (self.beta1 * m + self.new1 * g, self.beta2 * v + self.new2 * (g * g))
    }
}
