//! What happened during training: fastai's Recorder.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::callback::{Callback, Flow, Stage};
use crate::metrics::AnyMetric;
use crate::plot::sparkline;
use crate::state::State;

/// The record of the last training.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Recorder {
    /// For each epoch the smoothed training loss, the validation loss, then each metric.
    pub values: Vec<Vec<f64>>,
    /// For each training batch the smoothed loss.
    pub losses: Vec<f64>,
    /// For each training batch the learning rate of the last group.
    pub lrs: Vec<f64>,
    /// For each training batch the momentum of the last group.
    pub moms: Vec<f64>,
    /// For each epoch how many training batches were done at its end.
    pub iters: Vec<usize>,
    /// For each epoch how long it took.
    pub times: Vec<Duration>,
    /// The names of the columns of `values`.
    pub metric_names: Vec<String>,
    /// Validation loss and metrics of the last pass over the validation set; NaN where there was no item.
    pub(crate) valid: Vec<f64>,
    smooth_loss: SmoothLoss,
}

impl Recorder {
    /// A record of nothing, for metrics of these names.
    pub(crate) fn new<'a>(metrics: impl Iterator<Item = &'a str>) -> Self {
        let names = ["train_loss", "valid_loss"].into_iter().chain(metrics).map(str::to_string);
        Recorder { metric_names: names.collect(), ..Recorder::default() }
    }

    /// The smoothed loss of the training batches so far; NaN before the first.
    pub fn smooth_loss(&self) -> f64 {
        self.smooth_loss.value()
    }

    /// The column called `name`, epoch by epoch.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let at = self.metric_names.iter().position(|known| known == name)?;
        Some(self.values.iter().map(|row| row[at]).collect())
    }

    /// The smoothed losses as a line of text, `width` letters at most, each the mean of as many batches: [`sparkline`].
    ///
    /// ```
    /// use downhill_learner::Recorder;
    ///
    /// let mut recorder = Recorder::default();
    /// recorder.losses = vec![4.0, 3.0, 2.0, 1.0, 0.5, 0.5];
    /// assert_eq!(recorder.sparkline(3), "█▃▁");
    /// ```
    pub fn sparkline(&self, width: usize) -> String {
        sparkline(&self.losses, width)
    }

    /// One training batch is done.
    fn after_batch(&mut self, loss: f64, lr: f64, mom: f64) {
        self.smooth_loss.add(loss);
        self.losses.push(self.smooth_loss.value());
        self.lrs.push(lr);
        self.moms.push(mom);
    }

    /// One epoch is done.
    fn after_epoch(&mut self, time: Duration) {
        self.values.push([self.smooth_loss.value()].iter().chain(&self.valid).copied().collect());
        self.times.push(time);
        self.iters.push(self.losses.len());
    }

    /// The header of the table.
    pub fn header(&self) -> String {
        let names = ["epoch"].into_iter().chain(self.metric_names.iter().map(String::as_str)).chain(["time"]);
        self.row(names.map(str::to_string))
    }

    /// The table's line for `epoch`.
    ///
    /// # Panics
    /// If that epoch is not done.
    pub fn line(&self, epoch: usize) -> String {
        let time = format_time(self.times[epoch]);
        let values = self.values[epoch].iter().map(|v| format!("{v:.6}"));
        self.row([epoch.to_string()].into_iter().chain(values).chain([time]))
    }

    /// The table as fastai prints it.
    pub fn table(&self) -> String {
        let lines = (0..self.values.len()).map(|epoch| self.line(epoch));
        [self.header()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    }

    fn row(&self, cells: impl Iterator<Item = String>) -> String {
        let widths = [5].into_iter().chain(self.metric_names.iter().map(String::len)).chain([4]);
        let mut line = String::new();
        for (cell, width) in cells.zip(widths) {
            write!(line, "{cell:<width$}  ", width = width.max(8)).expect("a String takes any text");
        }
        line.trim_end().to_string()
    }
}

/// `minutes:seconds`, with the hours before them if there are any, as fastai writes it.
pub(crate) fn format_time(time: Duration) -> String {
    let seconds = time.as_secs();
    let short = format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    if seconds < 3600 { short } else { format!("{}:{short}", seconds / 3600) }
}

/// fastai's `AvgSmoothLoss`: an exponentially weighted average (0.98), debiased.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct SmoothLoss {
    average: f64,
    count: i32,
}

impl SmoothLoss {
    const BETA: f64 = 0.98;

    fn add(&mut self, loss: f64) {
        self.average = loss + (self.average - loss) * Self::BETA;
        self.count += 1;
    }

    /// The average starts at zero; dividing by the weight that it has seen takes that out. NaN before the first batch.
    fn value(&self) -> f64 {
        self.average / (1.0 - Self::BETA.powi(self.count))
    }
}

/// The callback that fills the [`Recorder`].
pub(crate) struct Record {
    pub(crate) metrics: Vec<Box<dyn AnyMetric>>,
    loss: f64,
    items: f64,
    start: Instant,
}

impl Record {
    pub(crate) const ORDER: i32 = 50;

    pub(crate) fn new() -> Self {
        Record { metrics: Vec::new(), loss: 0.0, items: 0.0, start: Instant::now() }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.metrics.iter().map(|metric| metric.name())
    }
}

impl Callback for Record {
    fn order(&self) -> i32 {
        Self::ORDER
    }

    fn before_fit(&mut self, state: &mut State) -> Flow {
        state.recorder = Recorder::new(self.names());
        Flow::Continue(())
    }

    fn before_epoch(&mut self, state: &mut State) -> Flow {
        self.start = Instant::now();
        // An epoch without validation has no numbers of it.
        state.recorder.valid = vec![f64::NAN; 1 + self.metrics.len()];
        Flow::Continue(())
    }

    fn before_validate(&mut self, _: &mut State) -> Flow {
        (self.loss, self.items) = (0.0, 0.0);
        self.metrics.iter_mut().for_each(|metric| metric.reset());
        Flow::Continue(())
    }

    fn after_batch(&mut self, state: &mut State) -> Flow {
        // A batch that was cancelled before there was a loss leaves nothing to record.
        let Some(loss) = state.loss.as_ref().map(|loss| f64::from(loss.item())) else {
            return Flow::Continue(());
        };
        if state.training {
            let hypers = state.opt.as_ref().and_then(|opt| opt.groups().last()).map(|group| group.hypers);
            let (lr, mom) = hypers.map_or((0.0, 0.0), |hypers| (hypers.lr, hypers.mom));
            state.recorder.after_batch(loss, lr, mom);
            return Flow::Continue(());
        }
        let n = state.bs() as f64;
        self.loss += n * loss;
        self.items += n;
        if let Some(pred) = &state.pred {
            let pred = pred.value();
            self.metrics.iter_mut().for_each(|metric| metric.accumulate(&pred, &state.yb));
        }
        Flow::Continue(())
    }

    fn after_validate(&mut self, state: &mut State) -> Flow {
        let metrics = self.metrics.iter().map(|metric| metric.value());
        state.recorder.valid = [self.loss / self.items].into_iter().chain(metrics).collect();
        Flow::Continue(())
    }

    /// An epoch that was broken off has no line.
    fn after_epoch(&mut self, state: &mut State) -> Flow {
        if state.stopping != Some(Stage::Fit) {
            state.recorder.after_epoch(self.start.elapsed());
        }
        Flow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smoothed_loss_is_debiased() {
        let mut smooth = SmoothLoss::default();
        smooth.add(3.0);
        assert!((smooth.value() - 3.0).abs() < 1e-12);
        smooth.add(1.0);
        // By hand: (0.98 · 0.02 · 3 + 0.02 · 1) / (1 - 0.98²).
        assert!((smooth.value() - (0.98 * 0.02 * 3.0 + 0.02) / (1.0 - 0.98 * 0.98)).abs() < 1e-12);
    }

    #[test]
    fn hours_are_told_if_there_are_any() {
        let told = |seconds| format_time(Duration::from_secs(seconds));
        assert_eq!([told(59), told(3599), told(36_061)], ["00:59", "59:59", "10:01:01"]);
    }

    #[test]
    fn the_table_is_fastai_s() {
        let mut recorder = Recorder::new(["batch_accuracy"].into_iter());
        recorder.after_batch(0.636857, 1.0, 0.9);
        recorder.valid = vec![0.503549, 0.495584];
        recorder.after_epoch(Duration::from_secs(61));
        assert_eq!(
            recorder.table(),
            "epoch     train_loss  valid_loss  batch_accuracy  time\n\
             0         0.636857    0.503549    0.495584        01:01"
        );
    }
}
