//! Plots of what a training recorded.

use std::path::Path;

use super::{Curves, Heat, Panel, save, short};
use crate::callbacks::LayerStats;
use crate::error::Result;
use crate::lr_find::LrFind;
use crate::recorder::Recorder;

/// Numbers with their places, from `first` on.
fn numbered(values: &[f64], first: usize) -> impl Iterator<Item = (f64, f64)> {
    values.iter().enumerate().skip(first).map(|(i, &y)| (i as f64, y))
}

impl Recorder {
    /// Plots the smoothed training loss of each batch, and the validation loss at the end of each epoch, as a PNG or an
    /// SVG file. Like fastai's `plot_loss` it leaves out the first five batches.
    ///
    /// ```
    /// use downhill_learner::Recorder;
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// let mut recorder = Recorder::default();
    /// recorder.losses = (1..100).map(|i| 1.0 / f64::from(i)).collect();
    /// recorder.plot_loss(dir.path().join("loss.svg"))?;
    /// # Ok::<(), downhill_learner::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the file cannot be written; [`Error::Plot`](crate::Error::Plot) if its name ends
    /// in neither `.png` nor `.svg`.
    pub fn plot_loss(&self, path: impl AsRef<Path>) -> Result<()> {
        self.plot_loss_with(path, 5, true)
    }

    /// [`plot_loss`](Self::plot_loss) from batch `skip_start` on, and `with_valid` or without the validation loss.
    ///
    /// # Errors
    /// As [`plot_loss`](Self::plot_loss).
    pub fn plot_loss_with(&self, path: impl AsRef<Path>, skip_start: usize, with_valid: bool) -> Result<()> {
        save(&Curves(vec![self.loss_panel(skip_start, with_valid)]), path.as_ref())
    }

    pub(crate) fn loss_panel(&self, skip_start: usize, with_valid: bool) -> Panel {
        let panel = Panel { x_label: "batch", y_label: "loss", ..Panel::default() };
        let panel = panel.with("train", numbered(&self.losses, skip_start));
        if !with_valid {
            return panel;
        }
        let valid = self.column("valid_loss").unwrap_or_default();
        let points = self.iters.iter().zip(valid).filter(|(iter, _)| **iter >= skip_start);
        panel.with("valid", points.map(|(&iter, loss)| (iter as f64, loss)))
    }

    /// Plots the columns of the table over the epochs, as a PNG or an SVG file: both losses, and each metric beside them.
    /// fastai's `plot_metrics`.
    ///
    /// # Errors
    /// As [`plot_loss`](Self::plot_loss).
    pub fn plot_metrics(&self, path: impl AsRef<Path>) -> Result<()> {
        let panel = |title: &str| Panel { title: title.into(), x_label: "epoch", ..Panel::default() };
        let column = |at: usize| self.values.iter().enumerate().map(move |(i, row)| (i as f64, row[at]));
        let losses = panel("losses").with("train", column(0)).with("valid", column(1));
        let metrics = self.metric_names.iter().enumerate().skip(2);
        let metrics = metrics.map(|(at, name)| panel(name).with("", column(at)));
        save(&Curves([losses].into_iter().chain(metrics).collect()), path.as_ref())
    }

    /// Plots the learning rate of each batch, and the momentum if there was any, as a PNG or an SVG file. fastai's
    /// `plot_sched`.
    ///
    /// # Errors
    /// As [`plot_loss`](Self::plot_loss).
    pub fn plot_sched(&self, path: impl AsRef<Path>) -> Result<()> {
        let panel = |title: &str| Panel { title: title.into(), x_label: "batch", ..Panel::default() };
        let mut panels = vec![panel("lr").with("", numbered(&self.lrs, 0))];
        if self.moms.iter().any(|&mom| mom != 0.0) {
            panels.push(panel("mom").with("", numbered(&self.moms, 0)));
        }
        save(&Curves(panels), path.as_ref())
    }
}

impl LrFind {
    /// Plots the losses over the learning rates, with the suggestions, as a PNG or an SVG file. fastai's `plot_lr_find`.
    ///
    /// ```
    /// use downhill_learner::LrFind;
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// let find = LrFind { lrs: vec![1e-3, 1e-2, 1e-1], losses: vec![1.0, 0.2, 4.0] };
    /// find.plot_lr_find(dir.path().join("lr_find.png"))?;
    /// # Ok::<(), downhill_learner::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Recorder::plot_loss`].
    pub fn plot_lr_find(&self, path: impl AsRef<Path>) -> Result<()> {
        let panel = Panel { x_label: "learning rate", y_label: "loss", log_x: true, ..Panel::default() };
        let points = self.lrs.iter().map(|lr| lr.log10()).zip(self.losses.iter().copied());
        let mut panel = panel.with("", points);
        let suggestions =
            [("valley", self.valley()), ("steep", self.steep()), ("minimum / 10", self.minimum())];
        for (name, lr) in suggestions.into_iter().filter_map(|(name, lr)| Some((name, lr?))) {
            // Where the curve is at this rate, or at the next one that was tried.
            let at = self.lrs.partition_point(|&tried| tried < lr).min(self.losses.len() - 1);
            panel = panel.dot(format!("{name}: {}", short(lr)), (self.lrs[at].log10(), self.losses[at]));
        }
        save(&Curves(vec![panel]), path.as_ref())
    }
}

impl LayerStats {
    /// Plots mean, standard deviation and share near zero of what the layer puts out, batch by batch, as a PNG or an SVG
    /// file. fastai's `plot_layer_stats`.
    ///
    /// # Errors
    /// As [`Recorder::plot_loss`].
    pub fn plot_layer_stats(&self, path: impl AsRef<Path>) -> Result<()> {
        let panel = |title: &str, of: fn(&downhill_nn::ActivationStats) -> f64| {
            let title = format!("{} {}: {title}", self.path, self.type_name);
            let values = self.stats.iter().enumerate().map(|(i, stats)| (i as f64, of(stats)));
            Panel { title, x_label: "batch", ..Panel::default() }.with("", values)
        };
        let panels = vec![
            panel("mean", |stats| stats.mean),
            panel("standard deviation", |stats| stats.std),
            panel("share near zero", |stats| stats.near_zero),
        ];
        save(&Curves(panels), path.as_ref())
    }

    /// Plots the distribution of what the layer puts out, batch by batch, as a PNG or an SVG file: from left to right the
    /// batches, from bottom to top the values from 0 to 10, and the darker, the more of them (by the logarithm). fastai's
    /// `color_dim`.
    ///
    /// # Errors
    /// As [`Recorder::plot_loss`].
    pub fn color_dim(&self, path: impl AsRef<Path>) -> Result<()> {
        // Of many batches, the mean of each part.
        const COLUMNS: usize = 300;
        let per = self.stats.len().div_ceil(COLUMNS).max(1);
        let parts: Vec<_> = self.stats.chunks(per).collect();
        let bins = self.stats.first().map_or(0, |stats| stats.hist.len());
        let count = |bin: usize| {
            let mean = |part: &&[downhill_nn::ActivationStats]| {
                part.iter().map(|stats| stats.hist[bin] as f64).sum::<f64>() / part.len() as f64
            };
            parts.iter().map(mean).map(f64::ln_1p).collect()
        };
        let every = |n: usize, i: usize, text: String| if i.is_multiple_of(n) { text } else { String::new() };
        let row = |bin: usize| every(bins / 5, bin, short(bin as f64 * 10.0 / bins as f64));
        let column = |part: usize| every(parts.len().div_ceil(8), part, (part * per).to_string());
        let heat = Heat {
            title: format!("{} {}", self.path, self.type_name),
            x_label: "batch",
            y_label: "value",
            values: (0..bins).rev().map(count).collect(),
            texts: Vec::new(),
            columns: (0..parts.len()).map(column).collect(),
            rows: (0..bins).rev().map(row).collect(),
            cell: [(480.0 / parts.len().max(1) as f64).clamp(1.0, 40.0), 6.0],
        };
        save(&heat, path.as_ref())
    }
}
