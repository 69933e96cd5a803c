//! Initial values: moments and bounds of the distributions, and what layers and models start with.

use downhill_autograd::Var;
use downhill_nn::init::*;
use downhill_nn::*;
use downhill_tensor::{Conv2dOptions, Rng, Tensor};

/// A weight of 64 · 32 · 3 · 3 elements: fan in 288, fan out 576.
fn weight() -> Var<f64> {
    Var::parameter(Tensor::zeros(&[64, 32, 3, 3]))
}

const FAN_IN: f64 = 288.0;
const FAN_OUT: f64 = 576.0;

/// Mean and standard deviation must lie within five standard errors; of a sample of `n`, those are `std / √n` and
/// `std · √((kurtosis - 1) / 4n)`.
fn moments(x: &Tensor<f64>, mean: f64, std: f64, kurtosis: f64) {
    let n = x.numel() as f64;
    let found = x.mean(..).item();
    assert!((found - mean).abs() < 5.0 * std / n.sqrt(), "mean {found} instead of {mean}");
    let found = (x - mean).square().mean(..).item().sqrt();
    let error = std * ((kurtosis - 1.0) / (4.0 * n)).sqrt();
    assert!((found - std).abs() < 5.0 * error, "standard deviation {found} instead of {std}");
}

fn normal(x: &Tensor<f64>, mean: f64, std: f64) {
    moments(x, mean, std, 3.0);
    // 68 of a hundred within one standard deviation.
    let share = x.iter().filter(|x| (x - mean).abs() < std).count() as f64 / x.numel() as f64;
    assert!((share - 0.6827).abs() < 0.02, "{share}");
}

fn uniform(x: &Tensor<f64>, bound: f64) {
    moments(x, 0.0, bound / 3.0_f64.sqrt(), 1.8);
    let largest = x.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    assert!(largest <= bound && largest > 0.99 * bound, "{largest} with a bound of {bound}");
}

#[test]
fn distributions_have_their_moments() {
    let (w, rng) = (weight(), &mut Rng::new(42));
    normal_(&w, 3.0, 0.5, rng);
    normal(&w.value(), 3.0, 0.5);
    uniform_(&w, -0.25, 0.25, rng);
    uniform(&w.value(), 0.25);
    constant_(&w, 1.5);
    assert!(w.value().iter().all(|x| x == 1.5));
    let relu = 2.0_f64.sqrt();
    kaiming_normal_(&w, FanMode::default(), Nonlinearity::default(), rng);
    normal(&w.value(), 0.0, relu / FAN_IN.sqrt());
    kaiming_normal_(&w, FanMode::FanOut, Nonlinearity::ReLU, rng);
    normal(&w.value(), 0.0, relu / FAN_OUT.sqrt());
    // PyTorch's own layers: a = √5 comes to a bound of 1 / √fan_in.
    kaiming_uniform_(&w, FanMode::FanIn, Nonlinearity::LeakyReLU(5.0_f64.sqrt()), rng);
    uniform(&w.value(), 1.0 / FAN_IN.sqrt());
    xavier_normal_(&w, 2.0, rng);
    normal(&w.value(), 0.0, 2.0 * (2.0 / (FAN_IN + FAN_OUT)).sqrt());
    xavier_uniform_(&w, 1.0, rng);
    uniform(&w.value(), (6.0 / (FAN_IN + FAN_OUT)).sqrt());
    normal(&init_params::<f64>(&[100, 100], 0.1, rng).value(), 0.0, 0.1);
}

#[test]
fn truncated_normal_numbers_stay_inside_and_keep_their_shape() {
    let (w, rng) = (weight(), &mut Rng::new(42));
    // Of the standard normal between -2 and 2: variance 1 - 4 φ(2) / (Φ(2) - Φ(-2)).
    trunc_normal_(&w, 1.0, 0.1, 0.8, 1.2, rng);
    let (density, share) = (0.053_990_966_513, 0.954_499_736_104);
    let std = 0.1 * (1.0_f64 - 4.0 * density / share).sqrt();
    moments(&w.value(), 1.0, std, 2.4);
    assert!(w.value().iter().all(|x| (0.8..=1.2).contains(&x)));
    // One-sided: the mean moves.
    trunc_normal_(&w, 0.0, 1.0, 0.0, 100.0, rng);
    moments(&w.value(), (2.0 / std::f64::consts::PI).sqrt(), (1.0 - 2.0 / std::f64::consts::PI).sqrt(), 3.9);
}

#[test]
fn gains_are_pytorch_s() {
    for (nonlinearity, gain) in [
        (Nonlinearity::Linear, 1.0),
        (Nonlinearity::Sigmoid, 1.0),
        (Nonlinearity::Tanh, 5.0 / 3.0),
        (Nonlinearity::ReLU, 2.0_f64.sqrt()),
        (Nonlinearity::LeakyReLU(0.01), (2.0 / 1.0001_f64).sqrt()),
        (Nonlinearity::SELU, 0.75),
    ] {
        assert!((nonlinearity.gain() - gain).abs() < 1e-15, "{nonlinearity:?}");
    }
}

/// Not in the order in which the elements lie in memory, which is another one for convolutions.
#[test]
fn numbers_are_drawn_in_row_major_order() {
    let conv: Conv2d<f64> = Conv2d::new(2, 3, 3, Conv2dOptions::default(), &mut Rng::new(0));
    let plain = Var::parameter(Tensor::<f64>::zeros(&[3, 2, 3, 3]));
    for w in [&conv.weight, &plain] {
        normal_(w, 0.0, 1.0, &mut Rng::new(7));
    }
    assert_eq!(conv.weight.value().to_vec(), plain.value().to_vec());
    assert!(!conv.weight.value().is_contiguous());
}

#[test]
fn layers_start_as_pytorch_s() {
    let rng = &mut Rng::new(42);
    let conv: Conv2d<f64> = Conv2d::new(32, 6400, 3, Conv2dOptions::default().groups(32), rng);
    uniform(&conv.weight.value(), 1.0 / 3.0);
    uniform(&conv.bias.unwrap().value(), 1.0 / 3.0);
    let linear: Linear<f64> = Linear::new(16, 5000, rng);
    uniform(&linear.weight.value(), 0.25);
    uniform(&linear.bias.unwrap().value(), 0.25);
    normal(&Embedding::<f64>::new(1000, 20, rng).weight.value(), 0.0, 1.0);
    let bn: BatchNorm2d = BatchNorm2d::new(3);
    let (norm, group): (LayerNorm, GroupNorm) = (LayerNorm::new(&[3]), GroupNorm::new(3, 3));
    for (weight, bias) in [(&bn.weight, &bn.bias), (&norm.weight, &norm.bias), (&group.weight, &group.bias)] {
        assert_eq!(weight.as_ref().unwrap().value().to_vec(), [1.0; 3]);
        assert_eq!(bias.as_ref().unwrap().value().to_vec(), [0.0; 3]);
    }
    assert_eq!(bn.running_mean.get().to_vec(), [0.0; 3]);
    assert_eq!(bn.running_var.get().to_vec(), [1.0; 3]);
}

#[test]
fn apply_init_leaves_norms_and_frozen_layers_alone() {
    let rng = &mut Rng::new(42);
    let (a, b, frozen) = (Linear::<f64>::new(4, 3, rng), Linear::new(3, 2, rng), Linear::new(2, 2, rng));
    let bn = BatchNorm1d::new(3);
    let net: Sequential<f64> = sequential![a.clone(), bn.clone(), b.clone(), frozen.clone()];
    frozen.weight.requires_grad_(false);
    let before = frozen.bias.as_ref().unwrap().value().to_vec();
    apply_init(&net, |weight| constant_(weight, 7.0));
    for layer in [&a, &b] {
        assert!(layer.weight.value().iter().all(|x| x == 7.0));
        assert!(layer.bias.as_ref().unwrap().value().iter().all(|x| x == 0.0));
    }
    assert_eq!(bn.weight.unwrap().value().to_vec(), [1.0; 3]);
    assert!(frozen.weight.value().iter().all(|x| x != 7.0));
    assert_eq!(frozen.bias.unwrap().value().to_vec(), before);
    // A layer on its own is one as well.
    apply_init(&a, |weight| constant_(weight, 1.0));
    assert!(a.weight.value().iter().all(|x| x == 1.0));
}

#[test]
fn a_vision_model_starts_as_fastai_s() {
    let rng = &mut Rng::new(42);
    let model: VisionModel<f64> = create_vision_model(ResNet::new([1, 1, 1, 1], 3, rng), 3, 10, rng);
    let named = model.named_parameters();
    let value = |key: &str| named.iter().find(|(name, _)| name == key).unwrap().1.value();
    normal(&value("1.4.weight"), 0.0, (2.0_f64 / 1024.0).sqrt());
    normal(&value("1.8.weight"), 0.0, (2.0_f64 / 512.0).sqrt());
    assert!(value("1.2.bias").iter().chain(value("1.6.bias").iter()).all(|x| x == 1e-3));
    assert!(value("1.2.weight").iter().all(|x| x == 1.0));
    // The body is torchvision's: by the number of outputs.
    normal(&value("0.4.0.conv1.weight"), 0.0, (2.0_f64 / (64.0 * 9.0)).sqrt());
    assert!(value("0.1.bias").iter().all(|x| x == 0.0));

    let net: Sequential<f64> = simple_cnn(&[1, 32, 64, 2], rng);
    let named = net.named_parameters();
    let names: Vec<&str> = named.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        [
            "0.0.weight",
            "0.1.weight",
            "0.1.bias",
            "1.0.weight",
            "1.1.weight",
            "1.1.bias",
            "2.0.weight",
            "2.0.bias"
        ]
    );
    uniform(&named[3].1.value(), 6.0_f64.sqrt() / (32.0 * 9.0_f64).sqrt());
    assert!(named[2].1.value().iter().all(|x| x == 1e-3));
}

macro_rules! panics {
    ($($name:ident: $message:literal, $body:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $message)]
        fn $name() {
            let _ = $body;
        }
    )*};
}

fn vector() -> Var<f32> {
    Var::parameter(Tensor::zeros(&[3]))
}

panics! {
    kaiming_of_a_vector: "kaiming_normal_: expected a weight of at least two axes, got shape [3]",
        kaiming_normal_(&vector(), FanMode::FanIn, Nonlinearity::ReLU, &mut Rng::new(0));
    kaiming_uniform_of_a_vector: "kaiming_uniform_: expected a weight of at least two axes, got shape [3]",
        kaiming_uniform_(&vector(), FanMode::FanIn, Nonlinearity::ReLU, &mut Rng::new(0));
    xavier_of_a_vector: "xavier_normal_: expected a weight of at least two axes, got shape [3]",
        xavier_normal_(&vector(), 1.0, &mut Rng::new(0));
    xavier_uniform_of_a_vector: "xavier_uniform_: expected a weight of at least two axes, got shape [3]",
        xavier_uniform_(&vector(), 1.0, &mut Rng::new(0));
    uniform_without_bounds: "uniform: bounds are not finite", uniform_(&vector(), 0.0, f64::INFINITY, &mut Rng::new(0));
    truncated_back_to_front: "trunc_normal_: next to nothing of mean 0, std 1 lies between 2 and -2",
        trunc_normal_(&vector(), 0.0, 1.0, 2.0, -2.0, &mut Rng::new(0));
    truncated_far_away: "trunc_normal_: next to nothing of mean 0, std 1 lies between 9 and 10",
        trunc_normal_(&vector(), 0.0, 1.0, 9.0, 10.0, &mut Rng::new(0));
}
