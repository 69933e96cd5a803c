//! Metrics: how good predictions are, in numbers for people.

use downhill_tensor::{Element, Float, Tensor};

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
    assert!(
        predictions.shape() == targets.shape(),
        "batch_accuracy: shapes differ: predictions {:?}, targets {:?}",
        predictions.shape(),
        targets.shape()
    );
    let correct = predictions.sigmoid().gt(T::from_f64(0.5)).eq(targets.eq(Y::ONE));
    correct.sum(..).item() as f64 / predictions.numel() as f64
}
