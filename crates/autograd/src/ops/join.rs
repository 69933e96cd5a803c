//! Several variables into one.

use downhill_tensor::{Float, Tensor};

use crate::var::Var;

/// The variables one behind the other along axis `dim`. `torch.cat`. Each one's gradient is its part of `g`.
///
/// # Panics
/// If there are none, or their shapes differ off axis `dim`.
#[track_caller]
pub fn cat<T: Float>(vars: &[Var<T>], dim: isize) -> Var<T> {
    let values: Vec<Tensor<T>> = vars.iter().map(Var::value).collect();
    let value = downhill_tensor::cat(&values, dim);
    let lengths: Vec<usize> = values.iter().map(|v| v.size(dim)).collect();
    Var::record_many("cat", vars, value, move |d| {
        let mut start = 0;
        lengths
            .iter()
            .zip(d.needs)
            .map(|(&len, &wanted)| {
                start += len;
                wanted.then(|| d.grad.narrow(dim, start - len, len))
            })
            .collect()
    })
}

/// The variables side by side along a new axis `dim`. `torch.stack`. Each one's gradient is its part of `g`.
///
/// # Panics
/// If there are none, or their shapes differ.
#[track_caller]
pub fn stack<T: Float>(vars: &[Var<T>], dim: isize) -> Var<T> {
    let values: Vec<Tensor<T>> = vars.iter().map(Var::value).collect();
    Var::record_many("stack", vars, downhill_tensor::stack(&values, dim), move |d| {
        let part = |i| {
            let part = d.grad.narrow(dim, i, 1);
            part.squeeze(dim)
        };
        d.needs.iter().enumerate().map(|(i, &wanted)| wanted.then(|| part(i))).collect()
    })
}
