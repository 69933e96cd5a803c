//! Reading and adding at positions.

use downhill_autograd::{cat, embedding};
use downhill_tensor::Tensor;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::property::properties;
use downhill_autograd::strategies::{Case, any_value, axis, broadcast_from, one_with, shape, tensor};

properties! {
    index_select checks "index_select":
        one_with(1, any_value(), indices),
        |x, (dim, index)| x[0].index_select(*dim, index);
    index_add checks "index_add": added_rows(), |x, (dim, index)| x[0].index_add(*dim, index, &x[1]);
    gather checks "gather":
        one_with(1, any_value(), index_tensor),
        |x, (dim, index)| x[0].gather(*dim, index);
    scatter_add checks "scatter_add":
        shape(1..=4).prop_flat_map(|s| (tensor(s.clone(), &any_value()), index_tensor(s))).prop_flat_map(
            |(x, (dim, index))| {
                (tensor(index.shape().to_vec(), &any_value()), Just((dim, index)))
                    .prop_map(move |(source, arguments)| (vec![x.clone(), source], arguments))
            }
        ),
        |x, (dim, index)| x[0].scatter_add(*dim, index, &x[1]);
    slice checks "slice":
        one_with(1, any_value(), |s| (axis(s.len()), any::<(Index, Index)>(), 1..=4_usize).prop_map(
            move |(dim, (start, end), step)| {
                let len = s[dim.rem_euclid(s.len() as isize) as usize];
                let start = start.index(len + 1);
                (dim, start, start + end.index(len - start + 1), step)
            }
        )),
        |x, (dim, start, end, step)| x[0].slice(*dim, *start, *end, *step);
    pad checks "pad":
        one_with(0, any_value(), |s| {
            let pairs = prop::collection::vec((0..=2_usize, 0..=2_usize), 0..=s.len());
            (pairs.prop_map(|pairs| pairs.into_iter().flat_map(|(a, b)| [a, b]).collect::<Vec<_>>()), -1.0..1.0)
        }),
        |x, (padding, value)| x[0].pad(padding, *value);
    masked_fill checks "where":
        one_with(0, any_value(), |s| broadcast_from(s).prop_flat_map(|s| {
            prop::collection::vec(any::<bool>(), s.iter().product::<usize>())
                .prop_map(move |mask| Tensor::from_vec(mask, &s))
        })),
        |x, mask| x[0].masked_fill(mask, 7.0);
    split checks "cat":
        one_with(1, any_value(), |s| (axis(s.len()), 1..=3_usize)),
        |x, (dim, size)| reversed(x[0].split(*size, *dim), *dim);
    chunk checks "cat":
        one_with(1, any_value(), |s| (axis(s.len()), 1..=4_usize)),
        |x, (dim, count)| reversed(x[0].chunk(*count, *dim), *dim);
    flip checks "index_select": one_with(1, any_value(), |s| axis(s.len())), |x, dim| x[0].flip(&[*dim]);
    roll checks "cat":
        one_with(1, any_value(), |s| (-7..=7_isize, axis(s.len()))),
        |x, (shift, dim)| x[0].roll(*shift, *dim);
    embedding_of_any_shape checks "reshape":
        (1..=4_usize, 0..=3_usize, shape(0..=3)).prop_flat_map(|(rows, size, s)| {
            let index = prop::collection::vec(0..rows as i64, s.iter().product::<usize>());
            (tensor(vec![rows, size], &any_value()), index.prop_map(move |index| Tensor::from_vec(index, &s)))
                .prop_map(|(weight, index)| (vec![weight], index))
        }),
        |x, index| embedding(index, &x[0]);
}

/// The parts in the opposite order, so that each must be the right one.
fn reversed(mut parts: Vec<downhill_autograd::Var<f64>>, dim: isize) -> downhill_autograd::Var<f64> {
    parts.reverse();
    cat(&parts, dim)
}

/// An axis and some of its indices, in any order and often repeated.
fn indices(shape: Vec<usize>) -> impl Strategy<Value = (isize, Vec<usize>)> {
    axis(shape.len()).prop_flat_map(move |dim| {
        let len = shape[dim.rem_euclid(shape.len() as isize) as usize];
        let most = if len == 0 { 0 } else { 5 };
        (Just(dim), prop::collection::vec(0..len.max(1), 0..=most))
    })
}

/// An axis and a tensor of its indices, no longer than `shape` along the other axes.
fn index_tensor(shape: Vec<usize>) -> impl Strategy<Value = (isize, Tensor<i64>)> {
    (axis(shape.len()), any::<[Index; 4]>(), 0..=3_usize).prop_flat_map(move |(dim, shorter, len)| {
        let at = dim.rem_euclid(shape.len() as isize) as usize;
        let mut own: Vec<usize> = shape.iter().zip(shorter).map(|(&d, s)| d - s.index(d + 1) / 2).collect();
        own[at] = if shape[at] == 0 { 0 } else { len };
        let values = prop::collection::vec(0..shape[at].max(1) as i64, own.iter().product::<usize>());
        (Just(dim), values.prop_map(move |values| Tensor::from_vec(values, &own)))
    })
}

/// A tensor, and one to be added to some indices of an axis.
fn added_rows() -> impl Strategy<Value = Case<(isize, Vec<usize>)>> {
    shape(1..=4).prop_flat_map(|s| (tensor(s.clone(), &any_value()), indices(s))).prop_flat_map(
        |(x, (dim, index))| {
            let mut s = x.shape().to_vec();
            let at = dim.rem_euclid(s.len() as isize) as usize;
            s[at] = index.len();
            (tensor(s, &any_value()), Just((dim, index)))
                .prop_map(move |(source, arguments)| (vec![x.clone(), source], arguments))
        },
    )
}

/// Gradients of one element are added up in the order in which it occurs, whatever the sum.
#[test]
fn repeated_indices_add_up_in_order() {
    let x = downhill_autograd::Var::parameter(Tensor::from([0.0, 0.0_f64]));
    let parts = [1e16, 1.0, -1e16, 1.0];
    x.index_select(0, &[1, 1, 1, 1]).backward_with(Tensor::from(parts));
    assert_eq!(x.grad().unwrap().to_vec(), [0.0, parts.iter().sum()]);
    x.zero_grad_();
    x.gather(0, &Tensor::from([1, 1, 1, 1])).backward_with(Tensor::from(parts));
    assert_eq!(x.grad().unwrap().to_vec(), [0.0, parts.iter().sum()]);
}
