//! Trainings: how long, and with which learning rate when.

use downhill_optim::schedule::{OneCycle, Schedule, flat_cos, sgdr};
use downhill_optim::{Hyper, PerGroup, slice, slice_to};
use downhill_tensor::Element;

use crate::callback::Callback;
use crate::callbacks::ParamScheduler;
use crate::checkpoint::Resume;
use crate::error::Result;
use crate::learner::Learner;
use crate::train::{Start, finished};

/// A learning rate: a number, one for each group, or `None` for the Learner's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Lr(Option<PerGroup>);

impl From<f64> for Lr {
    fn from(lr: f64) -> Self {
        Lr(Some(lr.into()))
    }
}

impl From<PerGroup> for Lr {
    fn from(lr: PerGroup) -> Self {
        Lr(Some(lr))
    }
}

impl From<Option<f64>> for Lr {
    fn from(lr: Option<f64>) -> Self {
        Lr(lr.map(PerGroup::All))
    }
}

/// How [`Learner::fine_tune_with`] trains. fastai's arguments of `fine_tune`, and their defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FineTuneOptions {
    /// The highest learning rate of the last group while the others are frozen, and twice that of later; 2e-3.
    pub base_lr: f64,
    /// For how many epochs only the last group trains; 1.
    pub freeze_epochs: usize,
    /// How many times smaller the first group's learning rate is than the last one's, once all train; 100.
    pub lr_mult: f64,
    /// The share of that time in which learning rates go up; 0.3.
    pub pct_start: f64,
    /// They start there at this part of their highest value; 5.
    pub div: f64,
}

impl Default for FineTuneOptions {
    fn default() -> Self {
        FineTuneOptions { base_lr: 2e-3, freeze_epochs: 1, lr_mult: 100.0, pct_start: 0.3, div: 5.0 }
    }
}

impl<Y: Element> Learner<Y> {
    /// Trains for `n_epoch` epochs with learning rate `lr`, and prints a line of the table after each. fastai's `fit`.
    ///
    /// # Errors
    /// What the data loaders and the callbacks report, and [`downhill_data::Error::NoBatches`] if a loader is empty. What was
    /// trained and recorded until then stays.
    ///
    /// # Panics
    /// If no loss was set, or shapes do not fit.
    pub fn fit(&mut self, n_epoch: usize, lr: impl Into<Lr>) -> Result<()> {
        self.fit_with(n_epoch, lr.into(), Vec::new())
    }

    /// [`fit`](Self::fit) with callbacks for this training only.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit).
    pub fn fit_with(&mut self, n_epoch: usize, lr: Lr, cbs: Vec<Box<dyn Callback>>) -> Result<()> {
        self.core.dls.train().not_empty()?;
        self.core.dls.valid().not_empty()?;
        let fit = self.core.state.fits;
        let resume = match self.pending_for(fit, n_epoch)? {
            // A checkpoint of a later training: this one is behind it.
            Resume::Later => {
                self.core.state.fits += 1;
                return Ok(());
            }
            Resume::Here(checkpoint) => Some(checkpoint),
            Resume::No => None,
        };
        self.prepared_opt(lr.0.as_ref());
        let progress = self.progress();
        let state = &mut self.core.state;
        (state.n_epoch, state.epoch, state.train_iter) = (n_epoch, 0, 0);
        state.resumed = resume.is_some();
        self.core.before_train(0);
        let start = resume.as_ref().map_or(Start::default(), |checkpoint| checkpoint.start());
        let result = self.with_recorder(|this| {
            cbs.into_iter().for_each(|cb| this.core.add(cb, true));
            if let Some(progress) = progress {
                this.core.add(Box::new(progress), true);
            }
            finished(this.core.run(start, &mut |core| match &resume {
                Some(checkpoint) => checkpoint.apply(core),
                None => Ok(()),
            }))
        });
        self.core.state.fits += 1;
        self.core.state.resumed = false;
        result
    }

    /// Trains with the one-cycle policy ([Smith](https://arxiv.org/abs/1708.07120)): the learning rate goes from a 25th of
    /// `lr_max` to `lr_max` in the first quarter of the batches and then nearly to zero, along cosines, and the momentum
    /// the other way. fastai's `fit_one_cycle`, with its defaults.
    ///
    /// An optimizer without momentum stays without, as in fastai.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit).
    pub fn fit_one_cycle(&mut self, n_epoch: usize, lr_max: impl Into<Lr>) -> Result<()> {
        let cycle = OneCycle { moms: self.settings.moms, ..OneCycle::default() };
        self.fit_cycle(n_epoch, lr_max.into(), cycle)
    }

    /// [`fit_one_cycle`](Self::fit_one_cycle) with another shape.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit), or if the cycle's `pct_start` is not in `[0, 1]`.
    pub fn fit_cycle(&mut self, n_epoch: usize, lr_max: Lr, cycle: OneCycle) -> Result<()> {
        let rates = self.rates(&lr_max);
        let mut scheds = ParamScheduler::new(Hyper::Lr, rates.iter().map(|&lr| cycle.lr(lr)).collect());
        if self.core.state.opt().groups().iter().any(|group| group.hypers.mom != 0.0) {
            scheds = scheds.and(Hyper::Mom, vec![cycle.mom()]);
        }
        self.fit_with(n_epoch, lr_max, vec![Box::new(scheds)])
    }

    /// Trains with learning rate `lr` for the first three quarters of the batches, and then along a cosine nearly to
    /// zero. fastai's `fit_flat_cos`, with its defaults.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit).
    pub fn fit_flat_cos(&mut self, n_epoch: usize, lr: impl Into<Lr>) -> Result<()> {
        self.fit_scheduled(n_epoch, lr.into(), |lr| flat_cos(lr, 0.75, 1e5))
    }

    /// Trains for `n_cycles` cycles, in each of which the learning rate goes from `lr_max` to zero along a cosine
    /// ([Loshchilov and Hutter](https://arxiv.org/abs/1608.03983)). The first takes `cycle_len` epochs, each later one
    /// `cycle_mult` times as many as the one before. fastai's `fit_sgdr`, whose `cycle_mult` is 2 unless told.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit), or if there are no cycles or `cycle_mult` is zero.
    pub fn fit_sgdr(
        &mut self,
        n_cycles: usize,
        cycle_len: usize,
        lr_max: impl Into<Lr>,
        cycle_mult: usize,
    ) -> Result<()> {
        let n_epoch = (0..n_cycles).map(|i| cycle_len * cycle_mult.pow(i as u32)).sum();
        self.fit_scheduled(n_epoch, lr_max.into(), |lr| sgdr(lr, n_cycles, cycle_mult as f64))
    }

    /// Trains with one schedule of the learning rate for each group's rate.
    fn fit_scheduled(&mut self, n_epoch: usize, lr: Lr, sched: impl Fn(f64) -> Schedule) -> Result<()> {
        let scheds = self.rates(&lr).into_iter().map(sched).collect();
        self.fit_with(n_epoch, lr, vec![Box::new(ParamScheduler::new(Hyper::Lr, scheds))])
    }

    /// The learning rate of each group.
    fn rates(&mut self, lr: &Lr) -> Vec<f64> {
        let opt = self.prepared_opt(lr.0.as_ref());
        opt.groups().iter().map(|group| group.hypers.lr).collect()
    }

    /// Trains the last group for one epoch, then all groups for `epochs`, earlier layers with smaller learning rates.
    /// fastai's `fine_tune`, with its defaults; its `base_lr` is 2e-3 unless told.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit).
    pub fn fine_tune(&mut self, epochs: usize, base_lr: f64) -> Result<()> {
        self.fine_tune_with(epochs, FineTuneOptions { base_lr, ..FineTuneOptions::default() })
    }

    /// [`fine_tune`](Self::fine_tune) with other options.
    ///
    /// ```text
    /// freeze();   fit_one_cycle(freeze_epochs, slice(base_lr), pct_start 0.99)
    /// unfreeze(); fit_one_cycle(epochs, slice(base_lr / 2 / lr_mult, base_lr / 2), pct_start, div)
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit_cycle`](Self::fit_cycle), or if learning rates are not positive.
    pub fn fine_tune_with(&mut self, epochs: usize, options: FineTuneOptions) -> Result<()> {
        let FineTuneOptions { base_lr, freeze_epochs, lr_mult, pct_start, div } = options;
        let cycle = OneCycle { moms: self.settings.moms, ..OneCycle::default() };
        self.freeze();
        self.fit_cycle(freeze_epochs, slice_to(base_lr).into(), OneCycle { pct_start: 0.99, ..cycle })?;
        self.unfreeze();
        let base_lr = base_lr / 2.0;
        let lr = slice(base_lr / lr_mult, base_lr);
        self.fit_cycle(epochs, lr.into(), OneCycle { pct_start, div, ..cycle })
    }
}
