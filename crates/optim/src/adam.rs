//! Adam, AdamW and AMSGrad.

use downhill_tensor::{Float, Tensor};

use crate::groups::Groups;
use crate::hypers::Hypers;
use crate::moments::{Averages, MOMENTS, Moments};
use crate::state::ParamState;
use crate::stepper::{Decay, Rule, Stepper};

/// Adam ([Kingma and Ba](https://arxiv.org/abs/1412.6980)). `torch.optim.Adam`, and fastai's `Adam`.
///
/// In step `t`, for each parameter `p` with gradient `g`:
///
/// ```text
/// g ← g + wd · p
/// m ← β₁ · m + (1 - β₁) · g
/// v ← β₂ · v + (1 - β₂) · g²
/// p ← p - lr / (1 - β₁ᵗ) · m / (√(v / (1 - β₂ᵗ)) + eps)
/// ```
///
/// | | `β₁` | `β₂` | `eps` | `wd` |
/// |---|---|---|---|---|
/// | [`new`](Self::new): PyTorch's | 0.9 | 0.999 | 1e-8 | 0, added to the gradient |
/// | [`AdamW::new`] | 0.9 | 0.999 | 1e-8 | 0.01, decoupled |
/// | [`fastai`](Self::fastai) | 0.9 | 0.99 | 1e-5 | 0.01, decoupled |
///
/// Decoupled weight decay is `p ← (1 - lr · wd) · p` in place of the first line. The formula is otherwise the same in
/// both libraries; in both, `β₁` and `β₂` are those of the current step, also where a schedule changes them.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Adam, Optimizer};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([3.0_f32]));
/// let mut opt = Adam::new(vec![w.clone()], 0.1).betas(0.8, 0.99);
/// w.square().sum(..).backward();
/// opt.step();
/// assert_eq!(w.item(), 2.9); // The first step is as long as lr, whatever the gradient.
/// ```
pub type Adam<T = f32> = Stepper<AdamRule, T>;

/// The rule of [`Adam`].
#[derive(Clone, Debug)]
pub struct AdamRule {
    amsgrad: bool,
}

/// Makes [`Adam`] optimizers with decoupled weight decay ([Loshchilov and Hutter](https://arxiv.org/abs/1711.05101)).
pub enum AdamW {}

impl AdamW {
    /// [`Adam::new`] with decoupled weight decay of 0.01. `torch.optim.AdamW`.
    ///
    /// # Panics
    /// As [`Adam::new`].
    #[track_caller]
    #[allow(clippy::new_ret_no_self)] // it is Adam, and reads as in PyTorch
    pub fn new<T: Float>(params: impl Into<Groups<T>>, lr: f64) -> Adam<T> {
        Adam::new(params, lr).weight_decay(0.01).decoupled_weight_decay(true)
    }
}

impl<T: Float> Adam<T> {
    /// PyTorch's Adam, with its defaults.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn new(params: impl Into<Groups<T>>, lr: f64) -> Self {
        Stepper::as_pytorch(AdamRule { amsgrad: false }, params, lr)
    }

    /// fastai's Adam, with its defaults.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn fastai(params: impl Into<Groups<T>>, lr: f64) -> Self {
        Stepper::as_fastai(AdamRule { amsgrad: false }, params, lr).weight_decay(0.01)
    }

    /// Chooses AMSGrad ([Reddi, Kale and Kumar](https://arxiv.org/abs/1904.09237)): in the denominator stands the
    /// largest `v` so far.
    #[must_use]
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.rule.amsgrad = amsgrad;
        self
    }
}

impl Moments for AdamRule {}

impl<T: Float> Rule<T> for AdamRule {
    fn name(&self) -> &'static str {
        "Adam"
    }

    fn keeps(&self) -> &'static [&'static str] {
        if self.amsgrad { &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] } else { &MOMENTS }
    }

    fn check(&self, hypers: &Hypers) -> Result<(), String> {
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
        let rate = T::from_f64(h.lr / averages.debias1);
        let scale = T::from_f64(1.0 / averages.debias2.sqrt());
        let eps = T::from_f64(h.eps);
        if self.amsgrad {
            let [m, v, largest] = state.tensors(["exp_avg", "exp_avg_sq", "max_exp_avg_sq"], p);
            return Tensor::update_(
                "Adam",
                [p, m, v, largest],
                [g],
                #[inline(always)]
                |[p, m, v, largest], [g]| {
                    let (p, g) = decay.apply(p, g);
                    let (m, v) = averages.see(m, v, g);
                    // NaN wins, as in torch.maximum: once v is NaN it stays so.
                    let largest = if largest > v { largest } else { v };
                    [p - rate * (m / (largest.sqrt() * scale + eps)), m, v, largest]
                },
            );
        }
        let [m, v] = state.tensors(MOMENTS, p);
        Tensor::update_(
            "Adam",
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
}
