//! What a module shows to visitors, and what layers compute.

use downhill_autograd::{Tolerance, Var, gradcheck};
use downhill_nn::{
    Buffer, Float, Forward, Linear, Module, ReLU, Sequential, Visitor, mnist_loss, norm_bias_params,
    sequential,
};
use downhill_tensor::{Rng, Tensor};

#[derive(Module)]
struct Block<T: Float = f32> {
    first: Linear<T>,
    scale: Option<Var<T>>,
    rest: Vec<Linear<T>>,
    dropout: f64,
    #[module(skip)]
    activation: fn(&Var<T>) -> Var<T>,
}

#[derive(Module)]
struct Net {
    body: Block,
    r#final: Linear,
}

#[derive(Module)]
struct Pair(Linear, Linear);

fn names(module: &impl Module) -> Vec<String> {
    module.named_parameters().into_iter().map(|(name, _)| name).collect()
}

fn block(scale: Option<Var>) -> Block {
    let rng = &mut Rng::new(0);
    let rest = vec![Linear::new(2, 2, rng), Linear::without_bias(2, 2, rng)];
    Block { first: Linear::new(3, 2, rng), scale, rest, dropout: 0.5, activation: Var::relu }
}

#[test]
fn parameters_come_in_the_order_of_definition_under_their_paths() {
    let rng = &mut Rng::new(0);
    let net = Net { body: block(Some(Var::parameter(Tensor::ones(&[1])))), r#final: Linear::new(2, 1, rng) };
    assert_eq!(
        names(&net),
        [
            "body.first.weight",
            "body.first.bias",
            "body.scale",
            "body.rest.0.weight",
            "body.rest.0.bias",
            "body.rest.1.weight",
            "final.weight",
            "final.bias"
        ]
    );
    assert_eq!(names(&block(None))[2], "rest.0.weight", "an absent parameter is not there");
    assert_eq!((block(None).activation)(&Var::new(Tensor::from([-1.0]))).item(), 0.0);
    assert_eq!(block(None).dropout, 0.5);
}

#[test]
fn parameters_are_handles_on_the_module_s_own() {
    let linear: Linear = Linear::new(2, 1, &mut Rng::new(0));
    linear.parameters()[0].update_(|w| {
        w.fill_(7.0);
    });
    assert_eq!(linear.weight.value().to_vec(), [7.0, 7.0]);
    assert!(linear.parameters()[1].same(linear.bias.as_ref().unwrap()));
}

#[test]
fn tuple_structs_and_boxes_are_modules() {
    let rng = &mut Rng::new(0);
    let pair = Pair(Linear::new(1, 1, rng), Linear::without_bias(1, 1, rng));
    assert_eq!(names(&pair), ["0.weight", "0.bias", "1.weight"]);
    let nested: Sequential = sequential![Sequential(vec![Box::new(Linear::new(1, 1, rng))]), ReLU];
    assert_eq!(names(&nested), ["0.0.weight", "0.0.bias"]);
    let boxed: Box<dyn Forward> = Box::new(nested);
    assert_eq!(names(&boxed), ["0.0.weight", "0.0.bias"]);
}

/// A module written by hand, as a user may who wants other names than the fields'.
struct Renamed(Linear);

impl Module for Renamed {
    fn visit(&self, visitor: &mut Visitor<'_, f32>) {
        visitor.child("fc", &self.0);
    }
}

#[test]
fn a_module_can_be_written_by_hand() {
    assert_eq!(names(&Renamed(Linear::new(1, 1, &mut Rng::new(0)))), ["fc.weight", "fc.bias"]);
}

#[test]
fn linear_starts_as_pytorch_s() {
    let linear: Linear = Linear::new(784, 64, &mut Rng::new(3));
    let bound = 1.0 / 28.0;
    for parameter in linear.parameters() {
        let values = parameter.value().to_vec();
        assert!(values.iter().all(|w| w.abs() <= bound));
        assert!(parameter.requires_grad());
    }
    // Uniform in ±bound: mean 0, standard deviation bound / √3. Five standard errors of 50,176 draws.
    let weight = linear.weight.value().to::<f64>();
    let n = weight.numel() as f64;
    let expected = f64::from(bound) / 3.0_f64.sqrt();
    assert!(weight.mean(..).item().abs() < 5.0 * expected / n.sqrt());
    let deviation = weight.square().mean(..).item().sqrt();
    assert!((deviation / expected - 1.0).abs() < 5.0 * (0.2 / n).sqrt(), "{deviation} {expected}");
    assert!(weight.iter().any(|w| w > 0.99 * f64::from(bound)), "the whole range is used");
}

#[test]
fn layers_have_right_gradients() {
    let rng = &mut Rng::new(5);
    let x = Tensor::<f64>::randn(&[4, 3], rng);
    let targets = Tensor::from([[1_i64], [0], [1], [1]]);
    let params = [
        Tensor::randn(&[5, 3], rng),
        Tensor::randn(&[5], rng),
        Tensor::randn(&[1, 5], rng),
        Tensor::randn(&[1], rng),
    ];
    let loss = |v: &[Var<f64>]| {
        let layer = |i: usize| Linear { weight: v[i].clone(), bias: Some(v[i + 1].clone()) };
        let net: Sequential<f64> = sequential![layer(0), ReLU, layer(2)];
        mnist_loss(&net.forward(&Var::new(x.clone())), &targets)
    };
    gradcheck(loss, &params, Tolerance::default()).unwrap();
}

#[test]
fn the_chapter_s_example_of_mnist_loss() {
    // sigmoid⁻¹ of 0.9, 0.4, 0.2, and then of 0.8: the book's predictions are shares already.
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let loss = |predictions: [f64; 3]| {
        mnist_loss(&Var::new(Tensor::from(predictions.map(logit))), &Tensor::from([1_i64, 0, 1])).item()
    };
    assert!((loss([0.9, 0.4, 0.2]) - 1.3 / 3.0).abs() < 1e-12);
    assert!((loss([0.9, 0.4, 0.8]) - 0.7 / 3.0).abs() < 1e-12);
}

#[test]
#[should_panic(expected = "mnist_loss: shapes differ: predictions [4, 1], targets [4]")]
fn a_loss_refuses_to_broadcast() {
    mnist_loss(&Var::new(Tensor::<f32>::zeros(&[4, 1])), &Tensor::<i64>::zeros(&[4]));
}

#[test]
#[should_panic(expected = "linear: inner dimensions differ: input [2, 4], weight [1, 3]")]
fn a_layer_refuses_input_of_another_width() {
    let linear: Linear = Linear::new(3, 1, &mut Rng::new(0));
    linear.forward(&Var::new(Tensor::zeros(&[2, 4])));
}

#[derive(Module)]
#[module(norm)]
struct RmsNorm {
    weight: Var,
    calls: Buffer<i64>,
}

#[derive(Module)]
struct Sizes(#[module(skip)] Vec<Vec<u8>>, #[module(skip)] char);

#[test]
fn a_layer_of_one_s_own_may_normalise_and_have_buffers() {
    let norm = RmsNorm { weight: Var::parameter(Tensor::ones(&[2])), calls: Buffer::new(Tensor::scalar(0)) };
    assert!(norm.is_norm() && norm_bias_params(&norm, false).len() == 1);
    assert_eq!(norm.named_buffers()[0].0, "calls");
    let nested = Some(vec![norm]);
    assert_eq!(norm_bias_params(&nested, false).len(), 1, "also inside of others");
    assert_eq!(names(&nested), ["0.weight"]);
    // Without any field to visit, a module of every type.
    let sizes = Sizes(vec![], 'x');
    assert!(Module::<f32>::parameters(&sizes).is_empty() && Module::<f64>::parameters(&sizes).is_empty());
    assert!(sizes.0.is_empty() && sizes.1 == 'x');
}

#[test]
fn a_shared_parameter_is_one_parameter() {
    let rng = &mut Rng::new(0);
    let shared: Linear = Linear::new(2, 2, rng);
    let net: Sequential = sequential![shared.clone(), ReLU, shared.clone()];
    assert_eq!(names(&net), ["0.weight", "0.bias"]);
    assert_eq!(net.num_parameters().1, 6);
    // Under both names in a state, as in PyTorch.
    assert_eq!(net.state_dict().tensors().len(), 4);
    net.load_state_dict(&net.state_dict()).unwrap();
}

#[test]
fn types_are_named_without_path_and_parameters() {
    let rng = &mut Rng::new(0);
    assert_eq!(Linear::<f64>::new(1, 1, rng).type_name(), "Linear");
    let boxed: Box<dyn Forward> = Box::new(Linear::new(1, 1, rng));
    assert_eq!(boxed.type_name(), "Linear");
    assert_eq!(Some(boxed).type_name(), "Linear");
    assert_eq!(Module::<f32>::type_name(&block(None)), "Block");
}
