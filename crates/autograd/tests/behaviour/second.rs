//! Gradients that have a graph of their own.

use downhill_autograd::{
    GradOptions, Tolerance, Var, from_differentiable_op, from_op, grad, grad_with, gradgradcheck, linear,
    no_grad,
};
use downhill_tensor::{Rng, Tensor};

fn with_graph() -> GradOptions<f64> {
    GradOptions::default().create_graph(true)
}

fn derivative(y: &Var<f64>, x: &Var<f64>) -> Var<f64> {
    grad_with(&[y], &[x], &with_graph()).remove(0).expect("y depends on x")
}

#[test]
fn derivatives_of_every_order() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let mut y = x.powf(5.0);
    for expected in [80.0, 160.0, 240.0, 240.0, 120.0] {
        y = derivative(&y, &x);
        assert_eq!(y.item(), expected);
    }
    assert!(x.grad().is_none());
}

#[test]
fn sine_comes_back_after_four() {
    let x = Var::parameter(Tensor::from([0.3, -1.2]));
    let y = x.sin();
    let fourth = (0..4).fold(y.clone(), |y, _| derivative(&y.sum(..), &x));
    assert_eq!(fourth.value().to_vec(), y.value().to_vec());
}

/// The Hessian of a quadratic form is its matrix plus the transpose, also times a vector.
#[test]
fn a_product_with_the_hessian() {
    let a = Tensor::from([[2.0, 1.0], [0.0, 3.0]]);
    let x = Var::parameter(Tensor::from([5.0, 7.0]));
    let form = x.matmul(&Var::new(a.clone())).matmul(&x);
    let gradient = derivative(&form, &x);
    let v = Var::new(Tensor::from([1.0, -1.0]));
    let product = grad(&[&gradient.matmul(&v)], &[&x]).remove(0).unwrap();
    assert_eq!(product.to_vec(), (&a + &a.t()).matmul(&v.value()).to_vec());
}

#[test]
fn a_gradient_by_its_cotangent() {
    // The gradient is x² · v; by v it is x².
    let (x, v) = (Var::parameter(Tensor::from([3.0, 4.0])), Var::parameter(Tensor::from([1.0, 1.0])));
    let y = &x * &x * &x * (1.0 / 3.0);
    let options = with_graph().cotangents([&v]);
    let gradient = grad_with(&[&y], &[&x], &options).remove(0).unwrap();
    let back = grad(&[&gradient], &[&v]).remove(0).unwrap();
    assert!((back.get(&[0]) - 9.0).abs() < 1e-14 && (back.get(&[1]) - 16.0).abs() < 1e-14);
}

#[test]
fn without_create_graph_a_gradient_is_a_constant() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let y = x.square();
    let gradient = grad_with(&[&y], &[&x], &GradOptions::default()).remove(0).unwrap();
    assert!(!gradient.requires_grad() && gradient.is_leaf());
}

/// `create_graph` says what is wanted, whatever is switched off around it.
#[test]
fn create_graph_works_under_no_grad() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let y = x.powf(3.0);
    let gradient = no_grad(|| derivative(&y, &x));
    assert_eq!(grad(&[&gradient], &[&x])[0].as_ref().unwrap().item(), 12.0);
    assert!(!no_grad(|| x.square()).requires_grad());
}

#[test]
fn create_graph_keeps_the_graph() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let y = x.powf(3.0);
    derivative(&y, &x);
    y.backward();
    assert_eq!(x.grad().unwrap().item(), 12.0);
}

#[test]
fn retaining_without_a_graph() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let y = x.powf(3.0);
    let retain = GradOptions::default().retain_graph(true);
    for _ in 0..3 {
        assert_eq!(grad_with(&[&y], &[&x], &retain)[0].as_ref().unwrap().item(), 12.0);
    }
    y.backward();
}

/// WGAN-GP's loss: the size of the critic's gradient with respect to its input should be one.
#[test]
fn a_gradient_penalty_trains() {
    let rng = &mut Rng::new(7);
    let (w1, b1) =
        (Var::parameter(Tensor::<f64>::randn(&[16, 2], rng)), Var::parameter(Tensor::zeros(&[16])));
    let w2 = Var::parameter(Tensor::<f64>::randn(&[1, 16], rng));
    let mut penalty_at = |seed: u64| {
        let x = Var::parameter(Tensor::<f64>::randn(&[64, 2], &mut Rng::new(seed)));
        let critic = linear(&linear(&x, &w1, Some(&b1)).tanh(), &w2, None).sum(..);
        let slope = derivative(&critic, &x);
        let penalty = (slope.norm(1) - 1.0).square().mean(..);
        penalty.backward();
        for p in [&w1, &b1, &w2] {
            p.step_(|value, grad| _ = value.sub_(grad * 0.05));
            p.set_grad(None);
        }
        penalty.item()
    };
    let first = penalty_at(0);
    let last = (1..=300).map(&mut penalty_at).last().unwrap();
    assert!(first > 1.0 && last < 0.05 * first, "{first} became {last}");
}

/// All parameters are updated by the penalty's derivative; it agrees with finite differences.
#[test]
fn the_derivative_of_a_penalty() {
    let rng = &mut Rng::new(3);
    let mut randn = |shape: &[usize]| Tensor::<f64>::randn(shape, rng);
    let inputs = [randn(&[3, 2]), randn(&[4, 2]), randn(&[1, 4])];
    let penalty = |v: &[Var<f64>]| {
        let x = Var::parameter(v[0].value());
        // Under `no_grad`, as finite differences are computed, there is a graph all the same.
        downhill_autograd::enable_grad(|| {
            let y = linear(&linear(&x, &v[1], None).tanh(), &v[2], None).sum(..);
            let slope =
                grad_with(&[&y], &[&x], &GradOptions::default().create_graph(true)).remove(0).unwrap();
            slope.square().sum(..)
        })
    };
    let constant_x = |v: &[Var<f64>]| penalty(&[Var::new(inputs[0].clone()), v[0].clone(), v[1].clone()]);
    downhill_autograd::gradcheck(constant_x, &inputs[1..], Tolerance::default()).unwrap();
}

#[test]
fn an_operation_of_ones_own_with_a_second_derivative() {
    let cube = |x: &Var<f64>| {
        let value = x.value().map(|x| x * x * x);
        from_differentiable_op("cube", &[x], value, |grad, x| vec![Some(grad * x[0].square() * 3.0)])
    };
    gradgradcheck(|x| cube(&x[0]), &[Tensor::from([0.5, -2.0])], Tolerance::default()).unwrap();
    let x = Var::parameter(Tensor::scalar(2.0));
    let second = derivative(&derivative(&cube(&x), &x), &x);
    assert_eq!(second.item(), 12.0);
}

#[test]
#[should_panic(expected = "backward of cube: second derivatives are not known to from_op")]
fn an_operation_of_ones_own_without_one() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let value = x.value();
    let y = from_op("cube", &[&x], value.map(|x| x * x * x), move |grad, _| {
        vec![Some(grad * value.map(|x| 3.0 * x * x))]
    });
    let slope = derivative(&y, &x);
    // The gradient itself is right; only its derivative is not known.
    assert_eq!(slope.item(), 12.0);
    slope.backward();
}

#[test]
#[should_panic(
    expected = "backward: a parameter was updated between the forward pass and its differentiation"
)]
fn a_parameter_that_was_updated() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let y = x.square();
    x.update_(|value| _ = value.add_(1.0));
    derivative(&y, &x);
}

/// The same storage seen in another order is another value.
#[test]
#[should_panic(
    expected = "backward: a parameter was updated between the forward pass and its differentiation"
)]
fn a_parameter_that_was_transposed() {
    let x = Var::parameter(Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
    let y = x.square().sum(..);
    x.update_(|value| *value = value.t());
    derivative(&y, &x);
}

/// Without a graph the same update does no harm: what was saved is what was.
#[test]
fn a_parameter_that_was_updated_has_its_old_gradient() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let y = x.square();
    x.update_(|value| _ = value.add_(1.0));
    y.backward();
    assert_eq!(x.grad().unwrap().item(), 4.0);
}

#[test]
#[should_panic(expected = "grad: 1 cotangents for 2 outputs")]
fn too_few_cotangents() {
    let x = Var::parameter(Tensor::scalar(2.0));
    grad_with(&[&x.exp(), &x.exp()], &[&x], &GradOptions::default().cotangents([1.0]));
}

/// A wrong second derivative behind a right first one.
#[test]
fn gradgradcheck_finds_what_gradcheck_does_not() {
    let f = |x: &[Var<f64>]| {
        let value = x[0].value().map(|x| x * x * x);
        // The gradient is right as a value, but x is cut off from it.
        from_differentiable_op("cube", &[&x[0]], value, |grad, x| {
            vec![Some(grad * x[0].detach().square() * 3.0)]
        })
    };
    let xs = [Tensor::from([0.5, -2.0])];
    downhill_autograd::gradcheck(f, &xs, Tolerance::default()).unwrap();
    let error = gradgradcheck(f, &xs, Tolerance::default()).unwrap_err();
    assert_eq!((error.input, &error.index[..], error.analytic), (0, &[0][..], 0.0));
}

/// Only what lies between outputs and inputs is walked: the graph behind the inputs can still be used.
#[test]
fn grad_stops_at_its_inputs() {
    let w = Var::parameter(Tensor::scalar(3.0));
    let middle = w.square();
    let y = middle.exp();
    assert!(grad(&[&y], &[&middle])[0].is_some());
    middle.backward();
    assert_eq!(w.grad().unwrap().item(), 6.0);
}

#[test]
#[should_panic(expected = "backward: the graph of exp was consumed by an earlier backward pass")]
fn a_consumed_graph_has_no_second_derivative_either() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let y = x.exp();
    y.backward();
    derivative(&y, &x);
}
