//! That gradcheck passes right gradients and finds wrong ones, and says where.

use downhill_autograd::{GradMismatch, MismatchKind, Tolerance, Var, from_op, gradcheck};
use downhill_tensor::Tensor;

/// `a · b`, elementwise, of two equal shapes, whose gradients have gone through `spoil`: what it returns is what
/// the backward pass says.
fn product(
    x: &[Var<f64>],
    spoil: impl Fn(usize, Tensor<f64>) -> Option<Tensor<f64>> + Send + Sync + 'static,
) -> Var<f64> {
    let (a, b) = (x[0].value(), x[1].value());
    from_op("product", &[&x[0], &x[1]], &a * &b, move |grad, _| {
        vec![spoil(0, &grad * &b), spoil(1, &grad * &a)]
    })
}

fn inputs() -> [Tensor<f64>; 2] {
    [Tensor::from([[0.5, -1.0, 2.0], [1.5, -0.7, 0.3]]), Tensor::from([[-2.0, 0.8, 1.1], [0.6, 1.9, -1.3]])]
}

fn checked(
    spoil: impl Fn(usize, Tensor<f64>) -> Option<Tensor<f64>> + Send + Sync + Clone + 'static,
) -> Result<(), GradMismatch> {
    gradcheck(|x| product(x, spoil.clone()), &inputs(), Tolerance::default())
}

#[test]
fn right_gradients_pass() {
    checked(|_, grad| Some(grad)).unwrap();
}

#[test]
fn several_inputs_of_several_shapes_pass() {
    let [a, b] = inputs();
    let c = Tensor::scalar(0.4);
    gradcheck(|x| (&x[0] * &x[2]).sin() / (x[1].square() + 1.0) - &x[2], &[a, b, c], Tolerance::default())
        .unwrap();
}

#[test]
fn constants_and_unused_inputs_pass() {
    let xs = inputs();
    gradcheck(|x| x[1].exp(), &xs, Tolerance::default()).unwrap();
    gradcheck(|_| Var::new(Tensor::from([1.0, 2.0])), &xs, Tolerance::default()).unwrap();
}

#[test]
fn no_inputs_and_no_elements_pass() {
    gradcheck(|_| Var::new(Tensor::scalar(1.0)), &[], Tolerance::default()).unwrap();
    gradcheck(|x| x[0].exp(), &[Tensor::zeros(&[0, 3])], Tolerance::default()).unwrap();
}

#[test]
fn wrong_sign() {
    let error = checked(|_, grad| Some(-grad)).unwrap_err();
    assert_eq!((error.kind, error.input, &error.index[..]), (MismatchKind::Wrong, 0, &[0, 0][..]));
    assert!((error.analytic + error.numeric).abs() < 1e-7, "{error}");
}

#[test]
fn factor_two() {
    let error = checked(|_, grad| Some(grad * 2.0)).unwrap_err();
    assert_eq!(error.kind, MismatchKind::Wrong);
    assert!((error.analytic - 2.0 * error.numeric).abs() < 1e-7, "{error}");
}

#[test]
fn small_relative_error() {
    let error = checked(|_, grad| Some(grad * (1.0 + 1e-5))).unwrap_err();
    assert_eq!(error.kind, MismatchKind::Wrong);
    // And what is below the tolerance passes.
    checked(|_, grad| Some(grad * (1.0 + 1e-9))).unwrap();
}

#[test]
fn missing() {
    let error = checked(|input, grad| (input != 1).then_some(grad)).unwrap_err();
    assert_eq!((error.kind, error.input, error.analytic), (MismatchKind::Wrong, 1, 0.0));
    assert!(error.numeric.abs() > 0.1, "{error}");
}

#[test]
fn zero() {
    let error = checked(|_, grad| Some(grad * 0.0)).unwrap_err();
    assert_eq!((error.kind, error.input, error.analytic), (MismatchKind::Wrong, 0, 0.0));
}

#[test]
fn cut_off_from_the_graph() {
    let error = gradcheck(|x| x[0].exp() + x[1].detach(), &inputs(), Tolerance::default()).unwrap_err();
    assert_eq!((error.kind, error.input, error.analytic), (MismatchKind::Wrong, 1, 0.0));
    let error = gradcheck(|x| x[0].detach().exp(), &inputs(), Tolerance::default()).unwrap_err();
    assert_eq!((error.kind, error.input, error.analytic), (MismatchKind::Wrong, 0, 0.0));
}

#[test]
fn transposed() {
    let square = |x: &[Var<f64>]| {
        let a = x[0].value();
        // sin, so that the gradient is not constant; transposed, although nothing was.
        from_op("sin", &[&x[0]], a.sin(), move |grad, _| vec![Some((grad * a.cos()).t().contiguous())])
    };
    let x = Tensor::from([[0.1, 0.2], [0.9, 1.3]]);
    let error = gradcheck(square, std::slice::from_ref(&x), Tolerance::default()).unwrap_err();
    // The diagonal is right.
    assert_eq!((error.kind, error.input, &error.index[..]), (MismatchKind::Wrong, 0, &[0, 1][..]));
}

/// Right the first time it runs and doubled afterwards, on the same graph and on another.
#[test]
fn a_backward_that_counts_its_calls() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let calls: Arc<AtomicUsize> = Arc::default();
    let error = checked(move |_, grad| Some(grad * if calls.fetch_add(1, SeqCst) < 2 { 1.0 } else { 2.0 }))
        .unwrap_err();
    assert_eq!((error.kind, error.input, &error.index[..]), (MismatchKind::NotRepeatable, 0, &[0, 0][..]));
    assert_eq!(error.numeric, 2.0 * error.analytic);
    assert!(error.to_string().contains("the backward pass depends on the order of calls: "), "{error}");
    // What only its own graph knows of, and what takes effect late.
    let of_each_graph = |x: &[Var<f64>]| {
        let calls = AtomicUsize::new(0);
        product(x, move |_, grad| Some(grad * if calls.fetch_add(1, SeqCst) < 2 { 1.0 } else { 2.0 }))
    };
    let error = gradcheck(of_each_graph, &inputs(), Tolerance::default()).unwrap_err();
    assert_eq!(error.kind, MismatchKind::NotRepeatable);
}

/// A gradient that is the one of the pass before, as if a buffer were shared between graphs.
#[test]
fn a_backward_that_returns_the_last_gradient() {
    use std::sync::{Arc, Mutex};
    let last: Arc<Mutex<Option<Tensor<f64>>>> = Arc::default();
    let f = move |x: &[Var<f64>]| {
        let (a, last) = (x[0].value(), last.clone());
        from_op("stale", &[&x[0]], a.sin(), move |grad, _| {
            let grad = grad * a.cos();
            let before = last.lock().unwrap().replace(grad.clone());
            vec![Some(before.unwrap_or(grad))]
        })
    };
    let error = gradcheck(f, &[Tensor::from([0.3, 0.4])], Tolerance::default()).unwrap_err();
    assert_eq!(error.kind, MismatchKind::NotRepeatable);
}

#[test]
#[should_panic(expected = "gradcheck: the function gives another value the second time")]
fn a_function_that_depends_on_the_order_of_calls() {
    let calls = std::cell::Cell::new(0.0);
    let f = |x: &[Var<f64>]| {
        calls.set(calls.get() + 1e-3);
        &x[0] + calls.get()
    };
    _ = gradcheck(f, &[Tensor::from([0.3])], Tolerance::default());
}

#[test]
fn the_report_guesses() {
    let guess = |spoil: fn(Tensor<f64>) -> Tensor<f64>| {
        checked(move |_, grad| Some(spoil(grad))).unwrap_err().to_string()
    };
    assert!(guess(|grad| grad * 2.0).ends_with("(twice as much)"));
    assert!(guess(|grad| grad * 0.5).ends_with("(half as much)"));
    assert!(guess(|grad| -grad).ends_with("(of the opposite sign)"));
    assert!(guess(|grad| grad * 0.0).ends_with("(is it missing?)"));
    assert!(!guess(|grad| grad * 1.5).ends_with(')'));
}

#[test]
fn inputs_exchanged() {
    let exchanged = |x: &[Var<f64>]| {
        let (a, b) = (x[0].value(), x[1].value());
        from_op("product", &[&x[0], &x[1]], &a * &b, move |grad, _| vec![Some(&grad * &a), Some(&grad * &b)])
    };
    let error = gradcheck(exchanged, &inputs(), Tolerance::default()).unwrap_err();
    assert_eq!((error.kind, error.input), (MismatchKind::Wrong, 0));
}

#[test]
fn wrong_index() {
    // The gradients of two neighbours are exchanged: every sum over them stays as it was.
    let error = checked(|_, grad| {
        let mut elements = grad.to_vec();
        elements.swap(4, 5);
        Some(Tensor::from_vec(elements, grad.shape()))
    })
    .unwrap_err();
    assert_eq!((error.kind, error.input, &error.index[..]), (MismatchKind::Wrong, 0, &[1, 1][..]));
}

/// Whichever element of whichever input is wrong, that one is reported, with both values.
#[test]
fn a_single_element() {
    for (input, element) in (0..2).flat_map(|input| (0..6).map(move |element| (input, element))) {
        let error = checked(move |i, grad| {
            let mut elements = grad.to_vec();
            if i == input {
                elements[element] += 1e-3;
            }
            Some(Tensor::from_vec(elements, grad.shape()))
        })
        .unwrap_err();
        assert_eq!(error.kind, MismatchKind::Wrong);
        assert_eq!((error.input, error.index.clone()), (input, vec![element / 3, element % 3]));
        assert!((error.analytic - error.numeric - 1e-3).abs() < 1e-8, "{error}");
        // The derivative is the other factor times a cotangent, whose size is between a half and three halves.
        let factor = inputs()[1 - input].get(&error.index).abs();
        assert!((0.5 * factor..=1.5 * factor).contains(&error.numeric.abs()), "{error}");
        assert!(error.uncertainty < 1e-8, "{error}");
    }
}

/// Errors that cancel in the plain sum of the result, which is why the cotangents are random.
#[test]
fn cancelling_errors() {
    let sum_hides_it = |x: &[Var<f64>]| {
        let value = x[0].value();
        // y = (x, x): each part has a wrong gradient, of which the sum is right.
        let both = downhill_tensor::stack(&[value.clone(), value], 0);
        from_op("twice", &[&x[0]], both, |grad, _| {
            let (first, second) = (grad.select(0, 0), grad.select(0, 1));
            vec![Some(first * 1.5 + second * 0.5)]
        })
    };
    let x = [Tensor::from([0.3, -0.2])];
    gradcheck(|x| sum_hides_it(x).sum(..), &x, Tolerance::default()).unwrap();
    let error = gradcheck(sum_hides_it, &x, Tolerance::default()).unwrap_err();
    assert_eq!(error.kind, MismatchKind::Wrong);
}

/// The sum of a softmax is one whatever its derivative is; each of its elements is not.
#[test]
fn a_function_whose_sum_is_constant() {
    let softmax = |wrong: bool| {
        move |x: &[Var<f64>]| {
            let e = x[0].exp();
            let total = e.sum_keepdim(..);
            &e / if wrong { total.detach() } else { total }
        }
    };
    let x = [Tensor::from([0.3, -0.2, 1.0])];
    gradcheck(softmax(false), &x, Tolerance::default()).unwrap();
    assert_eq!(gradcheck(softmax(true), &x, Tolerance::default()).unwrap_err().kind, MismatchKind::Wrong);
}

fn kind_at(f: impl Fn(&Var<f64>) -> Var<f64>, x: f64) -> Option<MismatchKind> {
    gradcheck(|x| f(&x[0]), &[Tensor::from([1.0, x])], Tolerance::default()).err().map(|error| {
        assert_eq!(error.index, [1], "the other element is harmless: {error}");
        error.kind
    })
}

#[test]
fn kinks_are_not_smooth() {
    // At the kink, and to its left and right by less than a step (1e-4), or half a step.
    for x in [0.0, 1e-9, 1e-6, -1e-6, 2e-5, -4.9e-5, 5e-5, 7e-5, -9e-5] {
        assert_eq!(kind_at(Var::abs, x), Some(MismatchKind::NotSmooth), "abs at {x}");
        assert_eq!(kind_at(Var::relu, x), Some(MismatchKind::NotSmooth), "relu at {x}");
        assert_eq!(kind_at(|v| v.maximum(0.0), x), Some(MismatchKind::NotSmooth), "maximum at {x}");
        assert_eq!(kind_at(|v| v.clamp(-3.0, 0.0), x), Some(MismatchKind::NotSmooth), "clamp at {x}");
    }
    for x in [1.1e-4, -1.1e-4, 0.5] {
        assert_eq!(kind_at(Var::abs, x), None, "abs at {x}");
        assert_eq!(kind_at(Var::relu, x), None, "relu at {x}");
    }
}

/// A wrong gradient stays wrong, however much the function bends.
#[test]
fn smooth_functions_are_not_taken_for_kinks() {
    for (x, scale) in [(3.0, 1.0), (0.1, 20.0), (-2.0, 10.0), (0.0, 5.0), (100.0, 1.0)] {
        let f = |right: bool| {
            move |v: &Var<f64>| {
                let y = (v * scale).sin() + (v * 0.1).exp();
                if right { y } else { &y + v.value().map(|v| v * 1e-3) }
            }
        };
        assert_eq!(kind_at(f(true), x), None, "at {x}");
        let error = gradcheck(|v| f(false)(&v[0]), &[Tensor::scalar(x)], Tolerance::default()).unwrap_err();
        assert_eq!(error.kind, MismatchKind::Wrong, "at {x}: {error}");
    }
}

#[test]
fn jumps_are_not_smooth() {
    let step = |v: &Var<f64>| v + v.value().map(|v| if v > 1e-5 { 1.0 } else { 0.0 });
    assert_eq!(kind_at(step, 0.0), Some(MismatchKind::NotSmooth));
    assert_eq!(kind_at(step, 0.5), None);
}

#[test]
fn nan_does_not_pass() {
    // NaN from the function: nothing can be said of its derivative.
    let kind = |f: fn(&Var<f64>) -> Var<f64>, x: f64| {
        gradcheck(|x| f(&x[0]), &[Tensor::scalar(x)], Tolerance::default()).unwrap_err().kind
    };
    assert_eq!(kind(Var::sqrt, -1.0), MismatchKind::NotSmooth);
    assert_eq!(kind(Var::sqrt, 0.0), MismatchKind::NotSmooth);
    assert_eq!(kind(Var::ln, 0.0), MismatchKind::NotSmooth);
    assert_eq!(kind(|x| x * f64::INFINITY, 0.5), MismatchKind::NotSmooth);
}

#[test]
fn infinity_and_nan_gradients_are_wrong() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = checked(move |_, grad| {
            let mut elements = grad.to_vec();
            elements[2] = bad;
            Some(Tensor::from_vec(elements, grad.shape()))
        })
        .unwrap_err();
        assert_eq!((error.kind, error.input, &error.index[..]), (MismatchKind::Wrong, 0, &[0, 2][..]));
        assert_eq!(error.analytic.to_bits(), bad.to_bits());
        assert!(error.numeric.is_finite());
    }
}

/// An error that is small beside the sum of all results shows, and a right gradient does not drown in its rounding.
#[test]
fn large_results_do_not_hide_a_small_one() {
    let f = |wrong: f64| {
        move |x: &[Var<f64>]| {
            let small = &x[0].sin() + x[0].value().map(|v| v * wrong);
            downhill_autograd::cat(&[small, Var::new(Tensor::full(&[3], 1e9))], 0)
        }
    };
    let x = [Tensor::from([0.3, 0.4])];
    gradcheck(f(0.0), &x, Tolerance::default()).unwrap();
    assert_eq!(gradcheck(f(1e-5), &x, Tolerance::default()).unwrap_err().kind, MismatchKind::Wrong);
}

#[test]
fn the_report_says_all() {
    let error = checked(|_, grad| Some(grad * 2.0)).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("input 0 at [0, 0]: wrong derivative: analytic "), "{text}");
    let error = gradcheck(|x| x[0].abs(), &[Tensor::zeros(&[1, 2])], Tolerance::default()).unwrap_err();
    assert!(error.to_string().starts_with("input 0 at [0, 0]: not smooth here"), "{error}");
}

#[test]
#[should_panic(expected = "gradcheck: shapes differ: [2] and [1]")]
fn a_shape_that_depends_on_the_input() {
    let f = |x: &[Var<f64>]| {
        let small = x[0].value().to_vec()[0] < 1.0;
        if small { x[0].narrow(0, 0, 1) } else { x[0].clone() }
    };
    _ = gradcheck(f, &[Tensor::from([1.0, 2.0])], Tolerance::default());
}
