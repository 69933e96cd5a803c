//! Operations of one's own.

use downhill_tensor::{Float, Tensor};

use crate::mode::{is_grad_enabled, no_grad};
use crate::place::Place;
use crate::profile;
use crate::record::{Backward, Many, Saved};
use crate::var::Var;

/// A result with a derivative of one's own: a user's operation is first class.
///
/// `value` is the operation's result for `inputs`. `backward` is given the gradient with respect to the result and, for
/// each input, whether its gradient is wanted; it returns a gradient of each input's shape, or `None` where it is not
/// wanted or zero. Under [`no_grad`], or if no input requires a gradient, the result is a constant.
///
/// `backward` computes with tensors, so its results cannot be differentiated again: an attempt panics. For that see
/// [`from_differentiable_op`].
///
/// # Panics
/// If `name` is `leaf`. During the backward pass: if `backward` returns another number of gradients than there are
/// inputs, or one of another shape.
///
/// ```
/// use downhill_autograd::{Tolerance, Var, from_op, gradcheck};
/// use downhill_tensor::Tensor;
///
/// /// x³, with the derivative 3x².
/// fn cube(x: &Var<f64>) -> Var<f64> {
///     let value = x.value();
///     let cubed = value.map(|x| x * x * x);
///     from_op("cube", &[x], cubed, move |grad, _needs| {
///         vec![Some(grad * value.map(|x| 3.0 * x * x))]
///     })
/// }
///
/// gradcheck(|x| cube(&x[0]), &[Tensor::from([-1.5, 0.0, 2.0])], Tolerance::default()).unwrap();
/// ```
#[track_caller]
pub fn from_op<T: Float>(
    name: &'static str,
    inputs: &[&Var<T>],
    value: Tensor<T>,
    backward: impl Fn(Tensor<T>, &[bool]) -> Vec<Option<Tensor<T>>> + Send + Sync + 'static,
) -> Var<T> {
    check_name("from_op", name);
    let inputs: Vec<Var<T>> = inputs.iter().map(|&v| v.clone()).collect();
    let places: Vec<Place<T>> = inputs.iter().map(Var::place).collect();
    Var::record_many(name, &inputs, value, move |d| {
        if !is_grad_enabled() {
            return backward(d.grad.into_value(), d.needs).into_iter().map(|g| g.map(Var::new)).collect();
        }
        let gradients = no_grad(|| backward(d.grad.value(), d.needs));
        // They depend on the incoming gradient and on the inputs, and nobody knows how.
        let mut from = places.clone();
        from.push(d.grad.place());
        gradients.into_iter().map(|gradient| gradient.map(|g| once_differentiable(name, &from, g))).collect()
    })
}

/// A value that depends on others in a way that is not known: differentiating it panics.
fn once_differentiable<T: Float>(name: &'static str, inputs: &[Place<T>], value: Tensor<T>) -> Var<T> {
    const OP: &str = "gradient of from_op";
    profile::mark(OP, false);
    let needs: Vec<bool> = inputs.iter().map(Place::requires_grad).collect();
    if !needs.contains(&true) {
        return Var::new(value);
    }
    let backward = move |_: Backward<'_, T>| -> Vec<Option<Var<T>>> {
        panic!("backward of {name}: second derivatives are not known to from_op; see from_differentiable_op")
    };
    Var::result(OP, value, Many { inputs: inputs.to_vec(), needs, backward })
}

/// [`from_op`] with a derivative that can be differentiated again, as it is made of variables.
///
/// `backward` is given the gradient with respect to the result and the inputs as they were, and returns a gradient for
/// each. It runs under [`no_grad`] unless the pass has [`create_graph`](crate::GradOptions::create_graph), and must
/// use the inputs that it is given: of others that it captured it might see a later value.
///
/// # Panics
/// As [`from_op`].
///
/// ```
/// use downhill_autograd::{Tolerance, Var, from_differentiable_op, gradgradcheck};
/// use downhill_tensor::Tensor;
///
/// /// x³, with the derivative 3x².
/// fn cube(x: &Var<f64>) -> Var<f64> {
///     let cubed = x.value().map(|x| x * x * x);
///     from_differentiable_op("cube", &[x], cubed, |grad, inputs| {
///         vec![Some(grad * inputs[0].square() * 3.0)]
///     })
/// }
///
/// gradgradcheck(|x| cube(&x[0]), &[Tensor::from([-1.5, 0.5, 2.0])], Tolerance::default()).unwrap();
/// ```
#[track_caller]
pub fn from_differentiable_op<T: Float>(
    name: &'static str,
    inputs: &[&Var<T>],
    value: Tensor<T>,
    backward: impl Fn(&Var<T>, &[Var<T>]) -> Vec<Option<Var<T>>> + Send + Sync + 'static,
) -> Var<T> {
    check_name("from_differentiable_op", name);
    let inputs: Vec<Var<T>> = inputs.iter().map(|&v| v.clone()).collect();
    let saved: Vec<Saved<T>> = inputs.iter().map(Var::save).collect();
    Var::record_many(name, &inputs, value, move |d| {
        backward(&d.grad, &saved.iter().map(Saved::var).collect::<Vec<_>>())
    })
}

#[track_caller]
fn check_name(function: &str, name: &str) {
    assert!(name != "leaf", "{function}: leaf is the name of what no operation made");
}
