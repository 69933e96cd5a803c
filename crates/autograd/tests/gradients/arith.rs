//! Arithmetic with broadcasting, and choosing.

use downhill_autograd::{GradOptions, Var, grad_with, where_};
use downhill_tensor::Tensor;
use proptest::prelude::*;

use crate::property::properties;
use downhill_autograd::strategies::{
    Case, any_value, broadcast_from, near_integers, off_zero, one, one_with, shape, tensor, two,
};

properties! {
    add checks "add": two(any_value(), any_value()), |x, ()| &x[0] + &x[1];
    sub checks "sub": two(any_value(), any_value()), |x, ()| &x[0] - &x[1];
    mul checks "mul": two(any_value(), any_value()), |x, ()| &x[0] * &x[1];
    div checks "div": two(any_value(), off_zero()), |x, ()| &x[0] / &x[1];
    add_itself checks "add": one(any_value()), |x, ()| &x[0] + &x[0];
    mul_itself checks "mul": one(any_value()), |x, ()| &x[0] * &x[0];
    div_by_itself checks "div": one(off_zero()), |x, ()| &x[0] / (&x[0] + 3.0);
    add_scalar checks "add_scalar": one_with(0, any_value(), |_| -2.0..2.0), |x, c| &x[0] + *c;
    scalar_add checks "add_scalar": one_with(0, any_value(), |_| -2.0..2.0), |x, c| *c + &x[0];
    sub_scalar checks "add_scalar": one_with(0, any_value(), |_| -2.0..2.0), |x, c| &x[0] - *c;
    scalar_sub checks "rsub_scalar": one_with(0, any_value(), |_| -2.0..2.0), |x, c| *c - &x[0];
    mul_scalar checks "mul_scalar": one_with(0, any_value(), |_| -2.0..2.0), |x, c| &x[0] * *c;
    scalar_mul checks "mul_scalar": one_with(0, any_value(), |_| -2.0..2.0), |x, c| *c * &x[0];
    div_scalar checks "div_scalar": one_with(0, any_value(), |_| off_zero()), |x, c| &x[0] / *c;
    scalar_div checks "rdiv_scalar": one_with(0, off_zero(), |_| -2.0..2.0), |x, c| *c / &x[0];
    maximum checks "maximum": two(near_integers(0.0), near_integers(0.5)), |x, ()| x[0].maximum(&x[1]);
    minimum checks "minimum": two(near_integers(0.0), near_integers(0.5)), |x, ()| x[0].minimum(&x[1]);
    maximum_of_scalar checks "maximum": one(near_integers(0.5)), |x, ()| x[0].maximum(1.0);
    where_broadcast checks "where": conditional(), |x, condition| where_(condition, &x[0], &x[1]);
}

/// Two tensors and a condition, all of which broadcast.
fn conditional() -> impl Strategy<Value = Case<Tensor<bool>>> {
    shape(0..=4)
        .prop_flat_map(|shape| {
            (broadcast_from(shape.clone()), broadcast_from(shape.clone()), broadcast_from(shape))
        })
        .prop_flat_map(|(a, b, condition)| {
            (
                tensor(a, &any_value()),
                tensor(b, &any_value()),
                tensor(condition, &off_zero()).prop_map(|x| x.gt(0.0)),
            )
        })
        .prop_map(|(a, b, condition)| (vec![a, b], condition))
}

/// At a tie there is no derivative to compare with; the rule is that both get half, as in PyTorch.
#[test]
fn ties_share_the_gradient() {
    for f in [|a: &Var<f64>, b: &Var<f64>| a.maximum(b), |a: &Var<f64>, b: &Var<f64>| a.minimum(b)] {
        let a = Var::parameter(Tensor::from([1.0, 2.0, 3.0]));
        let b = Var::parameter(Tensor::from([1.0, 2.0, 3.0]));
        f(&a, &b).backward_with(Tensor::from([2.0, 4.0, 6.0]));
        assert_eq!(a.grad().unwrap().to_vec(), [1.0, 2.0, 3.0]);
        assert_eq!(b.grad().unwrap().to_vec(), [1.0, 2.0, 3.0]);
    }
}

/// Through the one that lost not even an infinite gradient passes, which times zero would be NaN: as in PyTorch.
#[test]
fn an_infinite_gradient_passes_one_way() {
    let x = Var::parameter(Tensor::from([-1.0, 4.0]));
    let floor = Var::parameter(Tensor::from([0.0, 0.0]));
    x.maximum(&floor).sqrt().sum(..).backward();
    assert_eq!(x.grad().unwrap().to_vec(), [0.0, 0.25]);
    assert_eq!(floor.grad().unwrap().to_vec(), [f64::INFINITY, 0.0]);
    let x = Var::parameter(Tensor::from([-1.0, 0.0]));
    x.relu().sqrt().sum(..).backward();
    assert_eq!(x.grad().unwrap().to_vec(), [0.0, 0.0]);
}

/// What is NaN takes part in the result, so its gradient is not zero, with and without a graph: as in PyTorch.
#[test]
fn nan_is_not_hidden() {
    for create_graph in [false, true] {
        let gradients = |y: &Var<f64>, inputs: &[&Var<f64>]| {
            let options = GradOptions::default().create_graph(create_graph);
            let found = grad_with(&[y], inputs, &options);
            found.into_iter().map(|g| g.unwrap().value().to_vec()).collect::<Vec<_>>()
        };
        let (a, b) =
            (Var::parameter(Tensor::from([f64::NAN, 1.0])), Var::parameter(Tensor::from([2.0, f64::NAN])));
        assert_eq!(gradients(&a.maximum(&b), &[&a, &b]), [[1.0; 2]; 2]);
        assert_eq!(gradients(&a.minimum(&b), &[&a, &b]), [[1.0; 2]; 2]);
        assert_eq!(gradients(&a.relu(), &[&a]), [[1.0; 2]]);
    }
}

/// At kinks the gradients are zero for `abs` and `relu` at zero, as in PyTorch, and one for `clamp` on its bounds: there
/// PyTorch 2.15 says one with a single bound, zero with two numbers and a half with two tensors.
#[test]
fn conventions_at_kinks() {
    let at = |x: f64, f: fn(&Var<f64>) -> Var<f64>| {
        let x = Var::parameter(Tensor::scalar(x));
        f(&x).backward();
        x.grad().unwrap().item()
    };
    assert_eq!(at(0.0, Var::abs), 0.0);
    assert_eq!(at(0.0, Var::relu), 0.0);
    assert_eq!(at(-1.0, |x| x.clamp(-1.0, 1.0)), 1.0);
    assert_eq!(at(1.0, |x| x.clamp(-1.0, 1.0)), 1.0);
    assert_eq!(at(1.0_f64.next_up(), |x| x.clamp(-1.0, 1.0)), 0.0);
    assert_eq!(at(0.0, |x| x.powf(0.0)), 0.0);
    assert_eq!(at(0.0, |x| x.powf(1.0)), 1.0);
    assert_eq!(at(0.0, |x| x.powf(2.0)), 0.0);
}

/// A scalar of a shape of its own type on either side, by value and by reference, is the same operation.
#[test]
fn operators_for_all_handles_agree() {
    let (a, b) = (Var::<f64>::new(Tensor::from([6.0, 8.0])), Var::new(Tensor::from([2.0, 4.0])));
    macro_rules! all {
        ($op:tt, $expected:expr) => {
            for result in [&a $op &b, &a $op b.clone(), a.clone() $op &b, a.clone() $op b.clone(), &a $op b.value()] {
                assert_eq!(result.value().to_vec(), $expected);
            }
        };
    }
    all!(+, [8.0, 12.0]);
    all!(-, [4.0, 4.0]);
    all!(*, [12.0, 32.0]);
    all!(/, [3.0, 2.0]);
    assert_eq!((2.0 - a.clone()).value().to_vec(), [-4.0, -6.0]);
    assert_eq!((2.0 * a.clone()).value().to_vec(), [12.0, 16.0]);
    assert_eq!((2.0 + a.clone()).value().to_vec(), [8.0, 10.0]);
    assert_eq!((a.clone() / 2.0).value().to_vec(), [3.0, 4.0]);
    assert_eq!((a - 2.0).value().to_vec(), [4.0, 6.0]);
}
