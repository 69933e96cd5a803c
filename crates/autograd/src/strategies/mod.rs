//! Random inputs for property tests of gradients, and the property itself. Needs the feature `proptest`.
//!
//! A gradient is easily right on a contiguous matrix and wrong on a transposed one, on an axis of one element, or where two
//! shapes broadcast. So the [strategies](proptest::strategy::Strategy) here make tensors of every shape, axes of one and of
//! no elements included, that lie in memory in every way: contiguous, transposed, sliced, with steps, repeated. What
//! lies between the elements is NaN. [`check`] runs a function on a hundred of them and compares its gradients
//! with finite differences:
//!
//! ```
//! use downhill_autograd::strategies::{any_value, check, off_zero, two};
//!
//! check("quotient", two(any_value(), off_zero()), |x| (&x[0] / &x[1]).tanh());
//! ```
//!
//! Finite differences say nothing at a kink. [`off_zero`], [`positive`], [`away_from`], [`near_integers`] and [`distinct`] keep
//! away from those of `abs` and `relu`, of `ln` and `sqrt`, from any others, from ties of two tensors and within one.

mod form;
mod property;

use std::ops::RangeInclusive;

use downhill_tensor::Tensor;
use proptest::prelude::*;
use proptest::sample::Index;

pub use form::{Form, form, forms, lay_out};
pub use property::{Derivatives, check, check_with};

/// The length of an axis: often one, seldom zero.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![10 => 1..=1_usize, 10 => 2..=2_usize, 10 => 3..=3_usize, 3 => 4..=5_usize, 1 => 0..=0_usize]
}

/// A shape of so many axes, with few enough elements to differentiate by each of them.
pub fn shape(rank: RangeInclusive<usize>) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(length(), rank).prop_map(|mut shape| {
        while shape.iter().product::<usize>() > 60 {
            let longest = *shape.iter().max().expect("has axes");
            let at = shape.iter().rposition(|&d| d == longest).expect("found above");
            shape[at] -= 1;
        }
        shape
    })
}

/// A shape that broadcasts to `result`: without some of the leading axes, some others being one.
pub fn broadcast_from(result: Vec<usize>) -> impl Strategy<Value = Vec<usize>> {
    // Half of the time the whole shape.
    let whole = result.clone();
    let part = (0..=result.len(), prop::collection::vec(any::<bool>(), result.len())).prop_map(
        move |(drop, ones)| {
            let mut part: Vec<usize> =
                result.iter().zip(ones).map(|(&d, one)| if one { 1 } else { d }).collect();
            part.drain(..drop);
            part
        },
    );
    prop_oneof![Just(whole), part]
}

/// Two shapes of up to four axes that broadcast with each other.
pub fn broadcast_pair() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    shape(0..=4).prop_flat_map(|shape| (broadcast_from(shape.clone()), broadcast_from(shape)))
}

/// The elements of a tensor.
pub type Values = BoxedStrategy<f64>;

/// From `low` to below `high`.
pub fn between(low: f64, high: f64) -> Values {
    (low..high).boxed()
}

/// For smooth functions.
pub fn any_value() -> Values {
    between(-2.0, 2.0)
}

/// For `ln`, `sqrt` and powers.
pub fn positive() -> Values {
    between(0.3, 3.0)
}

/// For divisors, and functions with a kink at zero.
pub fn off_zero() -> Values {
    prop_oneof![-2.0..-0.3, 0.3..2.0].boxed()
}

/// Near one of the integers from -2 to 2, plus `shift`: two sets that are half an integer apart have no ties.
pub fn near_integers(shift: f64) -> Values {
    (-2..=2_i32, -0.1..0.1).prop_map(move |(i, jitter)| f64::from(i) + shift + jitter).boxed()
}

/// From `low` to below `high`, and no nearer than `distance` to any of `kinks`: for functions with kinks there.
///
/// # Panics
/// If there are no such values.
pub fn away_from(kinks: &[f64], distance: f64, low: f64, high: f64) -> Values {
    let mut kinks = kinks.to_vec();
    kinks.sort_by(f64::total_cmp);
    let starts = std::iter::once(low).chain(kinks.iter().map(|kink| kink + distance));
    let ends = kinks.iter().map(|kink| kink - distance).chain([high]);
    let between = starts.zip(ends).map(|(start, end)| (start.max(low), end.min(high)));
    let ranges: Vec<(f64, f64)> = between.filter(|(start, end)| start < end).collect();
    assert!(
        !ranges.is_empty(),
        "away_from: no values from {low} to {high} are {distance} away from {kinks:?}"
    );
    prop::sample::select(ranges).prop_flat_map(|(start, end)| start..end).boxed()
}

/// A tensor of the given shape in any memory form.
pub fn tensor(shape: Vec<usize>, values: &Values) -> impl Strategy<Value = Tensor<f64>> + use<> {
    let count = shape.iter().product::<usize>();
    (prop::collection::vec(values.clone(), count), forms())
        .prop_map(move |(values, forms)| lay_out(&Tensor::from_vec(values, &shape), &forms))
}

/// What a property is tried on: the inputs, and arguments that are not differentiated.
pub type Case<P> = (Vec<Tensor<f64>>, P);

/// One tensor of rank 0 to 4.
pub fn one(values: Values) -> impl Strategy<Value = Case<()>> {
    one_with(0, values, |_| Just(()))
}

/// One tensor of rank `min_rank` to 4, with arguments that fit its shape.
pub fn one_with<S: Strategy>(
    min_rank: usize,
    values: Values,
    arguments: impl Fn(Vec<usize>) -> S,
) -> impl Strategy<Value = Case<S::Value>> {
    shape(min_rank..=4)
        .prop_flat_map(move |shape| (tensor(shape.clone(), &values).prop_map(|x| vec![x]), arguments(shape)))
}

/// Two tensors that broadcast.
pub fn two(a: Values, b: Values) -> impl Strategy<Value = Case<()>> {
    broadcast_pair()
        .prop_flat_map(move |(x, y)| (tensor(x, &a), tensor(y, &b)))
        .prop_map(|(x, y)| (vec![x, y], ()))
}

/// A [`distinct_tensor`] of rank `min_rank` to 4 of which no axis is empty, with arguments that fit its shape.
pub fn distinct<S: Strategy>(
    min_rank: usize,
    arguments: impl Fn(Vec<usize>) -> S,
) -> impl Strategy<Value = Case<S::Value>> {
    shape(min_rank..=4).prop_flat_map(move |shape| {
        let shape: Vec<usize> = shape.into_iter().map(|d| d.max(1)).collect();
        (distinct_tensor(shape.clone()).prop_map(|x| vec![x]), arguments(shape))
    })
}

/// A tensor of elements that are far from each other, from each other's negatives and from zero, or maxima and absolute
/// values would have kinks. In any memory form that repeats none of them.
pub fn distinct_tensor(shape: Vec<usize>) -> impl Strategy<Value = Tensor<f64>> {
    let order: Vec<usize> = (0..shape.iter().product()).collect();
    (Just(order).prop_shuffle(), any::<bool>(), forms()).prop_map(move |(order, odd, mut forms)| {
        forms.retain(|form| !matches!(form, Form::Expanded { .. }));
        let value = |&i: &usize| (i as f64 + 1.0) * if (i % 2 == 1) == odd { 0.1 } else { -0.1 };
        lay_out(&Tensor::from_vec(order.iter().map(value).collect(), &shape), &forms)
    })
}

/// An axis of a tensor of `rank`, counted from the front or from the back.
pub fn axis(rank: usize) -> impl Strategy<Value = isize> {
    let rank = rank as isize;
    -rank..rank
}

/// Any axes of a tensor of `rank`, in any order, each counted from the front or from the back.
pub fn axes(rank: usize) -> impl Strategy<Value = Vec<isize>> {
    (Just((0..rank as isize).collect::<Vec<_>>()).prop_shuffle(), any::<Index>(), any::<[bool; 4]>())
        .prop_map(move |(mut axes, count, from_back)| {
            axes.truncate(count.index(rank + 1));
            axes.into_iter()
                .zip(from_back)
                .map(|(d, back)| if back { d - rank as isize } else { d })
                .collect()
        })
}

/// All axes of a tensor of `rank` in any order.
pub fn permutation(rank: usize) -> impl Strategy<Value = Vec<isize>> {
    (Just((0..rank as isize).collect::<Vec<_>>()).prop_shuffle(), any::<[bool; 4]>()).prop_map(
        move |(axes, from_back)| {
            axes.into_iter()
                .zip(from_back)
                .map(|(d, back)| if back { d - rank as isize } else { d })
                .collect()
        },
    )
}
