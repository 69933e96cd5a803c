//! What layers compute beyond what their operations do: statistics, modes, generators; and what they refuse.

use downhill_autograd::{Var, graph_dot, no_grad};
use downhill_nn::*;
use downhill_tensor::testing::{Tolerance, assert_close};
use downhill_tensor::{Conv2dOptions, Pool2dOptions, Rng, Tensor};

const CLOSE: Tolerance = Tolerance { absolute: 1e-12, relative: 1e-12 };

fn randn(shape: &[usize], seed: u64) -> Var<f64> {
    Var::new(Tensor::randn(shape, &mut Rng::new(seed)))
}

#[test]
fn batch_norm_keeps_pytorch_s_statistics() {
    let bn: BatchNorm2d<f64> = BatchNorm2d::new(3);
    let (mut mean, mut var) = (Tensor::<f64>::zeros(&[3]), Tensor::<f64>::ones(&[3]));
    for seed in 0..3 {
        let x = randn(&[4, 3, 5, 2], seed);
        // Statistics are updated also where no gradient is wanted, as long as the layer is in training.
        if seed == 1 {
            no_grad(|| bn.forward(&x))
        } else {
            bn.forward(&x)
        };
        let x = x.value();
        mean = mean * 0.9 + x.mean([0, 2, 3]) * 0.1;
        var = var * 0.9 + x.var([0, 2, 3], 1) * 0.1;
    }
    assert_close(&bn.running_mean.get(), &mean, CLOSE);
    assert_close(&bn.running_var.get(), &var, CLOSE);
    assert_eq!(bn.num_batches_tracked.get().item(), 3);
    bn.eval();
    let x = randn(&[4, 3, 5, 2], 9);
    let y = bn.forward(&x).value();
    let along = |t: &Tensor<f64>| t.reshape(&[1, 3, 1, 1]);
    let expected = (x.value() - along(&mean)) / (along(&var) + 1e-5).sqrt();
    assert_close(&y, &expected, CLOSE);
    assert_eq!(bn.num_batches_tracked.get().item(), 3, "evaluation changes nothing");
    assert_close(&bn.running_mean.get(), &mean, CLOSE);
}

#[test]
fn batch_norm_without_momentum_averages_all_batches() {
    let bn = BatchNorm1d::<f64> { momentum: None, ..BatchNorm1d::new(2) };
    let batches: Vec<Var<f64>> = (0..4).map(|seed| randn(&[5, 2], seed)).collect();
    let mut mean = Tensor::zeros(&[2]);
    let mut var = Tensor::zeros(&[2]);
    for x in &batches {
        bn.forward(x);
        mean = mean + x.value().mean(0) / 4.0;
        var = var + x.value().var(0, 1) / 4.0;
    }
    assert_close(&bn.running_mean.get(), &mean, CLOSE);
    assert_close(&bn.running_var.get(), &var, CLOSE);
}

#[test]
fn batch_norm_without_affine_has_buffers_only() {
    let bn: BatchNorm1d<f64> = BatchNorm1d::without_affine(2);
    assert!(bn.parameters().is_empty() && bn.named_buffers().len() == 3);
    let y = bn.forward(&randn(&[50, 2], 0)).value();
    assert!(y.mean(0).iter().all(|m| m.abs() < 1e-12));
}

#[test]
fn dropout_drops_its_share_and_keeps_the_mean() {
    for p in [0.0, 0.25, 0.5, 0.9, 1.0] {
        let dropout = Dropout::new(p, Rng::new(42));
        let y = dropout.forward(&Var::new(Tensor::<f64>::ones(&[100, 400]))).value();
        let dropped = y.iter().filter(|&y| y == 0.0).count() as f64 / 40_000.0;
        assert!((dropped - p).abs() < 0.02, "{dropped} of {p}");
        assert!(y.iter().all(|y| y == 0.0 || (y - 1.0 / (1.0 - p)).abs() < 1e-12));
    }
}

#[test]
fn dropout_draws_anew_in_every_call_and_nothing_in_evaluation() {
    let dropout = Dropout::new(0.5, Rng::new(42));
    let x = Var::new(Tensor::<f32>::ones(&[100]));
    let (a, b) = (dropout.forward(&x).value().to_vec(), dropout.forward(&x).value().to_vec());
    assert_ne!(a, b);
    Module::<f32>::eval(&dropout);
    let before = dropout.generator.get();
    assert!(dropout.forward(&x).same(&x), "not even a copy");
    assert_eq!(dropout.generator.get(), before);
    // An f64 model drops what its f32 twin drops.
    let (f32s, f64s) = (Dropout::new(0.5, Rng::new(7)), Dropout::new(0.5, Rng::new(7)));
    let (a, b) = (f32s.forward(&x).value(), f64s.forward(&Var::new(Tensor::<f64>::ones(&[100]))).value());
    assert_eq!(a.to::<f64>().to_vec(), b.to_vec());
}

#[test]
fn gradients_flow_through_what_was_kept() {
    let dropout = Dropout::new(0.5, Rng::new(42));
    let x = Var::parameter(Tensor::<f64>::ones(&[100]));
    let y = dropout.forward(&x);
    y.sum(..).backward();
    assert_eq!(x.grad().unwrap().to_vec(), y.value().to_vec());
}

#[test]
fn concatenated_pooling_is_maximum_then_mean() {
    let x = randn(&[2, 3, 4, 5], 1);
    let y = AdaptiveConcatPool2d::new([2, 1]).forward(&x).value();
    assert_eq!(y.shape(), [2, 6, 2, 1]);
    assert_eq!(y.narrow(1, 0, 3).to_vec(), AdaptiveMaxPool2d::new([2, 1]).forward(&x).value().to_vec());
    assert_eq!(y.narrow(1, 3, 3).to_vec(), AdaptiveAvgPool2d::new([2, 1]).forward(&x).value().to_vec());
}

#[test]
fn a_residual_layer_takes_its_shortcut() {
    let rng = &mut Rng::new(0);
    let block: Residual<f64> =
        Residual::new(Linear::new(3, 2, rng)).shortcut(Linear::without_bias(3, 2, rng));
    let names: Vec<String> = block.named_parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["inner.weight", "inner.bias", "shortcut.weight"]);
    let x = randn(&[4, 3], 1);
    let expected = block.inner.forward(&x) + block.shortcut.as_ref().unwrap().forward(&x);
    assert_eq!(block.forward(&x).value().to_vec(), expected.value().to_vec());
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

fn x(shape: &[usize]) -> Var<f32> {
    Var::new(Tensor::zeros(shape))
}

fn conv(groups: usize) -> Conv2d<f32> {
    Conv2d::new(4, 6, 3, Conv2dOptions::default().groups(groups), &mut Rng::new(0))
}

panics! {
    linear_of_another_width: "linear: inner dimensions differ: input [2, 4], weight [1, 3]",
        Linear::new(3, 1, &mut Rng::new(0)).forward(&x(&[2, 4]));
    conv_of_other_channels: "conv2d: ", conv(1).forward(&x(&[1, 3, 8, 8]));
    conv_of_a_small_image: "conv2d: ", conv(1).forward(&x(&[1, 4, 2, 2]));
    groups_that_do_not_divide: "Conv2d: 4 groups do not divide the channels: in 4, out 6", conv(4);
    no_groups: "Conv2d: 0 groups do not divide the channels: in 4, out 6", conv(0);
    batch_norm_of_images_as_vectors: "BatchNorm1d: expected shape [n, c] or [n, c, l], got [2, 3, 4, 4]",
        BatchNorm1d::new(3).forward(&x(&[2, 3, 4, 4]));
    batch_norm_of_vectors_as_images: "BatchNorm2d: expected shape [n, c, h, w], got [2, 3]",
        BatchNorm2d::new(3).forward(&x(&[2, 3]));
    batch_norm_of_other_channels: "batch_norm: shapes differ: input [2, 4], weight [3]",
        BatchNorm1d::new(3).forward(&x(&[2, 4]));
    batch_norm_of_one_value: "batch_norm: one value a channel has no variance: input [1, 3]",
        BatchNorm1d::new(3).forward(&x(&[1, 3]));
    layer_norm_of_another_shape: "layer_norm: input [2, 4] does not end in [3]",
        LayerNorm::new(&[3]).forward(&x(&[2, 4]));
    layer_norm_of_nothing: "LayerNorm: expected a shape of at least one axis, got []", LayerNorm::<f32>::new(&[]);
    group_norm_that_does_not_divide: "GroupNorm: 2 groups do not divide 3 channels", GroupNorm::<f32>::new(2, 3);
    group_norm_of_other_channels: "group_norm: shapes differ: input [1, 6, 2], weight [4]",
        GroupNorm::new(2, 4).forward(&x(&[1, 6, 2]));
    dropout_of_more_than_all: "Dropout: p must be between 0 and 1, got 1.5", Dropout::new(1.5, Rng::new(0));
    dropout_of_nan: "Dropout: p must be between 0 and 1, got NaN", Dropout::new(f64::NAN, Rng::new(0));
    embedding_of_a_stranger: "embedding: index 5 is no row of weight [5, 2]",
        Embedding::<f32>::new(5, 2, &mut Rng::new(0)).forward(&Tensor::from([5]));
    pooling_of_vectors: "max_pool2d: ", MaxPool2d(Pool2dOptions::new(2)).forward(&x(&[2, 3]));
    mean_pooling_of_vectors: "avg_pool2d: ", AvgPool2d(Pool2dOptions::new(2)).forward(&x(&[2, 3]));
    adaptive_pooling_of_vectors: "adaptive_avg_pool2d: ", AdaptiveAvgPool2d::new(1).forward(&x(&[2, 3]));
    adaptive_maximum_of_vectors: "adaptive_max_pool2d: ", AdaptiveMaxPool2d::new(1).forward(&x(&[2, 3]));
    concat_pooling_of_vectors: "adaptive_max_pool2d: ", AdaptiveConcatPool2d::new(1).forward(&x(&[2, 3]));
    softmax_of_no_axis: "softmax: ", Softmax { dim: 2 }.forward(&x(&[2, 3]));
    flattened_vector: "flatten: ", Flatten.forward(&x(&[2]));
    residual_that_would_broadcast: "Residual: shapes differ: inner [2, 1], shortcut [2, 3]",
        Residual::new(Linear::new(3, 1, &mut Rng::new(0))).forward(&x(&[2, 3]));
    buffer_of_another_shape: "Buffer: shapes differ: held [2], new [3]",
        Buffer::new(Tensor::<f32>::zeros(&[2])).set(Tensor::zeros(&[3]));
    buffer_of_another_type: "Buffer: element types differ: held f32, new i64",
        Buffer::new(Tensor::<f32>::zeros(&[2])).set_value(&AnyTensor::new(Tensor::<i64>::zeros(&[2])));
    a_body_for_no_channels: "create_body: expected at least one channel, got 0",
        create_body::<f32>(ResNet::new([1, 0, 0, 0], 2, &mut Rng::new(0)), 0);
    a_head_that_drops_more_than_all: "create_head: ps must be between 0 and 1, got 2",
        create_head::<f32>(8, 2, &HeadOptions { ps: 2.0, ..HeadOptions::default() }, &mut Rng::new(0));
    a_summary_of_no_batch: "summary: expected the shape of a batch, got []", summary(&simple_net::<f32>(&mut Rng::new(0)), &[]);
    a_group_that_is_not_there: "freeze_to: group 2 is out of range for 1 groups",
        simple_net::<f32>(&mut Rng::new(0)).freeze_to(2);
}

/// A sequence computes a layer and the ReLU behind it together, unless a hook wants to see them one by one.
#[test]
fn a_relu_in_a_sequence_joins_the_layer_before() {
    let rng = &mut Rng::new(3);
    let x = Var::parameter(Tensor::<f64>::randn(&[4, 3, 5, 2], rng));
    let layers = || -> Vec<Box<dyn Forward<f64>>> {
        vec![Box::new(ReLU), Box::new(ReLU), Box::new(BatchNorm2d::new(3)), Box::new(ReLU), Box::new(Flatten)]
    };
    let run = || {
        let net = Sequential(layers());
        let y = net.forward(&x);
        y.square().sum(..).backward();
        (y, x.grad().expect("x has a gradient"))
    };
    let (y, grad) = run();
    x.set_grad(None);
    let (apart, grad_apart) = {
        let _guard = forward_hook::<f64>(|_| ());
        run()
    };
    let recorded = |y: &Var<f64>| graph_dot(&[y], &[]).contains("batch_norm_relu");
    assert!(recorded(&Sequential(layers()).forward(&x)));
    assert_eq!(y.value().to_vec(), apart.value().to_vec());
    assert_close(&grad, &grad_apart, CLOSE);
}
