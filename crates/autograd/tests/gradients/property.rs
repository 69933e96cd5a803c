//! The table of properties.

/// A table of properties: `test_name checks "op": strategy, |inputs, arguments| result;`. Each line becomes a test of first
/// and second derivatives, and `OPS` the names of the operations that have one.
macro_rules! properties {
    ($($test:ident checks $op:literal: $cases:expr, |$x:ident, $p:pat_param| $result:expr;)*) => {
        pub(crate) const OPS: &[&str] = &[$($op),*];
        $(
            #[test]
            fn $test() {
                crate::property::check(stringify!($test), $op, $cases.boxed(), &|$x, $p| $result);
            }
        )*
    };
}
pub(crate) use properties;

use std::fmt::Debug;

use downhill_autograd::Var;
use downhill_autograd::strategies::{Case, Derivatives, check_with};
use proptest::prelude::*;

type Function<'a, P> = &'a dyn Fn(&[Var<f64>], &P) -> Var<f64>;

/// The property, and that the function records the operation that the table says. Boxed, to be compiled once.
pub(crate) fn check<P: Debug + 'static>(
    test: &str,
    op: &str,
    cases: BoxedStrategy<Case<P>>,
    f: Function<'_, P>,
) {
    check_with(test, Derivatives::Second, cases, |x, arguments| {
        let y = f(x, arguments);
        assert!(!y.requires_grad() || y.op() == op, "the function records {}, not {op}", y.op());
        y
    });
}
