//! Adadelta.

use downhill_tensor::{Float, Tensor};

use crate::groups::Groups;
use crate::hypers::{Hyper, Hypers};
use crate::state::ParamState;
use crate::stepper::{Decay, Rule, Stepper};

/// Adadelta ([Zeiler](https://arxiv.org/abs/1212.5701)). `torch.optim.Adadelta`, with its defaults. fastai has none.
///
/// For each parameter `p` with gradient `g`:
///
/// ```text
/// g ← g + wd · p
/// v ← ρ · v + (1 - ρ) · g²
/// d = √(a + eps) / √(v + eps) · g
/// a ← ρ · a + (1 - ρ) · d²
/// p ← p - lr · d
/// ```
///
/// Defaults: `ρ` 0.9, `eps` 1e-6, no weight decay. PyTorch's `lr` is 1 where none is given.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Adadelta, Optimizer};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([3.0_f32]));
/// let mut opt = Adadelta::new(vec![w.clone()], 1.0).rho(0.95);
/// w.square().sum(..).backward();
/// opt.step();
/// assert!(w.item() < 3.0);
/// ```
pub type Adadelta<T = f32> = Stepper<AdadeltaRule, T>;

/// The rule of [`Adadelta`].
#[derive(Clone, Debug)]
pub struct AdadeltaRule;

impl<T: Float> Adadelta<T> {
    /// PyTorch's Adadelta, with its defaults.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn new(params: impl Into<Groups<T>>, lr: f64) -> Self {
        let hypers = Hypers { lr, sqr_mom: 0.9, eps: 1e-6, ..Hypers::default() };
        Stepper::from_rule(AdadeltaRule, params, hypers)
    }

    /// Sets the decay `ρ` of both averages.
    #[must_use]
    pub fn rho(self, rho: f64) -> Self {
        self.with(Hyper::SqrMom, rho)
    }

    /// Sets `eps`, which keeps both roots from zero.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with(Hyper::Eps, eps)
    }
}

impl<T: Float> Rule<T> for AdadeltaRule {
    fn name(&self) -> &'static str {
        "Adadelta"
    }

    fn keeps(&self) -> &'static [&'static str] {
        &["square_avg", "acc_delta"]
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
        let [lr, rho, new, eps] = [h.lr, h.sqr_mom, 1.0 - h.sqr_mom, h.eps].map(T::from_f64);
        let [v, a] = state.tensors(["square_avg", "acc_delta"], p);
        Tensor::update_(
            "Adadelta",
            [p, v, a],
            [g],
            #[inline(always)]
            |[p, v, a], [g]| {
                let (p, g) = decay.apply(p, g);
                let v = rho * v + new * (g * g);
                let delta = (a + eps).sqrt() / (v + eps).sqrt() * g;
                let a = rho * a + new * (delta * delta);
                [p - lr * delta, v, a]
            },
        );
    }
}
