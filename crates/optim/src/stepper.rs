//! The walk over all parameters, which every optimizer shares, and the rule by which each is moved, which makes it
//! the optimizer that it is.

use downhill_tensor::{Float, Tensor};

use crate::error::Error;
use crate::groups::{Groups, ParamGroup};
use crate::hypers::{Hyper, Hypers};
use crate::optimizer::{Optimizer, params};
use crate::state::{OptimState, ParamState};

/// How an optimizer moves one parameter.
///
/// All that an optimizer has to say for itself; [`Stepper`] does the rest. Sign descent, for example:
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Decay, Hypers, Optimizer, ParamState, Rule, Stepper};
/// use downhill_tensor::{Float, Tensor};
///
/// struct SignDescent;
///
/// impl<T: Float> Rule<T> for SignDescent {
///     fn name(&self) -> &'static str {
///         "SignDescent"
///     }
///
///     fn update(&self, p: &mut Tensor<T>, g: &Tensor<T>, _: &mut ParamState<T>, h: &Hypers, decay: Decay<T>) {
///         let lr = T::from_f64(h.lr);
///         Tensor::update_("SignDescent", [p], [g], |[p], [g]| {
///             let (p, g) = decay.apply(p, g);
///             [if g > T::default() { p - lr } else { p + lr }]
///         });
///     }
/// }
///
/// let w = Var::parameter(Tensor::from([3.0_f32, -1.0]));
/// let mut opt = Stepper::from_rule(SignDescent, vec![w.clone()], Hypers { lr: 0.5, ..Hypers::default() });
/// w.square().sum(..).backward();
/// opt.step();
/// assert_eq!(w.value().to_vec(), [2.5, -0.5]);
/// ```
pub trait Rule<T: Float>: Send {
    /// The optimizer's name, for messages and saved states.
    fn name(&self) -> &'static str;

    /// The names of the tensors that it keeps for each parameter after the first step.
    fn keeps(&self) -> &'static [&'static str] {
        &[]
    }

    /// The names of tensors that it keeps if hyper-parameters ask for it.
    fn may_keep(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the rule can do with these hyper-parameters, none of which is negative.
    ///
    /// # Errors
    /// What is wrong with them.
    fn check(&self, hypers: &Hypers) -> Result<(), String> {
        let _ = hypers;
        Ok(())
    }

    /// Moves parameter `p` with gradient `g`. `state.step` counts this step already. In `h` weight decay is zero if it
    /// does not apply to `p`; `decay` is how it applies.
    fn update(
        &self,
        p: &mut Tensor<T>,
        g: &Tensor<T>,
        state: &mut ParamState<T>,
        h: &Hypers,
        decay: Decay<T>,
    );
}

/// What weight decay does to a parameter and its gradient before the rule sees them, and
/// [maximizing](Stepper::maximize) to the gradient before that.
#[derive(Clone, Copy, Debug)]
pub struct Decay<T> {
    /// What the parameter is multiplied by.
    keep: T,
    /// How much of the parameter is added to the gradient.
    l2: T,
    /// What the gradient is multiplied by: 1 or -1.
    sign: T,
}

impl<T: Float> Decay<T> {
    fn new(h: &Hypers, decoupled: bool, maximize: bool) -> Self {
        let (keep, l2) = if decoupled { (1.0 - h.lr * h.wd, 0.0) } else { (1.0, h.wd) };
        let sign = if maximize { -1.0 } else { 1.0 };
        Decay { keep: T::from_f64(keep), l2: T::from_f64(l2), sign: T::from_f64(sign) }
    }

    /// An element of the parameter and of the gradient, with weight decay: `(p, ±g + wd · p)`, or
    /// `((1 - lr · wd) · p, ±g)` if it is decoupled.
    #[inline(always)]
    pub fn apply(self, p: T, g: T) -> (T, T) {
        (p * self.keep, g * self.sign + p * self.l2)
    }
}

/// An optimizer that moves each parameter by itself, following a [`Rule`].
pub struct Stepper<R, T: Float = f32> {
    pub(crate) rule: R,
    groups: Vec<ParamGroup<T>>,
    states: Vec<ParamState<T>>,
    steps: u64,
    decoupled: bool,
    maximize: bool,
}

impl<R: Rule<T>, T: Float> Stepper<R, T> {
    /// An optimizer of `params` that follows `rule`, with weight decay added to the gradient.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn from_rule(rule: R, params: impl Into<Groups<T>>, hypers: Hypers) -> Self {
        let groups = params.into().prepare(rule.name(), hypers);
        let states = groups.iter().flat_map(ParamGroup::params).map(|_| ParamState::default()).collect();
        Stepper { rule, groups, states, steps: 0, decoupled: false, maximize: false }
    }

    /// Sets the weight decay of all groups that have none of their own.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        self.with(Hyper::Wd, weight_decay)
    }

    /// Chooses how weight decay works. Decoupled, it shrinks the parameter by `lr · wd` in every step, apart from the
    /// gradient ([Loshchilov and Hutter](https://arxiv.org/abs/1711.05101)). Otherwise it is the derivative of a
    /// penalty `wd / 2 · p²` and added to the gradient.
    #[must_use]
    pub fn decoupled_weight_decay(mut self, decoupled: bool) -> Self {
        self.decoupled = decoupled;
        self
    }

    /// Chooses to go up the gradient, for what is to become large; weight decay makes smaller all the same. PyTorch's
    /// `maximize`.
    ///
    /// ```
    /// use downhill_autograd::Var;
    /// use downhill_optim::{Optimizer, Sgd};
    /// use downhill_tensor::Tensor;
    ///
    /// let w = Var::parameter(Tensor::from([3.0_f32]));
    /// let mut opt = Sgd::new(vec![w.clone()], 0.5).maximize(true);
    /// w.sum(..).backward();
    /// opt.step();
    /// assert_eq!(w.item(), 3.5);
    /// ```
    #[must_use]
    pub fn maximize(mut self, maximize: bool) -> Self {
        self.maximize = maximize;
        self
    }

    /// Sets a hyper-parameter of all groups that have no value of their own for it.
    pub(crate) fn with(mut self, hyper: Hyper, value: f64) -> Self {
        self.groups.iter_mut().for_each(|group| group.set_default(hyper, value));
        self
    }

    /// What is remembered of each parameter, group after group.
    pub fn param_states(&self) -> &[ParamState<T>] {
        &self.states
    }

    fn check(&self, hypers: &Hypers) -> Result<(), String> {
        hypers.check().and_then(|()| self.rule.check(hypers))
    }
}

impl<R: Rule<T>, T: Float> Optimizer<T> for Stepper<R, T> {
    /// # Panics
    /// If a hyper-parameter is out of range.
    fn step(&mut self) {
        for group in &self.groups {
            if let Err(what) = self.check(&group.hypers) {
                panic!("{}: {what}", self.rule.name());
            }
        }
        self.steps += 1;
        let mut states = self.states.iter_mut();
        for group in &self.groups {
            for (param, state) in group.params().iter().zip(&mut states) {
                if !param.var().requires_grad() {
                    continue;
                }
                let hypers = param.hypers(&group.hypers);
                let decay = Decay::new(&hypers, self.decoupled, self.maximize);
                param.var().step_(|data, grad| {
                    state.step += 1;
                    self.rule.update(data, grad, state, &hypers, decay);
                });
            }
        }
    }

    fn groups(&self) -> &[ParamGroup<T>] {
        &self.groups
    }

    fn groups_mut(&mut self) -> &mut [ParamGroup<T>] {
        &mut self.groups
    }

    fn state(&self) -> OptimState<T> {
        OptimState::new(self.rule.name(), self.steps, &self.groups, self.states.clone())
    }

    fn load_state(&mut self, state: OptimState<T>) -> Result<(), Error> {
        state.check(self.rule.name(), &self.groups, self.states.len())?;
        for (group, hypers) in state.hypers.iter().enumerate() {
            self.rule.check(hypers).map_err(|what| Error::Hypers { group, what })?;
        }
        for (i, (saved, var)) in state.params.iter().zip(params(&self.groups)).enumerate() {
            saved.check(i, &var.shape(), self.rule.keeps(), self.rule.may_keep())?;
        }
        for (group, hypers) in self.groups.iter_mut().zip(state.hypers) {
            group.hypers = hypers;
        }
        (self.steps, self.states) = (state.steps, state.params);
        Ok(())
    }

    fn clear_state(&mut self) {
        self.states.fill_with(ParamState::default);
        self.steps = 0;
    }
}
