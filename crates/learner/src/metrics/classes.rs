//! Metrics of class predictions.

use downhill_tensor::{Element, Float, Tensor};

use super::Metric;

/// The predicted class of each item: the largest of a row's numbers, the first of equals; with one number a row, 1 if
/// it is above zero (as a logit, above a probability of one half).
fn classes<T: Float>(name: &str, predictions: &Tensor<T>, targets: usize) -> Vec<usize> {
    let shape = predictions.shape();
    let n = shape.first().copied().unwrap_or(0);
    assert!(n == targets, "{name}: lengths differ: predictions {shape:?}, {targets} targets");
    let columns = predictions.numel() / n.max(1);
    let values = predictions.to_vec();
    if columns == 1 {
        return values.iter().map(|&x| usize::from(x.to_f64() > 0.0)).collect();
    }
    assert!(shape.len() == 2, "{name}: expected predictions [n, classes] or [n, 1], got {shape:?}");
    let largest = |row: &[T]| (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    values.chunks(columns).map(largest).collect()
}

fn share(correct: usize, n: usize) -> f64 {
    correct as f64 / n as f64
}

/// The share of items whose class is predicted. fastai's `accuracy`.
///
/// # Shapes
/// Predictions `[n, classes]`, targets `[n]` or `[n, 1]`. With predictions `[n, 1]` there are two classes, and numbers
/// above zero predict 1.
///
/// # Panics
/// If the shapes do not fit.
///
/// ```
/// use downhill_learner::accuracy;
/// use downhill_tensor::Tensor;
///
/// let predictions = Tensor::from([[0.1_f32, 0.9], [0.8, 0.2]]);
/// assert_eq!(accuracy(&predictions, &Tensor::from([1_i64, 1])), 0.5);
/// ```
#[track_caller]
pub fn accuracy<T: Float>(predictions: &Tensor<T>, targets: &Tensor<i64>) -> f64 {
    let classes = classes("accuracy", predictions, targets.numel());
    let correct = classes.iter().zip(targets.iter()).filter(|&(&class, target)| class as i64 == target);
    share(correct.count(), classes.len())
}

/// One less the [`accuracy`]. fastai's `error_rate`.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn error_rate<T: Float>(predictions: &Tensor<T>, targets: &Tensor<i64>) -> f64 {
    1.0 - accuracy(predictions, targets)
}

/// A metric: the share of items whose class is among the `k` with the largest predictions. fastai's `top_k_accuracy`.
/// Of equal predictions, the one of the lower class counts as larger.
///
/// ```
/// use downhill_learner::top_k_accuracy;
/// use downhill_tensor::Tensor;
///
/// let (_, top_2) = top_k_accuracy(2);
/// let predictions = Tensor::from([[0.1_f32, 0.2, 0.7], [0.6, 0.3, 0.1]]);
/// assert_eq!(top_2(&predictions, &Tensor::from([1_i64, 2])), 0.5);
/// ```
pub fn top_k_accuracy(k: usize) -> (String, impl Fn(&Tensor, &Tensor<i64>) -> f64 + Send + 'static) {
    let func = move |predictions: &Tensor, targets: &Tensor<i64>| {
        let shape = predictions.shape();
        let fits = shape.len() == 2 && shape[0] == targets.numel();
        assert!(
            fits,
            "top_k_accuracy: expected predictions [n, classes], got {shape:?} for {} targets",
            targets.numel()
        );
        let values = predictions.to_vec();
        let among = |row: &[f32], target: i64| {
            let Some(target) = usize::try_from(target).ok().filter(|&target| target < row.len()) else {
                return false;
            };
            let larger = |(i, x): (usize, &f32)| *x > row[target] || *x == row[target] && i < target;
            row.iter().enumerate().filter(|&item| larger(item)).count() < k
        };
        let rows = values.chunks(shape[1].max(1)).zip(targets.iter());
        share(rows.filter(|(row, target)| among(row, *target)).count(), shape[0])
    };
    (format!("top_{k}_accuracy"), func)
}

/// How often which class was predicted for which. Not a column of its own: precision, recall and
/// F-scores are computed from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// `counts[target][prediction]`.
    counts: Vec<Vec<u64>>,
}

impl ConfusionMatrix {
    /// The counts of predictions for targets.
    ///
    /// # Panics
    /// If the shapes do not fit, or a target is negative.
    ///
    /// ```
    /// use downhill_learner::ConfusionMatrix;
    /// use downhill_tensor::Tensor;
    ///
    /// let predictions = Tensor::from([[0.1_f32, 0.9], [0.8, 0.2], [0.3, 0.7]]);
    /// let matrix = ConfusionMatrix::of(&predictions, &Tensor::from([1_i64, 1, 0]));
    /// assert_eq!(matrix.counts(), [[0, 1], [1, 1]]);
    /// ```
    #[track_caller]
    pub fn of(predictions: &Tensor, targets: &Tensor<i64>) -> Self {
        let mut matrix = ConfusionMatrix::default();
        matrix.add(predictions, targets);
        matrix
    }

    /// The counts of predicted classes for targets.
    ///
    /// # Panics
    /// If there are not as many predictions as targets, or a class is negative.
    #[track_caller]
    pub fn of_classes(predicted: &Tensor<i64>, targets: &Tensor<i64>) -> Self {
        assert!(
            predicted.numel() == targets.numel(),
            "ConfusionMatrix: lengths differ: predictions {:?}, targets {:?}",
            predicted.shape(),
            targets.shape()
        );
        let mut matrix = ConfusionMatrix::default();
        for (target, class) in targets.iter().zip(predicted.iter()) {
            matrix.count(
                target,
                usize::try_from(class).expect("ConfusionMatrix: predictions are the numbers of classes"),
            );
        }
        matrix
    }

    /// `counts[target][prediction]`.
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.counts
    }

    #[track_caller]
    fn add<Y: Element>(&mut self, predictions: &Tensor, targets: &Tensor<Y>) {
        let found = classes("ConfusionMatrix", predictions, targets.numel());
        let columns = predictions.numel() / predictions.size(0).max(1);
        self.grow(columns.max(2));
        for (target, class) in targets.iter().zip(found) {
            self.count(target.to_i64(), class);
        }
    }

    /// One item.
    #[track_caller]
    fn count(&mut self, target: i64, class: usize) {
        let target = usize::try_from(target).expect("ConfusionMatrix: targets are the numbers of classes");
        self.grow(target.max(class) + 1);
        self.counts[target][class] += 1;
    }

    /// At least so many classes.
    pub(crate) fn grow(&mut self, classes: usize) {
        if self.counts.len() < classes {
            self.counts.iter_mut().for_each(|row| row.resize(classes, 0));
            self.counts.resize(classes, vec![0; classes]);
        }
    }

    /// Items of `class` that were predicted, that were not, and items of others that were taken for it.
    fn hits(&self, class: usize) -> [f64; 3] {
        let hit = self.counts[class][class];
        let of_class: u64 = self.counts[class].iter().sum();
        let predicted: u64 = self.counts.iter().map(|row| row[class]).sum();
        [hit as f64, (of_class - hit) as f64, (predicted - hit) as f64]
    }

    /// `of` for one class, as `average` says.
    fn averaged(&self, average: Average, of: impl Fn([f64; 3]) -> f64) -> f64 {
        let classes = 0..self.counts.len();
        if self.counts.is_empty() {
            return f64::NAN;
        }
        let hits = classes.map(|class| self.hits(class)).collect::<Vec<_>>();
        match average {
            Average::Binary => of(hits[1]),
            Average::Macro => hits.iter().map(|&h| of(h)).sum::<f64>() / hits.len() as f64,
            Average::Micro => of([0, 1, 2].map(|i| hits.iter().map(|h| h[i]).sum())),
            Average::Weighted => {
                let items: f64 = hits.iter().map(|h| h[0] + h[1]).sum();
                hits.iter().map(|&h| of(h) * (h[0] + h[1])).sum::<f64>() / items
            }
        }
    }
}

/// How the scores of several classes become one, as in scikit-learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// The score of class 1.
    #[default]
    Binary,
    /// The mean over the classes.
    Macro,
    /// The score of all counts added up.
    Micro,
    /// The mean over the classes, weighted by their numbers of items.
    Weighted,
}

/// Zero where nothing was counted, as in scikit-learn.
fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

/// A metric from the counts of a confusion matrix.
macro_rules! counted {
    ($(#[$doc:meta])* $name:ident, $column:literal, $($field:ident)?, |$self:ident, $hits:pat_param| $of:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            average: Average,
            $($field: f64,)?
            matrix: ConfusionMatrix,
        }

        impl<Y: Element> Metric<Y> for $name {
            fn name(&self) -> &str {
                $column
            }

            fn reset(&mut self) {
                self.matrix = ConfusionMatrix::default();
            }

            fn accumulate(&mut self, predictions: &Tensor, targets: &Tensor<Y>) {
                self.matrix.add(predictions, targets);
            }

            fn value(&self) -> f64 {
                let $self = self;
                self.matrix.averaged(self.average, |$hits| $of)
            }
        }
    };
}

counted! {
    /// Of the items predicted to be of a class, the share that is. scikit-learn's `precision_score`, over the whole set.
    Precision, "precision_score", , |_s, [hit, _, wrong]| ratio(hit, hit + wrong)
}

counted! {
    /// Of the items of a class, the share predicted to be. scikit-learn's `recall_score`, over the whole set.
    Recall, "recall_score", , |_s, [hit, missed, _]| ratio(hit, hit + missed)
}

counted! {
    /// The weighted harmonic mean of precision and recall, in which recall counts `beta` times as much. scikit-learn's
    /// `fbeta_score`, over the whole set.
    ///
    /// ```text
    /// (1 + β²) · hits / ((1 + β²) · hits + β² · missed + wrong)
    /// ```
    FBeta, "fbeta_score", beta, |s, [hit, missed, wrong]| {
        let square = s.beta * s.beta;
        ratio((1.0 + square) * hit, (1.0 + square) * hit + square * missed + wrong)
    }
}

impl Precision {
    /// With this average.
    pub fn new(average: Average) -> Self {
        Precision { average, ..Precision::default() }
    }
}

impl Recall {
    /// With this average.
    pub fn new(average: Average) -> Self {
        Recall { average, ..Recall::default() }
    }
}

impl FBeta {
    /// With this weight of recall and this average.
    pub fn new(beta: f64, average: Average) -> Self {
        FBeta { beta, average, ..FBeta::default() }
    }
}
