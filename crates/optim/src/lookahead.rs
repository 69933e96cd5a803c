//! Lookahead: another optimizer's parameters, followed at a distance.

use downhill_tensor::{Float, Tensor};

use crate::error::Error;
use crate::groups::{Groups, ParamGroup};
use crate::optimizer::{Optimizer, params};
use crate::radam::RAdam;
use crate::state::OptimState;

/// Lookahead ([Zhang et al.](https://arxiv.org/abs/1907.08610)) around any other optimizer. fastai's `Lookahead`, with
/// its defaults. PyTorch has none.
///
/// For each parameter `p` a slow copy `s` is kept, which starts as `p`. After every `k` steps of the inner optimizer:
///
/// ```text
/// s ← s + alpha · (p - s)
/// p ← s
/// ```
///
/// Defaults: `k` 6, `alpha` 0.5.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Lookahead, Optimizer, Sgd};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([4.0_f32]));
/// let mut opt = Lookahead::new(Sgd::new(vec![w.clone()], 1.0)).k(2);
/// for expected in [3.0, 3.0] {
///     w.sum(..).backward();
///     opt.step();
///     opt.zero_grad();
///     assert_eq!(w.item(), expected); // Half of the way from 4 to 2.
/// }
/// ```
pub struct Lookahead<O, T: Float = f32> {
    inner: O,
    k: u64,
    alpha: f64,
    steps: u64,
    /// The slow copies, once the first step was made.
    slow: Vec<Tensor<T>>,
}

/// [`Lookahead`] around [`RAdam`], with fastai's defaults: `β₁` 0.95, `eps` 1e-6, `wd` 0.01. fastai's `ranger`.
///
/// # Panics
/// As [`RAdam::fastai`].
#[track_caller]
pub fn ranger<T: Float>(params: impl Into<Groups<T>>, lr: f64) -> Lookahead<RAdam<T>, T> {
    Lookahead::new(RAdam::fastai(params, lr).betas(0.95, 0.99).eps(1e-6).weight_decay(0.01))
}

impl<T: Float, O: Optimizer<T>> Lookahead<O, T> {
    /// Lookahead around `inner`.
    pub fn new(inner: O) -> Self {
        Lookahead { inner, k: 6, alpha: 0.5, steps: 0, slow: Vec::new() }
    }

    /// Sets how many steps go by between two looks.
    ///
    /// # Panics
    /// If `k` is zero.
    #[track_caller]
    #[must_use]
    pub fn k(mut self, k: u64) -> Self {
        assert!(k > 0, "Lookahead: k must be positive");
        self.k = k;
        self
    }

    /// Sets how far the slow copies follow.
    ///
    /// # Panics
    /// If `alpha` is not between 0 and 1.
    #[track_caller]
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        assert!((0.0..=1.0).contains(&alpha), "Lookahead: alpha must be between 0 and 1, got {alpha}");
        self.alpha = alpha;
        self
    }

    /// The optimizer inside.
    pub fn inner(&self) -> &O {
        &self.inner
    }

    fn name(inner: &str) -> String {
        format!("Lookahead of {inner}")
    }
}

impl<T: Float, O: Optimizer<T>> Optimizer<T> for Lookahead<O, T> {
    fn step(&mut self) {
        if self.slow.is_empty() {
            self.slow = params(self.inner.groups()).map(|p| p.value().map(|x| x)).collect();
        }
        self.inner.step();
        self.steps += 1;
        if !self.steps.is_multiple_of(self.k) {
            return;
        }
        let alpha = T::from_f64(self.alpha);
        for (slow, var) in self.slow.iter_mut().zip(params(self.inner.groups())) {
            var.update_(|fast| {
                Tensor::update_(
                    "Lookahead",
                    [fast, slow],
                    [],
                    #[inline(always)]
                    |[fast, slow], []| {
                        let slow = slow + alpha * (fast - slow);
                        [slow, slow]
                    },
                );
            });
        }
    }

    fn groups(&self) -> &[ParamGroup<T>] {
        self.inner.groups()
    }

    fn groups_mut(&mut self) -> &mut [ParamGroup<T>] {
        self.inner.groups_mut()
    }

    /// The inner optimizer's state, with the slow copies as one more tensor of each parameter.
    fn state(&self) -> OptimState<T> {
        let mut state = self.inner.state();
        state.optimizer = Self::name(&state.optimizer);
        state.steps = self.steps;
        for (state, slow) in state.params.iter_mut().zip(&self.slow) {
            state.set("slow", slow.clone());
        }
        state
    }

    fn load_state(&mut self, mut state: OptimState<T>) -> Result<(), Error> {
        let own = self.inner.state();
        state.check(&Self::name(&own.optimizer), self.inner.groups(), own.params.len())?;
        // They are there for all parameters or for none.
        let expected = state.steps > 0 || state.params.iter().any(|saved| saved.get("slow").is_some());
        let mut slow = Vec::new();
        for (param, (saved, var)) in state.params.iter_mut().zip(params(self.inner.groups())).enumerate() {
            match saved.take("slow") {
                Some(tensor) if *tensor.shape() == *var.shape() => slow.push(tensor),
                Some(tensor) => {
                    return Err(Error::Shape {
                        param,
                        buffer: "slow".to_string(),
                        expected: var.shape().to_vec(),
                        found: tensor.shape().to_vec(),
                    });
                }
                None if !expected => {}
                None => {
                    return Err(Error::Value {
                        param,
                        what: "expected a tensor slow, found none".to_string(),
                    });
                }
            }
        }
        let steps = state.steps;
        state.optimizer = own.optimizer;
        self.inner.load_state(state)?;
        (self.steps, self.slow) = (steps, slow);
        Ok(())
    }

    fn clear_state(&mut self) {
        self.inner.clear_state();
        self.slow.clear();
        self.steps = 0;
    }
}
