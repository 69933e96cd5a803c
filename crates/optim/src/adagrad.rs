//! Adagrad.

use downhill_tensor::{Float, Tensor};

use crate::groups::Groups;
use crate::hypers::{Hyper, Hypers};
use crate::state::ParamState;
use crate::stepper::{Decay, Rule, Stepper};

/// Adagrad ([Duchi, Hazan and Singer](https://jmlr.org/papers/v12/duchi11a.html)). `torch.optim.Adagrad`, with its
/// defaults. fastai has none.
///
/// In step `t`, for each parameter `p` with gradient `g`:
///
/// ```text
/// g ← g + wd · p
/// s ← s + g²
/// p ← p - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)
/// ```
///
/// Defaults: `eps` 1e-10, no decay of the rate, `s` zero at the start, no weight decay.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Adagrad, Optimizer};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([3.0_f32]));
/// let mut opt = Adagrad::new(vec![w.clone()], 0.1);
/// w.square().sum(..).backward();
/// opt.step();
/// assert_eq!(w.item(), 2.9);
/// ```
pub type Adagrad<T = f32> = Stepper<AdagradRule, T>;

/// The rule of [`Adagrad`].
#[derive(Clone, Debug)]
pub struct AdagradRule {
    lr_decay: f64,
    initial: f64,
}

impl<T: Float> Adagrad<T> {
    /// PyTorch's Adagrad, with its defaults.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn new(params: impl Into<Groups<T>>, lr: f64) -> Self {
        let rule = AdagradRule { lr_decay: 0.0, initial: 0.0 };
        Stepper::from_rule(rule, params, Hypers { lr, eps: 1e-10, ..Hypers::default() })
    }

    /// Sets how fast the learning rate falls.
    #[must_use]
    pub fn lr_decay(mut self, lr_decay: f64) -> Self {
        self.rule.lr_decay = lr_decay;
        self
    }

    /// Sets what `s` starts with.
    #[must_use]
    pub fn initial_accumulator_value(mut self, value: f64) -> Self {
        self.rule.initial = value;
        self
    }

    /// Sets `eps`, which keeps the denominator from zero.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        self.with(Hyper::Eps, eps)
    }
}

impl<T: Float> Rule<T> for AdagradRule {
    fn name(&self) -> &'static str {
        "Adagrad"
    }

    fn keeps(&self) -> &'static [&'static str] {
        &["sum"]
    }

    fn check(&self, _: &Hypers) -> Result<(), String> {
        for (name, value) in [("lr_decay", self.lr_decay), ("initial_accumulator_value", self.initial)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(format!("{name} must be a number of zero or more, got {value}"));
            }
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
        let rate = T::from_f64(h.lr / (1.0 + (state.step - 1) as f64 * self.lr_decay));
        let eps = T::from_f64(h.eps);
        let [sum] = state.tensors_from(["sum"], p, T::from_f64(self.initial));
        Tensor::update_(
            "Adagrad",
            [p, sum],
            [g],
            #[inline(always)]
            |[p, sum], [g]| {
                let (p, g) = decay.apply(p, g);
                let sum = sum + g * g;
                [p - rate * (g / (sum.sqrt() + eps)), sum]
            },
        );
    }
}
