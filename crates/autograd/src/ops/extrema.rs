//! The largest and the smallest elements.

use downhill_tensor::{Axes, Float, Tensor};

use crate::ops::view::signed;
use crate::ops::where_;
use crate::var::Var;

macro_rules! extremum {
    (
        $full:ident, $along:ident, $along_keepdim:ident, $over:ident, $over_keepdim:ident, $along_op:literal, $word:literal
    ) => {
        impl<T: Float> Var<T> {
            #[doc = concat!("The ", $word, " element, as a scalar; NaN if there is one. Equal ones share the gradient evenly. `torch.", stringify!($full), "(x)`.")]
            ///
            /// # Panics
            /// If there are no elements.
            #[track_caller]
            pub fn $full(&self) -> Var<T> {
                self.shared_extremum(stringify!($over), self.value().$full(), Axes::from(..))
            }

            #[doc = concat!("The ", $word, " elements over `axes`, which are gone from the result. Equal ones share the gradient evenly. `torch.", stringify!($over), "`.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice, or if they have no elements.
            #[track_caller]
            pub fn $over(&self, axes: impl Into<Axes>) -> Var<T> {
                let axes = axes.into();
                self.$over_keepdim(&axes).without(&axes, &self.shape())
            }

            #[doc = concat!("[`", stringify!($over), "`](Self::", stringify!($over), "), with the reduced axes left in place, of length one.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice, or if they have no elements.
            #[track_caller]
            pub fn $over_keepdim(&self, axes: impl Into<Axes>) -> Var<T> {
                let axes = axes.into();
                self.shared_extremum(stringify!($over), self.value().$over_keepdim(&axes), axes)
            }

            #[doc = concat!("The ", $word, " elements along axis `dim`, which is gone from both results, and their indices. Of equal ones the first counts, and gets all of the gradient. `torch.", stringify!($full), "(x, dim)`.")]
            ///
            /// # Panics
            /// If there is no such axis or it has no elements.
            #[track_caller]
            pub fn $along(&self, dim: isize) -> (Var<T>, Tensor<i64>) {
                let (values, indices) = self.$along_keepdim(dim);
                (values.squeeze(dim), indices.squeeze(dim))
            }

            #[doc = concat!("[`", stringify!($along), "`](Self::", stringify!($along), "), with the axis left in place, of length one.")]
            ///
            /// # Panics
            /// If there is no such axis or it has no elements.
            #[track_caller]
            pub fn $along_keepdim(&self, dim: isize) -> (Var<T>, Tensor<i64>) {
                let (values, indices) = self.value().$along_keepdim(dim);
                let result = Var::record($along_op, [self], values, || {
                    let (shape, indices) = (self.shape(), indices.clone());
                    move |d| {
                        let chosen = places(&shape, dim).eq(&indices);
                        [Some(where_(&chosen, d.grad, T::default()))]
                    }
                });
                (result, indices)
            }
        }
    };
}

extremum!(max, max_dim, max_dim_keepdim, amax, amax_keepdim, "max_dim", "largest");
extremum!(min, min_dim, min_dim_keepdim, amin, amin_keepdim, "min_dim", "smallest");

impl<T: Float> Var<T> {
    /// The extrema over `axes` with the given values, which broadcast to this.
    fn shared_extremum(&self, op: &'static str, value: Tensor<T>, axes: Axes) -> Var<T> {
        Var::record(op, [self], value, || {
            let x = self.value();
            move |d| {
                let chosen = x.zip(op, &d.out.value(), same);
                let count = chosen.sum_keepdim(&axes).to::<T>().reshape(&signed(&d.out.shape()));
                [Some(where_(&chosen, &d.grad / count, T::default()))]
            }
        })
    }
}

#[allow(clippy::eq_op)] // NaN is the one value that differs from itself
fn same<T: Float>(a: T, b: T) -> bool {
    a == b || (a != a && b != b)
}

/// The indices along axis `dim`, shaped to broadcast with tensors of `shape`.
fn places(shape: &[usize], dim: isize) -> Tensor<i64> {
    let at = dim.rem_euclid(shape.len() as isize) as usize;
    let mut places = vec![1; shape.len()];
    places[at] = shape[at] as isize;
    Tensor::arange(shape[at]).reshape(&places)
}
