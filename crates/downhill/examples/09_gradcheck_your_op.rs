//! An operation with a derivative of your own, and how it is tested:
//! `cargo run --release -p downhill --example 09_gradcheck_your_op`
//!
//! In your own crate: `downhill = { .., features = ["proptest"] }`, and the calls of `check` in tests.
#![forbid(unsafe_code)]

use downhill::autograd::strategies::{away_from, check, one};
use downhill::autograd::{MismatchKind, Tolerance, Var, from_op, gradcheck};
use downhill::tensor::{Float, Tensor};

/// Mish, `x tanh(ln(1 + e^x))`, in one operation.
///
/// Of `e = e^x` it is `x w / (w + 2)` with `w = e (e + 2)`, and its derivative is
/// `w / (w + 2) + 4 x e (e + 1) / (w + 2)²`.
fn mish<T: Float>(x: &Var<T>) -> Var<T> {
    let two = T::from_f64(2.0);
    let value = x.value();
    let (e, out) = (value.exp(), {
        let e = value.exp();
        let w = &e * (&e + two);
        &value * &w / (w + two)
    });
    // What backward needs it owns. It is given the gradient by the result, and returns that by each input.
    from_op("mish", &[x], out, move |grad, _needs| {
        let w = &e * (&e + two);
        let below = &w + two;
        let slope = &w / &below + &value * T::from_f64(4.0) * &e * (&e + T::ONE) / below.square();
        vec![Some(grad * slope)]
    })
}

/// The same with a mistake that is easily made: `value` for the slope's second term is forgotten.
fn wrong_mish(x: &Var<f64>) -> Var<f64> {
    let value = x.value();
    from_op("wrong_mish", &[x], mish(x).value(), move |grad, _needs| {
        let e = value.exp();
        let w = &e * (&e + 2.0);
        vec![Some(grad * (&w / (&w + 2.0)))]
    })
}

/// Right nearly everywhere: at the kink there is no derivative.
fn hard_mish(x: &Var<f64>) -> Var<f64> {
    x * (x + 2.0).clamp(0.0, 2.0) * 0.5
}

fn main() {
    // A quick look: at these points, every derivative against central differences.
    let points = [Tensor::from([[-2.0, -0.5, 0.0], [0.5, 1.0, 3.0]])];
    gradcheck(|x| mish(&x[0]), &points, Tolerance::default()).expect("mish is right");

    // What is wrong is found, and it says where.
    let mismatch =
        gradcheck(|x| wrong_mish(&x[0]), &points, Tolerance::default()).expect_err("a term is missing");
    println!("{mismatch}");
    assert_eq!((mismatch.kind, mismatch.input, &mismatch.index[..]), (MismatchKind::Wrong, 0, &[0, 0][..]));

    // A kink is not taken for a mistake, and is not passed over either.
    let kink = [Tensor::from([-2.0])];
    let mismatch = gradcheck(|x| hard_mish(&x[0]), &kink, Tolerance::default()).expect_err("there is a kink");
    println!("{mismatch}");
    assert_eq!(mismatch.kind, MismatchKind::NotSmooth);

    // A property: a hundred random inputs of all shapes (axes of one and of no elements among them), in all memory layouts,
    // with random gradients from above.
    check("mish", one(away_from(&[], 0.0, -4.0, 4.0)), |x| mish(&x[0]));
    check("hard_mish", one(away_from(&[-2.0, 0.0], 0.01, -4.0, 4.0)), |x| hard_mish(&x[0]));

    // An operation of the user's is like any other: this trains by it.
    let w = Var::parameter(Tensor::scalar(-1.0_f32));
    for _ in 0..100 {
        (mish(&w) - 2.0).square().backward();
        w.step_(|data, grad| {
            data.sub_(grad * 0.1);
        });
        w.zero_grad_();
    }
    println!("mish({:.4}) = {:.4}", w.item(), mish(&w).item());
    assert!((mish(&w).item() - 2.0).abs() < 1e-3);
}
