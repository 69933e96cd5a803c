//! Batch, layer and group normalisation.

use downhill_autograd::{BatchNormOptions, RunningStats, Var, batch_norm, batch_norm_relu};
use downhill_tensor::{Float, Tensor};

use crate::{Buffer, Forward, Mode, Module, Visitor};

/// `(x - mean) / √(variance + eps) · weight + bias` for each channel. (Ioffe and Szegedy, 2015.)
///
/// In training, mean and (biased) variance are the batch's, and the running ones move towards them, the variance towards
/// the unbiased one: `running ← (1 - momentum) · running + momentum · batch`. In evaluation the running ones are used.
///
/// `D` is the number of axes that an image has; see [`BatchNorm1d`] and [`BatchNorm2d`].
///
/// # Panics
/// [`forward`](Forward::forward), if the input has another number of axes or of channels, or, in training, no more than
/// one value a channel.
#[derive(Clone, Debug)]
pub struct BatchNorm<T: Float = f32, const D: usize = 2> {
    /// One factor for each channel.
    pub weight: Option<Var<T>>,
    /// One summand for each channel.
    pub bias: Option<Var<T>>,
    /// The mean of each channel, over the batches seen in training.
    pub running_mean: Buffer<T>,
    /// The unbiased variance of each channel, over the batches seen in training.
    pub running_var: Buffer<T>,
    /// The number of batches seen in training.
    pub num_batches_tracked: Buffer<i64>,
    /// Added to the variance; 1e-5.
    pub eps: f64,
    /// The batch's share in the running statistics; 0.1. With none, each of the batches has the same share.
    pub momentum: Option<f64>,
    /// Whether the batch's statistics are used.
    pub mode: Mode,
}

/// [`BatchNorm`] of vectors `[n, c]` or sequences `[n, c, l]`. `torch.nn.BatchNorm1d`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{BatchNorm1d, Forward, Module};
/// use downhill_tensor::Tensor;
///
/// let bn: BatchNorm1d = BatchNorm1d::new(2);
/// let y = bn.forward(&Var::new(Tensor::from([[1.0, 10.0], [3.0, 30.0]])));
/// assert!((y.value().get(&[1, 1]) - 1.0).abs() < 1e-5);
/// assert_eq!(bn.running_mean.get().to_vec(), [0.2, 2.0]);
/// bn.eval();
/// assert_eq!(bn.named_buffers().len(), 3);
/// ```
pub type BatchNorm1d<T = f32> = BatchNorm<T, 1>;

/// [`BatchNorm`] of images `[n, c, h, w]`. `torch.nn.BatchNorm2d`.
///
/// ```
/// use downhill_nn::{BatchNorm2d, Module};
///
/// let bn: BatchNorm2d = BatchNorm2d::new(64);
/// let names: Vec<String> = bn.named_buffers().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["running_mean", "running_var", "num_batches_tracked"]);
/// ```
pub type BatchNorm2d<T = f32> = BatchNorm<T, 2>;

impl<T: Float, const D: usize> BatchNorm<T, D> {
    /// A layer that starts as PyTorch's: weight and running variance one, bias and running mean zero.
    pub fn new(num_features: usize) -> Self {
        let shape = [num_features];
        BatchNorm {
            weight: Some(Var::parameter(Tensor::ones(&shape))),
            bias: Some(Var::parameter(Tensor::zeros(&shape))),
            running_mean: Buffer::new(Tensor::zeros(&shape)),
            running_var: Buffer::new(Tensor::ones(&shape)),
            num_batches_tracked: Buffer::new(Tensor::scalar(0)),
            eps: 1e-5,
            momentum: Some(0.1),
            mode: Mode::default(),
        }
    }

    /// [`new`](Self::new) without weight and bias. PyTorch's `affine=False`.
    pub fn without_affine(num_features: usize) -> Self {
        BatchNorm { weight: None, bias: None, ..BatchNorm::new(num_features) }
    }

    /// `relu(forward(x) + residual)`, or `relu(forward(x))`, in the same passes over memory as
    /// [`forward`](Forward::forward) alone.
    ///
    /// # Panics
    /// As `forward`, or if the residual is not shaped like `x`.
    ///
    /// ```
    /// use downhill_autograd::Var;
    /// use downhill_nn::{BatchNorm1d, Forward};
    /// use downhill_tensor::Tensor;
    ///
    /// let (x, bn) = (Var::new(Tensor::from([[1.0], [3.0], [8.0_f64]])), BatchNorm1d::new(1));
    /// assert_eq!(bn.forward_relu(&x, None).value().to_vec(), bn.forward(&x).relu().value().to_vec());
    /// ```
    #[track_caller]
    pub fn forward_relu(&self, x: &Var<T>, residual: Option<&Var<T>>) -> Var<T> {
        self.apply(x, |running, options| {
            batch_norm_relu(x, residual, self.weight.as_ref(), self.bias.as_ref(), running, options)
        })
    }

    /// The operation `normalize`, and what follows from it for the running statistics.
    #[track_caller]
    fn apply(
        &self,
        x: &Var<T>,
        normalize: impl FnOnce(&RunningStats<T>, &BatchNormOptions) -> (Var<T>, RunningStats<T>),
    ) -> Var<T> {
        const { assert!(D == 1 || D == 2, "there is a BatchNorm1d and a BatchNorm2d") };
        let shape = x.shape();
        let (fits, expected) = match D {
            1 => (shape.len() == 2 || shape.len() == 3, "[n, c] or [n, c, l]"),
            _ => (shape.len() == 4, "[n, c, h, w]"),
        };
        assert!(fits, "BatchNorm{D}d: expected shape {expected}, got {shape:?}");
        let training = self.mode.is_training();
        let batches = self.num_batches_tracked.get().item().saturating_add(1);
        let momentum = self.momentum.unwrap_or(1.0 / batches as f64);
        let running = RunningStats { mean: self.running_mean.get(), var: self.running_var.get() };
        let (y, stats) = normalize(&running, &BatchNormOptions { training, momentum, eps: self.eps });
        if training {
            self.running_mean.set(stats.mean);
            self.running_var.set(stats.var);
            self.num_batches_tracked.set(Tensor::scalar(batches));
        }
        y
    }
}

impl<T: Float, const D: usize> Module<T> for BatchNorm<T, D> {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.child("weight", &self.weight);
        visitor.child("bias", &self.bias);
        visitor.child("running_mean", &self.running_mean);
        visitor.child("running_var", &self.running_var);
        visitor.child("num_batches_tracked", &self.num_batches_tracked);
        visitor.child("mode", &self.mode);
    }

    fn type_name(&self) -> &'static str {
        if D == 1 { "BatchNorm1d" } else { "BatchNorm2d" }
    }

    fn is_norm(&self) -> bool {
        true
    }
}

impl<T: Float, const D: usize> Forward<T> for BatchNorm<T, D> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        self.apply(x, |running, options| {
            batch_norm(x, self.weight.as_ref(), self.bias.as_ref(), running, options)
        })
    }

    #[track_caller]
    fn forward_then_relu(&self, x: &Var<T>) -> Var<T> {
        self.forward_relu(x, None)
    }
}

/// `(x - mean) / √(variance + eps) · weight + bias`, with mean and (biased) variance of each item over its last axes.
/// `torch.nn.LayerNorm`. (Ba et al., 2016.)
///
/// # Shapes
/// Input and output `[.., normalized_shape]`; weight and bias `normalized_shape`.
///
/// # Panics
/// [`forward`](Forward::forward), if the input does not end in `normalized_shape`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, LayerNorm};
/// use downhill_tensor::Tensor;
///
/// let norm: LayerNorm<f64> = LayerNorm::new(&[2]);
/// let y = norm.forward(&Var::new(Tensor::from([[1.0, 3.0], [20.0, 10.0]]))).value();
/// assert!((y.get(&[0, 0]) + 1.0).abs() < 1e-5 && (y.get(&[1, 0]) - 1.0).abs() < 1e-5);
/// ```
#[derive(Clone, Debug, Module)]
#[module(norm)]
pub struct LayerNorm<T: Float = f32> {
    /// A factor for each element.
    pub weight: Option<Var<T>>,
    /// A summand for each element.
    pub bias: Option<Var<T>>,
    /// The axes that are normalised, the last ones.
    #[module(skip)]
    pub normalized_shape: Vec<usize>,
    /// Added to the variance; 1e-5.
    pub eps: f64,
}

impl<T: Float> LayerNorm<T> {
    /// A layer that starts as PyTorch's: weight one, bias zero.
    ///
    /// # Panics
    /// If the shape has no axes.
    #[track_caller]
    pub fn new(normalized_shape: &[usize]) -> Self {
        assert!(!normalized_shape.is_empty(), "LayerNorm: expected a shape of at least one axis, got []");
        LayerNorm {
            weight: Some(Var::parameter(Tensor::ones(normalized_shape))),
            bias: Some(Var::parameter(Tensor::zeros(normalized_shape))),
            normalized_shape: normalized_shape.to_vec(),
            eps: 1e-5,
        }
    }
}

impl<T: Float> Forward<T> for LayerNorm<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.layer_norm(&self.normalized_shape, self.weight.as_ref(), self.bias.as_ref(), self.eps)
    }
}

/// `(x - mean) / √(variance + eps) · weight + bias`, with mean and (biased) variance of each item over each group of
/// neighbouring channels. `torch.nn.GroupNorm`. (Wu and He, 2018.)
///
/// # Shapes
/// Input and output `[n, num_channels, ..]`; weight and bias `[num_channels]`.
///
/// # Panics
/// [`forward`](Forward::forward), if the input has another number of channels.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, GroupNorm};
/// use downhill_tensor::{Rng, Tensor};
///
/// let norm: GroupNorm<f64> = GroupNorm::new(2, 4);
/// let y = norm.forward(&Var::new(Tensor::randn(&[3, 4, 5, 5], &mut Rng::new(42)))).value();
/// assert!(y.narrow(1, 0, 2).narrow(0, 0, 1).mean(..).item().abs() < 1e-12);
/// ```
#[derive(Clone, Debug, Module)]
#[module(norm)]
pub struct GroupNorm<T: Float = f32> {
    /// A factor for each channel.
    pub weight: Option<Var<T>>,
    /// A summand for each channel.
    pub bias: Option<Var<T>>,
    /// Into how many groups the channels are divided.
    pub num_groups: usize,
    /// Added to the variance; 1e-5.
    pub eps: f64,
}

impl<T: Float> GroupNorm<T> {
    /// A layer that starts as PyTorch's: weight one, bias zero.
    ///
    /// # Panics
    /// If the groups do not divide the channels.
    #[track_caller]
    pub fn new(num_groups: usize, num_channels: usize) -> Self {
        assert!(
            num_groups > 0 && num_channels.is_multiple_of(num_groups),
            "GroupNorm: {num_groups} groups do not divide {num_channels} channels"
        );
        GroupNorm {
            weight: Some(Var::parameter(Tensor::ones(&[num_channels]))),
            bias: Some(Var::parameter(Tensor::zeros(&[num_channels]))),
            num_groups,
            eps: 1e-5,
        }
    }
}

impl<T: Float> Forward<T> for GroupNorm<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.group_norm(self.num_groups, self.weight.as_ref(), self.bias.as_ref(), self.eps)
    }
}
