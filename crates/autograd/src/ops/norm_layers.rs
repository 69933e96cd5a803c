//! Batch, layer and group normalisation: to mean zero and variance one over some of the axes.

use downhill_tensor::{Axes, Float, Tensor};

use crate::mode::is_grad_enabled;
use crate::ops::view::signed;
use crate::record::{Backward, Saved};
use crate::var::Var;

/// `y = x̂ · weight + bias` with `x̂ = (x - mean) · scale`, and what its derivative needs.
struct Normalized<T: Float> {
    x: Tensor<T>,
    mean: Tensor<T>,
    /// `1 / √(variance + ε)`.
    scale: Tensor<T>,
    weight: Tensor<T>,
    bias_shape: Vec<usize>,
    eps: T,
    /// The axes over which mean and variance were taken from `x`, or none if they are constants.
    axes: Option<Axes>,
}

impl<T: Float> Normalized<T> {
    fn new(x: &Var<T>, (mean, variance): (Tensor<T>, Tensor<T>), axes: Option<Axes>, eps: f64) -> Self {
        let eps = T::from_f64(eps);
        let scale = variance.into_map(|v| T::ONE / (v + eps).sqrt());
        Normalized {
            x: x.value(),
            mean,
            scale,
            weight: Tensor::scalar(T::ONE),
            bias_shape: vec![],
            eps,
            axes,
        }
    }

    /// The operation. Weight and bias broadcast to the shape of `x`; in this form they already have as many axes.
    #[track_caller]
    fn apply(mut self, x: &Var<T>, weight: Option<Var<T>>, bias: Option<Var<T>>) -> Var<T> {
        // Missing ones become constants of the shape of the mean, which costs nothing to speak of.
        let weight = weight.unwrap_or_else(|| Var::new(Tensor::ones(self.mean.shape())));
        let bias = bias.unwrap_or_else(|| Var::new(Tensor::zeros(self.mean.shape())));
        self.weight = weight.value();
        self.bias_shape = bias.shape().to_vec();
        let y = self.x.normalize(&self.mean, &self.scale, &self.weight, &bias.value());
        Var::record("normalize", [x, &weight, &bias], y, || {
            let (x, weight) = (x.save(), weight.save());
            move |d| {
                if is_grad_enabled() { self.graph_of_gradients(&d, &x, &weight) } else { self.gradients(d) }
            }
        })
    }

    /// [`gradients`](Self::gradients) as a piece of graph, in which mean and scale depend on `x` as well.
    fn graph_of_gradients(
        &self,
        d: &Backward<'_, T>,
        x: &Saved<T>,
        weight: &Saved<T>,
    ) -> [Option<Var<T>>; 3] {
        let (g, x, weight) = (&d.grad, x.var(), weight.var());
        let Some(axes) = &self.axes else {
            let (mean, scale) = (Var::new(self.mean.clone()), Var::new(self.scale.clone()));
            let normal = || (&x - &mean) * &scale;
            return [
                d.wanted(0, |g| g * &weight * &scale),
                d.wanted(1, |g| (g * normal()).sum_to(&weight.shape())),
                d.wanted(2, |g| g.sum_to(&self.bias_shape)),
            ];
        };
        let deviation = &x - x.mean_keepdim(axes);
        let scale = (deviation.square().mean_keepdim(axes) + self.eps).sqrt().recip();
        let normal = deviation * &scale;
        let h = g * &weight;
        let dx = || scale * (&h - h.mean_keepdim(axes) - &normal * (&h * &normal).mean_keepdim(axes));
        [
            d.needs[0].then(dx),
            d.wanted(1, |g| (g * &normal).sum_to(&weight.shape())),
            d.wanted(2, |g| g.sum_to(&self.bias_shape)),
        ]
    }

    /// `Σ g · x̂` for the weight, `Σ g` for the bias, and for `x`, with `h = g · weight`,
    /// `scale · (h - mean(h) - x̂ · mean(h · x̂))`, or just `scale · h` with a constant mean and variance.
    fn gradients(&self, d: Backward<'_, T>) -> [Option<Var<T>>; 3] {
        let (needs, g) = (d.needs, d.grad.into_value());
        let Normalized { x, mean, scale, weight, .. } = self;
        let for_weight = |[g, x, mean, scale]: [T; 4]| g * ((x - mean) * scale);
        let dw = || Tensor::fuse("normalize", [&g, x, mean, scale], for_weight).sum_to(weight.shape());
        let db = || g.sum_to(&self.bias_shape);
        let per_mean = weight.shape() == mean.shape() && self.bias_shape == mean.shape();
        let (dx, dw, db) = match &self.axes {
            // One weight for all elements of a mean, as in batch norm: its sums are what the mean needs too.
            Some(_) if per_mean => {
                let (dw, db) = (dw(), db());
                let count = T::from_f64((x.numel() / mean.numel().max(1)) as f64);
                let mean_h = weight.zip("normalize", &db, |w, db| w * db / count);
                let mean_hx = weight.zip("normalize", &dw, |w, dw| w * dw / count);
                (needs[0].then(|| self.input_gradient(&g, &mean_h, &mean_hx)), Some(dw), Some(db))
            }
            Some(axes) => {
                let dx = || {
                    let h = |[g, w]: [T; 2]| g * w;
                    let hx = |[g, w, x, mean, scale]: [T; 5]| g * w * ((x - mean) * scale);
                    let mean_h = Tensor::fuse("normalize", [&g, weight], h).mean_keepdim(axes);
                    let mean_hx =
                        Tensor::fuse("normalize", [&g, weight, x, mean, scale], hx).mean_keepdim(axes);
                    self.input_gradient(&g, &mean_h, &mean_hx)
                };
                (needs[0].then(dx), needs[1].then(dw), needs[2].then(db))
            }
            None => {
                let scaled = |[g, w, scale]: [T; 3]| g * (w * scale);
                let dx = || Tensor::fuse("normalize", [&g, weight, scale], scaled);
                (needs[0].then(dx), needs[1].then(dw), needs[2].then(db))
            }
        };
        [dx, dw, db].map(|gradient| gradient.map(Var::new))
    }

    fn input_gradient(&self, g: &Tensor<T>, mean_h: &Tensor<T>, mean_hx: &Tensor<T>) -> Tensor<T> {
        let operands = [g, &self.weight, &self.x, &self.mean, &self.scale, mean_h, mean_hx];
        Tensor::fuse("normalize", operands, |[g, w, x, mean, scale, mean_h, mean_hx]| {
            scale * (g * w - mean_h - (x - mean) * scale * mean_hx)
        })
    }
}

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
    let shape = x.shape();
    assert!(shape.len() >= 2, "batch_norm: expected shape [n, c, ..], got {shape:?}");
    let channels = shape[1];
    check("batch_norm", &shape, &[channels], weight, bias);
    for stats in [&running.mean, &running.var] {
        let fits = *stats.shape() == [channels];
        assert!(fits, "batch_norm: shapes differ: input {shape:?}, running {:?}", stats.shape());
    }
    // [c] broadcasts as [1, c, 1, ..].
    let mut per_channel = vec![1; shape.len()];
    per_channel[1] = channels as isize;
    let aligned = |v: &Var<T>| v.reshape(&per_channel);
    let (weight, bias) = (weight.map(aligned), bias.map(aligned));
    if !options.training {
        let given = (running.mean.reshape(&per_channel), running.var.reshape(&per_channel));
        let y = Normalized::new(x, given, None, options.eps).apply(x, weight, bias);
        return (y, running.clone());
    }
    let count = shape.iter().product::<usize>() / channels.max(1);
    assert!(count > 1 || channels == 0, "batch_norm: one value a channel has no variance: input {shape:?}");
    let axes: Vec<isize> = (0..shape.len() as isize).filter(|&i| i != 1).collect();
    let (mean, var) = x.value().moments(&axes[..]);
    let momentum = T::from_f64(options.momentum);
    let unbiased = T::from_f64(count as f64 / (count as f64 - 1.0));
    let update = |running: &Tensor<T>, batch: &Tensor<T>, factor: T| {
        let batch = batch.reshape(&[channels as isize]);
        running.zip("batch_norm", &batch, |r, b| (T::ONE - momentum) * r + momentum * (b * factor))
    };
    let stats = RunningStats {
        mean: update(&running.mean, &mean, T::ONE),
        var: update(&running.var, &var, unbiased),
    };
    let y = Normalized::new(x, (mean, var), Some(Axes::from(&axes[..])), options.eps).apply(x, weight, bias);
    (y, stats)
}

impl<T: Float> Var<T> {
    /// `(x - mean) / √(variance + ε) · weight + bias`, with mean and (biased) variance over the last axes, which are of
    /// shape `normalized_shape`. `torch.nn.functional.layer_norm`.
    ///
    /// # Shapes
    /// `self [.., normalized_shape]`; weight and bias `normalized_shape`.
    ///
    /// # Panics
    /// If the shapes do not fit, or `normalized_shape` is empty.
    #[track_caller]
    pub fn layer_norm(
        &self,
        normalized_shape: &[usize],
        weight: Option<&Var<T>>,
        bias: Option<&Var<T>>,
        eps: f64,
    ) -> Var<T> {
        let shape = self.shape();
        assert!(
            !normalized_shape.is_empty() && shape.ends_with(normalized_shape),
            "layer_norm: input {shape:?} does not end in {normalized_shape:?}"
        );
        check("layer_norm", &shape, normalized_shape, weight, bias);
        let axes: Vec<isize> = (1..=normalized_shape.len() as isize).map(|i| -i).collect();
        let moments = self.value().moments(&axes[..]);
        let normalized = Normalized::new(self, moments, Some(Axes::from(&axes[..])), eps);
        normalized.apply(self, weight.cloned(), bias.cloned())
    }

    /// `(x - mean) / √(variance + ε) · weight + bias`, with mean and (biased) variance over each of `groups` groups of
    /// neighbouring channels of each item. `torch.nn.functional.group_norm`.
    ///
    /// # Shapes
    /// `self [n, c, ..]`; weight and bias `[c]`.
    ///
    /// # Panics
    /// If the shapes do not fit, or the groups do not divide the channels.
    #[track_caller]
    pub fn group_norm(
        &self,
        groups: usize,
        weight: Option<&Var<T>>,
        bias: Option<&Var<T>>,
        eps: f64,
    ) -> Var<T> {
        let shape = self.shape();
        assert!(shape.len() >= 2, "group_norm: expected shape [n, c, ..], got {shape:?}");
        let (n, c) = (shape[0], shape[1]);
        assert!(
            groups > 0 && c.is_multiple_of(groups),
            "group_norm: {groups} groups do not divide the channels: input {shape:?}"
        );
        check("group_norm", &shape, &[c], weight, bias);
        let [n, groups, size] = [n, groups, c / groups].map(|d| d as isize);
        let positions = shape[2..].iter().product::<usize>() as isize;
        let x = self.reshape(&[n, groups, size, positions]);
        let aligned = |v: &Var<T>| v.reshape(&[1, groups, size, 1]);
        let axes = Axes::from([2, 3]);
        let moments = x.value().moments(&axes);
        let y =
            Normalized::new(&x, moments, Some(axes), eps).apply(&x, weight.map(aligned), bias.map(aligned));
        y.reshape(&signed(&shape))
    }
}

/// Weight and bias must have the shape `expected`.
#[track_caller]
fn check<T: Float>(
    op: &str,
    x: &[usize],
    expected: &[usize],
    weight: Option<&Var<T>>,
    bias: Option<&Var<T>>,
) {
    for (name, parameter) in [("weight", weight), ("bias", bias)] {
        let Some(shape) = parameter.map(Var::shape) else { continue };
        assert!(*shape == *expected, "{op}: shapes differ: input {x:?}, {name} {shape:?}");
    }
}
