//! Optimizers against their formulas, written out in scalars.

use crate::common::all;
use downhill_autograd::Var;
use downhill_optim::{
    Adam, BasicOptim, Groups, Hyper, Lamb, Lookahead, Optimizer, ParamGroup, PerGroup, RmsProp, Rule, Sgd,
    Stepper, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm, slice, slice_to,
};
use downhill_tensor::Tensor;

fn param(value: f64) -> Var<f64> {
    Var::parameter(Tensor::from([value]))
}

/// One step with gradient `grad`.
fn step(opt: &mut impl Optimizer<f64>, p: &Var<f64>, grad: f64) -> f64 {
    p.set_grad(Some(Tensor::from([grad])));
    opt.step();
    opt.zero_grad();
    p.item()
}

#[test]
fn basic_optim_subtracts_the_scaled_gradient() {
    let p = param(1.0);
    let mut opt = BasicOptim::new(vec![p.clone()], 0.5);
    assert_eq!(step(&mut opt, &p, 0.25), 0.875);
    opt.set_lr(2.0);
    assert_eq!(opt.lr(), 2.0);
    assert_eq!(step(&mut opt, &p, 0.25), 0.375);
}

#[test]
fn zero_grad_forgets_and_a_parameter_without_gradient_stays() {
    let (p, q) = (param(1.0), param(2.0));
    let mut opt = Sgd::new(vec![p.clone(), q.clone()], 1.0).momentum(0.9).weight_decay(0.1);
    step(&mut opt, &p, 1.0);
    assert!(p.grad().is_none());
    assert_eq!(q.item(), 2.0, "no gradient, no step: not even weight decay");
    let before = p.item();
    opt.step();
    assert_eq!(p.item(), before);
}

#[test]
fn sgd_follows_its_formula() {
    let (momentum, weight_decay) = (0.9, 0.05);
    for (nesterov, dampening) in [(false, 0.3), (false, 0.0), (true, 0.0)] {
        let p = param(1.5);
        let mut opt = Sgd::new(vec![p.clone()], 0.1)
            .momentum(momentum)
            .dampening(dampening)
            .weight_decay(weight_decay)
            .nesterov(nesterov);
        let (mut x, mut buffer) = (1.5_f64, None);
        for (i, grad) in [0.7, -0.2, 0.4, 0.0, 1.1].into_iter().enumerate() {
            let lr = 0.1 / (i + 1) as f64;
            opt.set_lr(lr);
            let g = grad + weight_decay * x;
            let b = buffer.map_or(g, |b| momentum * b + (1.0 - dampening) * g);
            buffer = Some(b);
            x -= lr * if nesterov { g + momentum * b } else { b };
            assert!((step(&mut opt, &p, grad) - x).abs() < 1e-14, "step {i}, nesterov {nesterov}");
        }
    }
}

#[test]
fn a_step_after_backward_works_in_place() {
    let p = Var::parameter(Tensor::<f32>::ones(&[1000]));
    let mut opt = Sgd::new(vec![p.clone()], 0.1);
    let address = || p.value().as_slice().unwrap().as_ptr();
    let before = address();
    for _ in 0..3 {
        p.square().sum(..).backward();
        opt.step();
        opt.zero_grad();
        assert_eq!(address(), before);
    }
    assert!((p.value().to_vec()[0] - 0.8_f32.powi(3)).abs() < 1e-6);
}

#[test]
#[should_panic(expected = "Sgd: Nesterov's momentum needs a momentum and no dampening")]
fn nesterov_without_momentum_is_refused() {
    Sgd::new(vec![param(1.0)], 0.1).nesterov(true).step();
}

#[test]
fn groups_have_their_own_hyper_parameters() {
    let p: Vec<Var<f64>> = (0..3).map(|_| param(1.0)).collect();
    let groups =
        vec![ParamGroup::new(vec![p[0].clone()]).with(Hyper::Lr, 0.5), ParamGroup::new(p[1..].to_vec())];
    let mut opt = Sgd::new(groups, 0.25).weight_decay(0.1);
    assert_eq!([opt.groups()[0].hypers.wd, opt.groups()[1].hypers.wd, opt.lr()], [0.1, 0.1, 0.25]);
    opt.groups_mut()[1].hypers.wd = 0.0;
    p.iter().for_each(|p| p.set_grad(Some(Tensor::from([1.0]))));
    opt.step();
    assert_eq!([&p[0], &p[1], &p[2]].map(Var::item), [1.0 - 0.5 * 1.1, 0.75, 0.75]);
    opt.set_lr(0.0);
    assert!(opt.groups().iter().all(|group| group.hypers.lr == 0.0), "set_lr is for all groups");
}

#[test]
fn discriminative_rates_are_fastai_s() {
    let groups: Vec<Vec<Var<f64>>> = (0..4).map(|_| vec![param(1.0)]).collect();
    let mut opt = Sgd::new(groups, 0.1);
    let lrs = |opt: &Sgd<f64>| -> Vec<f64> { opt.groups().iter().map(|group| group.hypers.lr).collect() };
    opt.set_hyper(Hyper::Lr, slice(1e-6, 1e-3));
    for (lr, expected) in lrs(&opt).into_iter().zip([1e-6, 1e-5, 1e-4, 1e-3]) {
        assert!((lr - expected).abs() <= 1e-15 * expected.recip().min(1.0), "{lr} {expected}");
    }
    opt.set_hyper(Hyper::Lr, slice_to(0.5));
    assert_eq!(lrs(&opt), [0.05, 0.05, 0.05, 0.5]);
    opt.set_hyper(Hyper::Lr, vec![4.0, 3.0, 2.0, 1.0].into());
    assert_eq!(lrs(&opt), [4.0, 3.0, 2.0, 1.0]);
    assert_eq!(slice(1e-6, 1e-3).of(0, 1), 1e-3, "one group is the last one");
}

#[test]
fn decay_spares_the_parameters_that_are_exempt() {
    for decoupled in [false, true] {
        let (weight, bias) = (param(2.0), param(2.0));
        let groups =
            Groups::from(vec![weight.clone(), bias.clone()]).without_decay(std::slice::from_ref(&bias));
        let mut opt = Sgd::new(groups, 0.5).weight_decay(0.1).decoupled_weight_decay(decoupled);
        [&weight, &bias].into_iter().for_each(|p| p.set_grad(Some(Tensor::from([0.0]))));
        opt.step();
        assert_eq!((weight.item(), bias.item()), (1.9, 2.0));
    }
}

#[test]
fn frozen_groups_stay_and_keep_their_state() {
    let p: Vec<Var<f64>> = (0..3).map(|_| param(1.0)).collect();
    let groups: Vec<Vec<Var<f64>>> = vec![p[..2].to_vec(), p[2..].to_vec()];
    let mut opt = Sgd::new(Groups::from(groups).always_train(&p[1..2]), 0.1).momentum(0.5);
    let train = |opt: &mut Sgd<f64>| {
        p.iter().fold(Var::new(Tensor::scalar(0.0)), |sum, p| sum + p.square().sum(..)).backward();
        opt.step();
        opt.zero_grad();
        [&p[0], &p[1], &p[2]].map(Var::item)
    };
    let first = train(&mut opt);
    opt.freeze();
    let second = train(&mut opt);
    assert_eq!(second[0], first[0]);
    assert!(second[1] < first[1] && second[2] < first[2]);
    assert_eq!(opt.param_states()[0].step, 1);
    opt.unfreeze();
    // The buffer holds the first gradient still: 0.5 * 2 + 2 * 0.8.
    assert!((train(&mut opt)[0] - (first[0] - 0.1 * (0.5 * 2.0 + 2.0 * first[0]))).abs() < 1e-15);
    // A gradient that a frozen parameter has left does not move it.
    p[0].set_grad(Some(Tensor::from([1.0])));
    opt.freeze_to(1);
    let before = p[0].item();
    opt.step();
    assert_eq!(p[0].item(), before);
    opt.freeze_to(2);
    assert!(!p[2].requires_grad() && p[1].requires_grad());
}

#[test]
fn momentum_can_be_switched_on_later() {
    let p = param(0.0);
    let mut opt = RmsProp::new(vec![p.clone()], 0.1);
    step(&mut opt, &p, 1.0);
    opt.set_hyper(Hyper::Mom, 0.9.into());
    step(&mut opt, &p, 1.0);
    assert!(opt.param_states()[0].get("momentum_buffer").is_some());
    assert_eq!(opt.param_states()[0].step, 2);
}

#[test]
fn centred_rmsprop_survives_a_constant_gradient() {
    // The variance of a constant is zero, and rounding makes it less.
    let p = Var::parameter(Tensor::<f32>::zeros(&[64]));
    let mut opt = RmsProp::new(vec![p.clone()], 1e-3).centered(true).alpha(0.5);
    let grad = Tensor::from_vec((0..64).map(|i| 0.1 + 0.37 * i as f32).collect(), &[64]);
    for _ in 0..200 {
        p.set_grad(Some(grad.clone()));
        opt.step();
    }
    assert!(p.value().iter().all(|x| !x.is_nan()));
}

/// The same as with the opposite gradient, to the bit.
fn maximizing_turns_the_gradient<R: Rule<f64>>(make: impl Fn(&Var<f64>) -> Stepper<R, f64>) {
    let (p, q) = (param(1.5), param(1.5));
    let (mut up, mut down) = (make(&p).maximize(true), make(&q));
    for grad in [0.7, -0.2, 0.4] {
        assert_eq!(step(&mut up, &p, grad), step(&mut down, &q, -grad));
    }
    assert_ne!(p.item(), 1.5);
}

#[test]
fn what_is_maximized_goes_up() {
    let p = param(1.0);
    // PyTorch's order: the decay is added to the gradient that was turned.
    assert_eq!(step(&mut Sgd::new(vec![p.clone()], 0.5).weight_decay(0.5).maximize(true), &p, 2.0), 1.75);
    maximizing_turns_the_gradient(|p| Sgd::new(vec![p.clone()], 0.1).momentum(0.9).weight_decay(0.1));
    maximizing_turns_the_gradient(|p| Adam::fastai(vec![p.clone()], 0.1));
    maximizing_turns_the_gradient(|p| RmsProp::new(vec![p.clone()], 0.1).centered(true));
    maximizing_turns_the_gradient(|p| Lamb::fastai(vec![p.clone()], 0.1));
}

#[test]
fn a_rate_of_zero_moves_nothing_and_an_empty_parameter_is_one() {
    for (name, make) in all::<f32>() {
        let params: Vec<Var> = [&[3, 2][..], &[0, 4]].map(|s| Var::parameter(Tensor::ones(s))).to_vec();
        let mut opt = make(params.clone().into(), 0.0);
        // Enough for Lookahead to look.
        for _ in 0..7 {
            params.iter().for_each(|p| p.set_grad(Some(Tensor::full(&p.shape(), 0.25))));
            opt.step();
        }
        assert_eq!(params[0].value().to_vec(), [1.0; 6], "{name}");
        assert_eq!(*params[1].shape(), [0, 4], "{name}");
    }
}

fn with_grads(grads: &[&[f32]]) -> Vec<Var> {
    let var = |grad: &&[f32]| {
        let p = Var::parameter(Tensor::zeros(&[grad.len()]));
        p.set_grad(Some(Tensor::from_slice(grad, &[grad.len()])));
        p
    };
    grads.iter().map(var).collect()
}

fn grads(params: &[Var]) -> Vec<f32> {
    params.iter().flat_map(|p| p.grad().unwrap().to_vec()).collect()
}

#[test]
fn clipping_by_norm_is_pytorch_s() {
    let params = with_grads(&[&[3.0, 0.0], &[4.0]]);
    assert_eq!(clip_grad_norm_(&params, 10.0), 5.0);
    assert_eq!(grads(&params), [3.0, 0.0, 4.0], "nothing to clip");
    assert_eq!(clip_grad_norm_(&params, 2.5), 5.0);
    assert!((grads(&params)[2] - 2.0).abs() < 1e-6);
    // Squares of these overflow in f32.
    assert_eq!(clip_grad_norm_(&with_grads(&[&[3e30], &[4e30]]), 1.0) as f32, 5e30);
    let params = with_grads(&[&[1.0, f32::INFINITY]]);
    assert_eq!(clip_grad_norm_(&params, 1.0), f64::INFINITY);
    assert!(grads(&params)[0] == 0.0 && grads(&params)[1].is_nan());
    let params = with_grads(&[&[1.0], &[f32::NAN]]);
    assert!(clip_grad_norm_(&params, 1.0).is_nan());
    assert!(grads(&params).iter().all(|g| g.is_nan()));
    assert_eq!(clip_grad_norm_::<f32>(&[], 1.0), 0.0);
    let without = Var::parameter(Tensor::<f32>::zeros(&[2]));
    assert_eq!(clip_grad_norm_(&[without], 1.0), 0.0);
}

#[test]
fn other_norms_are_pytorch_s() {
    let params = with_grads(&[&[3.0, -1.0], &[], &[-4.0]]);
    let norms = [1.0, 3.0, 0.5, f64::INFINITY].map(|p| get_total_norm(&params, p));
    let expected = [8.0, 92.0_f64.cbrt(), (3.0 + 3.0_f64.sqrt()).powi(2), 4.0];
    norms.iter().zip(expected).for_each(|(norm, e)| assert!((norm - e).abs() < 1e-12, "{norm} {e}"));
    clip_grads_with_norm_(&params, 2.0, norms[0]);
    let clipped = grads(&params);
    assert!(clipped.iter().zip([0.75, -0.25, -1.0]).all(|(g, e)| (g - e).abs() < 1e-6), "{clipped:?}");
    // Whichever element is NaN.
    for nan in [&[f32::NAN, 1.0][..], &[1.0, f32::NAN], &[f32::NAN, f32::INFINITY]] {
        assert!(
            [1.0, 3.0, f64::INFINITY]
                .iter()
                .all(|&p| get_total_norm(&with_grads(&[nan, &[2.0]]), p).is_nan())
        );
    }
    assert_eq!(get_total_norm(&with_grads(&[&[1.0], &[f32::NEG_INFINITY]]), f64::INFINITY), f64::INFINITY);
    assert_eq!(get_total_norm::<f32>(&[], f64::INFINITY), 0.0);
}

#[test]
#[should_panic(expected = "get_total_norm: norm_type must be positive, got 0")]
fn a_norm_of_nothing_is_refused() {
    get_total_norm::<f32>(&[], 0.0);
}

#[test]
fn clipping_by_value_is_pytorch_s() {
    let params = with_grads(&[&[3.0, -0.25], &[f32::NEG_INFINITY, f32::NAN]]);
    clip_grad_value_(&params, 0.5);
    assert_eq!(grads(&params)[..3], [0.5, -0.25, -0.5]);
    assert!(grads(&params)[3].is_nan());
}

#[test]
fn ranges_of_hyper_parameters_are_watched() {
    fn message(hyper: Hyper, value: f64) -> String {
        let p = param(1.0);
        let mut opt = Adam::new(vec![p.clone()], 0.1);
        opt.set_hyper(hyper, value.into());
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| opt.step())).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    }
    assert_eq!(message(Hyper::Lr, -1.0), "Adam: lr must be a number of zero or more, got -1");
    assert_eq!(message(Hyper::Lr, f64::NAN), "Adam: lr must be a number of zero or more, got NaN");
    assert_eq!(message(Hyper::Eps, f64::INFINITY), "Adam: eps must be a number of zero or more, got inf");
    assert_eq!(message(Hyper::SqrMom, 1.0), "Adam: sqr_mom must be less than 1, got 1");
}

#[test]
#[should_panic(expected = "Adam: a parameter of shape [1] is there twice")]
fn a_parameter_twice_is_refused() {
    let p = param(1.0);
    let _ = Adam::new(vec![vec![p.clone()], vec![p]], 0.1);
}

#[test]
#[should_panic(expected = "Sgd: expected leaves, got the result of mul")]
fn the_result_of_an_operation_is_refused() {
    let _ = Sgd::new(vec![&param(1.0) * 2.0], 0.1);
}

#[test]
#[should_panic(expected = "Sgd: no groups of parameters")]
fn no_groups_are_refused() {
    let _ = Sgd::new(Vec::<Vec<Var<f64>>>::new(), 0.1);
}

#[test]
#[should_panic(expected = "PerGroup: 2 values for 1 groups")]
fn too_many_values_are_refused() {
    Sgd::new(vec![param(1.0)], 0.1).set_hyper(Hyper::Lr, PerGroup::Each(vec![1.0, 2.0]));
}

#[test]
#[should_panic(expected = "freeze_to: no group -2, there are 1")]
fn a_group_that_is_not_there_cannot_be_frozen() {
    Sgd::new(vec![param(1.0)], 0.1).freeze_to(-2);
}

#[test]
#[should_panic(expected = "without_decay: a parameter of shape [1] is in none of the groups")]
fn a_stranger_cannot_be_exempt() {
    let _ = Groups::from(vec![param(1.0)]).without_decay(&[param(1.0)]);
}

#[test]
#[should_panic(expected = "Lookahead: k must be positive")]
fn lookahead_has_to_look() {
    let _ = Lookahead::new(Sgd::new(vec![param(1.0)], 0.1)).k(0);
}

#[test]
#[should_panic(expected = "Lookahead: alpha must be between 0 and 1, got NaN")]
fn lookahead_does_not_overshoot() {
    let _ = Lookahead::new(Sgd::new(vec![param(1.0)], 0.1)).alpha(f64::NAN);
}
