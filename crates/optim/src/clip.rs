//! Clipping: gradients that are not allowed to grow too large.

use downhill_autograd::Var;
use downhill_tensor::{Float, Tensor};

/// Scales all gradients together so that their global norm is at most `max_norm`, and returns what the norm was.
/// `torch.nn.utils.clip_grad_norm_`.
///
/// ```text
/// norm = √(Σ g²) over all elements of all gradients
/// g ← g · min(1, max_norm / (norm + 1e-6))
/// ```
///
/// It is [`get_total_norm`] and [`clip_grads_with_norm_`]; with those, the norm may be another than the Euclidean.
///
/// # Panics
/// If `max_norm` is negative or NaN.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::clip_grad_norm_;
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::<f64>::zeros(&[2]));
/// w.set_grad(Some(Tensor::from([3.0, 4.0])));
/// assert_eq!(clip_grad_norm_(&[w.clone()], 1.0), 5.0);
/// assert!((w.grad().unwrap().norm(..).item() - 1.0).abs() < 1e-6);
/// ```
#[track_caller]
pub fn clip_grad_norm_<T: Float>(params: &[Var<T>], max_norm: f64) -> f64 {
    assert!(max_norm >= 0.0, "clip_grad_norm_: max_norm must be zero or more, got {max_norm}");
    let norm = get_total_norm(params, 2.0);
    clip_grads_with_norm_(params, max_norm, norm);
    norm
}

/// The norm of the gradients of all `params` that have one, as if they were one vector: `(Σ |g|^p)^(1/p)`, where `p` is
/// `norm_type`, or the largest `|g|` if that is infinity. `torch.nn.utils.get_total_norm`.
///
/// The terms are added in `f64`, so that they do not overflow in `f32`.
///
/// # Panics
/// If `norm_type` is not positive.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::{clip_grads_with_norm_, get_total_norm};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::<f64>::zeros(&[2]));
/// w.set_grad(Some(Tensor::from([3.0, -4.0])));
/// assert_eq!([1.0, 2.0, f64::INFINITY].map(|p| get_total_norm(&[w.clone()], p)), [7.0, 5.0, 4.0]);
/// clip_grads_with_norm_(&[w.clone()], 1.0, 4.0);
/// assert!((w.grad().unwrap().get(&[0]) - 0.75).abs() < 1e-6);
/// ```
#[track_caller]
pub fn get_total_norm<T: Float>(params: &[Var<T>], norm_type: f64) -> f64 {
    assert!(norm_type > 0.0, "get_total_norm: norm_type must be positive, got {norm_type}");
    let grads = params.iter().filter_map(Var::grad);
    if norm_type == f64::INFINITY {
        let largest = |g: Tensor<T>| g.iter().map(|x| x.to_f64().abs()).fold(0.0, nan_or_max);
        return grads.map(largest).fold(0.0, nan_or_max);
    }
    if norm_type == 1.0 {
        return grads.map(|g| sum(&g, |x| x.abs())).sum();
    }
    if norm_type == 2.0 {
        return grads.map(|g| sum(&g, |x| x * x)).sum::<f64>().sqrt();
    }
    grads.map(|g| sum(&g, |x| x.abs().powf(norm_type))).sum::<f64>().powf(1.0 / norm_type)
}

/// The sum of `f` of all elements.
#[inline(always)]
fn sum<T: Float>(g: &Tensor<T>, f: impl Fn(f64) -> f64 + Sync) -> f64 {
    Tensor::fuse_sum(
        "get_total_norm",
        [g],
        #[inline(always)]
        |[x]| f(x.to_f64()),
    )
}

/// The larger of the two, or NaN if either is.
fn nan_or_max(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// Scales the gradients of all `params` by `min(1, max_norm / (total_norm + 1e-6))`.
/// `torch.nn.utils.clip_grads_with_norm_`.
///
/// As in PyTorch, a norm that is not finite does not stop anything: an infinite one turns finite gradients to zero and
/// infinite ones to NaN, and NaN turns all gradients to NaN.
///
/// # Panics
/// If `max_norm` is negative or NaN.
#[track_caller]
pub fn clip_grads_with_norm_<T: Float>(params: &[Var<T>], max_norm: f64, total_norm: f64) {
    assert!(max_norm >= 0.0, "clip_grads_with_norm_: max_norm must be zero or more, got {max_norm}");
    let scale = max_norm / (total_norm + 1e-6);
    if scale < 1.0 || scale.is_nan() {
        let scale = T::from_f64(scale);
        for var in params {
            var.update_grad_(|g| {
                g.mul_(scale);
            });
        }
    }
}

/// Limits every element of every gradient to `[-clip_value, clip_value]`; NaN stays NaN.
/// `torch.nn.utils.clip_grad_value_`.
///
/// # Panics
/// If `clip_value` is negative or NaN.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_optim::clip_grad_value_;
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::<f32>::zeros(&[3]));
/// w.set_grad(Some(Tensor::from([3.0, -0.5, -7.0])));
/// clip_grad_value_(&[w.clone()], 1.0);
/// assert_eq!(w.grad().unwrap().to_vec(), [1.0, -0.5, -1.0]);
/// ```
#[track_caller]
pub fn clip_grad_value_<T: Float>(params: &[Var<T>], clip_value: f64) {
    assert!(clip_value >= 0.0, "clip_grad_value_: clip_value must be zero or more, got {clip_value}");
    let limit = T::from_f64(clip_value);
    for var in params {
        var.update_grad_(|g| {
            g.clamp_(-limit, limit);
        });
    }
}
