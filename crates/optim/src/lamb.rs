//! LAMB: Adam's direction, and a length that follows the parameter's.

use downhill_tensor::{Float, Tensor};

use crate::groups::Groups;
use crate::hypers::Hypers;
use crate::moments::{Averages, MOMENTS, Moments};
use crate::state::ParamState;
use crate::stepper::{Decay, Rule, Stepper};

/// LAMB ([You et al.](https://arxiv.org/abs/1904.00962)), for large batches. fastai's `Lamb`, with its defaults. PyTorch
/// has none.
///
/// In step `t`, for each parameter `p` with gradient `g`, where `rms` is the root of the mean square of a tensor:
///
/// ```text
/// p ← (1 - lr · wd) · p
/// m ← β₁ · m + (1 - β₁) · g
/// v ← β₂ · v + (1 - β₂) · g²
/// u = m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps)
/// q = min(rms(p) / rms(u), 10), or 1 if either is zero
/// p ← p - lr · q · u
/// ```
///
/// Defaults: `β₁` 0.9, `β₂` 0.99, `eps` 1e-5, no weight decay.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Lamb, Optimizer};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([3.0_f32]));
/// let mut opt = Lamb::fastai(vec![w.clone()], 0.1);
/// w.square().sum(..).backward();
/// opt.step();
/// assert!((w.item() - 2.7).abs() < 1e-6); // By lr times the parameter's own size.
/// ```
pub type Lamb<T = f32> = Stepper<LambRule, T>;

/// The rule of [`Lamb`].
#[derive(Clone, Debug)]
pub struct LambRule;

impl<T: Float> Lamb<T> {
    /// fastai's LAMB, with its defaults.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn fastai(params: impl Into<Groups<T>>, lr: f64) -> Self {
        Stepper::as_fastai(LambRule, params, lr)
    }
}

impl Moments for LambRule {}

impl<T: Float> Rule<T> for LambRule {
    fn name(&self) -> &'static str {
        "Lamb"
    }

    fn keeps(&self) -> &'static [&'static str] {
        &MOMENTS
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
        let scale1 = T::from_f64(1.0 / averages.debias1);
        let scale2 = T::from_f64(1.0 / averages.debias2.sqrt());
        let eps = T::from_f64(h.eps);
        let direction = move |m: T, v: T| m * scale1 / (v.sqrt() * scale2 + eps);

        let [m, v] = state.tensors(MOMENTS, p);
        Tensor::update_(
            "Lamb",
            [&mut *p, &mut *m, &mut *v],
            [g],
            #[inline(always)]
            |[p, m, v], [g]| {
                let (p, g) = decay.apply(p, g);
                let (m, v) = averages.see(m, v, g);
                [p, m, v]
            },
        );
        // How long the step is depends on all of it, so that it takes a second pass; the direction is computed anew
        // rather than stored.
        let square = |x: T| x.to_f64() * x.to_f64();
        let of_p = Tensor::fuse_sum(
            "Lamb",
            [&*p],
            #[inline(always)]
            |[p]| square(p),
        )
        .sqrt();
        let of_step = Tensor::fuse_sum(
            "Lamb",
            [&*m, &*v],
            #[inline(always)]
            |[m, v]| square(direction(m, v)),
        )
        .sqrt();
        let trust = if of_p == 0.0 || of_step == 0.0 { 1.0 } else { (of_p / of_step).min(10.0) };
        let rate = T::from_f64(h.lr * trust);
        Tensor::update_(
            "Lamb",
            [p],
            [m, v],
            #[inline(always)]
            |[p], [m, v]| [p - rate * direction(m, v)],
        );
    }
}
