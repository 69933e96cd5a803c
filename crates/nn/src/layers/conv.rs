//! Convolution.

use downhill_autograd::{Var, conv2d};
use downhill_tensor::{Conv2dOptions, Float, Pair, Rng};

use crate::init::uniform_by_fan_in;
use crate::{Forward, Module};

/// A convolution of images. `torch.nn.Conv2d`.
///
/// The weight lies in memory in the order KH, KW, C, OC, as the kernels want it.
///
/// # Shapes
/// `weight [out_channels, in_channels / groups, kh, kw]`, `bias [out_channels]`; input `[n, in_channels, h, w]`, output
/// `[n, out_channels, oh, ow]`; see [`Tensor::conv2d`](downhill_tensor::Tensor::conv2d).
///
/// # Panics
/// [`forward`](Forward::forward), if the input does not fit.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Conv2d, Forward};
/// use downhill_tensor::{Conv2dOptions, Rng, Tensor};
///
/// let halving = Conv2dOptions::default().stride(2).padding(1);
/// let conv: Conv2d = Conv2d::new(3, 8, 3, halving, &mut Rng::new(42));
/// let images = Var::new(Tensor::zeros(&[16, 3, 28, 28]));
/// assert_eq!(*conv.forward(&images).shape(), [16, 8, 14, 14]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Conv2d<T: Float = f32> {
    /// One kernel for each output channel.
    pub weight: Var<T>,
    /// One number for each output channel, if the layer has a bias.
    pub bias: Option<Var<T>>,
    /// Stride, padding, dilation and groups.
    #[module(skip)]
    pub options: Conv2dOptions,
}

impl<T: Float> Conv2d<T> {
    /// A layer with PyTorch's initialisation: weight and bias uniform in ±1/√n, where n is the number of inputs of one
    /// output: `in_channels / groups · kh · kw`.
    ///
    /// # Panics
    /// If the groups do not divide the channels.
    #[track_caller]
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Pair>,
        options: Conv2dOptions,
        rng: &mut Rng,
    ) -> Self {
        let mut layer = Conv2d::without_bias(in_channels, out_channels, kernel_size, options, rng);
        let fan_in = layer.weight.shape()[1..].iter().product();
        layer.bias = Some(uniform_by_fan_in(&[out_channels], fan_in, rng));
        layer
    }

    /// [`new`](Self::new) without a bias.
    ///
    /// # Panics
    /// If the groups do not divide the channels.
    #[track_caller]
    pub fn without_bias(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Pair>,
        options: Conv2dOptions,
        rng: &mut Rng,
    ) -> Self {
        let (groups, Pair([kh, kw])) = (options.groups, kernel_size.into());
        let divides = |channels: usize| groups > 0 && channels.is_multiple_of(groups);
        assert!(
            divides(in_channels) && divides(out_channels),
            "Conv2d: {groups} groups do not divide the channels: in {in_channels}, out {out_channels}"
        );
        let (c, fan_in) = (in_channels / groups, in_channels / groups * kh * kw);
        let weight = uniform_by_fan_in(&[out_channels, c, kh, kw], fan_in, rng);
        weight.update_(|w| *w = w.permute(&[2, 3, 1, 0]).contiguous().permute(&[3, 2, 0, 1]));
        Conv2d { weight, bias: None, options }
    }
}

impl<T: Float> Forward<T> for Conv2d<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        conv2d(x, &self.weight, self.bias.as_ref(), &self.options)
    }
}
