//! Sums, means and their opposite.

use proptest::prelude::*;

use crate::property::properties;
use downhill_autograd::strategies::{any_value, axes, axis, broadcast_from, one, one_with, shape, tensor};

properties! {
    sum checks "sum": one_with(0, any_value(), |s| axes(s.len())), |x, axes| x[0].sum_keepdim(&axes[..]);
    sum_of_all checks "sum": one(any_value()), |x, ()| x[0].sum_keepdim(..);
    mean checks "mean": one_with(0, any_value(), |s| axes(s.len())), |x, axes| x[0].mean_keepdim(&axes[..]);
    mean_of_all checks "mean": one(any_value()), |x, ()| x[0].mean_keepdim(..);
    // The axes go away in a second operation.
    sum_without_axes checks "reshape": one_with(0, any_value(), |s| axes(s.len())), |x, axes| x[0].sum(&axes[..]);
    mean_without_axis checks "reshape": one_with(1, any_value(), |s| axis(s.len())), |x, axis| x[0].mean(*axis);
    sum_to checks "sum_to":
        one_with(1, any_value(), |s| broadcast_from(s.clone()).prop_map(move |to| {
            // To its own shape nothing is recorded.
            if to == s { s[1..].to_vec() } else { to }
        })),
        |x, to| x[0].sum_to(to);
    expand checks "expand":
        shape(0..=4)
            .prop_flat_map(|to| (broadcast_from(to.clone()), Just(to)))
            .prop_flat_map(|(from, to)| (tensor(from, &any_value()).prop_map(|x| vec![x]), Just(to))),
        |x, to| x[0].expand(to);
    // A mean of squared deviations, as in batch norm: the mean broadcasts back into the sum.
    variance checks "mean":
        one_with(1, any_value(), |s| axis(s.len())),
        |x, axis| (&x[0] - x[0].mean_keepdim(*axis)).square().mean_keepdim(*axis);
}
