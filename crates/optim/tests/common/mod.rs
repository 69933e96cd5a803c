//! Every optimizer under a name, and a run to compare them by.

use downhill_autograd::Var;
use downhill_optim::{
    Adadelta, Adagrad, Adam, AdamW, BasicOptim, Groups, Lamb, Lookahead, NAdam, Optimizer, RAdam, RmsProp,
    Sgd, ranger,
};
use downhill_tensor::testing::bits_hash;
use downhill_tensor::{Float, Rng, Tensor};

pub(crate) type Opt<T> = Box<dyn Optimizer<T>>;

type Make<T> = fn(Groups<T>, f64) -> Opt<T>;

/// Every optimizer, in every form that is a code path of its own.
pub(crate) fn all<T: Float>() -> Vec<(&'static str, Make<T>)> {
    vec![
        ("basic", |p, lr| Box::new(BasicOptim::new(p, lr))),
        ("sgd", |p, lr| Box::new(Sgd::new(p, lr))),
        ("sgd dampening", |p, lr| Box::new(Sgd::new(p, lr).momentum(0.9).dampening(0.3).weight_decay(0.05))),
        ("sgd nesterov", |p, lr| Box::new(Sgd::new(p, lr).momentum(0.9).nesterov(true))),
        ("sgd fastai", |p, lr| Box::new(Sgd::fastai(p, lr).momentum(0.9).weight_decay(0.05))),
        ("adam", |p, lr| Box::new(Adam::new(p, lr).weight_decay(0.05))),
        ("adam fastai", |p, lr| Box::new(Adam::fastai(p, lr))),
        ("adamw", |p, lr| Box::new(AdamW::new(p, lr))),
        ("amsgrad", |p, lr| Box::new(Adam::new(p, lr).amsgrad(true))),
        ("rmsprop", |p, lr| Box::new(RmsProp::new(p, lr))),
        ("rmsprop momentum", |p, lr| Box::new(RmsProp::new(p, lr).momentum(0.9))),
        ("rmsprop centered", |p, lr| Box::new(RmsProp::new(p, lr).centered(true))),
        ("rmsprop both", |p, lr| Box::new(RmsProp::new(p, lr).centered(true).momentum(0.9))),
        ("rmsprop fastai", |p, lr| Box::new(RmsProp::fastai(p, lr).momentum(0.9))),
        ("adagrad", |p, lr| Box::new(Adagrad::new(p, lr).lr_decay(0.1).initial_accumulator_value(0.2))),
        ("adadelta", |p, lr| Box::new(Adadelta::new(p, lr))),
        ("nadam", |p, lr| Box::new(NAdam::new(p, lr))),
        ("radam", |p, lr| Box::new(RAdam::new(p, lr))),
        ("radam fastai", |p, lr| Box::new(RAdam::fastai(p, lr).beta(2.0))),
        ("lamb", |p, lr| Box::new(Lamb::fastai(p, lr).weight_decay(0.01))),
        ("lookahead", |p, lr| Box::new(Lookahead::new(Sgd::new(p, lr).momentum(0.9)).k(3))),
        ("ranger", |p, lr| Box::new(ranger(p, lr))),
    ]
}

/// Parameters in several shapes and memory orders: a matrix, a bias, and a weight of a convolution that lies in the
/// order KH, KW, C, OC.
#[allow(dead_code)] // not every test needs them
pub(crate) fn params<T: Float>() -> Vec<Var<T>> {
    let rng = &mut Rng::new(1);
    let conv = Tensor::randn(&[3, 3, 5, 7], rng).permute(&[3, 2, 0, 1]);
    [Tensor::randn(&[130, 301], rng), Tensor::randn(&[17], rng), conv].map(Var::parameter).to_vec()
}

/// Step number `step` with a gradient, a learning rate and a momentum of its own.
#[allow(dead_code)] // not every test needs it
pub(crate) fn step<T: Float>(opt: &mut dyn Optimizer<T>, params: &[Var<T>], step: u64) {
    for (i, p) in params.iter().enumerate() {
        let rng = &mut Rng::new(100 * step + i as u64);
        let shape = p.shape();
        // In the order of the parameter every other time, otherwise transposed in memory.
        let flipped: Vec<usize> = shape.iter().rev().copied().collect();
        let axes: Vec<isize> = (0..shape.len() as isize).rev().collect();
        let grad = Tensor::randn(&flipped, rng).permute(&axes);
        p.set_grad(Some(if step.is_multiple_of(2) { grad } else { grad.contiguous() }));
    }
    opt.set_lr(0.1 / (step + 1) as f64);
    opt.step();
    opt.zero_grad();
}

#[allow(dead_code)] // not every test needs it
pub(crate) fn hashes<T: Float>(params: &[Var<T>]) -> Vec<u64> {
    params.iter().map(|p| bits_hash(&p.value())).collect()
}
