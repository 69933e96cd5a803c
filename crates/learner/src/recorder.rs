//! What happened during training: fastai's Recorder.

use std::fmt::Write;
use std::time::Duration;

/// The record of the last call of `fit`.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// For each epoch the smoothed training loss, the validation loss, then each metric.
    pub values: Vec<Vec<f64>>,
    /// For each training batch the smoothed loss.
    pub losses: Vec<f64>,
    /// For each training batch the learning rate.
    pub lrs: Vec<f64>,
    /// For each epoch how long it took.
    pub times: Vec<Duration>,
    /// The names of the columns of `values`.
    pub metric_names: Vec<String>,
    smooth_loss: SmoothLoss,
}

impl Recorder {
    /// A record of nothing, for metrics of these names.
    pub(crate) fn new<'a>(metrics: impl Iterator<Item = &'a str>) -> Self {
        let names = ["train_loss", "valid_loss"].into_iter().chain(metrics).map(str::to_string);
        Recorder { metric_names: names.collect(), ..Recorder::default() }
    }

    /// One training batch is done.
    pub(crate) fn after_batch(&mut self, loss: f64, lr: f64) {
        self.smooth_loss.add(loss);
        self.losses.push(self.smooth_loss.value());
        self.lrs.push(lr);
    }

    /// One epoch is done; `valid` holds the validation loss and the metrics.
    pub(crate) fn after_epoch(&mut self, valid: Vec<f64>, time: Duration) {
        self.values.push([self.smooth_loss.value()].into_iter().chain(valid).collect());
        self.times.push(time);
    }

    /// The header of the table.
    pub(crate) fn header(&self) -> String {
        let names = ["epoch"].into_iter().chain(self.metric_names.iter().map(String::as_str)).chain(["time"]);
        self.row(names.map(str::to_string))
    }

    /// The table's line for `epoch`.
    pub(crate) fn line(&self, epoch: usize) -> String {
        let seconds = self.times[epoch].as_secs();
        let time = format!("{:02}:{:02}", seconds / 60, seconds % 60);
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

/// fastai's `AvgSmoothLoss`: an exponentially weighted average (0.98), debiased.
#[derive(Clone, Debug, Default)]
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
    fn the_table_is_fastai_s() {
        let mut recorder = Recorder::new(["batch_accuracy"].into_iter());
        recorder.after_batch(0.636857, 1.0);
        recorder.after_epoch(vec![0.503549, 0.495584], Duration::from_secs(61));
        assert_eq!(
            recorder.table(),
            "epoch     train_loss  valid_loss  batch_accuracy  time\n\
             0         0.636857    0.503549    0.495584        01:01"
        );
    }
}
