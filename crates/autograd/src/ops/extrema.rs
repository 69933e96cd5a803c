//! The largest and the smallest elements.

use downhill_tensor::{Axes, Float, Tensor};

use crate::ops::view::signed;
use crate::ops::where_;
use crate::var::Var;

impl<T: Float> Var<T> {
    /// The largest element, as a scalar; NaN if there is one. Equal ones share the gradient evenly. `torch.max(x)`.
    ///
    /// # Panics
    /// If there are no elements.
    #[track_caller]
    pub fn max(&self) -> Var<T> {
        self.shared_extremum("amax", self.value().max(), Axes::from(..))
    }

    /// The largest elements over `axes`, which are gone from the result. Equal ones share the gradient evenly.
    /// `torch.amax`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or if they have no elements.
    #[track_caller]
    pub fn amax(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        self.amax_keepdim(&axes).without(&axes, &self.shape())
    }

    /// [`amax`](Self::amax), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or if they have no elements.
    #[track_caller]
    pub fn amax_keepdim(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        self.shared_extremum("amax", self.value().amax_keepdim(&axes), axes)
    }

    /// The largest elements along axis `dim`, which is gone from both results, and their indices. Of equal ones the
    /// first counts, and gets all of the gradient. `torch.max(x, dim)`.
    ///
    /// # Panics
    /// If there is no such axis or it has no elements.
    #[track_caller]
    pub fn max_dim(&self, dim: isize) -> (Var<T>, Tensor<i64>) {
        let (values, indices) = self.max_dim_keepdim(dim);
        (values.squeeze(dim), indices.squeeze(dim))
    }

    /// [`max_dim`](Self::max_dim), with the axis left in place, of length one.
    ///
    /// # Panics
    /// If there is no such axis or it has no elements.
    #[track_caller]
    pub fn max_dim_keepdim(&self, dim: isize) -> (Var<T>, Tensor<i64>) {
        let (values, indices) = self.value().max_dim_keepdim(dim);
        (self.extremum_along("max_dim", values, &indices, dim), indices)
    }

    /// The smallest element, as a scalar; NaN if there is one. Equal ones share the gradient evenly. `torch.min(x)`.
    ///
    /// # Panics
    /// If there are no elements.
    #[track_caller]
    pub fn min(&self) -> Var<T> {
        self.shared_extremum("amin", self.value().min(), Axes::from(..))
    }

    /// The smallest elements over `axes`, which are gone from the result. Equal ones share the gradient evenly.
    /// `torch.amin`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or if they have no elements.
    #[track_caller]
    pub fn amin(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        self.amin_keepdim(&axes).without(&axes, &self.shape())
    }

    /// [`amin`](Self::amin), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or if they have no elements.
    #[track_caller]
    pub fn amin_keepdim(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        self.shared_extremum("amin", self.value().amin_keepdim(&axes), axes)
    }

    /// The smallest elements along axis `dim`, which is gone from both results, and their indices. Of equal ones the
    /// first counts, and gets all of the gradient. `torch.min(x, dim)`.
    ///
    /// # Panics
    /// If there is no such axis or it has no elements.
    #[track_caller]
    pub fn min_dim(&self, dim: isize) -> (Var<T>, Tensor<i64>) {
        let (values, indices) = self.min_dim_keepdim(dim);
        (values.squeeze(dim), indices.squeeze(dim))
    }

    /// [`min_dim`](Self::min_dim), with the axis left in place, of length one.
    ///
    /// # Panics
    /// If there is no such axis or it has no elements.
    #[track_caller]
    pub fn min_dim_keepdim(&self, dim: isize) -> (Var<T>, Tensor<i64>) {
        let (values, indices) = self.value().min_dim_keepdim(dim);
        (self.extremum_along("min_dim", values, &indices, dim), indices)
    }

    /// The extrema along axis `dim`, of which `indices` says where they are.
    fn extremum_along(
        &self,
        op: &'static str,
        values: Tensor<T>,
        indices: &Tensor<i64>,
        dim: isize,
    ) -> Var<T> {
        Var::record(op, [self], values, || {
            let (shape, indices) = (self.shape(), indices.clone());
            move |d| {
                let chosen = places(&shape, dim).eq(&indices);
                [Some(where_(&chosen, d.grad, T::default()))]
            }
        })
    }

    /// The extrema over `axes` with the given values, which broadcast to this.
    fn shared_extremum(&self, op: &'static str, value: Tensor<T>, axes: Axes) -> Var<T> {
        Var::record(op, [self], value.clone(), || {
            let x = self.value();
            move |d| {
                let chosen = x.zip(op, &value, same);
                let count = chosen.sum_keepdim(&axes).to::<T>().reshape(&signed(&d.grad.shape()));
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
