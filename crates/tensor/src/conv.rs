//! Convolution of images, and its two derivatives.
//!
//! Convolution is linear in the image and in the weight, and so `sum(g · conv(x, w))` is linear in each of x, w and g.
//! Its derivatives with respect to the three are the three functions here: [`conv2d`](Tensor::conv2d) (for g),
//! [`conv2d_input`](Tensor::conv2d_input) (for x) and [`conv2d_weight`](Tensor::conv2d_weight) (for w). The derivatives
//! of any of them are the other two.
//!
//! Results lie in memory in the order H, W, N, C (weights in KH, KW, C, OC), so that every pixel position is one
//! contiguous matrix `N x C`, and every element of a kernel one `C x OC`; with inputs in that order nothing is rearranged
//! on the way. How the three become sums of products of such matrices is told in [`plans`].

mod geometry;
mod images;
mod plans;

use crate::element::Float;
use crate::tensor::Tensor;
use geometry::Geometry;

/// A number for the rows and one for the columns of an image; from one number, both alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub [usize; 2]);

impl From<usize> for Pair {
    fn from(both: usize) -> Self {
        Pair([both; 2])
    }
}

impl From<[usize; 2]> for Pair {
    fn from(pair: [usize; 2]) -> Self {
        Pair(pair)
    }
}

/// How the kernel of a convolution moves; each pair is for rows and columns.
///
/// ```
/// # use downhill_tensor::Conv2dOptions;
/// let options = Conv2dOptions::default().stride(2).padding([1, 0]);
/// assert_eq!((options.stride, options.padding), ([2, 2], [1, 0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// How far it moves from one output position to the next; 1.
    pub stride: [usize; 2],
    /// Zeros added on each side of the image; 0.
    pub padding: [usize; 2],
    /// The distance of the kernel's elements; 1.
    pub dilation: [usize; 2],
    /// Into how many groups the channels are divided, each with its own part of the weight; 1.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    fn default() -> Self {
        Conv2dOptions { stride: [1; 2], padding: [0; 2], dilation: [1; 2], groups: 1 }
    }
}

impl Conv2dOptions {
    /// With this stride.
    pub fn stride(self, stride: impl Into<Pair>) -> Self {
        Conv2dOptions { stride: stride.into().0, ..self }
    }

    /// With this padding.
    pub fn padding(self, padding: impl Into<Pair>) -> Self {
        Conv2dOptions { padding: padding.into().0, ..self }
    }

    /// With this dilation.
    pub fn dilation(self, dilation: impl Into<Pair>) -> Self {
        Conv2dOptions { dilation: dilation.into().0, ..self }
    }

    /// With so many groups.
    pub fn groups(self, groups: usize) -> Self {
        Conv2dOptions { groups, ..self }
    }

    /// The multiply-adds of a convolution of images `x [n, c, h, w]` with a weight `[oc, c / groups, kh, kw]`, or of one
    /// of its derivatives. Those that would meet padding are not done and do not count.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn multiply_adds(&self, x: &[usize], weight: &[usize]) -> u64 {
        Geometry::new("multiply_adds", x, weight, self).multiply_adds()
    }
}

impl<E: Float> Tensor<E> {
    /// The convolution (cross-correlation) of images with a weight:
    /// `y[n, o, i, j] = bias[o] + Σ x[n, c, i·stride + kh·dilation - padding, ...] · w[o, c, kh, kw]`, over the
    /// channels of o's group and the kernel, with zero outside of the image. `torch.nn.functional.conv2d`.
    ///
    /// # Shapes
    /// `self [n, c, h, w]`, `weight [oc, c / groups, kh, kw]`, `bias [oc] -> [n, oc, oh, ow]`, with
    /// `oh = (h + 2·padding - dilation·(kh - 1) - 1) / stride + 1`, rounded down; likewise `ow`.
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded image.
    ///
    /// ```
    /// # use downhill_tensor::{Conv2dOptions, Tensor};
    /// let image = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0_f32]]).reshape(&[1, 1, 2, 3]);
    /// let edge = Tensor::from([-1.0, 1.0]).reshape(&[1, 1, 1, 2]);
    /// assert_eq!(image.conv2d(&edge, None, &Conv2dOptions::default()).to_vec(), [1.0; 4]);
    /// ```
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor<E>, bias: Option<&Tensor<E>>, options: &Conv2dOptions) -> Self {
        let g = Geometry::new("conv2d", self.shape(), weight.shape(), options);
        if let Some(bias) = bias {
            assert!(
                *bias.shape() == [g.oc],
                "conv2d: shapes differ: weight {:?}, bias {:?}",
                weight.shape(),
                bias.shape()
            );
        }
        g.forward(self, weight, bias)
    }

    /// The derivative of [`conv2d`](Self::conv2d) with respect to its input of height and width `input`: this tensor,
    /// shaped like a convolution's result, spread out again with the weight (a transposed convolution).
    /// `torch.nn.grad.conv2d_input`.
    ///
    /// # Shapes
    /// `self [n, oc, oh, ow]`, `weight [oc, c / groups, kh, kw] -> [n, c, h, w]`
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn conv2d_input(&self, weight: &Tensor<E>, input: [usize; 2], options: &Conv2dOptions) -> Self {
        let (n, c) = match (self.shape(), weight.shape()) {
            (&[n, ..], &[_, c, ..]) => (n, c.saturating_mul(options.groups)),
            _ => (0, 0),
        };
        let g = Geometry::new("conv2d_input", &[n, c, input[0], input[1]], weight.shape(), options);
        g.check_output("conv2d_input", self.shape());
        g.input_gradient(self, weight)
    }

    /// The derivative of [`conv2d`](Self::conv2d) with respect to a weight of height and width `kernel`, at the input
    /// `self`, for the gradient `dy` with respect to the result. `torch.nn.grad.conv2d_weight`.
    ///
    /// # Shapes
    /// `self [n, c, h, w]`, `dy [n, oc, oh, ow] -> [oc, c / groups, kh, kw]`
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn conv2d_weight(&self, dy: &Tensor<E>, kernel: [usize; 2], options: &Conv2dOptions) -> Self {
        let (c, oc) = match (self.shape(), dy.shape()) {
            (&[_, c, ..], &[_, oc, ..]) => (c / options.groups.max(1), oc),
            _ => (0, 0),
        };
        let g = Geometry::new("conv2d_weight", self.shape(), &[oc, c, kernel[0], kernel[1]], options);
        g.check_output("conv2d_weight", dy.shape());
        g.weight_gradient(self, dy)
    }
}
