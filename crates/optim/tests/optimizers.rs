//! Optimizers against their formulas, written out in scalars.

use downhill_autograd::Var;
use downhill_optim::{BasicOptim, Optimizer, Sgd};
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
