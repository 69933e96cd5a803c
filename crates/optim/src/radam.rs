//! RAdam: Adam that waits for its second average.

use downhill_tensor::{Float, Tensor};

use crate::groups::Groups;
use crate::hypers::Hypers;
use crate::moments::{Averages, MOMENTS, Moments};
use crate::state::ParamState;
use crate::stepper::{Decay, Rule, Stepper};

/// Rectified Adam ([Liu et al.](https://arxiv.org/abs/1908.03265)). `torch.optim.RAdam`, and fastai's `RAdam`.
///
/// In step `t`, for each parameter `p` with gradient `g`:
///
/// ```text
/// g ← g + wd · p
/// m ← β₁ · m + (1 - β₁) · g
/// v ← β₂ · v + (1 - β₂) · g²
/// ρ∞ = 2 / (1 - β₂) - 1,  ρ = ρ∞ - 2 · t · β₂ᵗ / (1 - β₂ᵗ)
/// r = √((ρ - 4) · (ρ - 2) · ρ∞ / ((ρ∞ - 4) · (ρ∞ - 2) · ρ))
/// p ← p - lr · r · m / (1 - β₁ᵗ) / d    if ρ > 5
/// p ← p - lr · m / (1 - β₁ᵗ)            otherwise
/// ```
///
/// | | `d` | `β₁` | `β₂` | `eps` | `wd` |
/// |---|---|---|---|---|---|
/// | [`new`](Self::new): PyTorch's | `(√v + eps) / √(1 - β₂ᵗ)` | 0.9 | 0.999 | 1e-8 | 0, added to the gradient |
/// | [`fastai`](Self::fastai) | `√(v / (1 - β₂ᵗ)) + eps` | 0.9 | 0.99 | 1e-5 | 0, decoupled |
///
/// Decoupled weight decay is `p ← (1 - lr · wd) · p` in place of the first line. With fastai's `beta`, `d` is smoothed:
/// `d ← ln(1 + e^(beta · d)) / beta`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Optimizer, RAdam};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([3.0_f32]));
/// let mut opt = RAdam::new(vec![w.clone()], 0.1);
/// w.square().sum(..).backward();
/// opt.step();
/// assert!((w.item() - 2.4).abs() < 1e-6); // No division yet: lr times the gradient.
/// ```
pub type RAdam<T = f32> = Stepper<RAdamRule, T>;

/// The rule of [`RAdam`].
#[derive(Clone, Debug)]
pub struct RAdamRule {
    /// Whether `eps` is added before the bias of `v` is taken out.
    eps_first: bool,
    beta: f64,
}

impl<T: Float> RAdam<T> {
    /// PyTorch's RAdam, with its defaults.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn new(params: impl Into<Groups<T>>, lr: f64) -> Self {
        Stepper::as_pytorch(RAdamRule { eps_first: true, beta: 0.0 }, params, lr)
    }

    /// fastai's RAdam, with its defaults.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn fastai(params: impl Into<Groups<T>>, lr: f64) -> Self {
        Stepper::as_fastai(RAdamRule { eps_first: false, beta: 0.0 }, params, lr)
    }

    /// Sets the sharpness of the smoothing of the denominator; zero is none. fastai's `beta`.
    #[must_use]
    pub fn beta(mut self, beta: f64) -> Self {
        self.rule.beta = beta;
        self
    }
}

impl Moments for RAdamRule {}

impl<T: Float> Rule<T> for RAdamRule {
    fn name(&self) -> &'static str {
        "RAdam"
    }

    fn keeps(&self) -> &'static [&'static str] {
        &MOMENTS
    }

    fn check(&self, hypers: &Hypers) -> Result<(), String> {
        if !(self.beta >= 0.0 && self.beta.is_finite()) {
            return Err(format!("beta must be a number of zero or more, got {}", self.beta));
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
        let step = state.step as f64;
        let longest = 2.0 / (1.0 - h.sqr_mom) - 1.0;
        let length = longest - 2.0 * step * h.sqr_mom.powf(step) / averages.debias2;
        let rate = h.lr / averages.debias1;
        let [m, v] = state.tensors(MOMENTS, p);
        if length <= 5.0 {
            let rate = T::from_f64(rate);
            return Tensor::update_(
                "RAdam",
                [p, m, v],
                [g],
                #[inline(always)]
                |[p, m, v], [g]| {
                    let (p, g) = decay.apply(p, g);
                    let (m, v) = averages.see(m, v, g);
                    [p - rate * m, m, v]
                },
            );
        }
        let rectified =
            (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
        let rate = T::from_f64(rate * rectified.sqrt());
        let scale = 1.0 / averages.debias2.sqrt();
        let eps = T::from_f64(if self.eps_first { h.eps * scale } else { h.eps });
        let scale = T::from_f64(scale);
        if self.beta == 0.0 {
            return Tensor::update_(
                "RAdam",
                [p, m, v],
                [g],
                #[inline(always)]
                |[p, m, v], [g]| {
                    let (p, g) = decay.apply(p, g);
                    let (m, v) = averages.see(m, v, g);
                    [p - rate * (m / (v.sqrt() * scale + eps)), m, v]
                },
            );
        }
        let beta = T::from_f64(self.beta);
        Tensor::update_(
            "RAdam",
            [p, m, v],
            [g],
            #[inline(always)]
            |[p, m, v], [g]| {
                let (p, g) = decay.apply(p, g);
                let (m, v) = averages.see(m, v, g);
                let smooth = (beta * (v.sqrt() * scale + eps)).softplus() / beta;
                [p - rate * (m / smooth), m, v]
            },
        );
    }
}
