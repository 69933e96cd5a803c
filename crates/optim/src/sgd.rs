//! Stochastic gradient descent with momentum.

use downhill_tensor::{Float, Tensor};

use crate::groups::Groups;
use crate::hypers::{Hyper, Hypers};
use crate::state::ParamState;
use crate::stepper::{Decay, Rule, Stepper};

/// Stochastic gradient descent. `torch.optim.SGD`, and fastai's `SGD`.
///
/// For each parameter `p` with gradient `g`, weight decay `wd`, momentum `μ`, dampening `τ` and learning rate `lr`:
///
/// ```text
/// g ← g + wd · p
/// b ← g                      in the first step
/// b ← μ · b + (1 - τ) · g    later
/// p ← p - lr · g             without momentum
/// p ← p - lr · b             with momentum
/// p ← p - lr · (g + μ · b)   with Nesterov's
/// ```
///
/// fastai has neither dampening nor Nesterov's momentum, and its weight decay is decoupled: `p ← (1 - lr · wd) · p` in
/// place of the first line.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Optimizer, Sgd};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([3.0_f32]));
/// let mut opt = Sgd::new(vec![w.clone()], 0.1).momentum(0.5);
/// for _ in 0..100 {
///     w.square().sum(..).backward();
///     opt.step();
///     opt.zero_grad();
/// }
/// assert!(w.item().abs() < 1e-6);
/// ```
pub type Sgd<T = f32> = Stepper<SgdRule, T>;

/// The rule of [`Sgd`].
#[derive(Clone, Debug)]
pub struct SgdRule {
    dampening: f64,
    nesterov: bool,
}

impl<T: Float> Sgd<T> {
    /// PyTorch's: no momentum, no weight decay.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn new(params: impl Into<Groups<T>>, lr: f64) -> Self {
        let rule = SgdRule { dampening: 0.0, nesterov: false };
        Stepper::from_rule(rule, params, Hypers { lr, ..Hypers::default() })
    }

    /// fastai's: no momentum, no weight decay, which is decoupled if there is some.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn fastai(params: impl Into<Groups<T>>, lr: f64) -> Self {
        Sgd::new(params, lr).decoupled_weight_decay(true)
    }

    /// Sets the momentum `μ`.
    #[must_use]
    pub fn momentum(self, momentum: f64) -> Self {
        self.with(Hyper::Mom, momentum)
    }

    /// Sets the dampening `τ` of the momentum.
    #[must_use]
    pub fn dampening(mut self, dampening: f64) -> Self {
        self.rule.dampening = dampening;
        self
    }

    /// Chooses Nesterov's momentum. As in PyTorch it needs a momentum and no dampening; the first step panics otherwise.
    #[must_use]
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.rule.nesterov = nesterov;
        self
    }
}

impl<T: Float> Rule<T> for SgdRule {
    fn name(&self) -> &'static str {
        "Sgd"
    }

    fn may_keep(&self) -> &'static [&'static str] {
        &["momentum_buffer"]
    }

    fn check(&self, hypers: &Hypers) -> Result<(), String> {
        if self.nesterov && (hypers.mom == 0.0 || self.dampening != 0.0) {
            return Err("Nesterov's momentum needs a momentum and no dampening".to_string());
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
        let lr = T::from_f64(h.lr);
        if h.mom == 0.0 {
            return Tensor::update_(
                "Sgd",
                [p],
                [g],
                #[inline(always)]
                |[p], [g]| {
                    let (p, g) = decay.apply(p, g);
                    [p - lr * g]
                },
            );
        }
        let first = state.get("momentum_buffer").is_none();
        let [b] = state.tensors(["momentum_buffer"], p);
        let (mom, nesterov) = (T::from_f64(h.mom), self.nesterov);
        let undamped = T::from_f64(if first { 1.0 } else { 1.0 - self.dampening });
        Tensor::update_(
            "Sgd",
            [p, b],
            [g],
            #[inline(always)]
            |[p, b], [g]| {
                let (p, g) = decay.apply(p, g);
                let b = mom * b + undamped * g;
                let direction = if nesterov { g + mom * b } else { b };
                [p - lr * direction, b]
            },
        );
    }
}
