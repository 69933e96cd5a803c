//! What every optimizer does.

use downhill_autograd::Var;
use downhill_tensor::Float;

use crate::error::Error;
use crate::groups::ParamGroup;
use crate::hypers::{Hyper, PerGroup};
use crate::state::OptimState;

/// What every optimizer does.
///
/// Groups are in order: the first layers of a model in the first group, the head in the last.
pub trait Optimizer<T: Float = f32>: Send {
    /// Moves every parameter that requires a gradient and has one. Of all others nothing changes.
    fn step(&mut self);

    /// The groups of parameters.
    fn groups(&self) -> &[ParamGroup<T>];

    /// The groups of parameters, to set their hyper-parameters.
    fn groups_mut(&mut self) -> &mut [ParamGroup<T>];

    /// Everything that is needed to continue from here, see [`OptimState`]. The tensors are handles on the optimizer's
    /// own, so that taking the state costs nothing, and the first step after it, if the state is still there, a copy.
    fn state(&self) -> OptimState<T>;

    /// Continues from `state`.
    ///
    /// # Errors
    /// If `state` was saved by another kind of optimizer, or by one of other groups or parameters. Nothing changes then.
    fn load_state(&mut self, state: OptimState<T>) -> Result<(), Error>;

    /// Forgets what earlier steps left behind: the next step is a first step. Hyper-parameters stay.
    fn clear_state(&mut self);

    /// Forgets all gradients.
    fn zero_grad(&mut self) {
        self.groups().iter().flat_map(ParamGroup::params).for_each(|p| p.var().set_grad(None));
    }

    /// The learning rate of the last group.
    fn lr(&self) -> f64 {
        self.groups().last().map_or(0.0, |group| group.hypers.lr)
    }

    /// Sets the learning rate of all groups for the steps to come.
    fn set_lr(&mut self, lr: f64) {
        self.set_hyper(Hyper::Lr, lr.into());
    }

    /// Sets a hyper-parameter of all groups for the steps to come. fastai's `set_hyper`.
    ///
    /// # Panics
    /// If there are values for more or fewer groups.
    ///
    /// ```
    /// use downhill_autograd::Var;
    /// use downhill_optim::{Hyper, Optimizer, Sgd, slice};
    /// use downhill_tensor::Tensor;
    ///
    /// let groups: Vec<Vec<Var>> = (0..3).map(|_| vec![Var::parameter(Tensor::zeros(&[1]))]).collect();
    /// let mut opt = Sgd::new(groups, 0.1);
    /// opt.set_hyper(Hyper::Mom, 0.9.into());
    /// opt.set_hyper(Hyper::Lr, slice(1e-4, 1e-2));
    /// assert_eq!(opt.groups()[1].hypers.mom, 0.9);
    /// assert!((opt.groups()[1].hypers.lr - 1e-3).abs() < 1e-12);
    /// ```
    #[track_caller]
    fn set_hyper(&mut self, hyper: Hyper, values: PerGroup) {
        let groups = self.groups_mut();
        let count = groups.len();
        for (i, group) in groups.iter_mut().enumerate() {
            group.hypers[hyper] = values.of(i, count);
        }
    }

    /// Lets only the groups from `n` on train, counted from the back if negative: parameters before get no gradient from
    /// now on, but for those that [always train](crate::Groups::always_train). What is remembered of them stays.
    /// fastai's `freeze_to`.
    ///
    /// # Panics
    /// If there are fewer groups.
    #[track_caller]
    fn freeze_to(&mut self, n: isize) {
        let count = self.groups().len();
        let first = if n < 0 { count.checked_sub(n.unsigned_abs()) } else { Some(n.unsigned_abs()) };
        let Some(first) = first.filter(|&first| first <= count) else {
            panic!("freeze_to: no group {n}, there are {count}");
        };
        for (i, group) in self.groups().iter().enumerate() {
            for param in group.params() {
                param.var().requires_grad_(i >= first || param.always_trains());
            }
        }
    }

    /// Lets only the last group train.
    fn freeze(&mut self) {
        self.freeze_to(-1);
    }

    /// Lets all groups train.
    fn unfreeze(&mut self) {
        self.freeze_to(0);
    }
}

impl<T: Float, O: Optimizer<T> + ?Sized> Optimizer<T> for Box<O> {
    fn step(&mut self) {
        (**self).step();
    }

    fn groups(&self) -> &[ParamGroup<T>] {
        (**self).groups()
    }

    fn groups_mut(&mut self) -> &mut [ParamGroup<T>] {
        (**self).groups_mut()
    }

    fn state(&self) -> OptimState<T> {
        (**self).state()
    }

    fn load_state(&mut self, state: OptimState<T>) -> Result<(), Error> {
        (**self).load_state(state)
    }

    fn clear_state(&mut self) {
        (**self).clear_state();
    }
}

/// The parameters of `groups`, one after the other.
pub(crate) fn params<T: Float>(groups: &[ParamGroup<T>]) -> impl Iterator<Item = &Var<T>> {
    groups.iter().flat_map(ParamGroup::params).map(|param| param.var())
}
