//! Losses: how wrong predictions are, as one number to make smaller.

use downhill_autograd::{Var, where_};
use downhill_tensor::{Element, Float, Tensor};

/// The chapter's loss for telling a 3 from a 7: the mean distance of `sigmoid(prediction)` from 1 where the target is
/// one, and from 0 where it is not.
///
/// # Shapes
/// Predictions and targets alike.
///
/// # Panics
/// If the shapes differ. (That they broadcast is no excuse: `[n, 1]` against `[n]` would compare everything with
/// everything.)
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::mnist_loss;
/// use downhill_tensor::Tensor;
///
/// let predictions = Var::new(Tensor::from([0.0_f32, 0.0]));
/// assert_eq!(mnist_loss(&predictions, &Tensor::from([1_i64, 0])).item(), 0.5);
/// ```
#[track_caller]
pub fn mnist_loss<T: Float, Y: Element>(predictions: &Var<T>, targets: &Tensor<Y>) -> Var<T> {
    same_shape("mnist_loss", predictions, targets);
    let predictions = predictions.sigmoid();
    where_(&targets.eq(Y::ONE), predictions.rsub(T::ONE), &predictions).mean(..)
}

/// Refuses predictions and targets whose shapes would broadcast into something else.
#[track_caller]
fn same_shape<T: Float, Y: Element>(op: &str, predictions: &Var<T>, targets: &Tensor<Y>) {
    let shape = predictions.shape();
    assert!(
        *shape == *targets.shape(),
        "{op}: shapes differ: predictions {shape:?}, targets {:?}",
        targets.shape()
    );
}
