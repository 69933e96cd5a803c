//! Which parameters an optimizer moves, in groups that have their own hyper-parameters.

use downhill_autograd::Var;
use downhill_tensor::Float;

use crate::hypers::{Hyper, Hypers};

/// A parameter and how it is to be treated.
#[derive(Clone, Debug)]
pub struct Param<T: Float = f32> {
    var: Var<T>,
    decays: bool,
    always_trains: bool,
}

impl<T: Float> Param<T> {
    /// The parameter.
    pub fn var(&self) -> &Var<T> {
        &self.var
    }

    /// Whether weight decay applies to it. fastai's `do_wd`.
    pub fn decays(&self) -> bool {
        self.decays
    }

    /// Whether it trains even in a frozen group. fastai's `force_train`.
    pub fn always_trains(&self) -> bool {
        self.always_trains
    }

    /// The group's hyper-parameters, as they apply to this parameter.
    pub(crate) fn hypers(&self, group: &Hypers) -> Hypers {
        if self.decays { *group } else { Hypers { wd: 0.0, ..*group } }
    }
}

/// Parameters that share their hyper-parameters.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{Adam, Hyper, Optimizer, ParamGroup};
/// use downhill_tensor::Tensor;
///
/// let [body, head] = [1, 2].map(|n| Var::parameter(Tensor::<f32>::zeros(&[n])));
/// let slow = ParamGroup::new(vec![body]).with(Hyper::Lr, 1e-4);
/// let opt = Adam::new(vec![slow, ParamGroup::new(vec![head])], 1e-2);
/// assert_eq!([0, 1].map(|i| opt.groups()[i].hypers.lr), [1e-4, 1e-2]);
/// ```
#[derive(Clone, Debug)]
pub struct ParamGroup<T: Float = f32> {
    params: Vec<Param<T>>,
    /// The hyper-parameters, to be read and set at any time. Before the group is given to an optimizer they are zero.
    pub hypers: Hypers,
    /// Values that go before the optimizer's.
    own: Vec<(Hyper, f64)>,
}

impl<T: Float> ParamGroup<T> {
    /// A group of `params`, which takes all hyper-parameters from its optimizer.
    pub fn new(params: Vec<Var<T>>) -> Self {
        let params = params.into_iter().map(|var| Param { var, decays: true, always_trains: false });
        ParamGroup { params: params.collect(), hypers: Hypers::default(), own: Vec::new() }
    }

    /// A value of its own for `hyper`, whatever the optimizer starts with.
    #[must_use]
    pub fn with(mut self, hyper: Hyper, value: f64) -> Self {
        self.own.push((hyper, value));
        self
    }

    /// The parameters.
    pub fn params(&self) -> &[Param<T>] {
        &self.params
    }

    /// Takes over the optimizer's value, unless the group has its own.
    pub(crate) fn set_default(&mut self, hyper: Hyper, value: f64) {
        let own = self.own.iter().rev().find(|(own, _)| *own == hyper);
        self.hypers[hyper] = own.map_or(value, |(_, value)| *value);
    }
}

/// The groups of an optimizer, first layers first: made from a `Vec` of parameters, of lists of parameters, or of
/// [`ParamGroup`]s.
#[derive(Clone, Debug)]
pub struct Groups<T: Float = f32>(pub(crate) Vec<ParamGroup<T>>);

impl<T: Float> Groups<T> {
    /// Exempts `params` from weight decay, as fastai does with biases and the parameters of normalisation layers.
    ///
    /// # Panics
    /// If one of them is in none of the groups.
    ///
    /// ```
    /// use downhill_autograd::Var;
    /// use downhill_optim::{AdamW, Groups};
    /// use downhill_tensor::Tensor;
    ///
    /// let [weight, bias] = [2, 1].map(|n| Var::parameter(Tensor::<f32>::ones(&[n])));
    /// let groups = Groups::from(vec![weight, bias.clone()]).without_decay(&[bias]);
    /// let opt = AdamW::new(groups, 0.1);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn without_decay(mut self, params: &[Var<T>]) -> Self {
        params.iter().for_each(|var| self.find("without_decay", var).decays = false);
        self
    }

    /// Lets `params` train even while their group is frozen, as fastai does with the parameters of normalisation
    /// layers.
    ///
    /// # Panics
    /// If one of them is in none of the groups.
    #[track_caller]
    #[must_use]
    pub fn always_train(mut self, params: &[Var<T>]) -> Self {
        params.iter().for_each(|var| self.find("always_train", var).always_trains = true);
        self
    }

    #[track_caller]
    fn find(&mut self, op: &str, var: &Var<T>) -> &mut Param<T> {
        let mut params = self.0.iter_mut().flat_map(|group| &mut group.params);
        match params.find(|param| param.var.same(var)) {
            Some(param) => param,
            None => panic!("{op}: a parameter of shape {:?} is in none of the groups", var.shape()),
        }
    }

    /// Checks that an optimizer can work with these groups, and gives them its hyper-parameters.
    #[track_caller]
    pub(crate) fn prepare(mut self, op: &str, hypers: Hypers) -> Vec<ParamGroup<T>> {
        assert!(!self.0.is_empty(), "{op}: no groups of parameters");
        let mut seen: Vec<&Var<T>> = Vec::new();
        for Param { var, .. } in self.0.iter().flat_map(|group| &group.params) {
            assert!(var.is_leaf(), "{op}: expected leaves, got the result of {}", var.op());
            assert!(
                !seen.iter().any(|other| other.same(var)),
                "{op}: a parameter of shape {:?} is there twice",
                var.shape()
            );
            seen.push(var);
        }
        for group in &mut self.0 {
            Hyper::ALL.into_iter().for_each(|hyper| group.set_default(hyper, hypers[hyper]));
        }
        self.0
    }
}

impl<T: Float> From<Vec<Var<T>>> for Groups<T> {
    fn from(params: Vec<Var<T>>) -> Self {
        Groups(vec![ParamGroup::new(params)])
    }
}

impl<T: Float> From<Vec<Vec<Var<T>>>> for Groups<T> {
    fn from(groups: Vec<Vec<Var<T>>>) -> Self {
        Groups(groups.into_iter().map(ParamGroup::new).collect())
    }
}

impl<T: Float> From<Vec<ParamGroup<T>>> for Groups<T> {
    fn from(groups: Vec<ParamGroup<T>>) -> Self {
        Groups(groups)
    }
}

impl<T: Float> From<ParamGroup<T>> for Groups<T> {
    fn from(group: ParamGroup<T>) -> Self {
        Groups(vec![group])
    }
}
