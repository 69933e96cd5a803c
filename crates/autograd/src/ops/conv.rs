//! Convolution. What is linear in image, weight and gradient has three functions that are each other's derivatives.

use downhill_tensor::{Conv2dOptions, Float};

use crate::profile;
use crate::var::Var;

/// Height and width of a tensor `[.., .., h, w]`.
fn size(shape: &[usize]) -> [usize; 2] {
    [shape[2], shape[3]]
}

/// The convolution of images with a weight. `torch.nn.functional.conv2d`.
///
/// # Shapes
/// `x [n, c, h, w]`, `weight [oc, c / groups, kh, kw]`, `bias [oc] -> [n, oc, oh, ow]`; see
/// [`Tensor::conv2d`](downhill_tensor::Tensor::conv2d).
///
/// The gradients are [`conv2d_input`] for `x`, [`conv2d_weight`] for the weight, and the sum of `g` over images and
/// positions for the bias.
///
/// # Panics
/// If the shapes do not fit, or the kernel is larger than the padded image.
///
/// ```
/// use downhill_autograd::{Var, conv2d};
/// use downhill_tensor::{Conv2dOptions, Tensor};
///
/// let images = Var::new(Tensor::<f32>::ones(&[64, 1, 28, 28]));
/// let weight = Var::parameter(Tensor::ones(&[4, 1, 3, 3]));
/// let y = conv2d(&images, &weight, None, &Conv2dOptions::default().stride(2).padding(1));
/// assert_eq!(*y.shape(), [64, 4, 14, 14]);
/// ```
#[track_caller]
pub fn conv2d<T: Float>(
    x: &Var<T>,
    weight: &Var<T>,
    bias: Option<&Var<T>>,
    options: &Conv2dOptions,
) -> Var<T> {
    profile::count(|| options.multiply_adds(&x.shape(), &weight.shape()));
    let value = x.value().conv2d(&weight.value(), bias.map(Var::value).as_ref(), options);
    let options = *options;
    let Some(bias) = bias else {
        return Var::record("conv2d", [x, weight], value, || {
            let (x, w) = (x.save_for(weight), weight.save_for(x));
            move |d| {
                let (image, kernel) = (size(&x.shape()), size(&w.shape()));
                [
                    d.wanted(0, |g| conv2d_input(g, &w.var(), image, &options)),
                    d.wanted(1, |g| conv2d_weight(&x.var(), g, kernel, &options)),
                ]
            }
        });
    };
    Var::record("conv2d", [x, weight, bias], value, || {
        let (x, w) = (x.save_for(weight), weight.save_for(x));
        move |d| {
            let (image, kernel) = (size(&x.shape()), size(&w.shape()));
            [
                d.wanted(0, |g| conv2d_input(g, &w.var(), image, &options)),
                d.wanted(1, |g| conv2d_weight(&x.var(), g, kernel, &options)),
                d.wanted(2, |g| g.sum([0, 2, 3])),
            ]
        }
    })
}

/// The gradient of [`conv2d`] with respect to an input of height and width `input`, for the gradient `g` with respect
/// to its result: a transposed convolution. `torch.nn.grad.conv2d_input`.
///
/// # Shapes
/// `g [n, oc, oh, ow]`, `weight [oc, c / groups, kh, kw] -> [n, c, h, w]`
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn conv2d_input<T: Float>(
    g: &Var<T>,
    weight: &Var<T>,
    input: [usize; 2],
    options: &Conv2dOptions,
) -> Var<T> {
    profile::count(|| {
        let (n, c) = (g.shape()[0], weight.shape()[1] * options.groups);
        options.multiply_adds(&[n, c, input[0], input[1]], &weight.shape())
    });
    let value = g.value().conv2d_input(&weight.value(), input, options);
    Var::record("conv2d_input", [g, weight], value, || {
        let (g, w, options) = (g.save_for(weight), weight.save_for(g), *options);
        move |d| {
            let kernel = size(&w.shape());
            [
                d.wanted(0, |dx| conv2d(dx, &w.var(), None, &options)),
                d.wanted(1, |dx| conv2d_weight(dx, &g.var(), kernel, &options)),
            ]
        }
    })
}

/// The gradient of [`conv2d`] with respect to a weight of height and width `kernel`, for the gradient `g` with respect
/// to its result. `torch.nn.grad.conv2d_weight`.
///
/// # Shapes
/// `x [n, c, h, w]`, `g [n, oc, oh, ow] -> [oc, c / groups, kh, kw]`
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn conv2d_weight<T: Float>(
    x: &Var<T>,
    g: &Var<T>,
    kernel: [usize; 2],
    options: &Conv2dOptions,
) -> Var<T> {
    profile::count(|| {
        let (c, oc) = (x.shape()[1] / options.groups.max(1), g.shape()[1]);
        options.multiply_adds(&x.shape(), &[oc, c, kernel[0], kernel[1]])
    });
    let value = x.value().conv2d_weight(&g.value(), kernel, options);
    Var::record("conv2d_weight", [x, g], value, || {
        let (x, g, options) = (x.save_for(g), g.save_for(x), *options);
        move |d| {
            let image = size(&x.shape());
            [
                d.wanted(0, |dw| conv2d_input(&g.var(), dw, image, &options)),
                d.wanted(1, |dw| conv2d(&x.var(), dw, None, &options)),
            ]
        }
    })
}
