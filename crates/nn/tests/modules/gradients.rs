//! Every layer's gradients, with respect to its input and its parameters, in training and in evaluation, against finite
//! differences on random shapes.

use downhill_autograd::{MismatchKind, Tolerance, Var, gradcheck};
use downhill_nn::*;
use downhill_tensor::{Conv2dOptions, Pool2dOptions, Rng, Tensor};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// The size of a batch of images, few enough pixels to differentiate by each of them.
#[derive(Clone, Copy, Debug)]
struct Size {
    n: usize,
    c: usize,
    h: usize,
    w: usize,
}

/// The tensors to differentiate by, and the layer as a function of them.
type Case = (Vec<Tensor<f64>>, Box<dyn Fn(&[Var<f64>]) -> Var<f64>>);

/// A layer's case for a size, with random numbers, in training or not.
type Make = fn(Size, &mut Rng, bool) -> Case;

/// A test for each layer, and the list of those that have one.
macro_rules! layers {
    ($($test:ident $layer:literal: $make:expr;)*) => {
        $(
            #[test]
            fn $test() {
                check($make);
            }
        )*
        const CHECKED: &[&str] = &[$($layer),*];
    };
}

layers! {
    relu "ReLU": |s, rng, _| kinked(s, rng, ReLU);
    leaky_relu "LeakyReLU": |s, rng, _| kinked(s, rng, LeakyReLU { negative_slope: 0.1 });
    gelu "GELU": |s, rng, _| smooth(s, rng, GELU);
    silu "SiLU": |s, rng, _| smooth(s, rng, SiLU);
    tanh "Tanh": |s, rng, _| smooth(s, rng, Tanh);
    sigmoid "Sigmoid": |s, rng, _| smooth(s, rng, Sigmoid);
    softmax "Softmax": |s, rng, _| smooth(s, rng, Softmax { dim: s.n as isize - 2 });
    flatten "Flatten": |s, rng, _| smooth(s, rng, Flatten);
    lambda "Lambda": |s, rng, _| smooth(s, rng, Lambda::new(|x: &Var<f64>| x.square() * 0.5));
    max_pool2d "MaxPool2d": |s, rng, _| kinked(s, rng, MaxPool2d(Pool2dOptions::new(2).stride(1).padding(1)));
    avg_pool2d "AvgPool2d": |s, rng, _| smooth(s, rng, AvgPool2d(Pool2dOptions::new(2).stride(1).padding(1)));
    adaptive_avg_pool2d "AdaptiveAvgPool2d": |s, rng, _| smooth(s, rng, AdaptiveAvgPool2d::new([2, 1]));
    adaptive_max_pool2d "AdaptiveMaxPool2d": |s, rng, _| kinked(s, rng, AdaptiveMaxPool2d::new([1, 2]));
    adaptive_concat_pool2d "AdaptiveConcatPool2d": |s, rng, _| kinked(s, rng, AdaptiveConcatPool2d::new(1));
    dropout "Dropout": with_dropout;
    linear "Linear": with_linear;
    conv2d "Conv2d": with_conv;
    batch_norm1d "BatchNorm1d": |s, rng, training| batch_norm::<1>(&[s.n + 1, s.c], rng, training);
    batch_norm1d_of_sequences "BatchNorm1d": |s, rng, training| batch_norm::<1>(&[s.n + 1, s.c, s.w], rng, training);
    batch_norm2d "BatchNorm2d": |s, rng, training| batch_norm::<2>(&[s.n + 1, s.c, s.h, s.w], rng, training);
    layer_norm "LayerNorm": with_layer_norm;
    group_norm "GroupNorm": with_group_norm;
    embedding "Embedding": with_embedding;
    sequential "Sequential": with_sequential;
    residual "Residual": with_residual;
    basic_block "BasicBlock": with_basic_block;
}

/// Every type in `src/layers` that has a forward, and the block of the residual networks.
#[test]
fn every_layer_is_checked() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/layers");
    let mut layers = vec!["BasicBlock".to_string(), "Embedding".to_string()];
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for found in source.split("Forward<T> for ").skip(1) {
            let end = found.find(|c: char| !c.is_alphanumeric()).unwrap();
            layers.push(found[..end].to_string());
        }
    }
    assert!(layers.len() > 20, "found {layers:?}");
    for layer in layers {
        let checked =
            |name: &&str| name.strip_prefix(&layer).is_some_and(|rest| ["", "1d", "2d"].contains(&rest));
        assert!(CHECKED.iter().any(checked), "{layer} has no gradient check");
    }
}

fn image(s: Size, rng: &mut Rng) -> Tensor<f64> {
    Tensor::randn(&[s.n, s.c, s.h, s.w], rng)
}

/// Numbers of either sign that lie 0.1 apart and 0.05 from zero: neither kinks nor ties.
fn spaced(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    let n = shape.iter().product();
    let order = rng.permutation(n);
    Tensor::from_vec(order.into_iter().map(|i| (i as f64 - (n / 2) as f64 + 0.5) * 0.1).collect(), shape)
}

fn smooth(s: Size, rng: &mut Rng, layer: impl Forward<f64> + 'static) -> Case {
    (vec![image(s, rng)], Box::new(move |x| layer.forward(&x[0])))
}

fn kinked(s: Size, rng: &mut Rng, layer: impl Forward<f64> + 'static) -> Case {
    (vec![spaced(&[s.n, s.c, s.h, s.w], rng)], Box::new(move |x| layer.forward(&x[0])))
}

/// The layer draws from where it was in every call, or each would compute another function.
fn with_dropout(s: Size, rng: &mut Rng, training: bool) -> Case {
    let dropout = Dropout::new(0.4, rng.fork("dropout"));
    Module::<f64>::set_training(&dropout, training);
    let start = dropout.generator.get();
    let layer = move |x: &[Var<f64>]| {
        dropout.generator.set(start.clone());
        dropout.forward(&x[0])
    };
    (vec![image(s, rng)], Box::new(layer))
}

fn with_linear(s: Size, rng: &mut Rng, _: bool) -> Case {
    let mut randn = |shape: &[usize]| Tensor::randn(shape, rng);
    let inputs = vec![randn(&[s.n, s.h, s.c]), randn(&[s.w, s.c]), randn(&[s.w])];
    (inputs, Box::new(|x| Linear { weight: x[1].clone(), bias: Some(x[2].clone()) }.forward(&x[0])))
}

fn with_conv(s: Size, rng: &mut Rng, _: bool) -> Case {
    let options = Conv2dOptions::default().padding([1, 2]).stride([2, 1]).dilation([1, 2]).groups(s.c);
    let layer: Conv2d<f64> = Conv2d::new(s.c, 2 * s.c, 2, options, rng);
    let inputs = vec![image(s, rng), layer.weight.value(), layer.bias.as_ref().unwrap().value()];
    let forward = move |x: &[Var<f64>]| {
        Conv2d { weight: x[1].clone(), bias: Some(x[2].clone()), options: layer.options }.forward(&x[0])
    };
    (inputs, Box::new(forward))
}

/// The running statistics change from call to call in training; the output must not.
fn batch_norm<const D: usize>(shape: &[usize], rng: &mut Rng, training: bool) -> Case {
    let c = [shape[1]];
    // Large, or a variance near zero would bend the function more than differences can follow.
    let bn = BatchNorm::<f64, D> { eps: 0.1, ..BatchNorm::new(c[0]) };
    bn.running_mean.set(Tensor::randn(&c, rng));
    bn.running_var.set(Tensor::rand(&c, rng) + 0.5);
    bn.set_training(training);
    let inputs = vec![Tensor::randn(shape, rng), Tensor::randn(&c, rng), Tensor::randn(&c, rng)];
    let forward = move |x: &[Var<f64>]| {
        let bn = BatchNorm::<f64, D> { weight: Some(x[1].clone()), bias: Some(x[2].clone()), ..bn.clone() };
        bn.forward(&x[0])
    };
    (inputs, Box::new(forward))
}

fn with_layer_norm(s: Size, rng: &mut Rng, _: bool) -> Case {
    let shape = [s.h, s.w];
    let inputs = vec![image(s, rng), Tensor::randn(&shape, rng), Tensor::randn(&shape, rng)];
    let norm = LayerNorm::<f64> { eps: 0.1, ..LayerNorm::new(&shape) };
    let forward = move |x: &[Var<f64>]| {
        LayerNorm { weight: Some(x[1].clone()), bias: Some(x[2].clone()), ..norm.clone() }.forward(&x[0])
    };
    (inputs, Box::new(forward))
}

fn with_group_norm(s: Size, rng: &mut Rng, _: bool) -> Case {
    let c = 2 * s.c;
    let inputs =
        vec![Tensor::randn(&[s.n, c, s.h, s.w], rng), Tensor::randn(&[c], rng), Tensor::randn(&[c], rng)];
    let norm = GroupNorm::<f64> { eps: 0.1, ..GroupNorm::new(s.c, c) };
    let forward = move |x: &[Var<f64>]| {
        GroupNorm { weight: Some(x[1].clone()), bias: Some(x[2].clone()), ..norm.clone() }.forward(&x[0])
    };
    (inputs, Box::new(forward))
}

fn with_embedding(s: Size, rng: &mut Rng, _: bool) -> Case {
    let index = Tensor::from_fn(&[s.n, s.w], |_| rng.below(s.h) as i64);
    (
        vec![Tensor::randn(&[s.h, s.c], rng)],
        Box::new(move |x| Embedding { weight: x[0].clone() }.forward(&index)),
    )
}

/// Layers in a row: linear, batch norm, activation, dropout.
fn with_sequential(s: Size, rng: &mut Rng, training: bool) -> Case {
    let mut randn = |shape: &[usize]| Tensor::randn(shape, rng);
    let inputs = vec![randn(&[s.n + 1, s.c]), randn(&[s.w, s.c]), randn(&[s.w])];
    let bn = BatchNorm1d::<f64> { eps: 0.1, ..BatchNorm1d::new(s.w) };
    let dropout = Dropout::new(0.3, rng.fork("sequential"));
    let start = dropout.generator.get();
    let forward = move |x: &[Var<f64>]| {
        dropout.generator.set(start.clone());
        let linear = Linear { weight: x[1].clone(), bias: Some(x[2].clone()) };
        let net: Sequential<f64> = sequential![linear, bn.clone(), Tanh, dropout.clone()];
        net.set_training(training);
        net.forward(&x[0])
    };
    (inputs, Box::new(forward))
}

fn with_residual(s: Size, rng: &mut Rng, training: bool) -> Case {
    let (inputs, _) = with_linear(s, rng, training);
    let inputs = [inputs, vec![Tensor::randn(&[s.w, s.c], rng)]].concat();
    let forward = |x: &[Var<f64>]| {
        let inner: Sequential<f64> =
            sequential![Linear { weight: x[1].clone(), bias: Some(x[2].clone()) }, Tanh];
        Residual::new(inner).shortcut(Linear { weight: x[3].clone(), bias: None }).forward(&x[0])
    };
    (inputs, Box::new(forward))
}

/// A block whose parameters are those of `x`, in order.
fn with_basic_block(s: Size, rng: &mut Rng, training: bool) -> Case {
    let block: BasicBlock<f64> = BasicBlock::new(s.c, 2, 2, rng);
    let mut inputs = vec![Tensor::randn(&[s.n + 1, s.c, s.h, s.w], rng)];
    inputs.extend(block.parameters().iter().map(|p| Tensor::randn(&p.shape(), rng)));
    let forward = move |x: &[Var<f64>]| {
        let bn = |bn: &BatchNorm2d<f64>, i: usize| BatchNorm2d {
            weight: Some(x[i].clone()),
            bias: Some(x[i + 1].clone()),
            eps: 0.1,
            ..bn.clone()
        };
        let conv = |conv: &Conv2d<f64>, i: usize| Conv2d { weight: x[i].clone(), ..conv.clone() };
        let around = conv(&Conv2d { options: block.conv1.options.padding(0), ..block.conv1.clone() }, 7);
        let block = BasicBlock {
            conv1: conv(&block.conv1, 1),
            bn1: bn(&block.bn1, 2),
            relu: ReLU,
            conv2: conv(&block.conv2, 4),
            bn2: bn(&block.bn2, 5),
            downsample: Some(sequential![around, bn(&BatchNorm2d::new(2), 8)]),
        };
        block.set_training(training);
        block.forward(&x[0])
    };
    (inputs, Box::new(forward))
}

fn check(make: Make) {
    let size =
        (1..=3_usize, 1..=3_usize, 1..=4_usize, 1..=4_usize).prop_map(|(n, c, h, w)| Size { n, c, h, w });
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let check = |(size, seed, training)| {
        let (inputs, layer) = make(size, &mut Rng::new(seed), training);
        match gradcheck(layer, &inputs, Tolerance::default()) {
            Ok(()) => Ok(()),
            // By chance something inside of the layer lies at the kink of a ReLU, where nothing can be said.
            Err(e) if e.kind == MismatchKind::NotSmooth => Err(TestCaseError::reject("a kink")),
            Err(e) => Err(TestCaseError::fail(e.to_string())),
        }
    };
    runner.run(&(size, any::<u64>(), any::<bool>()), check).unwrap();
}
