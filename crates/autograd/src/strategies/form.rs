//! Ways in which a tensor may lie in memory.

use downhill_tensor::{Tensor, cat};
use proptest::prelude::*;

/// A way to lay a tensor out in memory. Axes are counted modulo the rank.
#[derive(Clone, Debug)]
pub enum Form {
    /// Axes rotated and then two of them exchanged: covers every permutation of up to three axes.
    Permuted {
        /// By how many places all axes move.
        rotate: usize,
        /// Which axis then changes places with the first.
        swap: usize,
    },
    /// Part of an axis that is longer on both sides.
    Narrowed {
        /// Which axis.
        axis: usize,
        /// How much longer before the part.
        before: usize,
        /// How much longer behind it.
        after: usize,
    },
    /// Every `step`-th element of an axis.
    Strided {
        /// Which axis.
        axis: usize,
        /// How far apart the elements lie.
        step: usize,
    },
    /// The first element of an axis, repeated without being stored again. Changes the values.
    Expanded {
        /// Which axis.
        axis: usize,
    },
}

/// `values`, laid out in memory as the forms say, the first one outermost. What lies between the elements is NaN, so
/// that whoever reads it is found out.
pub fn lay_out(values: &Tensor<f64>, forms: &[Form]) -> Tensor<f64> {
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

/// Any one form.
pub fn form() -> impl Strategy<Value = Form> {
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
pub fn forms() -> impl Strategy<Value = Vec<Form>> {
    let some = prop::collection::vec(form(), 1..=3).prop_map(|mut forms| {
        forms.sort_by_key(|form| !matches!(form, Form::Expanded { .. }));
        forms
    });
    prop_oneof![1 => Just(vec![]), 3 => some]
}
