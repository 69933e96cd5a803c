//! The property that every operation has.

use std::fmt::Debug;

use downhill_autograd::{Tolerance, Var, grad, gradcheck};
use downhill_tensor::Tensor;
use downhill_tensor::testing::{self, assert_close};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::common::{Case, Form, lay_out};

/// A table of properties: `test_name checks "op": strategy, |inputs, arguments| result;`. Each line becomes a test, and
/// `OPS` the names of the operations that have one.
macro_rules! properties {
    ($($test:ident checks $op:literal: $cases:expr, |$x:ident, $p:pat_param| $result:expr;)*) => {
        pub(crate) const OPS: &[&str] = &[$($op),*];
        $(
            #[test]
            fn $test() {
                let cases = proptest::strategy::Strategy::boxed($cases);
                crate::property::check(stringify!($test), $op, cases, &|$x, $p| $result);
            }
        )*
    };
}
pub(crate) use properties;

/// Tries `f` on random cases, the same ones in every run. `PROPTEST_CASES` sets their number.
///
/// Boxed strategies and functions, because this is compiled for every kind of arguments, not for every property.
pub(crate) fn check<P: Debug + 'static>(
    test: &str,
    op: &str,
    cases: BoxedStrategy<Case<P>>,
    f: FunctionWith<'_, P>,
) {
    let mut seed = [0; 32];
    seed.iter_mut().zip(test.bytes()).for_each(|(s, b)| *s = b);
    let count = if std::env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { 100 };
    let config = Config { cases: count, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let result = runner.run(&cases, |(xs, arguments)| check_case(op, &xs, &|x| f(x, &arguments)));
    result.unwrap_or_else(|error| panic!("{test}: {error}"));
}

fn check_case(op: &str, xs: &[Tensor<f64>], f: Function<'_>) -> Result<(), TestCaseError> {
    let out = f(&parameters(xs));
    prop_assert_eq!(out.op(), op, "the function records another operation");
    gradcheck(f, xs, Tolerance::default()).map_err(|error| TestCaseError::fail(error.to_string()))?;
    cotangents_in_any_form(xs, f);
    one_input_at_a_time(xs, f);
    Ok(())
}

type FunctionWith<'a, P> = &'a dyn Fn(&[Var<f64>], &P) -> Var<f64>;
type Function<'a> = &'a dyn Fn(&[Var<f64>]) -> Var<f64>;

fn parameters(xs: &[Tensor<f64>]) -> Vec<Var<f64>> {
    xs.iter().cloned().map(Var::parameter).collect()
}

/// How the gradient that arrives lies in memory must not matter.
fn cotangents_in_any_form(xs: &[Tensor<f64>], f: Function<'_>) {
    let gradients = |cotangent: fn(&Tensor<f64>) -> Tensor<f64>| {
        let xs = parameters(xs);
        let out = f(&xs);
        let mut i = 0.0;
        let plain = out.value().map(|_| 0.0);
        let counted = Tensor::from_fn(plain.shape(), |_| {
            i += 1.0;
            f64::sin(i)
        });
        out.backward_with(cotangent(&counted));
        xs.iter().map(|x| x.grad().expect("every input is a parameter")).collect::<Vec<_>>()
    };
    let compare = |expected: Vec<Tensor<f64>>, actual: Vec<Tensor<f64>>| {
        for (expected, actual) in expected.iter().zip(&actual) {
            assert_close(actual, expected, testing::Tolerance { absolute: 1e-14, relative: 1e-14 });
        }
    };
    let plain = gradients(Tensor::clone);
    compare(plain.clone(), gradients(|c| lay_out(c, &[Form::Permuted { rotate: 1, swap: 0 }])));
    let gaps = |c: &Tensor<f64>| {
        lay_out(c, &[Form::Strided { axis: 3, step: 2 }, Form::Narrowed { axis: 0, before: 1, after: 1 }])
    };
    compare(plain, gradients(gaps));
    compare(
        gradients(|c| Tensor::full(c.shape(), 0.5)),
        gradients(|c| Tensor::scalar(0.5).expand(c.shape())),
    );
}

/// An input's gradient must not depend on which other inputs need one; an input that needs none gets none.
fn one_input_at_a_time(xs: &[Tensor<f64>], f: Function<'_>) {
    let gradients = |wanted: &dyn Fn(usize) -> bool| {
        let vars = parameters(xs);
        vars.iter().enumerate().for_each(|(i, x)| _ = x.requires_grad_(wanted(i)));
        let out = f(&vars);
        grad(&[&out], &vars.iter().collect::<Vec<_>>())
    };
    let all = gradients(&|_| true);
    for only in 0..xs.len() {
        for (i, gradient) in gradients(&|i| i == only).iter().enumerate() {
            let expected = (i == only).then(|| all[i].as_ref().expect("every input is a parameter").to_vec());
            assert_eq!(
                gradient.as_ref().map(Tensor::to_vec),
                expected,
                "gradient {i} when only {only} needs one"
            );
        }
    }
}
