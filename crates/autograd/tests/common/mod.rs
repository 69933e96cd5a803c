//! Random tensors for property tests: of any shape, lying in memory in any way.
#![allow(dead_code, reason = "every test program uses a part of it")]

use downhill_tensor::{Tensor, cat};
use proptest::prelude::*;
use proptest::sample::Index;

/// A way to lay a tensor out in memory. Axes are counted modulo the rank.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// Axes rotated and then two of them exchanged: covers every permutation of up to three axes.
    Permuted { rotate: usize, swap: usize },
    /// Part of an axis that is longer on both sides.
    Narrowed { axis: usize, before: usize, after: usize },
    /// Every `step`-th element of an axis.
    Strided { axis: usize, step: usize },
    /// The first element of an axis, repeated without being stored again. Changes the values.
    Expanded { axis: usize },
}

/// `values`, laid out in memory as the forms say, the first one outermost. What lies between the elements is NaN, so
/// that whoever reads it is found out.
pub(crate) fn lay_out(values: &Tensor<f64>, forms: &[Form]) -> Tensor<f64> {
    let (rank, shape) = (values.rank(), values.shape());
    let Some((form, inner)) = forms.split_first() else { return values.contiguous() };
    if rank == 0 {
        return values.contiguous();
    }
    let nans = |axis: usize, n: usize| {
        let mut shape = shape.to_vec();
        shape[axis] = n;
        Tensor::full(&shape, f64::NAN)
    };
    match *form {
        Form::Permuted { rotate, swap } => {
            let mut order: Vec<isize> = (0..rank as isize).collect();
            order.rotate_left(rotate % rank);
            order.swap(0, swap % rank);
            let mut back = vec![0; rank];
            for (to, &from) in order.iter().enumerate() {
                back[from as usize] = to as isize;
            }
            lay_out(&values.permute(&order), inner).permute(&back)
        }
        Form::Narrowed { axis, before, after } => {
            let axis = axis % rank;
            let padded = cat(&[nans(axis, before), values.clone(), nans(axis, after)], axis as isize);
            lay_out(&padded, inner).narrow(axis as isize, before, shape[axis])
        }
        Form::Strided { axis, step } => {
            let axis = axis % rank;
            let mut spaced = vec![];
            for i in 0..shape[axis] {
                spaced.push(values.narrow(axis as isize, i, 1));
                spaced.push(nans(axis, step - 1));
            }
            if spaced.is_empty() {
                return lay_out(values, inner);
            }
            let spaced = lay_out(&cat(&spaced, axis as isize), inner);
            spaced.slice(axis as isize, 0, shape[axis] * step, step)
        }
        Form::Expanded { axis } => {
            let axis = axis % rank;
            if shape[axis] == 0 {
                return lay_out(values, inner);
            }
            lay_out(&values.narrow(axis as isize, 0, 1), inner).expand(shape)
        }
    }
}

pub(crate) fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        (0..4_usize, 0..4_usize).prop_map(|(rotate, swap)| Form::Permuted { rotate, swap }),
        (0..4_usize, 0..3_usize, 0..3_usize).prop_map(|(axis, before, after)| Form::Narrowed {
            axis,
            before,
            after
        }),
        (0..4_usize, 2..4_usize).prop_map(|(axis, step)| Form::Strided { axis, step }),
        (0..4_usize).prop_map(|axis| Form::Expanded { axis }),
    ]
}

/// Contiguous one time in four, otherwise in up to three forms at once. Repeated axes come first, or they would repeat
/// what another form put between the elements.
pub(crate) fn forms() -> impl Strategy<Value = Vec<Form>> {
    let some = prop::collection::vec(form(), 1..=3).prop_map(|mut forms| {
        forms.sort_by_key(|form| !matches!(form, Form::Expanded { .. }));
        forms
    });
    prop_oneof![1 => Just(vec![]), 3 => some]
}

/// The length of an axis: often one, seldom zero.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![10 => 1..=1_usize, 10 => 2..=2_usize, 10 => 3..=3_usize, 3 => 4..=5_usize, 1 => 0..=0_usize]
}

/// A shape of so many axes, with few enough elements to differentiate by each of them.
pub(crate) fn shape(rank: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<usize>> {
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
pub(crate) fn broadcast_from(result: Vec<usize>) -> impl Strategy<Value = Vec<usize>> {
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

/// The elements of a tensor.
pub(crate) type Values = BoxedStrategy<f64>;

pub(crate) fn between(low: f64, high: f64) -> Values {
    (low..high).boxed()
}

/// For smooth functions.
pub(crate) fn any_value() -> Values {
    between(-2.0, 2.0)
}

/// For `ln`, `sqrt` and powers.
pub(crate) fn positive() -> Values {
    between(0.3, 3.0)
}

/// For divisors, and functions with a kink at zero.
pub(crate) fn off_zero() -> Values {
    prop_oneof![-2.0..-0.3, 0.3..2.0].boxed()
}

/// Near one of the integers from -2 to 2, plus `shift`: two sets that are half an integer apart have no ties.
pub(crate) fn near_integers(shift: f64) -> Values {
    (-2..=2_i32, -0.1..0.1).prop_map(move |(i, jitter)| f64::from(i) + shift + jitter).boxed()
}

/// A tensor of the given shape in any memory form.
pub(crate) fn tensor(shape: Vec<usize>, values: &Values) -> impl Strategy<Value = Tensor<f64>> + use<> {
    let count = shape.iter().product::<usize>();
    (prop::collection::vec(values.clone(), count), forms())
        .prop_map(move |(values, forms)| lay_out(&Tensor::from_vec(values, &shape), &forms))
}

/// What a property is tried on: the inputs, and arguments that are not differentiated.
pub(crate) type Case<P> = (Vec<Tensor<f64>>, P);

/// One tensor of rank 0 to 4.
pub(crate) fn one(values: Values) -> impl Strategy<Value = Case<()>> {
    one_with(0, values, |_| Just(()))
}

/// One tensor of rank `min_rank` to 4, with arguments that fit its shape.
pub(crate) fn one_with<S: Strategy>(
    min_rank: usize,
    values: Values,
    arguments: impl Fn(Vec<usize>) -> S,
) -> impl Strategy<Value = Case<S::Value>> {
    shape(min_rank..=4)
        .prop_flat_map(move |shape| (tensor(shape.clone(), &values).prop_map(|x| vec![x]), arguments(shape)))
}

/// Two tensors that broadcast.
pub(crate) fn two(a: Values, b: Values) -> impl Strategy<Value = Case<()>> {
    shape(0..=4)
        .prop_flat_map(|shape| (broadcast_from(shape.clone()), broadcast_from(shape)))
        .prop_flat_map(move |(x, y)| (tensor(x, &a), tensor(y, &b)))
        .prop_map(|(x, y)| (vec![x, y], ()))
}

/// An axis of a tensor of `rank`, counted from the front or from the back.
pub(crate) fn axis(rank: usize) -> impl Strategy<Value = isize> {
    let rank = rank as isize;
    -rank..rank
}

/// Any axes of a tensor of `rank`, in any order, each counted from the front or from the back.
pub(crate) fn axes(rank: usize) -> impl Strategy<Value = Vec<isize>> {
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
pub(crate) fn permutation(rank: usize) -> impl Strategy<Value = Vec<isize>> {
    (Just((0..rank as isize).collect::<Vec<_>>()).prop_shuffle(), any::<[bool; 4]>()).prop_map(
        move |(axes, from_back)| {
            axes.into_iter()
                .zip(from_back)
                .map(|(d, back)| if back { d - rank as isize } else { d })
                .collect()
        },
    )
}
