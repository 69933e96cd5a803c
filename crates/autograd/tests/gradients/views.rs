//! Other shapes of the same elements, and several variables joined.

use downhill_autograd::{cat, stack};
use downhill_tensor::Tensor;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::property::properties;
use downhill_autograd::strategies::{Case, any_value, axis, one_with, permutation, shape, tensor};

properties! {
    reshape checks "reshape": one_with(0, any_value(), other_shape), |x, to| x[0].reshape(to);
    flatten checks "flatten": one_with(1, any_value(), |s| axis(s.len())), |x, start| x[0].flatten(*start);
    flatten_scalar checks "flatten": tensor(vec![], &any_value()).prop_map(|x| (vec![x], ())), |x, ()| x[0].flatten(0);
    transpose checks "transpose":
        one_with(1, any_value(), |s| (axis(s.len()), axis(s.len()))),
        |x, (a, b)| x[0].transpose(*a, *b);
    t checks "transpose":
        shape(2..=2).prop_flat_map(|s| tensor(s, &any_value())).prop_map(|x| (vec![x], ())),
        |x, ()| x[0].t();
    permute checks "permute": one_with(0, any_value(), |s| permutation(s.len())), |x, order| x[0].permute(order);
    unsqueeze checks "unsqueeze": one_with(0, any_value(), |s| axis(s.len() + 1)), |x, axis| x[0].unsqueeze(*axis);
    squeeze checks "squeeze": one_with(1, any_value(), |s| axis(s.len())), |x, axis| x[0].squeeze(*axis);
    narrow checks "narrow": one_with(1, any_value(), part_of_an_axis), |x, (d, start, len)| x[0].narrow(*d, *start, *len);
    cat_some checks "cat": pieces(), |x, axis| cat(x, *axis);
    cat_with_itself checks "cat":
        one_with(1, any_value(), |s| axis(s.len())),
        |x, axis| cat(&[x[0].clone(), x[0].clone()], *axis);
    stack_some checks "stack": alike(), |x, axis| stack(x, *axis);
}

/// The same number of elements under another shape.
fn other_shape(shape: Vec<usize>) -> impl Strategy<Value = Vec<isize>> {
    let count: usize = shape.iter().product();
    let lengths: Vec<isize> = shape.iter().map(|&d| d as isize).collect();
    let mut reversed = lengths.clone();
    reversed.reverse();
    let (with_one, mut inferred) = (lengths.clone(), lengths);
    // What -1 stands for is ambiguous when there are no elements.
    match inferred.last_mut() {
        Some(last) if count > 0 => *last = -1,
        _ => {}
    }
    prop_oneof![
        Just(vec![count as isize]),
        Just(reversed),
        Just(inferred),
        any::<Index>().prop_map(move |at| {
            let mut shape = with_one.clone();
            shape.insert(at.index(shape.len() + 1), 1);
            shape
        }),
    ]
}

fn part_of_an_axis(shape: Vec<usize>) -> impl Strategy<Value = (isize, usize, usize)> {
    (axis(shape.len()), any::<Index>(), any::<Index>()).prop_map(move |(axis, start, len)| {
        let length = shape[axis.rem_euclid(shape.len() as isize) as usize];
        let start = start.index(length + 1);
        (axis, start, len.index(length - start + 1))
    })
}

/// One to three tensors that differ along one axis.
fn pieces() -> impl Strategy<Value = Case<isize>> {
    (shape(1..=3), prop::collection::vec(0..=3_usize, 1..=3))
        .prop_flat_map(|(shape, lengths)| (axis(shape.len()), Just(shape), Just(lengths)))
        .prop_flat_map(|(axis, shape, lengths)| {
            let at = axis.rem_euclid(shape.len() as isize) as usize;
            let one = |length| {
                let mut shape = shape.clone();
                shape[at] = length;
                tensor(shape, &any_value())
            };
            (lengths.into_iter().map(one).collect::<Vec<_>>(), Just(axis))
        })
}

/// One to three tensors of one shape.
fn alike() -> impl Strategy<Value = Case<isize>> {
    (shape(0..=3), 1..=3_usize).prop_flat_map(|(shape, count)| {
        let one: Vec<_> = (0..count).map(|_| tensor(shape.clone(), &any_value())).collect();
        (one, axis(shape.len() + 1))
    })
}

/// A view shares memory with its parameter; neither's gradient may write into the other's.
#[test]
fn gradients_of_views_do_not_alias() {
    let x = downhill_autograd::Var::parameter(Tensor::from([[1.0, 2.0], [3.0, 4.0_f64]]));
    let loss = (&x.t() * Tensor::from([[1.0, 10.0], [100.0, 1000.0]])).sum(..)
        + x.reshape(&[4]).narrow(0, 1, 2).sum(..);
    loss.backward();
    assert_eq!(x.grad().unwrap().to_vec(), [1.0, 101.0, 11.0, 1000.0]);
    assert_eq!(x.value().to_vec(), [1.0, 2.0, 3.0, 4.0]);
}
