//! What [`detect_anomaly`](crate::detect_anomaly) looks for, and says.

use downhill_tensor::{Float, Tensor};

use crate::place::{Node, Place, lock};
use crate::var::Var;

/// The first element that is NaN or infinite: its value, and its index.
fn first_bad<T: Float>(tensor: &Tensor<T>) -> Option<(f64, Vec<usize>)> {
    let at = tensor.iter().position(|x| !x.to_f64().is_finite())?;
    let index = crate::gradcheck::index_of(at, tensor.shape());
    Some((tensor.get(&index).to_f64(), index))
}

/// A word on a tensor: finite, or where it is not.
fn state<T: Float>(tensor: &Tensor<T>) -> String {
    match first_bad(tensor) {
        Some((x, index)) => format!("{x} at {index:?}"),
        None => "finite".to_string(),
    }
}

/// What is wrong with a gradient that the backward function of `node` computed for an input, if anything is.
pub(crate) fn describe<T: Float>(
    node: &Node<T>,
    incoming: &Tensor<T>,
    input: usize,
    gradient: &Var<T>,
) -> Option<String> {
    let gradient = gradient.value();
    let (x, index) = first_bad(&gradient)?;
    let kept = node.head.some_extras().and_then(|extras| lock(&extras.result).clone());
    Some(format!(
        "backward of {}: the gradient of input {input} is {x} at {index:?}: input {:?}, result {:?}; \
         the result is {}, its gradient is {}",
        node.op,
        gradient.shape(),
        node.shape,
        kept.map_or_else(
            || "not known: computed outside of detect_anomaly".to_string(),
            |result| state(&result)
        ),
        state(incoming),
    ))
}

/// Looks at a complete gradient: the sum of finite ones may be infinite, and cotangents and hooks may be anything.
#[track_caller]
pub(crate) fn check_sum<T: Float>(place: &Place<T>, grad: Option<&Var<T>>) {
    let Some((x, index)) = grad.and_then(|grad| first_bad(&grad.value())) else { return };
    panic!(
        "backward: the gradient of the result of {} is {x} at {index:?}, shape {:?}: no backward function computed that, \
         but the cotangent, a hook or the sum over several uses",
        place.op(),
        place.shape()
    );
}
