//! Metrics of numbers and of probabilities.

use downhill_tensor::{Element, Float, Tensor};

use super::{Metric, same_shapes};

/// The mean squared error. fastai's `mse`.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mse<T: Float>(predictions: &Tensor<T>, targets: &Tensor<T>) -> f64 {
    mean("mse", predictions, targets, |difference| difference * difference)
}

/// The mean absolute error. fastai's `mae`.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mae<T: Float>(predictions: &Tensor<T>, targets: &Tensor<T>) -> f64 {
    mean("mae", predictions, targets, f64::abs)
}

#[track_caller]
fn mean<T: Float>(name: &str, predictions: &Tensor<T>, targets: &Tensor<T>, of: fn(f64) -> f64) -> f64 {
    same_shapes(name, predictions, targets);
    let differences = predictions.iter().zip(targets.iter()).map(|(p, t)| p.to_f64() - t.to_f64());
    differences.map(of).sum::<f64>() / predictions.numel() as f64
}

/// The share of the targets' variance that the predictions explain, over the whole set. fastai's `R2Score`.
///
/// ```text
/// 1 - Σ (target - prediction)² / Σ (target - mean)²
/// ```
#[derive(Clone, Debug, Default)]
pub struct R2Score {
    residuals: f64,
    n: f64,
    mean: f64,
    squares: f64,
}

impl Metric<f32> for R2Score {
    fn name(&self) -> &str {
        "r2_score"
    }

    fn reset(&mut self) {
        *self = R2Score::default();
    }

    fn accumulate(&mut self, predictions: &Tensor, targets: &Tensor<f32>) {
        same_shapes("R2Score", predictions, targets);
        for (p, t) in predictions.iter().zip(targets.iter()).map(|(p, t)| (f64::from(p), f64::from(t))) {
            self.residuals += (t - p) * (t - p);
            // Welford's: sums of squares of large numbers would cancel.
            self.n += 1.0;
            let before = t - self.mean;
            self.mean += before / self.n;
            self.squares += before * (t - self.mean);
        }
    }

    fn value(&self) -> f64 {
        1.0 - self.residuals / self.squares
    }
}

/// The area under the receiver operating characteristic, over the whole set: how probable it is that an item of a class
/// has a higher prediction for it than an item of another, where equals count one half. fastai's `RocAucBinary`; with
/// more than two columns `RocAuc`: the mean over the classes, each against the rest, of predictions after a softmax.
///
/// NaN if a class has no items, or all.
#[derive(Clone, Debug, Default)]
pub struct RocAuc {
    columns: usize,
    scores: Vec<f32>,
    targets: Vec<i64>,
}

impl<Y: Element> Metric<Y> for RocAuc {
    fn name(&self) -> &str {
        "roc_auc_score"
    }

    fn reset(&mut self) {
        *self = RocAuc::default();
    }

    fn accumulate(&mut self, predictions: &Tensor, targets: &Tensor<Y>) {
        let shape = predictions.shape();
        assert!(
            matches!(shape, [n, ..] if *n == targets.numel()),
            "RocAuc: lengths differ: predictions {shape:?}, {} targets",
            targets.numel()
        );
        self.columns = predictions.numel() / shape[0].max(1);
        let softmax = (self.columns > 1).then(|| predictions.softmax(-1));
        self.scores.extend(softmax.as_ref().unwrap_or(predictions).iter());
        self.targets.extend(targets.iter().map(|target| target.to_i64()));
    }

    fn value(&self) -> f64 {
        match self.columns {
            0 => f64::NAN,
            1 => self.area(0, 1),
            2 => self.area(1, 1),
            n => (0..n).map(|class| self.area(class, class as i64)).sum::<f64>() / n as f64,
        }
    }
}

impl RocAuc {
    /// The area for the scores of column `column` and the items of `class`: by Mann and Whitney, from the sum of ranks.
    fn area(&self, column: usize, class: i64) -> f64 {
        let scores = self.scores.iter().skip(column).step_by(self.columns);
        let mut items: Vec<(f32, bool)> =
            scores.zip(&self.targets).map(|(&score, &target)| (score, target == class)).collect();
        items.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut ranks = 0.0;
        let mut before = 0;
        for equals in items.chunk_by(|a, b| a.0 == b.0) {
            let rank = before as f64 + (equals.len() as f64 + 1.0) / 2.0;
            ranks += rank * equals.iter().filter(|item| item.1).count() as f64;
            before += equals.len();
        }
        let inside = items.iter().filter(|item| item.1).count() as f64;
        let outside = items.len() as f64 - inside;
        (ranks - inside * (inside + 1.0) / 2.0) / (inside * outside)
    }
}

/// The exponential of the mean cross-entropy over the whole set. fastai's `Perplexity`, which takes it from the loss.
#[derive(Clone, Debug, Default)]
pub struct Perplexity {
    total: f64,
    items: f64,
}

impl Metric<i64> for Perplexity {
    fn name(&self) -> &str {
        "perplexity"
    }

    fn reset(&mut self) {
        *self = Perplexity::default();
    }

    fn accumulate(&mut self, predictions: &Tensor, targets: &Tensor<i64>) {
        let n = targets.numel() as f64;
        let loss = downhill_nn::cross_entropy(&predictions.clone().into(), targets).item();
        self.total += n * f64::from(loss);
        self.items += n;
    }

    fn value(&self) -> f64 {
        (self.total / self.items).exp()
    }
}
