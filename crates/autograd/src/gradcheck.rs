//! Comparing gradients with finite differences.

use std::fmt;

use downhill_tensor::{Rng, Tensor};

use crate::engine::grad;
use crate::mode::no_grad;
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
/// kink they cannot, and the check says so instead of passing or failing at random.
///
/// # Errors
/// The first derivative that disagrees.
///
/// # Panics
/// If `f` returns another shape at another point.
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
    let params: Vec<Var<f64>> = xs.iter().cloned().map(Var::parameter).collect();
    let out = f(&params);
    // Of either sign and never near zero, where an error would not show.
    let mut rng = Rng::new(0).fork("gradcheck cotangents");
    let cotangent = Tensor::<f64>::uniform(&out.shape(), 0.5, 1.5, &mut rng);
    let sign = Tensor::<f64>::uniform(&out.shape(), -1.0, 1.0, &mut rng);
    let cotangent = cotangent * sign.ge(0.0).where_(1.0, -1.0);
    let weighted = |out: &Var<f64>| (out * cotangent.clone()).sum(..);

    let loss = weighted(&out);
    let analytic = if loss.requires_grad() {
        grad(&[&loss], &params.iter().collect::<Vec<_>>())
    } else {
        vec![None; xs.len()]
    };
    for (input, x) in xs.iter().enumerate() {
        let analytic = analytic[input].clone().unwrap_or_else(|| Tensor::zeros(x.shape())).to_vec();
        let mut at = x.to_vec();
        for (i, &analytic) in analytic.iter().enumerate() {
            let original = at[i];
            let mut value_at = |shifted: f64| {
                at[i] = shifted;
                let mut point: Vec<Var<f64>> = xs.iter().cloned().map(Var::new).collect();
                point[input] = Var::new(Tensor::from_slice(&at, x.shape()));
                at[i] = original;
                no_grad(|| weighted(&f(&point)).item())
            };
            let mut central = |step: f64| {
                let (up, down) = (original + step, original - step);
                // Divided by the step that rounding left, not by the one that was asked for.
                (value_at(up) - value_at(down)) / (up - down)
            };
            let step = tolerance.step * original.abs().max(1.0);
            let (coarse, fine) = (central(step), central(step / 2.0));
            let numeric = (4.0 * fine - coarse) / 3.0;
            let uncertainty = (numeric - fine).abs();
            let allowed = tolerance.absolute + tolerance.relative * numeric.abs();
            let close = (analytic - numeric).abs() <= allowed;
            if close && uncertainty.is_finite() {
                continue;
            }
            // The error of a smooth function's differences falls with the square of the step. A larger one is a kink.
            let kind = if uncertainty > 1e3 * tolerance.step * tolerance.step * numeric.abs().max(1.0) {
                MismatchKind::NotSmooth
            } else {
                MismatchKind::Wrong
            };
            let index = index_of(i, x.shape());
            return Err(GradMismatch { input, index, analytic, numeric, uncertainty, kind });
        }
    }
    Ok(())
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
