//! Choosing elements.

use downhill_tensor::{Float, Tensor};

use crate::var::Var;

/// Elements of `a` where the condition is true, of `b` where it is false, all three broadcast. `torch.where`.
///
/// The gradient goes to whichever was chosen.
///
/// # Panics
/// If the shapes do not broadcast.
///
/// ```
/// use downhill_autograd::{Var, where_};
/// use downhill_tensor::Tensor;
///
/// let predictions = Var::parameter(Tensor::from([0.9, 0.4, 0.2_f32]));
/// let targets = Tensor::from([1, 0, 1_i64]);
/// let loss = where_(&targets.eq(1), 1.0 - &predictions, &predictions).mean(..);
/// assert!((loss.item() - 0.4333).abs() < 1e-4);
/// ```
#[track_caller]
pub fn where_<T: Float>(condition: &Tensor<bool>, a: impl Into<Var<T>>, b: impl Into<Var<T>>) -> Var<T> {
    let (a, b) = (a.into(), b.into());
    let value = condition.where_(a.value(), b.value());
    Var::record("where", [&a, &b], value, || {
        let (condition, a, b) = (condition.clone(), a.shape(), b.shape());
        move |d| {
            [
                d.wanted(0, |g| where_(&condition, g, T::default()).sum_to(&a)),
                d.wanted(1, |g| where_(&condition, T::default(), g).sum_to(&b)),
            ]
        }
    })
}
