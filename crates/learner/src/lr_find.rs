//! The learning-rate finder ([Smith](https://arxiv.org/abs/1506.01186)): a mock training with learning rates from very small
//! to very large, and what its losses suggest.

use downhill_optim::{Hyper, Schedule};
use downhill_tensor::Element;
use serde::{Deserialize, Serialize};

use crate::callback::{Callback, Flow, Stage, cancel};
use crate::error::Result;
use crate::learner::Learner;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::train::{Start, finished};

/// How far and how finely [`Learner::lr_find_with`] looks. fastai's arguments of `lr_find`, and their defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrFindOptions {
    /// The first learning rate; 1e-7.
    pub start_lr: f64,
    /// The last one; 10.
    pub end_lr: f64,
    /// The number of batches; 100, and at least 6.
    pub num_it: usize,
    /// Whether to stop once the loss is four times its smallest value; true.
    pub stop_div: bool,
}

impl Default for LrFindOptions {
    fn default() -> Self {
        LrFindOptions { start_lr: 1e-7, end_lr: 10.0, num_it: 100, stop_div: true }
    }
}

/// What [`Learner::lr_find`] saw: the smoothed loss of each batch and the learning rate that led there, without the
/// first tenth of the batches and the last five, and without what is NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LrFind {
    /// The learning rates, ascending.
    pub lrs: Vec<f64>,
    /// The losses.
    pub losses: Vec<f64>,
}

impl LrFind {
    /// Two thirds down the longest stretch on which the losses fall. fastai's `valley`, its default. `None` without
    /// losses.
    pub fn valley(&self) -> Option<f64> {
        let losses = &self.losses;
        // The longest falling subsequence that ends at each batch.
        let mut lengths = vec![1_usize; losses.len()];
        let mut end = 0;
        for i in 0..losses.len() {
            for j in 0..i {
                if losses[i] < losses[j] && lengths[i] < lengths[j] + 1 {
                    lengths[i] = lengths[j] + 1;
                }
            }
            if lengths[end] < lengths[i] {
                end = i;
            }
        }
        let length = *lengths.get(end)?;
        // In fastai a valley that begins with the first batch begins one before it, which for a list is its end.
        let start = end.saturating_sub(length);
        let section = (end - start) as f64 / 3.0;
        self.lrs.get(start + section as usize + (section / 2.0) as usize).copied()
    }

    /// Where the loss falls most steeply over the logarithm of the learning rate. fastai's `steep`.
    pub fn steep(&self) -> Option<f64> {
        let slope =
            |i: usize| (self.losses[i + 1] - self.losses[i]) / (self.lrs[i + 1].ln() - self.lrs[i].ln());
        let steepest =
            (0..self.losses.len().checked_sub(1)?).min_by(|&a, &b| slope(a).total_cmp(&slope(b)))?;
        Some(self.lrs[steepest])
    }

    /// A tenth of where the loss is smallest. fastai's `minimum`.
    pub fn minimum(&self) -> Option<f64> {
        let smallest = (0..self.losses.len()).min_by(|&a, &b| self.losses[a].total_cmp(&self.losses[b]))?;
        Some(self.lrs[smallest] / 10.0)
    }
}

impl<Y: Element> Learner<Y> {
    /// Looks for a good learning rate: trains on a hundred batches with rates from 1e-7 to 10 in equal ratios, stops if
    /// the loss explodes, and puts everything back: model, optimizer, random numbers, the loader's position and the
    /// recorder are to the bit what they were. fastai's `lr_find`.
    ///
    /// # Errors
    /// What the data loader and the callbacks report. Everything is put back then, too.
    ///
    /// # Panics
    /// If no loss was set, or shapes do not fit.
    pub fn lr_find(&mut self) -> Result<LrFind> {
        self.lr_find_with(LrFindOptions::default())
    }

    /// [`lr_find`](Self::lr_find) with other options.
    ///
    /// # Errors
    /// As [`lr_find`](Self::lr_find).
    ///
    /// # Panics
    /// As [`lr_find`](Self::lr_find), or if the learning rates are not positive.
    pub fn lr_find_with(&mut self, options: LrFindOptions) -> Result<LrFind> {
        let found = match self.found_before() {
            Some(found) => found,
            None => self.mock_training(options)?,
        };
        self.core.state.finds.push(found.clone());
        Ok(found)
    }

    fn mock_training(&mut self, options: LrFindOptions) -> Result<LrFind> {
        let options = LrFindOptions { num_it: options.num_it.max(6), ..options };
        let LrFindOptions { start_lr, end_lr, num_it, .. } = options;
        self.core.dls.train().not_empty()?;
        let snapshot = Snapshot::of(&self.core);
        self.core.cbs.iter_mut().for_each(|entry| entry.asleep = !entry.cb.in_lr_find());
        self.prepared_opt(None);
        self.core.before_train(0);
        let state = &mut self.core.state;
        state.n_epoch = num_it / state.n_iter + 1;
        (state.epoch, state.train_iter) = (0, 0);
        let finder = Finder { lr: Schedule::exp(start_lr, end_lr), options, best: f64::INFINITY };
        let result = self.with_recorder(|this| {
            this.core.add(Box::new(finder), true);
            finished(this.core.run(Start::default(), &mut |_| Ok(())))
        });
        self.core.cbs.iter_mut().for_each(|entry| entry.asleep = false);
        let recorder = self.core.state.recorder.clone();
        snapshot.restore(&mut self.core);
        result?;
        let end = recorder.losses.len().saturating_sub(5);
        let start = (num_it / 10).min(end);
        // From the first NaN on all are.
        let end = (start..end).find(|&i| recorder.losses[i].is_nan()).unwrap_or(end);
        let seen = start..end;
        Ok(LrFind { lrs: recorder.lrs[seen.clone()].to_vec(), losses: recorder.losses[seen].to_vec() })
    }
}

/// Raises the learning rate batch by batch. fastai's `LRFinder`.
struct Finder {
    lr: Schedule,
    options: LrFindOptions,
    best: f64,
}

impl Callback for Finder {
    fn order(&self) -> i32 {
        60
    }

    fn before_batch(&mut self, state: &mut State) -> Flow {
        if state.training {
            let lr = self.lr.at(state.train_iter as f64 / self.options.num_it as f64);
            state.opt().set_hyper(Hyper::Lr, lr.into());
        }
        Flow::Continue(())
    }

    fn after_batch(&mut self, state: &mut State) -> Flow {
        let loss = state.recorder.smooth_loss();
        self.best = self.best.min(loss);
        let exploded = self.options.stop_div && (loss > 4.0 * self.best || loss.is_nan());
        if exploded || state.train_iter + 1 >= self.options.num_it {
            return cancel(Stage::Fit);
        }
        Flow::Continue(())
    }

    fn before_validate(&mut self, _: &mut State) -> Flow {
        cancel(Stage::Validate)
    }
}
