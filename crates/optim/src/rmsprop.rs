//! RMSprop.

use downhill_tensor::{Float, Tensor};

use crate::groups::Groups;
use crate::hypers::{Hyper, Hypers};
use crate::state::ParamState;
use crate::stepper::{Decay, Rule, Stepper};

/// RMSprop ([Hinton](https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf)).
/// `torch.optim.RMSprop`, and fastai's `RMSProp`.
///
/// For each parameter `p` with gradient `g`, smoothing `α` and momentum `μ`:
///
/// ```text
/// g ← g + wd · p
/// v ← α · v + (1 - α) · g²
/// d = √v + eps                  plain
/// d = √(v - a²) + eps           centred, with a ← α · a + (1 - α) · g
/// b ← μ · b + g / d
/// p ← p - lr · b
/// ```
///
/// fastai takes the momentum of the gradient and divides afterwards: `b ← μ · b + g`, `p ← p - lr · b / d`. Its weight
/// decay is decoupled. (Its function `RMSProp` does not pass its argument `eps` on; set as a hyper-parameter, it counts.)
///
/// | | `α` | `eps` |
/// |---|---|---|
/// | [`new`](Self::new): PyTorch's | 0.99 | 1e-8 |
/// | [`fastai`](Self::fastai) | 0.99 | 1e-8 |
///
/// The variance `v - a²` is never negative but for rounding, which PyTorch turns into NaN. Here it counts as zero.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Optimizer, RmsProp};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([3.0_f32]));
/// let mut opt = RmsProp::new(vec![w.clone()], 0.01).momentum(0.9).centered(true);
/// w.square().sum(..).backward();
/// opt.step();
/// assert!((w.item() - 2.8995).abs() < 1e-4);
/// ```
pub type RmsProp<T = f32> = Stepper<RmsPropRule, T>;

/// The rule of [`RmsProp`].
#[derive(Clone, Debug)]
pub struct RmsPropRule {
    centered: bool,
    /// Whether momentum collects gradients, and not what they are once divided.
    momentum_first: bool,
}

impl<T: Float> RmsProp<T> {
    /// PyTorch's RMSprop, with its defaults.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn new(params: impl Into<Groups<T>>, lr: f64) -> Self {
        let rule = RmsPropRule { centered: false, momentum_first: false };
        Stepper::from_rule(rule, params, Hypers { lr, sqr_mom: 0.99, eps: 1e-8, ..Hypers::default() })
    }

    /// fastai's RMSProp, with its defaults.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn fastai(params: impl Into<Groups<T>>, lr: f64) -> Self {
        let mut opt = RmsProp::new(params, lr).decoupled_weight_decay(true);
        opt.rule.momentum_first = true;
        opt
    }

    /// Sets the smoothing `α`.
    #[must_use]
    pub fn alpha(self, alpha: f64) -> Self {
        self.with(Hyper::SqrMom, alpha)
    }

    /// Sets the momentum `μ`.
    #[must_use]
    pub fn momentum(self, momentum: f64) -> Self {
        self.with(Hyper::Mom, momentum)
    }

    /// Sets `eps`, which keeps the denominator from zero.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with(Hyper::Eps, eps)
    }

    /// Chooses to divide by the standard deviation of the gradient, not by its root mean square.
    #[must_use]
    pub fn centered(mut self, centered: bool) -> Self {
        self.rule.centered = centered;
        self
    }
}

impl<T: Float> Rule<T> for RmsPropRule {
    fn name(&self) -> &'static str {
        "RmsProp"
    }

    fn keeps(&self) -> &'static [&'static str] {
        if self.centered { &["square_avg", "grad_avg"] } else { &["square_avg"] }
    }

    fn may_keep(&self) -> &'static [&'static str] {
        &["momentum_buffer"]
    }

    fn check(&self, hypers: &Hypers) -> Result<(), String> {
        if hypers.sqr_mom > 1.0 {
            return Err(format!("sqr_mom must be at most 1, got {}", hypers.sqr_mom));
        }
        Ok(())
    }

    fn update(
        &self,
        p: &mut Tensor<T>,
        g: &Tensor<T>,
        state: &mut ParamState<T>,
        h: &Hypers,
        decay: Decay<T>,
    ) {
        let [lr, mom, alpha, new, eps] = [h.lr, h.mom, h.sqr_mom, 1.0 - h.sqr_mom, h.eps].map(T::from_f64);
        let first = self.momentum_first;
        let zero = T::default();
        let average = move |v: T, g: T| alpha * v + new * (g * g);
        let deviation = move |v: T, a: T| {
            let variance = v - a * a;
            (if variance < zero { zero } else { variance }).sqrt() + eps
        };
        let collect = move |b: T, g: T, d: T| {
            let b = mom * b + if first { g } else { g / d };
            (b, if first { b / d } else { b })
        };
        match (self.centered, h.mom != 0.0) {
            (false, false) => {
                let [v] = state.tensors(["square_avg"], p);
                Tensor::update_(
                    "RmsProp",
                    [p, v],
                    [g],
                    #[inline(always)]
                    |[p, v], [g]| {
                        let (p, g) = decay.apply(p, g);
                        let v = average(v, g);
                        [p - lr * (g / (v.sqrt() + eps)), v]
                    },
                );
            }
            (false, true) => {
                let [v, b] = state.tensors(["square_avg", "momentum_buffer"], p);
                Tensor::update_(
                    "RmsProp",
                    [p, v, b],
                    [g],
                    #[inline(always)]
                    |[p, v, b], [g]| {
                        let (p, g) = decay.apply(p, g);
                        let v = average(v, g);
                        let (b, direction) = collect(b, g, v.sqrt() + eps);
                        [p - lr * direction, v, b]
                    },
                );
            }
            (true, false) => {
                let [v, a] = state.tensors(["square_avg", "grad_avg"], p);
                Tensor::update_(
                    "RmsProp",
                    [p, v, a],
                    [g],
                    #[inline(always)]
                    |[p, v, a], [g]| {
                        let (p, g) = decay.apply(p, g);
                        let (v, a) = (average(v, g), alpha * a + new * g);
                        [p - lr * (g / deviation(v, a)), v, a]
                    },
                );
            }
            (true, true) => {
                let [v, a, b] = state.tensors(["square_avg", "grad_avg", "momentum_buffer"], p);
                Tensor::update_(
                    "RmsProp",
                    [p, v, a, b],
                    [g],
                    #[inline(always)]
                    |[p, v, a, b], [g]| {
                        let (p, g) = decay.apply(p, g);
                        let (v, a) = (average(v, g), alpha * a + new * g);
                        let (b, direction) = collect(b, g, deviation(v, a));
                        [p - lr * direction, v, a, b]
                    },
                );
            }
        }
    }
}
