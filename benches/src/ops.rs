//! Common operations on one tensor or two: `op_NAME_SHAPE`, such as `op_softmax_last_256x30`.
//!
//! `first` and `last` name the axis. `peers/pytorch.py` has the same operations under the same names.

use std::hint::black_box;

use downhill::tensor::{Rng, Tensor, cat, stack};

use crate::cases::Work;

/// The names of all operations.
pub const NAMES: &[&[&str]] = &[
    &["exp", "ln", "tanh", "sigmoid", "erf", "sqrt", "sin", "gelu", "softplus", "pow", "round", "abs"],
    &[
        "add",
        "mul_number",
        "div",
        "add_row",
        "add_column",
        "relu",
        "clamp",
        "gt",
        "eq",
        "where",
        "masked_fill",
    ],
    &[
        "maximum",
        "sum",
        "sum_first",
        "sum_last",
        "mean",
        "var_first",
        "var_last",
        "norm",
        "norm_last",
        "prod",
    ],
    &["prod_last", "max", "max_last", "amax_first", "amax_last", "argmax", "argmax_first", "argmax_last"],
    &["any", "all_last", "softmax_first", "softmax_last", "log_softmax_last", "logsumexp_last"],
    &["cumsum_first", "cumsum_last", "sort_last", "topk_last", "index_select_first", "index_select_last"],
    &["gather_first", "gather_last", "gather_targets", "flip_first", "flip_last", "cat_first", "cat_last"],
    &["stack_first", "stack_last", "pad", "transposed", "narrow_last", "select_last", "step_last"],
    &["to_f64", "from_u8", "from_i64", "arange", "rand", "randn"],
];

/// The work called `name` on tensors of `shape`, none if there is no such operation.
pub(crate) fn case(name: &str, shape: &[usize]) -> Option<Work> {
    let rng = &mut Rng::new(0);
    let random = |rng: &mut Rng| Tensor::<f32>::uniform(shape, 0.1, 1.1, rng);
    let (x, y) = (random(rng), random(rng));
    simple(name, x.clone(), y.clone())
        .or_else(|| along_axes(name, x.clone()))
        .or_else(|| moves(name, x.clone(), y))
        .or_else(|| made(name, x, rng.clone()))
}

/// A closure that computes something and drops it.
macro_rules! work {
    ($result:expr) => {
        Box::new(move || drop(black_box($result)))
    };
}

/// Element by element.
fn simple(name: &str, x: Tensor, y: Tensor) -> Option<Work> {
    let mask = x.gt(0.5);
    let row = (0..x.rank() - 1).fold(x.clone(), |x, _| x.select(0, 0)).contiguous();
    let column = x.narrow(-1, 0, 1).contiguous();
    Some(match name {
        "exp" => work!(x.exp()),
        "ln" => work!(x.ln()),
        "tanh" => work!(x.tanh()),
        "sigmoid" => work!(x.sigmoid()),
        "erf" => work!(x.erf()),
        "sqrt" => work!(x.sqrt()),
        "sin" => work!(x.sin()),
        "gelu" => work!(x.gelu()),
        "softplus" => work!(x.softplus()),
        "pow" => work!(x.powf(black_box(2.5))),
        "round" => work!(x.round()),
        "abs" => work!(x.abs()),
        "add" => work!(&x + &y),
        "mul_number" => work!(&x * black_box(2.0)),
        "div" => work!(&x / &y),
        "add_row" => work!(&x + &row),
        "add_column" => work!(&x + &column),
        "relu" => work!(x.relu()),
        "clamp" => work!(x.clamp(black_box(0.3), black_box(0.8))),
        "gt" => work!(x.gt(0.5)),
        "eq" => work!(x.eq(&y)),
        "where" => work!(mask.where_(&x, &y)),
        "masked_fill" => work!(x.masked_fill(&mask, black_box(0.0))),
        "maximum" => work!(x.maximum(&y)),
        _ => return None,
    })
}

fn along_axes(name: &str, x: Tensor) -> Option<Work> {
    let mask = x.gt(0.05);
    Some(match name {
        "sum" => work!(x.sum(..)),
        "sum_first" => work!(x.sum(0)),
        "sum_last" => work!(x.sum(-1)),
        "mean" => work!(x.mean(..)),
        "var_first" => work!(x.var(0, 1)),
        "var_last" => work!(x.var(-1, 1)),
        "norm" => work!(x.norm(..)),
        "norm_last" => work!(x.norm(-1)),
        "prod" => work!(x.prod(..)),
        "prod_last" => work!(x.prod(-1)),
        "max" => work!(x.max()),
        "max_last" => work!(x.max_dim(-1)),
        "amax_first" => work!(x.amax(0)),
        "amax_last" => work!(x.amax(-1)),
        "argmax" => work!(x.argmax(..)),
        "argmax_first" => work!(x.argmax(0)),
        "argmax_last" => work!(x.argmax(-1)),
        "any" => work!(mask.any(..)),
        "all_last" => work!(mask.all(-1)),
        "softmax_first" => work!(x.softmax(0)),
        "softmax_last" => work!(x.softmax(-1)),
        "log_softmax_last" => work!(x.log_softmax(-1)),
        "logsumexp_last" => work!(x.logsumexp(-1)),
        "cumsum_first" => work!(x.cumsum(0)),
        "cumsum_last" => work!(x.cumsum(-1)),
        "sort_last" => work!(x.sort(-1, false)),
        "topk_last" => work!(x.topk(5, -1, true)),
        _ => return None,
    })
}

/// What copies elements from place to place.
fn moves(name: &str, x: Tensor, y: Tensor) -> Option<Work> {
    let (first, last) = (x.size(0), x.size(-1));
    // Every index once, in an order that is neither forward nor backward.
    let spread = |n: usize| (0..n).map(|i| i * 7 % n).collect::<Vec<_>>();
    Some(match name {
        "index_select_first" => {
            let index = spread(first);
            work!(x.index_select(0, &index))
        }
        "index_select_last" => {
            let index = spread(last);
            work!(x.index_select(-1, &index))
        }
        "gather_first" => {
            let index = x.argsort(0, false);
            work!(x.gather(0, &index))
        }
        "gather_last" => {
            let index = x.argsort(-1, false);
            work!(x.gather(-1, &index))
        }
        "gather_targets" => {
            let index = x.argmax_keepdim(-1);
            work!(x.gather(-1, &index))
        }
        "flip_first" => work!(x.flip(&[0])),
        "flip_last" => work!(x.flip(&[-1])),
        "cat_first" => work!(cat(&[x.clone(), y.clone()], 0)),
        "cat_last" => work!(cat(&[x.clone(), y.clone()], -1)),
        "stack_first" => work!(stack(&[x.clone(), y.clone()], 0)),
        "stack_last" => work!(stack(&[x.clone(), y.clone()], -1)),
        "pad" => work!(x.pad(&[1, 2], 0.0)),
        // The channels last, or the transpose.
        "transposed" if x.rank() == 4 => work!(x.permute(&[0, 2, 3, 1]).contiguous()),
        "transposed" if x.rank() > 1 => work!(x.transpose(0, -1).contiguous()),
        "narrow_last" => work!(x.narrow(-1, 1, last - 2).contiguous()),
        "select_last" => work!(x.select(-1, 1).contiguous()),
        "step_last" => work!(x.slice(-1, 0, last, 2).contiguous()),
        _ => return None,
    })
}

/// Conversions, and tensors from nothing.
fn made(name: &str, x: Tensor, mut rng: Rng) -> Option<Work> {
    let (whole, shape, count) = ((&x * 100.0).round(), x.shape().to_vec(), x.numel());
    Some(match name {
        "to_f64" => work!(x.to::<f64>()),
        "from_u8" => {
            let bytes = whole.to::<u8>();
            work!(bytes.to::<f32>())
        }
        "from_i64" => {
            let numbers = whole.to::<i64>();
            work!(numbers.to::<f32>())
        }
        "arange" => work!(Tensor::<f32>::arange(count)),
        "rand" => work!(Tensor::<f32>::rand(&shape, &mut rng)),
        "randn" => work!(Tensor::<f32>::randn(&shape, &mut rng)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_work() {
        for name in NAMES.concat() {
            for shape in [&[8, 9][..], &[6, 3, 4, 5]] {
                case(name, shape).unwrap_or_else(|| panic!("{name}"))();
            }
        }
        assert!(case("nothing", &[8, 9]).is_none());
    }
}
