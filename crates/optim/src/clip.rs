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
/// The squares are added in `f64`, so that they do not overflow in `f32`. As in PyTorch, a norm that is not finite does
/// not stop anything: an infinite one turns finite gradients to zero and infinite ones to NaN, and NaN turns all
/// gradients to NaN.
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
    let squares = |g: &Tensor<T>| {
        Tensor::fuse_sum(
            "clip_grad_norm_",
            [g],
            #[inline(always)]
            |[x]| x.to_f64() * x.to_f64(),
        )
    };
    let norm = params.iter().filter_map(Var::grad).map(|g| squares(&g)).sum::<f64>().sqrt();
    let scale = max_norm / (norm + 1e-6);
    if scale < 1.0 || scale.is_nan() {
        let scale = T::from_f64(scale);
        for var in params {
            var.update_grad_(|g| {
                g.mul_(scale);
            });
        }
    }
    norm
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
