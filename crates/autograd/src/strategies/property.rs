//! The property that every differentiable function has.

use std::fmt::Debug;

use downhill_tensor::Tensor;
use downhill_tensor::testing::{self, deviation};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Case, Form, lay_out};
use crate::{GradOptions, Tolerance, Var, grad, grad_with, gradcheck, gradgradcheck, is_grad_enabled};

/// Which derivatives [`check_with`] checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivatives {
    /// The gradients.
    First,
    /// The gradients and, on small inputs, theirs: not for operations made by [`from_op`](crate::from_op).
    Second,
}

/// Fails unless the gradients of `f` are right on a hundred random inputs, the same ones in every run; the environment's
/// `PROPTEST_CASES` sets another number.
///
/// Each time: they agree with finite differences (see [`gradcheck`]), they do not depend on how the incoming gradient lies in
/// memory, nor on which of the inputs need one. A failure is reported for the simplest input that still fails.
///
/// # Panics
/// If a case fails. `name` says in the message which function it was, and chooses the cases.
///
/// ```
/// use downhill_autograd::strategies::{any_value, check, one};
///
/// check("softplus", one(any_value()), |x| (x[0].exp() + 1.0).ln());
/// ```
pub fn check(
    name: &str,
    cases: impl Strategy<Value = Case<()>> + 'static,
    f: impl Fn(&[Var<f64>]) -> Var<f64>,
) {
    check_boxed(name, Derivatives::First, &cases.boxed(), &|x, ()| f(x));
}

/// [`check`] for a function that has arguments besides its inputs, which are random as well, and for derivatives of a
/// higher order.
///
/// # Panics
/// As [`check`].
///
/// ```
/// use downhill_autograd::strategies::{Derivatives, any_value, axis, check_with, one_with};
///
/// let cases = one_with(1, any_value(), |shape| axis(shape.len()));
/// check_with("spread", Derivatives::Second, cases, |x, axis| (&x[0] - x[0].mean_keepdim(*axis)).square());
/// ```
pub fn check_with<P: Debug + 'static>(
    name: &str,
    derivatives: Derivatives,
    cases: impl Strategy<Value = Case<P>> + 'static,
    f: impl Fn(&[Var<f64>], &P) -> Var<f64>,
) {
    check_boxed(name, derivatives, &cases.boxed(), &f);
}

type FunctionWith<'a, P> = &'a dyn Fn(&[Var<f64>], &P) -> Var<f64>;
type Function<'a> = &'a dyn Fn(&[Var<f64>]) -> Var<f64>;

/// Boxed strategies and functions, because this is compiled for every kind of arguments, not for every property.
fn check_boxed<P: Debug + 'static>(
    name: &str,
    derivatives: Derivatives,
    cases: &BoxedStrategy<Case<P>>,
    f: FunctionWith<'_, P>,
) {
    assert!(is_grad_enabled(), "check: recording is switched off by no_grad");
    let mut seed = [0; 32];
    name.bytes().enumerate().for_each(|(i, byte)| seed[i % 32] ^= byte);
    let count = if std::env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { 100 };
    let config = Config { cases: count, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let result = runner.run(cases, |(xs, arguments)| check_case(derivatives, &xs, &|x| f(x, &arguments)));
    result.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// Inputs of more elements have only their first derivatives checked: the work grows with the square.
const SECOND_UP_TO: usize = 20;

fn check_case(derivatives: Derivatives, xs: &[Tensor<f64>], f: Function<'_>) -> Result<(), TestCaseError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| TestCaseError::fail(format!("{what}{error}"));
    gradcheck(f, xs, Tolerance::default()).map_err(|error| failed("", &error))?;
    let elements: usize = xs.iter().map(Tensor::numel).sum();
    if derivatives == Derivatives::Second && elements <= SECOND_UP_TO {
        gradgradcheck(f, xs, Tolerance::default()).map_err(|error| failed("second derivative: ", &error))?;
        with_and_without_graph(xs, f)?;
    }
    cotangents_in_any_form(xs, f)?;
    one_input_at_a_time(xs, f)
}

fn parameters(xs: &[Tensor<f64>]) -> Vec<Var<f64>> {
    xs.iter().cloned().map(Var::parameter).collect()
}

/// `(f(xs) * cotangent).sum()` differentiated by each input.
fn gradients(
    xs: &[Tensor<f64>],
    f: Function<'_>,
    cotangent: &dyn Fn(&Tensor<f64>) -> Tensor<f64>,
    create_graph: bool,
) -> Vec<Option<Tensor<f64>>> {
    let xs = parameters(xs);
    let out = f(&xs);
    if !out.requires_grad() {
        return vec![None; xs.len()];
    }
    let options = GradOptions::default().cotangents([cotangent(&out.value())]).create_graph(create_graph);
    let found = grad_with(&[&out], &xs.iter().collect::<Vec<_>>(), &options);
    found.into_iter().map(|gradient| gradient.map(|g| g.value())).collect()
}

fn compare(
    what: &str,
    expected: &[Option<Tensor<f64>>],
    actual: &[Option<Tensor<f64>>],
) -> Result<(), TestCaseError> {
    let tolerance = testing::Tolerance { absolute: 1e-14, relative: 1e-14 };
    for (input, pair) in expected.iter().zip(actual).enumerate() {
        let same = match pair {
            (Some(a), Some(b)) => a.shape() == b.shape() && deviation(b, a, tolerance).is_ok(),
            (None, None) => true,
            _ => false,
        };
        prop_assert!(same, "{what}: gradient {input} is {:?}, then {:?}", pair.0, pair.1);
    }
    Ok(())
}

/// Numbers of all sizes between -1 and 1, in the form of a tensor.
fn counted(like: &Tensor<f64>) -> Tensor<f64> {
    let mut i = 0.0;
    Tensor::from_fn(like.shape(), |_| {
        i += 1.0;
        f64::sin(i)
    })
}

/// How the gradient that arrives lies in memory must not matter.
fn cotangents_in_any_form(xs: &[Tensor<f64>], f: Function<'_>) -> Result<(), TestCaseError> {
    let what = "the form of the cotangent matters";
    let plain = gradients(xs, f, &counted, false);
    let permuted = |y: &Tensor<f64>| lay_out(&counted(y), &[Form::Permuted { rotate: 1, swap: 0 }]);
    compare(what, &plain, &gradients(xs, f, &permuted, false))?;
    let forms = [Form::Strided { axis: 3, step: 2 }, Form::Narrowed { axis: 0, before: 1, after: 1 }];
    compare(what, &plain, &gradients(xs, f, &|y| lay_out(&counted(y), &forms), false))?;
    let halves = gradients(xs, f, &|y| Tensor::full(y.shape(), 0.5), false);
    compare(what, &halves, &gradients(xs, f, &|y| Tensor::scalar(0.5).expand(y.shape()), false))
}

/// The same formula serves with and without a graph; where it is written out twice, both must agree.
fn with_and_without_graph(xs: &[Tensor<f64>], f: Function<'_>) -> Result<(), TestCaseError> {
    let tolerance = testing::Tolerance { absolute: 1e-11, relative: 1e-11 };
    let pairs = gradients(xs, f, &counted, false).into_iter().zip(gradients(xs, f, &counted, true));
    for (input, (plain, graph)) in pairs.enumerate() {
        let same = match (&plain, &graph) {
            (Some(a), Some(b)) => deviation(b, a, tolerance).is_ok(),
            (a, b) => a.is_none() && b.is_none(),
        };
        prop_assert!(same, "gradient {input} is {plain:?}, and with create_graph {graph:?}");
    }
    Ok(())
}

/// An input's gradient must not depend on which other inputs need one; an input that needs none gets none.
fn one_input_at_a_time(xs: &[Tensor<f64>], f: Function<'_>) -> Result<(), TestCaseError> {
    let gradients = |wanted: &dyn Fn(usize) -> bool| {
        let vars = parameters(xs);
        vars.iter().enumerate().for_each(|(i, x)| _ = x.requires_grad_(wanted(i)));
        let out = f(&vars);
        if !out.requires_grad() {
            return vec![None; vars.len()];
        }
        grad(&[&out], &vars.iter().collect::<Vec<_>>())
    };
    let all = gradients(&|_| true);
    for only in 0..xs.len() {
        for (i, gradient) in gradients(&|i| i == only).iter().enumerate() {
            let expected = all[i].as_ref().filter(|_| i == only).map(Tensor::to_vec);
            let found = gradient.as_ref().map(Tensor::to_vec);
            prop_assert_eq!(found, expected, "gradient {} when only {} needs one", i, only);
        }
    }
    Ok(())
}
