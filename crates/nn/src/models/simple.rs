//! Small models for small images.

use downhill_tensor::{Conv2dOptions, Float, Rng};

use crate::init::{FanMode, Nonlinearity, constant_, kaiming_uniform_, normal_};
use crate::{AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Flatten, Linear, ReLU, Sequential, sequential};

/// The chapter's neural network for telling 3 from 7: 784 pixels, 30 features, one number. The book's `simple_net`.
///
/// ```
/// use downhill_nn::{Module, Sequential, simple_net};
/// use downhill_tensor::Rng;
///
/// let net: Sequential = simple_net(&mut Rng::new(42));
/// assert_eq!(net.num_parameters().1, 784 * 30 + 30 + 30 + 1);
/// ```
pub fn simple_net<T: Float>(rng: &mut Rng) -> Sequential<T> {
    sequential![Linear::new(28 * 28, 30, rng), ReLU, Linear::new(30, 1, rng)]
}

/// A convolution, batch norm if `bn`, and ReLU. fastai's `ConvLayer` with its defaults: padding that keeps the image's
/// size at stride one, no bias before a batch norm, weights from `kaiming_uniform_`, biases normal with standard deviation
/// 0.01, and a batch norm's bias of 1e-3.
pub fn conv_layer<T: Float>(
    ni: usize,
    nf: usize,
    ks: usize,
    stride: usize,
    bn: bool,
    rng: &mut Rng,
) -> Sequential<T> {
    let options = Conv2dOptions::default().stride(stride).padding((ks.max(1) - 1) / 2);
    let conv = if bn { Conv2d::without_bias } else { Conv2d::new }(ni, nf, ks, options, rng);
    conv.bias.iter().for_each(|bias| normal_(bias, 0.0, 0.01, rng));
    kaiming_uniform_(&conv.weight, FanMode::default(), Nonlinearity::default(), rng);
    let mut layer = sequential![conv];
    if bn {
        let bn = BatchNorm2d::new(nf);
        bn.bias.iter().for_each(|bias| constant_(bias, 1e-3));
        layer = layer.push(bn);
    }
    layer.push(ReLU)
}

/// Convolutions that halve the image, one for each step in `filters`, and the mean over what is left. fastai's
/// `SimpleCNN` with its defaults: 3x3 kernels, stride 2, batch norm behind all but the last.
///
/// # Shapes
/// `[n, filters[0], h, w] -> [n, filters[last]]`
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, Sequential, simple_cnn};
/// use downhill_tensor::{Rng, Tensor};
///
/// let net: Sequential = simple_cnn(&[1, 8, 16, 2], &mut Rng::new(42));
/// assert_eq!(*net.forward(&Var::new(Tensor::zeros(&[64, 1, 28, 28]))).shape(), [64, 2]);
/// ```
pub fn simple_cnn<T: Float>(filters: &[usize], rng: &mut Rng) -> Sequential<T> {
    let steps = filters.len().saturating_sub(1);
    let mut net = Sequential(Vec::new());
    for (i, step) in filters.windows(2).enumerate() {
        net = net.push(conv_layer(step[0], step[1], 3, 2, i + 1 < steps, rng));
    }
    net.push(sequential![AdaptiveAvgPool2d::new(1), Flatten])
}
