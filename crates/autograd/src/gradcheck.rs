//! Comparing gradients with finite differences.

use std::fmt;

use downhill_tensor::{Rng, Tensor};

use crate::engine::grad;
use crate::mode::{is_grad_enabled, no_grad};
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
}

impl fmt::Display for GradMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GradMismatch { input, index, analytic, numeric, uncertainty, kind } = self;
        let what = match kind {
            MismatchKind::Wrong => "wrong derivative",
            MismatchKind::NotSmooth => "not smooth here, so nothing can be said of the derivative",
        };
        write!(
            f,
            "input {input} at {index:?}: {what}: analytic {analytic:e}, numeric {numeric:e} ± {uncertainty:e}"
        )
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
/// # Errors
/// The first derivative that disagrees.
///
/// # Panics
/// If `f` returns another shape at another point, or under [`no_grad`].
///
/// ```
/// use downhill_autograd::{Tolerance, Var, gradcheck};
/// use downhill_tensor::Tensor;
///
/// let xs = [Tensor::from([0.5, -2.0]), Tensor::from([[1.0], [3.0]])];
/// gradcheck(|x| (&x[0] * &x[1]).sigmoid(), &xs, Tolerance::default()).unwrap();
/// ```
pub fn gradcheck(
    f: impl Fn(&[Var<f64>]) -> Var<f64>,
    xs: &[Tensor<f64>],
    tolerance: Tolerance,
) -> Result<(), GradMismatch> {
    check(&f, xs, tolerance)
}

/// [`gradcheck`], compiled once for all functions.
fn check(
    f: &dyn Fn(&[Var<f64>]) -> Var<f64>,
    xs: &[Tensor<f64>],
    tolerance: Tolerance,
) -> Result<(), GradMismatch> {
    assert!(is_grad_enabled(), "gradcheck: recording is switched off by no_grad");
    let params: Vec<Var<f64>> = xs.iter().cloned().map(Var::parameter).collect();
    let out = f(&params);
    // Of either sign and never near zero, where an error would not show.
    let mut rng = Rng::new(0).fork("gradcheck cotangents");
    let cotangent = Tensor::<f64>::uniform(&out.shape(), 0.5, 1.5, &mut rng);
    let sign = Tensor::<f64>::uniform(&out.shape(), -1.0, 1.0, &mut rng);
    let cotangent = cotangent * sign.ge(0.0).where_(1.0, -1.0);

    let loss = (&out * cotangent.clone()).sum(..);
    let analytic = if loss.requires_grad() {
        grad(&[&loss], &params.iter().collect::<Vec<_>>())
    } else {
        vec![None; xs.len()]
    };
    let middle = out.value();
    for (input, x) in xs.iter().enumerate() {
        let analytic = analytic[input].clone().unwrap_or_else(|| Tensor::zeros(x.shape())).to_vec();
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

fn index_of(mut at: usize, shape: &[usize]) -> Vec<usize> {
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
