//! The Learner: how it is put together, and what can be read from it.

use std::any::Any;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use downhill_autograd::Var;
use downhill_data::DataLoaders;
use downhill_nn::{AnyTensor, Forward, Reduction, norm_bias_params, summary};
use downhill_optim::{Adam, Groups, Hyper, Optimizer, PerGroup};
use downhill_tensor::{Element, Tensor};

use crate::callback::Callback;
use crate::callbacks::Progress;
use crate::checkpoint::Pending;
use crate::error::Result;
use crate::metrics::{Erased, IntoMetric, short_name, typed};
use crate::predict::Activation;
use crate::recorder::{Record, Recorder};
use crate::show::Looks;
use crate::state::State;
use crate::train::{Core, finished};

type OptFunc = dyn Fn(Groups, f64) -> Box<dyn Optimizer> + Send + Sync;

/// Data, model, loss and optimizer, and what came of them. fastai's `Learner`.
///
/// `Y` is the element type of the targets.
pub struct Learner<Y: Element = i64> {
    dls: Arc<DataLoaders<f32, Y>>,
    pub(crate) core: Core,
    pub(crate) record: Option<Record>,
    pub(crate) settings: Settings,
}

/// What a Learner was told when it was made.
pub(crate) struct Settings {
    opt_func: Box<OptFunc>,
    pub(crate) lr: PerGroup,
    wd: Option<f64>,
    pub(crate) moms: [f64; 3],
    wd_bn_bias: bool,
    train_bn: bool,
    bar: bool,
    activation: Option<Activation>,
    /// What fits the loss.
    loss_activation: Activation,
    pub(crate) looks: Looks,
    pub(crate) pending: Option<Pending>,
}

impl Settings {
    pub(crate) fn activation(&self) -> Activation {
        self.activation.unwrap_or(self.loss_activation)
    }
}

impl<Y: Element> Learner<Y> {
    /// A learner for `model` on `dls`. It needs a [`loss_func`](Self::loss_func) before it can train; the optimizer is
    /// [`Adam::fastai`] unless [`opt_func`](Self::opt_func) says otherwise.
    pub fn new(dls: DataLoaders<f32, Y>, model: impl Forward + 'static) -> Self {
        let dls = Arc::new(dls);
        let state = State::new(Box::new(model));
        let empty = (state.xb.clone(), AnyTensor::new(Tensor::<Y>::zeros(&[0])));
        Learner {
            core: Core { dls: dls.clone(), state, cbs: Vec::new(), empty },
            dls,
            record: Some(Record::new()),
            settings: Settings {
                opt_func: Box::new(|params, lr| Box::new(Adam::fastai(params, lr))),
                lr: PerGroup::All(1e-3),
                wd: None,
                moms: [0.95, 0.85, 0.95],
                wd_bn_bias: false,
                train_bn: true,
                bar: true,
                activation: None,
                loss_activation: Activation::None,
                looks: Looks::default(),
                pending: None,
            },
        }
    }

    /// Sets how the optimizer is made, from the parameters and the learning rate: `Sgd::new`.
    #[must_use]
    pub fn opt_func<O: Optimizer + 'static>(
        mut self,
        opt_func: impl Fn(Groups, f64) -> O + Send + Sync + 'static,
    ) -> Self {
        self.settings.opt_func = Box::new(move |params, lr| Box::new(opt_func(params, lr)));
        self
    }

    /// Sets the loss: a function of predictions and targets. If it is one of this library, the
    /// [`activation`](Self::activation) follows: softmax for `cross_entropy`, sigmoid for `mnist_loss`.
    #[must_use]
    pub fn loss_func<F>(mut self, loss_func: F) -> Self
    where
        F: Fn(&Var, &Tensor<Y>) -> Var + Send + Sync + 'static,
    {
        self.settings.loss_activation = Activation::of_loss(short_name::<F>());
        self.core.state.loss_func = Some(Arc::new(move |preds, targets| loss_func(preds, &typed(targets))));
        self
    }

    /// Sets a loss that takes a [`Reduction`] as well, [`mse_loss`](downhill_nn::mse_loss), say: the mean is trained on. The
    /// [`activation`](Self::activation) of `bce_with_logits` is the sigmoid.
    #[must_use]
    pub fn loss_func_with<F>(self, loss_func: F) -> Self
    where
        F: Fn(&Var, &Tensor<Y>, Reduction) -> Var + Send + Sync + 'static,
    {
        let mut learn = self.loss_func(move |preds, targets| loss_func(preds, targets, Reduction::Mean));
        learn.settings.loss_activation = Activation::of_loss(short_name::<F>());
        learn
    }

    /// Sets what makes predictions of the model's output, for [`get_preds`](Self::get_preds); what fits the loss unless
    /// told.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.settings.activation = Some(activation);
        self
    }

    /// Adds a metric: any function of predictions and targets, averaged over the validation set by batch size; a name
    /// and such a function or closure; or a [`Metric`](crate::Metric). Its column is named after the function.
    #[must_use]
    pub fn metrics<How>(mut self, metric: impl IntoMetric<Y, How>) -> Self {
        let metric = Box::new(Erased(metric.into_metric(), PhantomData));
        self.record.as_mut().expect("no training has begun").metrics.push(metric);
        self
    }

    /// Sets the learning rate that is taken where none is given; 1e-3 unless told.
    #[must_use]
    pub fn lr(mut self, lr: impl Into<PerGroup>) -> Self {
        self.settings.lr = lr.into();
        self
    }

    /// Sets the weight decay; the optimizer's own unless told.
    #[must_use]
    pub fn wd(mut self, wd: f64) -> Self {
        self.settings.wd = Some(wd);
        self
    }

    /// Sets whether weight decay applies to biases and to the parameters of normalising layers too; false unless told.
    #[must_use]
    pub fn wd_bn_bias(mut self, wd_bn_bias: bool) -> Self {
        self.settings.wd_bn_bias = wd_bn_bias;
        self
    }

    /// Sets whether normalising layers train in frozen groups too; true unless told.
    #[must_use]
    pub fn train_bn(mut self, train_bn: bool) -> Self {
        self.settings.train_bn = train_bn;
        self
    }

    /// Sets the momentum at the start, in the middle and at the end of [`fit_one_cycle`](Self::fit_one_cycle); 0.95,
    /// 0.85, 0.95 unless told.
    #[must_use]
    pub fn moms(mut self, moms: [f64; 3]) -> Self {
        self.settings.moms = moms;
        self
    }

    /// Adds a callback for all trainings. Callbacks of one order are called in the order in which they were added.
    #[must_use]
    pub fn cbs(mut self, cb: impl Callback) -> Self {
        self.add_cb(cb);
        self
    }

    /// Sets the seed of the random numbers that callbacks draw; 42 unless told.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.core.state.seed = seed;
        self
    }

    /// Sets the folder for what is saved; the current one unless told.
    #[must_use]
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.core.state.path = path.into();
        self
    }

    /// Sets the names of the classes.
    #[must_use]
    pub fn vocab<S: Into<String>>(mut self, vocab: impl IntoIterator<Item = S>) -> Self {
        self.settings.looks.vocab = vocab.into_iter().map(Into::into).collect();
        self
    }

    /// Keeps the table off the terminal, and the bar.
    #[must_use]
    pub fn no_logging(mut self) -> Self {
        self.core.state.logging = false;
        self
    }

    /// Keeps the bar off the terminal. There is none anyway if the terminal is none.
    #[must_use]
    pub fn no_bar(mut self) -> Self {
        self.settings.bar = false;
        self
    }

    /// Adds a callback for all trainings to come.
    pub fn add_cb(&mut self, cb: impl Callback) {
        self.core.add(Box::new(cb), false);
    }

    /// Takes the first callback of type `C` away.
    pub fn remove_cb<C: Callback>(&mut self) -> Option<Box<C>> {
        let is = |cb: &dyn Callback| (cb as &dyn Any).is::<C>();
        let at = self.core.cbs.iter().position(|entry| is(&*entry.cb))?;
        let cb: Box<dyn Any> = self.core.cbs.remove(at).cb;
        cb.downcast().ok()
    }

    /// The first callback of type `C`: what it has found out.
    pub fn cb<C: Callback>(&self) -> Option<&C> {
        self.core.cbs.iter().find_map(|entry| (&*entry.cb as &dyn Any).downcast_ref())
    }

    /// The data.
    pub fn dls(&self) -> &DataLoaders<f32, Y> {
        &self.dls
    }

    /// The model.
    pub fn model(&self) -> &dyn Forward {
        &*self.core.state.model
    }

    /// The optimizer: there is one from the first training, or the first [`freeze_to`](Self::freeze_to), on.
    pub fn opt(&self) -> Option<&dyn Optimizer> {
        self.core.state.opt.as_deref()
    }

    /// What the last training recorded.
    pub fn recorder(&self) -> &Recorder {
        &self.core.state.recorder
    }

    /// A table of the model's layers for the training set's batches, [`downhill_nn::summary`], and whether groups are
    /// frozen.
    ///
    /// # Errors
    /// What the data loader reports.
    pub fn summary(&self) -> Result<String> {
        let (xb, _) = self.dls.train.first()?;
        Ok(summary(self.model(), xb.shape()))
    }

    /// Makes a new optimizer, which remembers nothing. fastai's `create_opt`.
    pub fn create_opt(&mut self) {
        let model = self.model();
        let mut groups = Groups::from(model.param_groups());
        if !self.settings.wd_bn_bias {
            groups = groups.without_decay(&norm_bias_params(model, true));
        }
        if self.settings.train_bn {
            groups = groups.always_train(&norm_bias_params(model, false));
        }
        let count = model.param_groups().len();
        let opt = (self.settings.opt_func)(groups, self.settings.lr.of(count - 1, count));
        self.core.state.opt = Some(opt);
        self.set_wd();
    }

    fn set_wd(&mut self) {
        if let Some(wd) = self.settings.wd {
            self.core.state.opt().set_hyper(Hyper::Wd, wd.into());
        }
    }

    /// The optimizer, made if there is none, with this learning rate.
    pub(crate) fn prepared_opt(&mut self, lr: Option<&PerGroup>) -> &mut dyn Optimizer {
        if self.core.state.opt.is_none() {
            self.create_opt();
        }
        self.set_wd();
        let lr = lr.unwrap_or(&self.settings.lr).clone();
        let opt = self.core.state.opt();
        opt.set_hyper(Hyper::Lr, lr);
        opt
    }

    /// Lets only the groups from `n` on train, counted from the back if negative, and lets the optimizer forget what
    /// earlier steps left behind. fastai's `freeze_to`.
    ///
    /// # Panics
    /// If there is no such group.
    #[track_caller]
    pub fn freeze_to(&mut self, n: isize) {
        if self.core.state.opt.is_none() {
            self.create_opt();
        }
        let opt = self.core.state.opt();
        opt.freeze_to(n);
        opt.clear_state();
    }

    /// Lets only the last group train.
    pub fn freeze(&mut self) {
        self.freeze_to(-1);
    }

    /// Lets all groups train.
    pub fn unfreeze(&mut self) {
        self.freeze_to(0);
    }

    /// One pass over the validation set: its loss, then each metric.
    ///
    /// # Errors
    /// What the data loader and the callbacks report, and [`downhill_data::Error::NoBatches`] if it is empty.
    ///
    /// # Panics
    /// If no loss was set, or shapes do not fit.
    pub fn validate(&mut self) -> Result<Vec<f64>> {
        self.core.dls.valid().not_empty()?;
        let before = std::mem::take(&mut self.core.state.recorder);
        let result = self.with_recorder(|this| finished(this.core.validate_epoch()));
        let found = std::mem::replace(&mut self.core.state.recorder, before).valid;
        result.map(|()| found)
    }

    /// Runs `f` with the recorder, and what shows it, among the callbacks, and those of one training gone afterwards.
    pub(crate) fn with_recorder<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        // A training that panicked has left its own callbacks.
        self.sweep();
        self.core.add(Box::new(self.record.take().unwrap_or_else(Record::new)), true);
        let result = f(self);
        self.sweep();
        result
    }

    /// Takes the callbacks of one training away, and keeps the recorder.
    fn sweep(&mut self) {
        let entries = std::mem::take(&mut self.core.cbs);
        let (once, stay): (Vec<_>, _) = entries.into_iter().partition(|entry| entry.once);
        self.core.cbs = stay;
        for entry in once {
            let cb: Box<dyn Any> = entry.cb;
            if let Ok(record) = cb.downcast::<Record>() {
                self.record = Some(*record);
            }
        }
    }

    /// What shows the training in the terminal, if it is to be shown.
    pub(crate) fn progress(&self) -> Option<Progress> {
        self.core.state.logging.then(|| Progress::new(self.settings.bar))
    }

    /// The folder for what is saved.
    pub fn dir(&self) -> &Path {
        &self.core.state.path
    }
}
