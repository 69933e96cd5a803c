//! Losses: how wrong predictions are, as one number to make smaller.
//!
//! Predictions and targets must have one shape (or, for classes, fit). That they broadcast is no excuse: `[n, 1]`
//! against `[n]` would compare everything with everything.

use downhill_autograd::{Var, sigmoid_cross_entropy, where_};
use downhill_tensor::{Element, Float, Tensor};

mod classes;

pub use classes::{CrossEntropy, cross_entropy, nll_loss};

/// What becomes of the losses of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean, PyTorch's default. Where classes are weighted or ignored, the mean over the weights that count.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// All of them, as they are.
    None,
}

impl Reduction {
    fn apply<T: Float>(self, losses: Var<T>) -> Var<T> {
        match self {
            Reduction::Mean => losses.mean(..),
            Reduction::Sum => losses.sum(..),
            Reduction::None => losses,
        }
    }
}

/// The chapter's loss for telling a 3 from a 7: the mean distance of `sigmoid(prediction)` from 1 where the target is
/// one, and from 0 where it is not.
///
/// # Shapes
/// Predictions and targets alike.
///
/// # Panics
/// If the shapes differ.
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

/// The squared distance `(x - t)²`. `torch.nn.functional.mse_loss`.
///
/// # Shapes
/// Predictions and targets alike.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Reduction, mse_loss};
/// use downhill_tensor::Tensor;
///
/// let (x, t) = (Var::new(Tensor::from([1.0, 4.0_f32])), Tensor::from([0.0, 2.0]));
/// assert_eq!(mse_loss(&x, &t, Reduction::Mean).item(), 2.5);
/// ```
#[track_caller]
pub fn mse_loss<T: Float>(predictions: &Var<T>, targets: &Tensor<T>, reduction: Reduction) -> Var<T> {
    same_shape("mse_loss", predictions, targets);
    reduction.apply((predictions - targets.clone()).square())
}

/// The distance `|x - t|`; its gradient is zero where they are equal. `torch.nn.functional.l1_loss`.
///
/// # Shapes
/// Predictions and targets alike.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn l1_loss<T: Float>(predictions: &Var<T>, targets: &Tensor<T>, reduction: Reduction) -> Var<T> {
    same_shape("l1_loss", predictions, targets);
    reduction.apply((predictions - targets.clone()).abs())
}

/// With `d = |x - t|`: `d² / (2 beta)` where `d` is less than `beta`, and `d - beta / 2` elsewhere, so a square near zero
/// and straight further away. With `beta` zero, [`l1_loss`]. `torch.nn.functional.smooth_l1_loss`, where `beta` is 1
/// unless stated.
///
/// # Shapes
/// Predictions and targets alike.
///
/// # Panics
/// If the shapes differ or `beta` is negative.
#[track_caller]
pub fn smooth_l1_loss<T: Float>(
    predictions: &Var<T>,
    targets: &Tensor<T>,
    beta: T,
    reduction: Reduction,
) -> Var<T> {
    same_shape("smooth_l1_loss", predictions, targets);
    assert!(beta >= T::default(), "smooth_l1_loss: beta must not be negative, got {beta:?}");
    let difference = predictions - targets.clone();
    let distance = difference.abs();
    if beta == T::default() {
        return reduction.apply(distance);
    }
    let half = T::from_f64(0.5);
    let near = distance.value().lt(beta);
    reduction.apply(where_(&near, difference.square() * (half / beta), distance - half * beta))
}

/// Binary cross entropy of `sigmoid(x)`: `-t · ln σ(x) - (1 - t) · ln (1 - σ(x))`, computed in one operation that neither
/// overflows nor loses digits for confident predictions. `torch.nn.functional.binary_cross_entropy_with_logits`.
///
/// Targets are probabilities: 0 or 1, or anything between.
///
/// # Shapes
/// Predictions and targets alike.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Reduction, bce_with_logits};
/// use downhill_tensor::Tensor;
///
/// let (x, t) = (Var::new(Tensor::from([0.0, 800.0, -800.0_f32])), Tensor::from([1.0, 1.0, 1.0]));
/// let losses = bce_with_logits(&x, &t, Reduction::None);
/// assert_eq!(losses.value().to_vec(), [2.0_f32.ln(), 0.0, 800.0]);
/// ```
#[track_caller]
pub fn bce_with_logits<T: Float>(predictions: &Var<T>, targets: &Tensor<T>, reduction: Reduction) -> Var<T> {
    same_shape("bce_with_logits", predictions, targets);
    reduction.apply(sigmoid_cross_entropy(predictions, targets))
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
