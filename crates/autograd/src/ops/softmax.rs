//! Softmax, its logarithm, and the two losses that are one operation together with it.

use downhill_tensor::{Axes, Float, Tensor};

use crate::mode::is_grad_enabled;
use crate::ops::where_;
use crate::var::Var;

impl<T: Float> Var<T> {
    /// `exp(x) / Σ exp(x)` along axis `dim`. `torch.softmax`. With `y` the result, the gradient is `y · (g - Σ g · y)`.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// use downhill_autograd::Var;
    /// use downhill_tensor::Tensor;
    ///
    /// let scores = Var::new(Tensor::from([0.0, 0.0, f64::NEG_INFINITY]));
    /// assert_eq!(scores.softmax(0).value().to_vec(), [0.5, 0.5, 0.0]);
    /// ```
    #[track_caller]
    pub fn softmax(&self, dim: isize) -> Var<T> {
        let y = self.value().softmax(dim);
        Var::record("softmax", [self], y.clone(), || {
            move |d| {
                let y = d.out(&y);
                // Subtracted before it is multiplied: where one element is nearly all, the difference is exact.
                let total = (&d.grad * &y).sum_keepdim(dim);
                [Some((d.grad - total) * y)]
            }
        })
    }

    /// `x - ln Σ exp(x)` along axis `dim`. `torch.log_softmax`. The gradient is `g - softmax(x) · Σ g`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn log_softmax(&self, dim: isize) -> Var<T> {
        let y = self.value().log_softmax(dim);
        Var::record("log_softmax", [self], y.clone(), || {
            move |d| {
                let (y, total) = (d.out(&y), d.grad.sum_keepdim(dim));
                [Some(d.grad - y.exp() * total)]
            }
        })
    }

    /// `ln Σ exp(x)` over `axes`, which are gone from the result. `torch.logsumexp`. The gradient is `g · softmax(x)`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        self.logsumexp_keepdim(&axes).without(&axes, &self.shape())
    }

    /// [`logsumexp`](Self::logsumexp), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn logsumexp_keepdim(&self, axes: impl Into<Axes>) -> Var<T> {
        let y = self.value().logsumexp_keepdim(axes);
        Var::record("logsumexp", [self], y.clone(), || {
            let x = self.save();
            move |d| {
                // Where every element is minus infinity the gradient is zero and not ∞ - ∞.
                let nothing = y.eq(T::from_f64(f64::NEG_INFINITY));
                let out = where_(&nothing, T::default(), d.out(&y));
                [Some((x.var() - out).exp() * d.grad)]
            }
        })
    }
}

/// Softmax along axis `dim` and its cross entropy with `targets` in one operation: `-Σ targets · log_softmax(logits)`.
///
/// `targets` are the weights of the classes: one for the right one and zero for the others, or any others. They need not
/// add up to one: a row of zeros takes no part. A weight of zero makes up for an infinite logit.
///
/// With `p = softmax(logits)` the gradient is `g · (p · Σ targets - targets)`: no quotient, no logarithm, and exact also
/// where `p` rounds to zero.
///
/// # Shapes
/// `logits` and `targets` alike; axis `dim` is gone from the result.
///
/// # Panics
/// If the shapes differ or there is no such axis.
///
/// ```
/// use downhill_autograd::{Var, softmax_cross_entropy};
/// use downhill_tensor::Tensor;
///
/// let logits = Var::parameter(Tensor::from([[0.0, 0.0], [1000.0, -1000.0]]));
/// let targets = Tensor::from([[1.0, 0.0], [1.0, 0.0_f64]]);
/// let loss = softmax_cross_entropy(&logits, &targets, 1);
/// assert_eq!(loss.value().to_vec(), [2.0_f64.ln(), 0.0]);
/// loss.sum(..).backward();
/// assert_eq!(logits.grad().unwrap().to_vec(), [-0.5, 0.5, 0.0, 0.0]);
/// ```
#[track_caller]
pub fn softmax_cross_entropy<T: Float>(logits: &Var<T>, targets: &Tensor<T>, dim: isize) -> Var<T> {
    let op = "softmax_cross_entropy";
    same_shape(op, logits, targets);
    let logs = logits.value().log_softmax(dim);
    let terms = targets.zip(op, &logs, |t, log| if t == T::default() { t } else { -(t * log) });
    Var::record("softmax_cross_entropy", [logits], terms.sum(dim), || {
        let (x, targets, totals) = (logits.save(), targets.clone(), targets.sum_keepdim(dim));
        move |d| {
            let g = d.grad.unsqueeze(dim.rem_euclid(targets.rank() as isize));
            if is_grad_enabled() {
                return [Some((x.var().softmax(dim) * Var::new(totals.clone()) - targets.clone()) * g)];
            }
            let p = logs.zip(op, &totals, |log, total| log.exp() * total);
            let gradient = p.into_zip(op, &targets, |p, t| p - t);
            [Some(Var::new(gradient.into_zip(op, &g.value(), |x, g| x * g)))]
        }
    })
}

/// Sigmoid and binary cross entropy with `targets` in one operation, elementwise:
/// `-t · ln σ(x) - (1 - t) · ln (1 - σ(x)) = w · |x| + ln (1 + exp(-|x|))`, where `w`, the weight of the class that `x`
/// speaks against, is `1 - t` for positive `x` and `t` for others. A weight of zero makes up for an infinite logit.
/// The gradient is `g · (σ(x) - t)`.
///
/// # Shapes
/// `logits`, `targets` and the result alike.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn sigmoid_cross_entropy<T: Float>(logits: &Var<T>, targets: &Tensor<T>) -> Var<T> {
    let op = "sigmoid_cross_entropy";
    same_shape(op, logits, targets);
    let value = logits.value().zip(op, targets, |x, t| {
        let (weight, size) = if x > T::default() { (T::ONE - t, x) } else { (t, -x) };
        let against = if weight == T::default() { weight } else { weight * size };
        against + (-size).exp().ln_1p()
    });
    Var::record("sigmoid_cross_entropy", [logits], value, || {
        let (x, targets) = (logits.save(), targets.clone());
        move |d| {
            if is_grad_enabled() {
                return [Some((x.var().sigmoid() - targets.clone()) * d.grad)];
            }
            let gradient = x.value().zip(op, &targets, |x, t| x.sigmoid() - t);
            [Some(Var::new(gradient.into_zip(op, &d.grad.value(), |x, g| x * g)))]
        }
    })
}

/// Refuses predictions and targets whose shapes would broadcast into something else.
#[track_caller]
fn same_shape<T: Float>(op: &str, logits: &Var<T>, targets: &Tensor<T>) {
    let shape = logits.shape();
    assert!(
        *shape == *targets.shape(),
        "{op}: shapes differ: logits {shape:?}, targets {:?}",
        targets.shape()
    );
}
