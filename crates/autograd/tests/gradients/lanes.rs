//! What runs along axes other than sums: spread, products, norms, extrema, orders, softmax and its losses.

use downhill_autograd::{Var, sigmoid_cross_entropy, softmax_cross_entropy};
use downhill_tensor::Tensor;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::property::properties;
use downhill_autograd::strategies::{
    Case, any_value, axes, axis, between, distinct, off_zero, one_with, tensor,
};

properties! {
    var checks "var": spread(), |x, (axes, c)| x[0].var_keepdim(&axes[..], *c);
    std checks "std": spread(), |x, (axes, c)| x[0].std_keepdim(&axes[..], *c);
    prod checks "prod": one_with(0, any_value(), |s| axes(s.len())), |x, axes| x[0].prod_keepdim(&axes[..]);
    prod_with_zeros checks "prod":
        one_with(0, prop_oneof![Just(0.0), -2.0..2.0].boxed(), |s| axes(s.len())),
        |x, axes| x[0].prod_keepdim(&axes[..]);
    norm checks "norm": one_with(0, off_zero(), |s| axes(s.len())), |x, axes| x[0].norm_keepdim(&axes[..]);
    norm_p checks "norm":
        one_with(0, off_zero(), |s| (axes(s.len()), prop_oneof![Just(3.0), Just(0.5), 1.2..1.9, 2.1..4.0])),
        |x, (axes, p)| x[0].norm_p_keepdim(*p, &axes[..]);
    norm_1 checks "sum":
        one_with(0, off_zero(), |s| axes(s.len())), |x, axes| x[0].norm_p_keepdim(1.0, &axes[..]);
    norm_of_infinity checks "amax":
        distinct(0, |s| axes(s.len())), |x, axes| x[0].norm_p_keepdim(f64::INFINITY, &axes[..]);
    logsumexp checks "logsumexp":
        one_with(0, any_value(), |s| axes(s.len())), |x, axes| x[0].logsumexp_keepdim(&axes[..]);
    amax checks "amax": distinct(0, |s| axes(s.len())), |x, axes| x[0].amax_keepdim(&axes[..]);
    amin checks "amin": distinct(0, |s| axes(s.len())), |x, axes| x[0].amin_keepdim(&axes[..]);
    max checks "amax": distinct(0, |_| Just(())), |x, ()| x[0].max();
    min checks "amin": distinct(0, |_| Just(())), |x, ()| x[0].min();
    max_dim checks "max_dim": distinct(1, |s| axis(s.len())), |x, axis| x[0].max_dim_keepdim(*axis).0;
    min_dim checks "min_dim": distinct(1, |s| axis(s.len())), |x, axis| x[0].min_dim_keepdim(*axis).0;
    cumsum checks "cumsum": one_with(1, any_value(), |s| axis(s.len())), |x, axis| x[0].cumsum(*axis);
    cumsum_reversed checks "cumsum_reversed":
        one_with(1, any_value(), |s| axis(s.len())), |x, axis| x[0].cumsum_reversed(*axis);
    sort checks "sort":
        distinct(1, |s| (axis(s.len()), any::<bool>())), |x, (axis, descending)| x[0].sort(*axis, *descending).0;
    topk checks "gather":
        distinct(1, |s| {
            let lengths = s.clone();
            (axis(s.len()), any::<Index>(), any::<bool>()).prop_map(move |(axis, k, largest)| {
                (k.index(lengths[axis.rem_euclid(lengths.len() as isize) as usize] + 1), axis, largest)
            })
        }),
        |x, (k, axis, largest)| x[0].topk(*k, *axis, *largest).0;
    softmax checks "softmax": one_with(1, any_value(), |s| axis(s.len())), |x, axis| x[0].softmax(*axis);
    log_softmax checks "log_softmax":
        one_with(1, any_value(), |s| axis(s.len())), |x, axis| x[0].log_softmax(*axis);
    softmax_cross_entropy_of_weights checks "softmax_cross_entropy":
        one_with(1, any_value(), |s| {
            let weights = prop_oneof![2 => Just(0.0), 1 => Just(1.0), 2 => -0.5..2.0].boxed();
            (axis(s.len()), tensor(s, &weights))
        }),
        |x, (axis, targets)| softmax_cross_entropy(&x[0], targets, *axis);
    sigmoid_cross_entropy_of_targets checks "sigmoid_cross_entropy":
        one_with(0, between(-6.0, 6.0), |s| tensor(s, &prop_oneof![Just(0.0), Just(1.0), 0.0..1.0].boxed())),
        |x, targets| sigmoid_cross_entropy(&x[0], targets);
}

/// A tensor, axes, and a correction that leaves a variance something to divide by. No two elements are equal, or a
/// standard deviation might be zero.
fn spread() -> impl Strategy<Value = Case<(Vec<isize>, usize)>> {
    distinct(0, |s| (axes(s.len()), 0..=1_usize)).prop_map(|(xs, (axes, correction))| {
        let rank = xs[0].rank() as isize;
        let terms: usize = axes.iter().map(|a| xs[0].shape()[a.rem_euclid(rank) as usize]).product();
        (xs, (axes, if terms > 1 { correction } else { 0 }))
    })
}

fn gradient(x: &Tensor<f64>, f: impl Fn(&Var<f64>) -> Var<f64>) -> Vec<f64> {
    let x = Var::parameter(x.clone());
    f(&x).sum(..).backward();
    x.grad().map_or_else(Vec::new, |g| g.to_vec())
}

/// Where there is no derivative to compare with, the rule is PyTorch's: a full reduction and `amax` share the gradient,
/// along an axis the first index gets it.
#[test]
fn ties_of_extrema() {
    let x = Tensor::from([[1.0, 3.0, 3.0], [3.0, 0.0, 0.0]]);
    let third = 1.0 / 3.0;
    assert_eq!(gradient(&x, Var::max), [0.0, third, third, third, 0.0, 0.0]);
    assert_eq!(gradient(&x, Var::min), [0.0, 0.0, 0.0, 0.0, 0.5, 0.5]);
    assert_eq!(gradient(&x, |x| x.amax(1)), [0.0, 0.5, 0.5, 1.0, 0.0, 0.0]);
    assert_eq!(gradient(&x, |x| x.max_dim(1).0), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(gradient(&x, |x| x.min_dim(1).0), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let with_nan = Tensor::from([1.0, f64::NAN, f64::NAN]);
    assert_eq!(gradient(&with_nan, Var::max), [0.0, 0.5, 0.5]);
    assert_eq!(gradient(&with_nan, |x| x.max_dim(0).0), [0.0, 1.0, 0.0]);
}

#[test]
fn gradients_are_zero_where_a_norm_or_spread_is() {
    let zeros = Tensor::<f64>::zeros(&[3]);
    assert_eq!(gradient(&zeros, |x| x.norm(0)), [0.0; 3]);
    for p in [0.5, 1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
        assert_eq!(gradient(&zeros, |x| x.norm_p(p, 0)), [0.0; 3], "p {p}");
    }
    assert!(!Var::parameter(zeros.clone()).norm_p(0.0, ..).requires_grad());
    assert_eq!(gradient(&zeros, |x| x.std(0, 1)), [0.0; 3]);
    assert_eq!(gradient(&Tensor::from([0.0, -3.0]), |x| x.norm_p(3.0, 0)), [0.0, -1.0]);
    // Of a power below one the gradient would be infinite.
    assert_eq!(gradient(&Tensor::from([0.0, 4.0]), |x| x.norm_p(0.5, 0))[0], 0.0);
}

#[test]
fn gradients_at_infinite_scores() {
    let masked = Tensor::from([0.0, 0.0, f64::NEG_INFINITY]);
    assert_eq!(gradient(&masked, |x| x.logsumexp(0)), [0.5, 0.5, 0.0]);
    assert_eq!(gradient(&Tensor::full(&[2], f64::NEG_INFINITY), |x| x.logsumexp(0)), [0.0; 2]);
    assert_eq!(gradient(&masked, |x| x.softmax(0) * Tensor::from([1.0, 0.0, 0.0])), [0.25, -0.25, 0.0]);
    let targets = Tensor::from([1.0, 0.0, 0.0]);
    assert_eq!(gradient(&masked, |x| softmax_cross_entropy(x, &targets, 0)), [-0.5, 0.5, 0.0]);
    let certain = Tensor::from([-800.0, 800.0]);
    assert_eq!(gradient(&certain, |x| sigmoid_cross_entropy(x, &Tensor::from([1.0, 0.0]))), [-1.0, 1.0]);
    assert_eq!(gradient(&certain, |x| sigmoid_cross_entropy(x, &Tensor::from([0.0, 1.0]))), [0.0, 0.0]);
    let sure = Tensor::from([f64::NEG_INFINITY, f64::INFINITY]);
    let loss = |targets: [f64; 2]| {
        sigmoid_cross_entropy(&Var::new(sure.clone()), &Tensor::from(targets)).value().to_vec()
    };
    assert_eq!((loss([0.0, 1.0]), loss([1.0, 0.0])), (vec![0.0; 2], vec![f64::INFINITY; 2]));
    assert_eq!(gradient(&sure, |x| sigmoid_cross_entropy(x, &Tensor::from([0.0, 1.0]))), [0.0, 0.0]);
}

/// A fused loss is what it abbreviates, in f32 as well.
#[test]
fn fused_losses_are_what_they_abbreviate() {
    let mut rng = downhill_tensor::Rng::new(3);
    let x = Var::parameter(Tensor::<f32>::randn(&[5, 4, 3], &mut rng));
    let targets = Tensor::<f32>::rand(&[5, 4, 3], &mut rng);
    let gradients = |out: Var<f32>| downhill_autograd::grad(&[&out.sin()], &[&x]).remove(0).unwrap();
    let tolerance = downhill_tensor::testing::Tolerance { absolute: 1e-6, relative: 1e-6 };
    let spelled = -(x.log_softmax(1) * targets.clone()).sum(1);
    let fused = softmax_cross_entropy(&x, &targets, 1);
    downhill_tensor::testing::assert_close(&fused.value(), &spelled.value(), tolerance);
    downhill_tensor::testing::assert_close(&gradients(fused), &gradients(spelled), tolerance);
    let p = x.sigmoid();
    let spelled = -(p.ln() * targets.clone() + p.rsub(1.0).ln() * (1.0 - &targets));
    let fused = sigmoid_cross_entropy(&x, &targets);
    downhill_tensor::testing::assert_close(&fused.value(), &spelled.value(), tolerance);
    downhill_tensor::testing::assert_close(&gradients(fused), &gradients(spelled), tolerance);
}
