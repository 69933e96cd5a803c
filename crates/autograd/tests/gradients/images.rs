//! Convolution and pooling.

use downhill_autograd::{Var, conv2d, conv2d_input, conv2d_weight};
use downhill_tensor::{Conv2dOptions, Pool2dOptions, Tensor, Windows2d};
use proptest::prelude::*;

use crate::property::properties;
use downhill_autograd::strategies::{Case, any_value, distinct_tensor, tensor};

properties! {
    conv2d_no_bias checks "conv2d":
        convolution(|g| vec![g.x(), g.weight()]),
        |x, g| conv2d(&x[0], &x[1], None, &g.options);
    conv2d_bias checks "conv2d":
        convolution(|g| vec![g.x(), g.weight(), vec![g.oc]]),
        |x, g| conv2d(&x[0], &x[1], Some(&x[2]), &g.options);
    conv2d_of_itself checks "conv2d":
        tensor(vec![2, 2, 2, 2], &any_value()).prop_map(|x| (vec![x], ())),
        |x, ()| conv2d(&x[0], &x[0], None, &Conv2dOptions::default().padding(1));
    conv2d_for_input checks "conv2d_input":
        convolution(|g| vec![g.y(), g.weight()]),
        |x, g| conv2d_input(&x[0], &x[1], g.image, &g.options);
    conv2d_for_weight checks "conv2d_weight":
        convolution(|g| vec![g.x(), g.y()]),
        |x, g| conv2d_weight(&x[0], &x[1], g.kernel, &g.options);
    window_sum checks "window_sum":
        pooling().prop_flat_map(|(s, o)| (tensor(s, &any_value()).prop_map(|x| vec![x]), Just(o))),
        |x, o| x[0].window_sum(&Windows2d::sliding("window_sum", &x[0].shape(), o));
    avg_pool2d checks "div_scalar":
        pooling().prop_flat_map(|(s, o)| (tensor(s, &any_value()).prop_map(|x| vec![x]), Just(o))),
        |x, o| x[0].avg_pool2d(o);
    avg_pool2d_of_pixels checks "div":
        pooling().prop_flat_map(|(s, o)| (tensor(s, &any_value()).prop_map(|x| vec![x]), Just(o))),
        |x, o| x[0].avg_pool2d(&o.count_include_pad(false));
    adaptive_avg_pool2d checks "div":
        images().prop_flat_map(|s| (tensor(s, &any_value()).prop_map(|x| vec![x]), output())),
        |x, output| x[0].adaptive_avg_pool2d(*output);
    max_pool2d checks "max_pool2d":
        pooling().prop_flat_map(|(s, o)| (distinct_tensor(s).prop_map(|x| vec![x]), Just(o))),
        |x, o| x[0].max_pool2d(o);
    adaptive_max_pool2d checks "adaptive_max_pool2d":
        images().prop_flat_map(|s| (distinct_tensor(s).prop_map(|x| vec![x]), output())),
        |x, output| x[0].adaptive_max_pool2d(*output);
}

/// The lengths of a convolution whose kernel fits.
#[derive(Clone, Debug)]
struct Lengths {
    n: usize,
    c: usize,
    oc: usize,
    image: [usize; 2],
    kernel: [usize; 2],
    options: Conv2dOptions,
}

impl Lengths {
    fn x(&self) -> Vec<usize> {
        vec![self.n, self.c, self.image[0], self.image[1]]
    }

    fn weight(&self) -> Vec<usize> {
        vec![self.oc, self.c / self.options.groups, self.kernel[0], self.kernel[1]]
    }

    fn y(&self) -> Vec<usize> {
        let Conv2dOptions { stride, padding, dilation, .. } = self.options;
        let out = |i: usize| {
            (self.image[i] + 2 * padding[i] - dilation[i] * (self.kernel[i] - 1) - 1) / stride[i] + 1
        };
        vec![self.n, self.oc, out(0), out(1)]
    }
}

/// Tensors of the shapes that `operands` chooses.
fn convolution(operands: impl Fn(&Lengths) -> Vec<Vec<usize>>) -> impl Strategy<Value = Case<Lengths>> {
    // Kernel, stride, padding, dilation, and pixels beyond the fewest possible.
    let axis = || (1..=3_usize, 1..=3_usize, 0..=2_usize, 1..=2_usize, 0..=2_usize);
    let n = prop_oneof![1 => 0..=0_usize, 15 => 1..=2_usize];
    (n, 1..=2_usize, 1..=2_usize, 1..=2_usize, axis(), axis())
        .prop_map(|(n, groups, c, oc, rows, columns)| {
            let length = |(k, _, p, d, more): (usize, usize, usize, usize, usize)| {
                (d * (k - 1) + 1).saturating_sub(2 * p).max(1) + more
            };
            let options = Conv2dOptions::default()
                .stride([rows.1, columns.1])
                .padding([rows.2, columns.2])
                .dilation([rows.3, columns.3])
                .groups(groups);
            let image = [length(rows), length(columns)];
            Lengths { n, c: c * groups, oc: oc * groups, image, kernel: [rows.0, columns.0], options }
        })
        .prop_flat_map(move |lengths| {
            let tensors: Vec<_> = operands(&lengths).into_iter().map(|s| tensor(s, &any_value())).collect();
            (tensors, Just(lengths))
        })
}

/// The shape of images.
fn images() -> impl Strategy<Value = Vec<usize>> {
    (prop_oneof![1 => 0..=0_usize, 15 => 1..=2_usize], 1..=2_usize, 1..=5_usize, 1..=5_usize)
        .prop_map(|(n, c, h, w)| vec![n, c, h, w])
}

fn output() -> impl Strategy<Value = [usize; 2]> {
    [1..=6_usize, 1..=6_usize]
}

/// The shape of images, and a window that fits: some of its strides leave gaps, or drop the last pixels.
fn pooling() -> impl Strategy<Value = (Vec<usize>, Pool2dOptions)> {
    let axis = || (1..=3_usize, 1..=4_usize, any::<bool>());
    (images(), axis(), axis()).prop_map(|(mut shape, rows, columns)| {
        for (i, (kernel, _, padded)) in [rows, columns].into_iter().enumerate() {
            let room = if padded { 2 * (kernel / 2) } else { 0 };
            shape[2 + i] = shape[2 + i].max(kernel - room.min(kernel - 1));
        }
        let padding = [rows, columns].map(|(kernel, _, padded)| if padded { kernel / 2 } else { 0 });
        (shape, Pool2dOptions::new([rows.0, columns.0]).stride([rows.1, columns.1]).padding(padding))
    })
}

/// Of equal elements the first in row-major order gets the gradient, as in PyTorch.
#[test]
fn ties_go_to_the_first() {
    let x = Var::parameter(Tensor::<f64>::ones(&[1, 1, 3, 3]));
    x.max_pool2d(&Pool2dOptions::new(2).stride(1)).sum(..).backward();
    assert_eq!(x.grad().unwrap().to_vec(), [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
}
