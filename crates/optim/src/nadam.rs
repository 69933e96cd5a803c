//! NAdam: Adam with Nesterov's momentum.

use downhill_tensor::{Float, Tensor};

use crate::groups::Groups;
use crate::hypers::Hypers;
use crate::moments::{Averages, MOMENTS, Moments};
use crate::state::ParamState;
use crate::stepper::{Decay, Rule, Stepper};

/// NAdam ([Dozat](https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ)). `torch.optim.NAdam`, with its defaults.
/// fastai has none.
///
/// In step `t`, for each parameter `p` with gradient `g` and momentum decay `ψ`:
///
/// ```text
/// g ← g + wd · p
/// μₜ = β₁ · (1 - 0.96^(t · ψ) / 2)
/// Πₜ = μ₁ · .. · μₜ
/// m ← β₁ · m + (1 - β₁) · g
/// v ← β₂ · v + (1 - β₂) · g²
/// p ← p - lr · ((1 - μₜ) / (1 - Πₜ) · g + μₜ₊₁ / (1 - Πₜ · μₜ₊₁) · m) / (√(v / (1 - β₂ᵗ)) + eps)
/// ```
///
/// Defaults: `β₁` 0.9, `β₂` 0.999, `eps` 1e-8, `ψ` 4e-3, no weight decay.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{NAdam, Optimizer};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([3.0_f32]));
/// let mut opt = NAdam::new(vec![w.clone()], 0.01);
/// w.square().sum(..).backward();
/// opt.step();
/// assert!((w.item() - 2.98944).abs() < 1e-4);
/// ```
pub type NAdam<T = f32> = Stepper<NAdamRule, T>;

/// The rule of [`NAdam`].
#[derive(Clone, Debug)]
pub struct NAdamRule {
    momentum_decay: f64,
}

impl<T: Float> NAdam<T> {
    /// PyTorch's NAdam, with its defaults.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn new(params: impl Into<Groups<T>>, lr: f64) -> Self {
        Stepper::as_pytorch(NAdamRule { momentum_decay: 4e-3 }, params, lr)
    }

    /// Sets the momentum decay `ψ`.
    #[must_use]
    pub fn momentum_decay(mut self, momentum_decay: f64) -> Self {
        self.rule.momentum_decay = momentum_decay;
        self
    }
}

impl Moments for NAdamRule {}

impl<T: Float> Rule<T> for NAdamRule {
    fn name(&self) -> &'static str {
        "NAdam"
    }

    fn keeps(&self) -> &'static [&'static str] {
        &MOMENTS
    }

    fn check(&self, hypers: &Hypers) -> Result<(), String> {
        if !(self.momentum_decay >= 0.0 && self.momentum_decay.is_finite()) {
            return Err(format!(
                "momentum_decay must be a number of zero or more, got {}",
                self.momentum_decay
            ));
        }
        hypers.check_averages()
    }

    fn update(
        &self,
        p: &mut Tensor<T>,
        g: &Tensor<T>,
        state: &mut ParamState<T>,
        h: &Hypers,
        decay: Decay<T>,
    ) {
        let averages = Averages::new(h, state.step);
        let momentum = |step: f64| h.mom * (1.0 - 0.5 * 0.96_f64.powf(step * self.momentum_decay));
        let (now, next) = (momentum(state.step as f64), momentum(state.step as f64 + 1.0));
        // The product of all momenta so far.
        state.scalar *= now;
        let of_g = T::from_f64(h.lr * (1.0 - now) / (1.0 - state.scalar));
        let of_m = T::from_f64(h.lr * next / (1.0 - state.scalar * next));
        let scale = T::from_f64(1.0 / averages.debias2.sqrt());
        let eps = T::from_f64(h.eps);
        let [m, v] = state.tensors(MOMENTS, p);
        Tensor::update_(
            "NAdam",
            [p, m, v],
            [g],
            #[inline(always)]
            |[p, m, v], [g]| {
                let (p, g) = decay.apply(p, g);
                let (m, v) = averages.see(m, v, g);
                [p - (of_g * g + of_m * m) / (v.sqrt() * scale + eps), m, v]
            },
        );
    }
}
