//! Batch normalisation, and what follows it in a residual network.

use downhill_tensor::{After, ChannelNorm, ChannelNormBackward, Float, Tensor};

use super::{norm_layers::check, where_};
use crate::mode::is_grad_enabled;
use crate::record::{Backward, Saved};
use crate::var::Var;

/// Mean and variance of each channel, as batch norm keeps them for later.
#[derive(Clone, Debug)]
pub struct RunningStats<T: Float = f32> {
    /// The mean, `[c]`.
    pub mean: Tensor<T>,
    /// The variance, `[c]`.
    pub var: Tensor<T>,
}

impl<T: Float> RunningStats<T> {
    /// Where PyTorch starts: mean zero, variance one.
    pub fn new(channels: usize) -> Self {
        RunningStats { mean: Tensor::zeros(&[channels]), var: Tensor::ones(&[channels]) }
    }

    /// After a batch of `count` values a channel, with the unbiased variance.
    fn updated(&self, mean: &Tensor<T>, var: &Tensor<T>, count: usize, momentum: f64) -> Self {
        let momentum = T::from_f64(momentum);
        let unbiased = T::from_f64(count as f64 / (count as f64 - 1.0));
        let update = |running: &Tensor<T>, batch: &Tensor<T>, factor: T| {
            running.zip("batch_norm", batch, |r, b| (T::ONE - momentum) * r + momentum * (b * factor))
        };
        RunningStats { mean: update(&self.mean, mean, T::ONE), var: update(&self.var, var, unbiased) }
    }
}

/// How batch norm computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// Whether to normalise by the batch's own mean and variance, and to update the running ones.
    pub training: bool,
    /// The batch's share in the running statistics; 0.1.
    pub momentum: f64,
    /// Added to the variance; 1e-5.
    pub eps: f64,
}

impl Default for BatchNormOptions {
    fn default() -> Self {
        BatchNormOptions { training: true, momentum: 0.1, eps: 1e-5 }
    }
}

/// `(x - mean) / √(variance + ε) · weight + bias` for each channel. `torch.nn.functional.batch_norm`.
///
/// In training, mean and (biased) variance are the batch's, over all axes but the channels, and the statistics returned
/// are `(1 - momentum) · running + momentum · batch`, with the unbiased variance. Otherwise mean and variance are the
/// running ones, which come back as they are.
///
/// # Shapes
/// `x [n, c, ..]`; weight, bias and running statistics `[c]`; the result is shaped like `x`.
///
/// # Panics
/// If the shapes do not fit, or, in training, if there is no more than one value a channel.
///
/// ```
/// use downhill_autograd::{BatchNormOptions, RunningStats, Var, batch_norm};
/// use downhill_tensor::Tensor;
///
/// let x = Var::new(Tensor::from([[1.0, 10.0], [3.0, 30.0_f64]]));
/// let (y, stats) = batch_norm(&x, None, None, &RunningStats::new(2), &BatchNormOptions::default());
/// assert!((y.value().get(&[1, 1]) - 1.0).abs() < 1e-6);
/// assert!((stats.var.get(&[0]) - (0.9 + 0.1 * 2.0)).abs() < 1e-12);
/// ```
#[track_caller]
pub fn batch_norm<T: Float>(
    x: &Var<T>,
    weight: Option<&Var<T>>,
    bias: Option<&Var<T>>,
    running: &RunningStats<T>,
    options: &BatchNormOptions,
) -> (Var<T>, RunningStats<T>) {
    let (normalization, stats) = Normalization::new("batch_norm", x, weight, bias, running, options);
    (normalization.recorded("batch_norm", x, None, After::Nothing), stats)
}

/// `relu(batch_norm(x) + residual)` in the same passes over memory as [`batch_norm`] alone: what a layer of a residual
/// network ends with. Without a residual it is `relu(batch_norm(x))`.
///
/// The gradient at zero is zero, as that of [`Var::relu`].
///
/// # Shapes
/// As `batch_norm`; the residual is shaped like `x`.
///
/// # Panics
/// As `batch_norm`.
///
/// ```
/// use downhill_autograd::{BatchNormOptions, RunningStats, Var, batch_norm_relu};
/// use downhill_tensor::Tensor;
///
/// let (x, residual) = (Tensor::from([[1.0], [3.0_f64]]), Tensor::from([[0.5], [0.5_f64]]));
/// let (stats, options) = (RunningStats::new(1), BatchNormOptions { eps: 0.0, ..BatchNormOptions::default() });
/// let (y, _) = batch_norm_relu(&Var::new(x), Some(&Var::new(residual)), None, None, &stats, &options);
/// assert_eq!(y.value().to_vec(), [0.0, 1.5]);
/// ```
#[track_caller]
pub fn batch_norm_relu<T: Float>(
    x: &Var<T>,
    residual: Option<&Var<T>>,
    weight: Option<&Var<T>>,
    bias: Option<&Var<T>>,
    running: &RunningStats<T>,
    options: &BatchNormOptions,
) -> (Var<T>, RunningStats<T>) {
    let (normalization, stats) = Normalization::new("batch_norm_relu", x, weight, bias, running, options);
    (normalization.recorded("batch_norm_relu", x, residual, After::Relu), stats)
}

/// What is done to `x`, and with which parameters.
struct Normalization<T: Float> {
    weight: Var<T>,
    bias: Var<T>,
    norm: ChannelNorm<T>,
    eps: T,
    own_statistics: bool,
}

impl<T: Float> Normalization<T> {
    /// Also the running statistics as they are afterwards.
    #[track_caller]
    fn new(
        op: &str,
        x: &Var<T>,
        weight: Option<&Var<T>>,
        bias: Option<&Var<T>>,
        running: &RunningStats<T>,
        options: &BatchNormOptions,
    ) -> (Self, RunningStats<T>) {
        let shape = x.shape();
        assert!(shape.len() >= 2, "{op}: expected shape [n, c, ..], got {shape:?}");
        let channels = shape[1];
        check(op, &shape, &[channels], weight, bias);
        for stats in [&running.mean, &running.var] {
            let fits = *stats.shape() == [channels];
            assert!(fits, "{op}: shapes differ: input {shape:?}, running {:?}", stats.shape());
        }
        let (mean, var, stats) = if options.training {
            let count = shape.iter().product::<usize>() / channels.max(1);
            assert!(count > 1 || channels == 0, "{op}: one value a channel has no variance: input {shape:?}");
            let (mean, var) = x.value().channel_moments();
            let stats = running.updated(&mean, &var, count, options.momentum);
            (mean, var, stats)
        } else {
            (running.mean.contiguous(), running.var.clone(), running.clone())
        };
        let eps = T::from_f64(options.eps);
        let scale = var.contiguous().into_map(|v| T::ONE / (v + eps).sqrt());
        // Missing ones become constants, which costs nothing to speak of.
        let weight = weight.cloned().unwrap_or_else(|| Var::new(Tensor::ones(&[channels])));
        let bias = bias.cloned().unwrap_or_else(|| Var::new(Tensor::zeros(&[channels])));
        let (w, b) = (weight.value().contiguous(), bias.value().contiguous());
        let norm = ChannelNorm { mean, scale, weight: w, bias: b };
        (Normalization { weight, bias, norm, eps, own_statistics: options.training }, stats)
    }

    #[track_caller]
    fn recorded(self, op: &'static str, x: &Var<T>, residual: Option<&Var<T>>, after: After) -> Var<T> {
        let Normalization { weight, bias, norm, eps, own_statistics } = self;
        let value = x.value();
        let y = value.channel_norm(&norm, residual.map(Var::value).as_ref(), after);
        // Without a residual the derivative finds the result again, or what it needs of it.
        let out = residual.map(|_| y.clone());
        let derivative =
            || Derivative { x: x.save(), weight: weight.save(), norm, eps, own_statistics, after, out };
        let Some(residual) = residual else {
            return Var::record(op, [x, &weight, &bias], y, || {
                let derivative = derivative();
                move |d| {
                    let [x, weight, bias, _] = derivative.gradients(d);
                    [x, weight, bias]
                }
            });
        };
        Var::record(op, [x, &weight, &bias, residual], y, || {
            let derivative = derivative();
            move |d| derivative.gradients(d)
        })
    }
}

/// What the backward pass needs.
struct Derivative<T: Float> {
    x: Saved<T>,
    weight: Saved<T>,
    norm: ChannelNorm<T>,
    eps: T,
    own_statistics: bool,
    after: After,
    /// The result, if a residual is part of it.
    out: Option<Tensor<T>>,
}

impl<T: Float> Derivative<T> {
    /// For `x`, the weight, the bias and the residual.
    fn gradients(&self, d: Backward<'_, T>) -> [Option<Var<T>>; 4] {
        if is_grad_enabled() {
            return self.graph_of_gradients(&d);
        }
        let Derivative { norm, own_statistics, after, out, .. } = self;
        let (out, input) = (out.as_ref(), d.needs[0]);
        let how = ChannelNormBackward { after: *after, out, own_statistics: *own_statistics, input };
        let found = self.x.value().channel_norm_backward(norm, d.grad.into_value(), &how);
        [found.input, Some(found.weight), Some(found.bias), found.residual].map(|g| g.map(Var::new))
    }

    /// The same as a piece of graph, in which mean and scale depend on `x` if they are its own.
    fn graph_of_gradients(&self, d: &Backward<'_, T>) -> [Option<Var<T>>; 4] {
        let (x, weight) = (self.x.var(), self.weight.var());
        let rank = x.shape().len();
        // [c] broadcasts as [1, c, 1, ..].
        let mut per_channel = vec![1; rank];
        per_channel[1] = weight.shape()[0] as isize;
        let axes: Vec<isize> = (0..rank as isize).filter(|&i| i != 1).collect();
        let g = match self.after {
            After::Nothing => d.grad.clone(),
            After::Relu => {
                let again = || self.x.value().channel_norm(&self.norm, None, After::Relu);
                let out = self.out.clone().unwrap_or_else(again);
                where_(&out.gt(T::default()), &d.grad, T::default())
            }
        };
        let h = &g * weight.reshape(&per_channel);
        let (normal, dx) = if self.own_statistics {
            let deviation = &x - x.mean_keepdim(&axes[..]);
            let scale = (deviation.square().mean_keepdim(&axes[..]) + self.eps).sqrt().recip();
            let normal = deviation * &scale;
            let from_variance = &normal * (&h * &normal).mean_keepdim(&axes[..]);
            (normal, scale * (&h - h.mean_keepdim(&axes[..]) - from_variance))
        } else {
            let constant = |t: &Tensor<T>| Var::new(t.reshape(&per_channel));
            let scale = constant(&self.norm.scale);
            ((&x - constant(&self.norm.mean)) * &scale, h * scale)
        };
        [Some(dx), Some((&g * normal).sum(&axes[..])), Some(g.sum(&axes[..])), Some(g)]
    }
}
