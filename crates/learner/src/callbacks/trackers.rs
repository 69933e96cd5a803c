//! Callbacks that watch a column of the record.

use crate::callback::{Callback, Flow, Stage, cancel, flow};
use crate::error::Error;
use crate::state::State;

/// Watches a column for new best values. fastai's `TrackerCallback`.
#[derive(Clone, Debug)]
struct Tracker {
    callback: &'static str,
    monitor: String,
    /// fastai's rule unless told.
    smaller_is_better: Option<bool>,
    min_delta: f64,
    reset_on_fit: bool,
    best: Option<f64>,
    /// How many epochs have passed since the last new best.
    wait: u64,
}

impl Tracker {
    fn new(callback: &'static str) -> Self {
        let monitor = "valid_loss".to_string();
        let (min_delta, reset_on_fit) = (0.0, true);
        Tracker { callback, monitor, smaller_is_better: None, min_delta, reset_on_fit, best: None, wait: 0 }
    }

    fn before_fit(&mut self, state: &State) -> Flow {
        if self.reset_on_fit {
            (self.best, self.wait) = (None, 0);
        }
        self.column(state).map_or_else(|error| flow(Err::<(), _>(error)), |_| Flow::Continue(()))
    }

    fn column(&self, state: &State) -> Result<usize, Error> {
        let known = &state.recorder.metric_names;
        known.iter().position(|name| *name == self.monitor).ok_or_else(|| Error::Monitor {
            callback: self.callback,
            monitor: self.monitor.clone(),
            known: known.clone(),
        })
    }

    /// Whether the epoch that has just been recorded is the best so far; `None` if it was broken off and is not recorded.
    fn after_epoch(&mut self, state: &State) -> Option<bool> {
        if state.stopping == Some(Stage::Fit) {
            return None;
        }
        let value = state.recorder.values.last()?[self.column(state).ok()?];
        let by_name = || self.monitor.contains("loss") || self.monitor.contains("error");
        let smaller_is_better = self.smaller_is_better.unwrap_or_else(by_name);
        let sign = if smaller_is_better { -1.0 } else { 1.0 };
        let new_best = match self.best {
            Some(best) => (value - best) * sign > self.min_delta,
            None => !value.is_nan(),
        };
        if new_best {
            self.best = Some(value);
        }
        self.wait = if new_best { 0 } else { self.wait + 1 };
        Some(new_best)
    }

    fn save(&self) -> Vec<u8> {
        let mut bytes = self.wait.to_le_bytes().to_vec();
        bytes.extend(self.best.into_iter().flat_map(f64::to_le_bytes));
        bytes
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let wrong = || format!("expected 8 or 16 bytes, found {}", bytes.len());
        let (wait, best) = bytes.split_first_chunk().ok_or_else(wrong)?;
        let best = if best.is_empty() { None } else { Some(best.try_into().map_err(|_| wrong())?) };
        (self.wait, self.best) = (u64::from_le_bytes(*wait), best.map(f64::from_le_bytes));
        Ok(())
    }
}

/// What every tracker can be told.
macro_rules! tracker {
    ($name:ident) => {
        impl $name {
            /// Watches this column of the record; `valid_loss` unless told.
            #[must_use]
            pub fn monitor(mut self, monitor: impl Into<String>) -> Self {
                self.tracker.monitor = monitor.into();
                self
            }

            /// Whether smaller is better. Unless told it is if the column's name has `loss` or `error` in it, as in fastai; so
            /// `mse`, `mae` and `perplexity` must be told. fastai's `comp`.
            #[must_use]
            pub fn smaller_is_better(mut self, smaller_is_better: bool) -> Self {
                self.tracker.smaller_is_better = Some(smaller_is_better);
                self
            }

            /// Counts as better only what is better by more than this; 0 unless told.
            #[must_use]
            pub fn min_delta(mut self, min_delta: f64) -> Self {
                self.tracker.min_delta = min_delta.abs();
                self
            }

            /// Whether each training has a best of its own; true unless told.
            #[must_use]
            pub fn reset_on_fit(mut self, reset_on_fit: bool) -> Self {
                self.tracker.reset_on_fit = reset_on_fit;
                self
            }

            /// The best value so far.
            pub fn best(&self) -> Option<f64> {
                self.tracker.best
            }
        }
    };
}

tracker!(SaveModel);
tracker!(EarlyStopping);
tracker!(ReduceLROnPlateau);

/// Saves the model whenever it is better than before, and loads the best at the end of the training. fastai's
/// `SaveModelCallback`.
#[derive(Clone, Debug)]
pub struct SaveModel {
    tracker: Tracker,
    name: String,
    every_epoch: Option<usize>,
    with_opt: bool,
    /// Whether this training has saved.
    saved: bool,
}

impl Default for SaveModel {
    fn default() -> Self {
        SaveModel::new("model")
    }
}

impl SaveModel {
    /// Saves to `path/models/name.weights`.
    pub fn new(name: impl Into<String>) -> Self {
        let tracker = Tracker::new("SaveModel");
        SaveModel { tracker, name: name.into(), every_epoch: None, with_opt: false, saved: false }
    }

    /// Saves after every `n`-th epoch, as `name_0`, `name_1` and so on by the epoch's number, whether it is better or not;
    /// nothing is loaded at the end.
    ///
    /// # Panics
    /// If `n` is zero.
    #[must_use]
    #[track_caller]
    pub fn every_epoch(mut self, n: usize) -> Self {
        assert!(n > 0, "SaveModel: every_epoch must be positive");
        self.every_epoch = Some(n);
        self
    }

    /// Whether the optimizer's state is saved too; false unless told.
    #[must_use]
    pub fn with_opt(mut self, with_opt: bool) -> Self {
        self.with_opt = with_opt;
        self
    }
}

impl Callback for SaveModel {
    fn order(&self) -> i32 {
        61
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn save_state(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.saved)];
        bytes.extend(self.tracker.save());
        bytes
    }

    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (saved, tracker) = bytes.split_first().ok_or("expected bytes, found none")?;
        self.saved = *saved == 1;
        self.tracker.load(tracker)
    }

    fn before_fit(&mut self, state: &mut State) -> Flow {
        self.saved = false;
        self.tracker.before_fit(state)
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        let Some(new_best) = self.tracker.after_epoch(state) else { return Flow::Continue(()) };
        let name = match self.every_epoch {
            Some(n) if state.epoch.is_multiple_of(n) => format!("{}_{}", self.name, state.epoch),
            None if new_best => self.name.clone(),
            _ => return Flow::Continue(()),
        };
        self.saved = true;
        flow(state.save(&name, self.with_opt).map(drop))
    }

    fn after_fit(&mut self, state: &mut State) -> Flow {
        if self.every_epoch.is_none() && self.saved {
            return flow(state.load(&self.name));
        }
        Flow::Continue(())
    }
}

/// Ends the training when there was no better epoch for a while. fastai's `EarlyStoppingCallback`.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    tracker: Tracker,
    patience: u64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping::new(1)
    }
}

impl EarlyStopping {
    /// Ends the training after `patience` epochs in a row that are not the best so far. fastai's is 1 unless told.
    pub fn new(patience: u64) -> Self {
        EarlyStopping { tracker: Tracker::new("EarlyStopping"), patience }
    }
}

impl Callback for EarlyStopping {
    /// Behind [`SaveModel`], as in fastai.
    fn order(&self) -> i32 {
        63
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn save_state(&self) -> Vec<u8> {
        self.tracker.save()
    }

    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.tracker.load(bytes)
    }

    fn before_fit(&mut self, state: &mut State) -> Flow {
        self.tracker.before_fit(state)
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        if self.tracker.after_epoch(state) == Some(false) && self.tracker.wait >= self.patience {
            if state.logging {
                println!("Epochs without improvement: {}. Early stopping", self.tracker.wait);
            }
            return cancel(Stage::Fit);
        }
        Flow::Continue(())
    }
}

/// Divides the learning rate when there was no better epoch for a while. fastai's `ReduceLROnPlateau`.
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    tracker: Tracker,
    patience: u64,
    factor: f64,
    min_lr: f64,
}

impl Default for ReduceLROnPlateau {
    fn default() -> Self {
        ReduceLROnPlateau::new(1)
    }
}

impl ReduceLROnPlateau {
    /// Divides the learning rate by 10 after `patience` epochs in a row that are not the best so far. fastai's is 1
    /// unless told.
    pub fn new(patience: u64) -> Self {
        ReduceLROnPlateau { tracker: Tracker::new("ReduceLROnPlateau"), patience, factor: 10.0, min_lr: 0.0 }
    }

    /// What the learning rate is divided by; 10 unless told.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// What the learning rate does not fall below; 0 unless told.
    #[must_use]
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }
}

impl Callback for ReduceLROnPlateau {
    fn order(&self) -> i32 {
        62
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn save_state(&self) -> Vec<u8> {
        self.tracker.save()
    }

    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.tracker.load(bytes)
    }

    fn before_fit(&mut self, state: &mut State) -> Flow {
        self.tracker.before_fit(state)
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        if self.tracker.after_epoch(state) == Some(false) && self.tracker.wait >= self.patience {
            self.tracker.wait = 0;
            for group in state.opt().groups_mut() {
                group.hypers.lr = (group.hypers.lr / self.factor).max(self.min_lr);
            }
        }
        Flow::Continue(())
    }
}
