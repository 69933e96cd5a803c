//! Parameters by what is to be done with them.

use downhill_autograd::Var;
use downhill_tensor::Float;

use super::{Item, Module, walk};

/// The parameters of normalising layers and, with `with_bias`, the biases of all others: those that fastai's optimizers
/// do not decay. fastai's `norm_bias_params`. (fastai does not count group norm among the normalising layers; we do.)
///
/// ```
/// use downhill_nn::{Linear, norm_bias_params};
/// use downhill_tensor::Rng;
///
/// let linear: Linear = Linear::new(2, 1, &mut Rng::new(0));
/// assert!(norm_bias_params(&linear, true)[0].same(linear.bias.as_ref().unwrap()));
/// assert!(norm_bias_params(&linear, false).is_empty());
/// ```
pub fn norm_bias_params<T: Float>(module: &(impl Module<T> + ?Sized), with_bias: bool) -> Vec<Var<T>> {
    let mut found: Vec<Var<T>> = Vec::new();
    walk(module, |place, item| {
        if let Item::Parameter(parameter) = item
            && (place.norm || with_bias && place.name() == "bias")
            && !found.iter().any(|known| known.same(parameter))
        {
            found.push(parameter.clone());
        }
    });
    found
}

/// Freezes the groups before the `n`-th, but for the parameters in `keep`, and unfreezes the others.
#[track_caller]
pub(super) fn freeze_to<T: Float>(groups: &[Vec<Var<T>>], n: isize, keep: &[Var<T>]) {
    let len = groups.len() as isize;
    let first = if n < 0 { n + len } else { n };
    assert!((0..=len).contains(&first), "freeze_to: group {n} is out of range for {len} groups");
    for (i, group) in groups.iter().enumerate() {
        for parameter in group {
            let trained = i as isize >= first || keep.iter().any(|kept| kept.same(parameter));
            parameter.requires_grad_(trained);
        }
    }
}
