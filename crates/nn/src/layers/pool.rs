//! Pooling, and flattening what remains.

use downhill_autograd::{Var, cat};
use downhill_tensor::{Float, Pair, Pool2dOptions};

use crate::{Forward, Module};

/// The maximum over windows that slide over images. `torch.nn.MaxPool2d`.
///
/// # Shapes
/// `[n, c, h, w] -> [n, c, oh, ow]` with `oh = (h + 2·padding - kernel) / stride + 1`, rounded down; likewise `ow`.
///
/// # Panics
/// [`forward`](Forward::forward), if no window fits or the padding is more than half of the kernel.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, MaxPool2d};
/// use downhill_tensor::{Pool2dOptions, Tensor};
///
/// let pool = MaxPool2d(Pool2dOptions::new(3).stride(2).padding(1));
/// assert_eq!(*pool.forward(&Var::new(Tensor::<f32>::zeros(&[1, 64, 14, 14]))).shape(), [1, 64, 7, 7]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct MaxPool2d(#[module(skip)] pub Pool2dOptions);

impl<T: Float> Forward<T> for MaxPool2d {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.max_pool2d(&self.0)
    }
}

/// The mean over windows that slide over images. `torch.nn.AvgPool2d`.
///
/// # Shapes
/// As [`MaxPool2d`].
///
/// # Panics
/// As [`MaxPool2d`].
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{AvgPool2d, Forward};
/// use downhill_tensor::{Pool2dOptions, Tensor};
///
/// let x = Var::new(Tensor::from([[1.0, 2.0], [3.0, 6.0_f32]]).reshape(&[1, 1, 2, 2]));
/// assert_eq!(AvgPool2d(Pool2dOptions::new(2)).forward(&x).item(), 3.0);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct AvgPool2d(#[module(skip)] pub Pool2dOptions);

impl<T: Float> Forward<T> for AvgPool2d {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.avg_pool2d(&self.0)
    }
}

/// The mean over windows as equal as possible, so many that the result has the given height and width.
/// `torch.nn.AdaptiveAvgPool2d`.
///
/// # Shapes
/// `[n, c, h, w] -> [n, c, oh, ow]`
///
/// # Panics
/// [`forward`](Forward::forward), if the input is not `[n, c, h, w]`, or has no pixels to divide.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{AdaptiveAvgPool2d, Forward};
/// use downhill_tensor::Tensor;
///
/// let x = Var::new(Tensor::<f32>::ones(&[2, 512, 7, 5]));
/// assert_eq!(*AdaptiveAvgPool2d::new(1).forward(&x).shape(), [2, 512, 1, 1]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct AdaptiveAvgPool2d {
    /// Height and width of the result.
    #[module(skip)]
    pub output_size: Pair,
}

impl AdaptiveAvgPool2d {
    /// A layer whose results have this height and width.
    pub fn new(output_size: impl Into<Pair>) -> Self {
        AdaptiveAvgPool2d { output_size: output_size.into() }
    }
}

impl<T: Float> Forward<T> for AdaptiveAvgPool2d {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.adaptive_avg_pool2d(self.output_size)
    }
}

/// The maximum over windows as equal as possible, so many that the result has the given height and width.
/// `torch.nn.AdaptiveMaxPool2d`.
///
/// # Shapes
/// As [`AdaptiveAvgPool2d`].
///
/// # Panics
/// As [`AdaptiveAvgPool2d`].
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{AdaptiveMaxPool2d, Forward};
/// use downhill_tensor::Tensor;
///
/// let x = Var::new(Tensor::from([[1.0, 2.0], [3.0, 6.0_f32]]).reshape(&[1, 1, 2, 2]));
/// assert_eq!(AdaptiveMaxPool2d::new([1, 2]).forward(&x).value().to_vec(), [3.0, 6.0]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct AdaptiveMaxPool2d {
    /// Height and width of the result.
    #[module(skip)]
    pub output_size: Pair,
}

impl AdaptiveMaxPool2d {
    /// A layer whose results have this height and width.
    pub fn new(output_size: impl Into<Pair>) -> Self {
        AdaptiveMaxPool2d { output_size: output_size.into() }
    }
}

impl<T: Float> Forward<T> for AdaptiveMaxPool2d {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.adaptive_max_pool2d(self.output_size)
    }
}

/// The channels of [`AdaptiveMaxPool2d`], then those of [`AdaptiveAvgPool2d`]. fastai's layer, in fastai's order.
///
/// # Shapes
/// `[n, c, h, w] -> [n, 2 · c, oh, ow]`
///
/// # Panics
/// As [`AdaptiveAvgPool2d`].
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{AdaptiveConcatPool2d, Forward};
/// use downhill_tensor::Tensor;
///
/// let x = Var::new(Tensor::from([[1.0, 2.0], [3.0, 6.0_f32]]).reshape(&[1, 1, 2, 2]));
/// assert_eq!(AdaptiveConcatPool2d::new(1).forward(&x).value().to_vec(), [6.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct AdaptiveConcatPool2d {
    /// Height and width of the result.
    #[module(skip)]
    pub output_size: Pair,
}

impl AdaptiveConcatPool2d {
    /// A layer whose results have this height and width; 1 in fastai's heads.
    pub fn new(output_size: impl Into<Pair>) -> Self {
        AdaptiveConcatPool2d { output_size: output_size.into() }
    }
}

impl<T: Float> Forward<T> for AdaptiveConcatPool2d {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        cat(&[x.adaptive_max_pool2d(self.output_size), x.adaptive_avg_pool2d(self.output_size)], 1)
    }
}

/// All axes but the first merged into one. `torch.nn.Flatten`.
///
/// # Panics
/// [`forward`](Forward::forward), if the input has no second axis.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Flatten, Forward};
/// use downhill_tensor::Tensor;
///
/// assert_eq!(*Flatten.forward(&Var::new(Tensor::<f32>::zeros(&[64, 8, 4, 4]))).shape(), [64, 128]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct Flatten;

impl<T: Float> Forward<T> for Flatten {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.flatten(1)
    }
}
