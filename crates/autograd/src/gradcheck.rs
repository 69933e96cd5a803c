//! Comparing gradients with finite differences.

use std::fmt;

use downhill_tensor::{Rng, Tensor};

use crate::engine::{GradOptions, grad_with};
use crate::mode::{enable_grad, is_grad_enabled, no_grad};
use crate::ops::cat;
use crate::var::Var;

/// How closely an analytic derivative must agree with the numeric one: within `absolute + relative · |numeric|`.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// The step of the central differences, scaled by `max(1, |x|)`.
    pub step: f64,
    /// Allowed difference whatever the size of the derivative.
    pub absolute: f64,
    /// Allowed difference as a share of the derivative.
    pub relative: f64,
}

impl Default for Tolerance {
    /// A step of 1e-4, which leaves the extrapolated differences about eleven correct digits, of which 1e-7 are asked.
    fn default() -> Self {
        Tolerance { step: 1e-4, absolute: 1e-7, relative: 1e-7 }
    }
}

/// A derivative that disagrees with finite differences.
#[derive(Clone, Debug, PartialEq)]
pub struct GradMismatch {
    /// Which input.
    pub input: usize,
    /// Which of its elements.
    pub index: Vec<usize>,
    /// The derivative that the backward pass computed.
    pub analytic: f64,
    /// The derivative by central differences.
    pub numeric: f64,
    /// How far the numeric derivative itself can be trusted.
    pub uncertainty: f64,
    /// What is wrong.
    pub kind: MismatchKind,
}

/// What [`gradcheck`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MismatchKind {
    /// The backward pass computed another derivative than finite differences.
    Wrong,
    /// Finite differences do not settle: the function has a kink or a jump near this point, and nothing can be said
    /// about the gradient. Check it elsewhere.
    NotSmooth,
    /// The backward pass gives another gradient when it runs again, on the same graph or on one just like it: it depends
    /// on the order of calls. `analytic` is the first, `numeric` the other one.
    NotRepeatable,
}

impl fmt::Display for GradMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GradMismatch { input, index, analytic, numeric, uncertainty, kind } = self;
        let what = match kind {
            MismatchKind::Wrong => "wrong derivative",
            MismatchKind::NotSmooth => "not smooth here, so nothing can be said of the derivative",
            MismatchKind::NotRepeatable => {
                return write!(
                    f,
                    "input {input} at {index:?}: the backward pass depends on the order of calls: {analytic:e} the first \
                     time, then {numeric:e}"
                );
            }
        };
        write!(
            f,
            "input {input} at {index:?}: {what}: analytic {analytic:e}, numeric {numeric:e} ± {uncertainty:e}"
        )?;
        f.write_str(self.guess())
    }
}

impl GradMismatch {
    /// What the mistake may have been, where the two values suggest it.
    fn guess(&self) -> &'static str {
        let near = |factor: f64| {
            let expected = factor * self.numeric;
            (self.analytic - expected).abs() <= 1e-6 * expected.abs()
        };
        match self.kind {
            MismatchKind::NotSmooth | MismatchKind::NotRepeatable => "",
            _ if self.analytic == 0.0 => " (is it missing?)",
            _ if near(2.0) => " (twice as much)",
            _ if near(0.5) => " (half as much)",
            _ if near(-1.0) => " (of the opposite sign)",
            _ => "",
        }
    }
}

impl std::error::Error for GradMismatch {}

/// Checks the gradients of `f` at `xs` against central differences, for every element of every input.
///
/// A result that is not a scalar is multiplied by random cotangents, so that errors in different elements cannot cancel.
/// Differences are taken at two steps and extrapolated (Richardson), which also tells how far they can be trusted: at a
/// kink they cannot, and the check says so instead of passing or failing at random. This holds also where a kink lies
/// exactly at `x`, as in `relu` at zero, and the differences settle on a value in the middle: there the slopes to the
/// left and to the right are compared. A function that is infinite or NaN near `x` counts as not smooth.
///
/// The backward pass runs several times, on one graph and on several alike, with other cotangents in between, and must
/// give the same gradients to the bit: one that keeps a state from call to call is found out. `torch.autograd.gradcheck`.
///
/// # Errors
/// The first derivative that disagrees.
///
/// # Panics
/// If `f` returns another shape at another point, or another value at the same one, or under [`no_grad`].
///
/// ```
/// use downhill_autograd::{Tolerance, Var, gradcheck};
/// use downhill_tensor::Tensor;
///
/// let xs = [Tensor::from([0.5, -2.0]), Tensor::from([[1.0], [3.0]])];
/// gradcheck(|x| (&x[0] * &x[1]).sigmoid(), &xs, Tolerance::default()).unwrap();
///
/// // The gradient of a product, with the second factor forgotten.
/// let wrong = gradcheck(|x| &x[0] * x[1].detach(), &xs, Tolerance::default()).unwrap_err();
/// assert_eq!((wrong.input, &wrong.index[..]), (1, &[0, 0][..]));
/// assert_eq!(wrong.analytic, 0.0);
/// ```
pub fn gradcheck(
    f: impl Fn(&[Var<f64>]) -> Var<f64>,
    xs: &[Tensor<f64>],
    tolerance: Tolerance,
) -> Result<(), GradMismatch> {
    check(&f, xs, tolerance)
}

/// Checks the second derivatives of `f` at `xs`: that the gradients which [`grad_with`] computes with
/// [`create_graph`](GradOptions::create_graph) are differentiated rightly, by the inputs and by the cotangent.
/// `torch.autograd.gradgradcheck`.
///
/// The inputs of the report are those of `f`, and then the cotangent. First derivatives are taken for right; check them by
/// [`gradcheck`].
///
/// # Errors
/// The first derivative that disagrees.
///
/// # Panics
/// As [`gradcheck`], and if an operation in `f` cannot be differentiated twice.
///
/// ```
/// use downhill_autograd::{Tolerance, gradgradcheck};
/// use downhill_tensor::Tensor;
///
/// let xs = [Tensor::from([0.5, -2.0]), Tensor::from([[1.0], [3.0]])];
/// gradgradcheck(|x| (&x[0] * &x[1]).tanh(), &xs, Tolerance::default()).unwrap();
/// ```
pub fn gradgradcheck(
    f: impl Fn(&[Var<f64>]) -> Var<f64>,
    xs: &[Tensor<f64>],
    tolerance: Tolerance,
) -> Result<(), GradMismatch> {
    check_twice(&f, xs, tolerance)
}

type Function<'a> = &'a dyn Fn(&[Var<f64>]) -> Var<f64>;

fn check_twice(f: Function<'_>, xs: &[Tensor<f64>], tolerance: Tolerance) -> Result<(), GradMismatch> {
    let shape = no_grad(|| f(&xs.iter().cloned().map(Var::new).collect::<Vec<_>>())).shape();
    let mut inputs = xs.to_vec();
    inputs.push(random_cotangent(&shape, "gradgradcheck cotangents"));
    let gradients = |all: &[Var<f64>]| {
        // For finite differences the inputs come as constants; a gradient is wanted all the same.
        let all = all.iter().map(|v| if v.requires_grad() { v.clone() } else { Var::parameter(v.value()) });
        let mut vars: Vec<Var<f64>> = all.collect();
        let cotangent = vars.pop().expect("the cotangent is one of them");
        enable_grad(|| {
            let out = f(&vars);
            let options = GradOptions::default().create_graph(true).cotangents([cotangent]);
            let wanted: Vec<&Var<f64>> = vars.iter().collect();
            let found = if out.requires_grad() {
                grad_with(&[&out], &wanted, &options)
            } else {
                vec![None; vars.len()]
            };
            let flat = found.into_iter().zip(&vars).map(|(gradient, x)| {
                let count = x.value().numel() as isize;
                gradient.unwrap_or_else(|| Var::new(Tensor::zeros(&x.shape()))).reshape(&[count])
            });
            let mut flat: Vec<Var<f64>> = flat.collect();
            // So that there is one even without inputs.
            flat.push(Var::new(Tensor::zeros(&[1])));
            cat(&flat, 0)
        })
    };
    check(&gradients, &inputs, tolerance)
}

/// Of either sign and never near zero, where an error would not show.
fn random_cotangent(shape: &[usize], name: &str) -> Tensor<f64> {
    let mut rng = Rng::new(0).fork(name);
    let size = Tensor::<f64>::uniform(shape, 0.5, 1.5, &mut rng);
    let sign = Tensor::<f64>::uniform(shape, -1.0, 1.0, &mut rng);
    size * sign.ge(0.0).where_(1.0, -1.0)
}

/// [`gradcheck`], compiled once for all functions.
fn check(f: Function<'_>, xs: &[Tensor<f64>], tolerance: Tolerance) -> Result<(), GradMismatch> {
    assert!(is_grad_enabled(), "gradcheck: recording is switched off by no_grad");
    let params: Vec<Var<f64>> = xs.iter().cloned().map(Var::parameter).collect();
    let out = f(&params);
    let again = no_grad(|| f(&params)).value();
    let same = again.shape() == out.value().shape() && first_difference(&out.value(), &again).is_none();
    assert!(same, "gradcheck: the function gives another value the second time");
    let cotangent = random_cotangent(&out.shape(), "gradcheck cotangents");
    let analytic = repeatable_gradients(f, &params, &out, &cotangent)?;
    let middle = out.value();
    for (input, x) in xs.iter().enumerate() {
        let analytic = analytic[input].to_vec();
        let elements = x.to_vec();
        for (i, &analytic) in analytic.iter().enumerate() {
            let value_at = |shifted: f64| {
                let mut elements = elements.clone();
                elements[i] = shifted;
                let mut point: Vec<Var<f64>> = xs.iter().cloned().map(Var::new).collect();
                point[input] = Var::new(Tensor::from_vec(elements, x.shape()));
                let value = no_grad(|| f(&point)).value();
                let same = value.shape() == middle.shape();
                assert!(same, "gradcheck: shapes differ: {:?} and {:?}", middle.shape(), value.shape());
                value
            };
            let (numeric, uncertainty) = slope(elements[i], &middle, &cotangent, tolerance.step, value_at);
            // Much more than the rest of a smooth function's series, which falls with the square of the step. Written so
            // that NaN is not smooth either.
            let smooth = uncertainty <= 1e3 * tolerance.step * tolerance.step * numeric.abs().max(1.0);
            let allowed = tolerance.absolute + tolerance.relative * numeric.abs();
            let close = (analytic - numeric).abs() <= allowed;
            if close && smooth {
                continue;
            }
            let kind = if smooth { MismatchKind::Wrong } else { MismatchKind::NotSmooth };
            let index = index_of(i, x.shape());
            return Err(GradMismatch { input, index, analytic, numeric, uncertainty, kind });
        }
    }
    Ok(())
}

/// The derivative of `(value_at(x) * cotangent).sum()` by differences, and how far it can be trusted.
fn slope(
    x: f64,
    middle: &Tensor<f64>,
    cotangent: &Tensor<f64>,
    step: f64,
    value_at: impl Fn(f64) -> Tensor<f64>,
) -> (f64, f64) {
    // Differences first, then the sum: results that x does not reach drop out and leave no rounding errors.
    let weighted = |difference: Tensor<f64>| (difference * cotangent).sum(..).item();
    let differences = |step: f64| {
        let (right, left) = (x + step, x - step);
        let (above, below) = (value_at(right), value_at(left));
        // Divided by the step that rounding left, not by the one that was asked for.
        let central = weighted(&above - &below) / (right - left);
        // Half the slope on the right less half the slope on the left.
        let bend = weighted((&above - middle) - (middle - &below)) / (right - left);
        (central, bend)
    };
    let step = step * x.abs().max(1.0);
    let ((coarse, bend_coarse), (fine, bend_fine)) = (differences(step), differences(step / 2.0));
    let numeric = (4.0 * fine - coarse) / 3.0;
    // With half the step a smooth function bends half as much; a kink at x bends the same.
    let kink = (2.0 * bend_fine - bend_coarse).abs();
    // A sum, not the maximum, which would lose a NaN.
    (numeric, (numeric - fine).abs() + kink)
}

/// The gradients of `(out * cotangent).sum()`, which must be the same whenever and however often they are computed.
fn repeatable_gradients(
    f: Function<'_>,
    params: &[Var<f64>],
    out: &Var<f64>,
    cotangent: &Tensor<f64>,
) -> Result<Vec<Tensor<f64>>, GradMismatch> {
    let gradients = |out: &Var<f64>, cotangent: Tensor<f64>, retain_graph: bool| {
        let wanted: Vec<&Var<f64>> = params.iter().collect();
        let options = GradOptions::default().cotangents([cotangent]).retain_graph(retain_graph);
        let found =
            if out.requires_grad() { grad_with(&[out], &wanted, &options) } else { vec![None; params.len()] };
        let or_zero = |(gradient, x): (Option<Var<f64>>, &Var<f64>)| {
            gradient.map_or_else(|| Tensor::zeros(&x.shape()), Var::into_value)
        };
        found.into_iter().zip(params).map(or_zero).collect::<Vec<_>>()
    };
    let second = f(params);
    let first = gradients(out, cotangent.clone(), true);
    // On another graph and with another cotangent, on the first graph again, and on the two others.
    gradients(&second, cotangent * -0.375, true);
    let passes = [gradients(out, cotangent.clone(), false), gradients(&second, cotangent.clone(), false)];
    let third = gradients(&f(params), cotangent.clone(), false);
    for pass in passes.iter().chain([&third]) {
        for (input, (a, b)) in first.iter().zip(pass).enumerate() {
            let Some(at) = first_difference(a, b) else { continue };
            let index = index_of(at, a.shape());
            let (analytic, numeric) = (a.get(&index), b.get(&index));
            let kind = MismatchKind::NotRepeatable;
            return Err(GradMismatch { input, index, analytic, numeric, uncertainty: 0.0, kind });
        }
    }
    Ok(first)
}

/// The first element that differs in any bit, if it is a number.
fn first_difference(a: &Tensor<f64>, b: &Tensor<f64>) -> Option<usize> {
    let differ = |(a, b): (f64, f64)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan());
    a.iter().zip(b.iter()).position(differ)
}

/// The index of element number `at` in row-major order.
pub(crate) fn index_of(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&d| {
            let i = at % d;
            at /= d;
            i
        })
        .collect();
    index.reverse();
    index
}
