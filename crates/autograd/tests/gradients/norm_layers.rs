//! Batch, layer and group normalisation.

use downhill_autograd::{BatchNormOptions, RunningStats, Var, batch_norm, batch_norm_relu};
use downhill_tensor::Tensor;
use downhill_tensor::testing::{Tolerance, assert_close};
use proptest::prelude::*;

use crate::property::properties;
use downhill_autograd::strategies::{Case, any_value, positive, shape, tensor};

/// Large, or a variance near zero would bend the function more than differences can follow.
const EPS: f64 = 0.1;

properties! {
    batch_norm_training checks "batch_norm": with_channels(true), |x, p| normalized(x, true, p);
    batch_norm_evaluation checks "batch_norm": with_channels(false), |x, p| normalized(x, false, p);
    batch_norm_and_relu checks "batch_norm_relu":
        with_channels(true).prop_filter("a kink", |(xs, p)| smooth(xs, None, true, p)),
        |x, p| rectified(x, None, true, p);
    batch_norm_and_relu_evaluation checks "batch_norm_relu":
        with_channels(false).prop_filter("a kink", |(xs, p)| smooth(xs, None, false, p)),
        |x, p| rectified(x, None, false, p);
    batch_norm_residual_and_relu checks "batch_norm_relu":
        with_residual(true), |x, p| rectified(&x[..x.len() - 1], x.last(), true, p);
    batch_norm_residual_and_relu_evaluation checks "batch_norm_relu":
        with_residual(false), |x, p| rectified(&x[..x.len() - 1], x.last(), false, p);
    layer_norm checks "normalize": layers(), |x, (shape, p)| x[0].layer_norm(shape, p.weight(x), p.bias(x), EPS);
    group_norm checks "reshape": groups(), |x, (groups, p)| x[0].group_norm(*groups, p.weight(x), p.bias(x), EPS);
}

/// Which parameters there are; the inputs are x, then these.
#[derive(Clone, Copy, Debug)]
struct Parameters {
    weight: bool,
    bias: bool,
}

impl Parameters {
    fn weight(self, x: &[Var<f64>]) -> Option<&Var<f64>> {
        self.weight.then(|| &x[1])
    }

    fn bias(self, x: &[Var<f64>]) -> Option<&Var<f64>> {
        self.bias.then(|| x.last().expect("there is always x"))
    }
}

/// `x` of a shape with any of the two parameters of another.
fn inputs(x: Vec<usize>, parameters: Vec<usize>) -> impl Strategy<Value = Case<Parameters>> {
    any::<[bool; 2]>().prop_flat_map(move |[weight, bias]| {
        let mut shapes = vec![x.clone()];
        shapes.extend(vec![parameters.clone(); usize::from(weight) + usize::from(bias)]);
        let tensors: Vec<_> = shapes.into_iter().map(|s| tensor(s, &any_value())).collect();
        (tensors, Just(Parameters { weight, bias }))
    })
}

type Channels = (Parameters, Tensor<f64>, Tensor<f64>);

fn with_channels(training: bool) -> impl Strategy<Value = Case<Channels>> {
    shape(2..=4).prop_flat_map(move |mut shape| {
        let channels = shape[1];
        if training && shape.iter().product::<usize>() <= channels {
            shape[0] = 3;
            shape[2..].fill(1);
        }
        let stats = (tensor(vec![channels], &any_value()), tensor(vec![channels], &positive()));
        (inputs(shape, vec![channels]), stats).prop_map(|((xs, p), (mean, var))| (xs, (p, mean, var)))
    })
}

fn normalized(x: &[Var<f64>], training: bool, (p, mean, var): &Channels) -> Var<f64> {
    let running = RunningStats { mean: mean.clone(), var: var.clone() };
    let options = BatchNormOptions { training, eps: EPS, ..BatchNormOptions::default() };
    batch_norm(&x[0], p.weight(x), p.bias(x), &running, &options).0
}

fn rectified(
    x: &[Var<f64>],
    residual: Option<&Var<f64>>,
    training: bool,
    (p, mean, var): &Channels,
) -> Var<f64> {
    let running = RunningStats { mean: mean.clone(), var: var.clone() };
    let options = BatchNormOptions { training, eps: EPS, ..BatchNormOptions::default() };
    batch_norm_relu(&x[0], residual, p.weight(x), p.bias(x), &running, &options).0
}

/// Whether nothing that the ReLU is given lies so near zero that a difference would reach across it. Checks on the way
/// that the fused operation gives what the three do one after the other.
fn smooth(xs: &[Tensor<f64>], residual: Option<&Tensor<f64>>, training: bool, p: &Channels) -> bool {
    let xs: Vec<Var<f64>> = xs.iter().map(Var::from).collect();
    let residual = residual.map(Var::from);
    let plain = normalized(&xs, training, p);
    let plain = residual.as_ref().map_or(plain.clone(), |r| &plain + r);
    let fused = rectified(&xs, residual.as_ref(), training, p).value();
    assert_close(&fused, &plain.relu().value(), Tolerance::relative(1e-12));
    plain.value().iter().all(|x| x.abs() > 1e-3)
}

/// [`with_channels`] and a residual in the end.
fn with_residual(training: bool) -> impl Strategy<Value = Case<Channels>> {
    let cases = with_channels(training).prop_flat_map(|(xs, p)| {
        let residual = tensor(xs[0].shape().to_vec(), &any_value());
        (Just(xs), residual, Just(p)).prop_map(|(mut xs, residual, p)| {
            xs.push(residual);
            (xs, p)
        })
    });
    cases.prop_filter("a kink", move |(xs, p)| {
        let (residual, xs) = xs.split_last().expect("there is always x");
        smooth(xs, Some(residual), training, p)
    })
}

fn layers() -> impl Strategy<Value = Case<(Vec<usize>, Parameters)>> {
    (shape(1..=4), any::<prop::sample::Index>()).prop_flat_map(|(shape, count)| {
        let normalized = shape[count.index(shape.len())..].to_vec();
        (inputs(shape, normalized.clone()), Just(normalized)).prop_map(|((xs, p), shape)| (xs, (shape, p)))
    })
}

fn groups() -> impl Strategy<Value = Case<(usize, Parameters)>> {
    (shape(2..=4), 1..=3_usize, 1..=2_usize).prop_flat_map(|(mut shape, groups, size)| {
        shape[1] = groups * size;
        inputs(shape, vec![groups * size]).prop_map(move |(xs, p)| (xs, (groups, p)))
    })
}

/// Of `n` equal items the mean is the item and the variance zero: nothing but the bias is left.
#[test]
fn equal_items_become_the_bias() {
    let x = Var::parameter(Tensor::from([1e8, -3.0]).expand(&[4, 2]).contiguous());
    let bias = Var::parameter(Tensor::from([0.5, 0.25]));
    let (y, stats) = batch_norm(&x, None, Some(&bias), &RunningStats::new(2), &BatchNormOptions::default());
    assert_eq!(y.value().to_vec(), [0.5, 0.25].repeat(4));
    assert_eq!(stats.mean.to_vec(), [1e7, -0.1 * 3.0]);
    assert_eq!(stats.var.to_vec(), [0.9, 0.9]);
}
