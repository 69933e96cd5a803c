//! Metrics: how good predictions are, in numbers for people.
//!
//! A [`Metric`] adds up over the validation set, batch by batch, and says a number in the end. A plain function of
//! predictions and targets becomes one that averages by batch size; where the average of batches is not the value of the
//! whole (an F-score, R², the area under a curve), there is a metric that adds up what it needs.

mod classes;
mod scores;

use std::marker::PhantomData;

use downhill_nn::AnyTensor;
use downhill_tensor::{Element, Float, Tensor};

pub use classes::{Average, ConfusionMatrix, FBeta, Precision, Recall, accuracy, error_rate, top_k_accuracy};
pub use scores::{Perplexity, R2Score, RocAuc, mae, mse};

/// A number that is computed over the whole validation set. fastai's `Metric`.
///
/// ```
/// use downhill_learner::Metric;
/// use downhill_tensor::Tensor;
///
/// /// How many items there were.
/// #[derive(Default)]
/// struct Items(usize);
///
/// impl Metric<i64> for Items {
///     fn name(&self) -> &str {
///         "items"
///     }
///     fn reset(&mut self) {
///         self.0 = 0;
///     }
///     fn accumulate(&mut self, _: &Tensor, targets: &Tensor<i64>) {
///         self.0 += targets.size(0);
///     }
///     fn value(&self) -> f64 {
///         self.0 as f64
///     }
/// }
/// ```
pub trait Metric<Y: Element>: Send {
    /// The name of its column.
    fn name(&self) -> &str;
    /// Forgets all batches.
    fn reset(&mut self);
    /// Takes a batch into account.
    fn accumulate(&mut self, predictions: &Tensor, targets: &Tensor<Y>);
    /// The value over all batches since [`reset`](Self::reset); NaN if there was none.
    fn value(&self) -> f64;
}

/// The average of a function of predictions and targets by batch size. fastai's `AvgMetric`.
pub struct AvgMetric<F> {
    name: String,
    func: F,
    total: f64,
    items: f64,
}

impl<F> AvgMetric<F> {
    /// The average of `func`, in a column called `name`.
    pub fn new(name: impl Into<String>, func: F) -> Self {
        AvgMetric { name: name.into(), func, total: 0.0, items: 0.0 }
    }
}

impl<Y: Element, F: Fn(&Tensor, &Tensor<Y>) -> f64 + Send> Metric<Y> for AvgMetric<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&mut self) {
        (self.total, self.items) = (0.0, 0.0);
    }

    fn accumulate(&mut self, predictions: &Tensor, targets: &Tensor<Y>) {
        let n = predictions.size(0) as f64;
        self.total += n * (self.func)(predictions, targets);
        self.items += n;
    }

    fn value(&self) -> f64 {
        self.total / self.items
    }
}

/// What [`Learner::metrics`](crate::Learner::metrics) takes: a function of predictions and targets, named after itself;
/// a name and such a function or closure; or a [`Metric`].
pub trait IntoMetric<Y: Element, How> {
    /// The metric.
    fn into_metric(self) -> Box<dyn Metric<Y>>;
}

/// How a function becomes a metric.
pub struct AsFunction;
/// How a name and a function become a metric.
pub struct AsNamed;
/// How a metric becomes one.
pub struct AsMetric;

impl<Y: Element, F> IntoMetric<Y, AsFunction> for F
where
    F: Fn(&Tensor, &Tensor<Y>) -> f64 + Send + 'static,
{
    fn into_metric(self) -> Box<dyn Metric<Y>> {
        Box::new(AvgMetric::new(short_name::<F>(), self))
    }
}

impl<Y: Element, N, F> IntoMetric<Y, AsNamed> for (N, F)
where
    N: Into<String>,
    F: Fn(&Tensor, &Tensor<Y>) -> f64 + Send + 'static,
{
    fn into_metric(self) -> Box<dyn Metric<Y>> {
        Box::new(AvgMetric::new(self.0, self.1))
    }
}

impl<Y: Element, M: Metric<Y> + 'static> IntoMetric<Y, AsMetric> for M {
    fn into_metric(self) -> Box<dyn Metric<Y>> {
        Box::new(self)
    }
}

/// `path::to::batch_accuracy<f32, i64>` without path and parameters.
pub(crate) fn short_name<F>() -> &'static str {
    let path = std::any::type_name::<F>();
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path)
}

/// A metric without the type of its targets.
pub(crate) trait AnyMetric: Send {
    fn name(&self) -> &str;
    fn reset(&mut self);
    fn accumulate(&mut self, predictions: &Tensor, targets: &AnyTensor);
    fn value(&self) -> f64;
}

pub(crate) struct Erased<Y: Element>(pub(crate) Box<dyn Metric<Y>>, pub(crate) PhantomData<fn(Y)>);

impl<Y: Element> AnyMetric for Erased<Y> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn accumulate(&mut self, predictions: &Tensor, targets: &AnyTensor) {
        self.0.accumulate(predictions, &typed(targets));
    }

    fn value(&self) -> f64 {
        self.0.value()
    }
}

/// The targets as what the loader gave.
#[track_caller]
pub(crate) fn typed<Y: Element>(targets: &AnyTensor) -> Tensor<Y> {
    let Some(tensor) = targets.downcast() else {
        panic!("Learner: a callback made targets of {} of those of {}", targets.dtype(), Y::DTYPE)
    };
    tensor
}

/// The share of predictions on the right side: `sigmoid(prediction) > 0.5` exactly where the target is one. The
/// chapter's `batch_accuracy`.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use downhill_learner::batch_accuracy;
/// use downhill_tensor::Tensor;
///
/// let predictions = Tensor::from([2.0_f32, -1.0, 0.5, -3.0]);
/// assert_eq!(batch_accuracy(&predictions, &Tensor::from([1_i64, 0, 0, 0])), 0.75);
/// ```
#[track_caller]
pub fn batch_accuracy<T: Float, Y: Element>(predictions: &Tensor<T>, targets: &Tensor<Y>) -> f64 {
    same_shapes("batch_accuracy", predictions, targets);
    let correct = predictions.sigmoid().gt(T::from_f64(0.5)).eq(targets.eq(Y::ONE));
    correct.sum(..).item() as f64 / predictions.numel() as f64
}

/// Predictions and targets must be of one shape.
#[track_caller]
fn same_shapes<T: Float, Y: Element>(name: &str, predictions: &Tensor<T>, targets: &Tensor<Y>) {
    assert!(
        predictions.shape() == targets.shape(),
        "{name}: shapes differ: predictions {:?}, targets {:?}",
        predictions.shape(),
        targets.shape()
    );
}
