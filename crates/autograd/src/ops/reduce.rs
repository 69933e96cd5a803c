//! Sums and means, and the broadcasting that is their derivative.

use downhill_tensor::{Axes, Float};

use crate::ops::view::signed;
use crate::var::Var;

impl<T: Float> Var<T> {
    /// The sum over `axes`, which are gone from the result. The gradient is `g`, repeated along them.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn sum(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        // Summed with the axes left in place, the gradient broadcasts back by itself; dropping them is a reshape.
        self.sum_keepdim(&axes).without(&axes, &self.shape())
    }

    /// [`sum`](Self::sum), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn sum_keepdim(&self, axes: impl Into<Axes>) -> Var<T> {
        let shape = self.shape();
        Var::record("sum", [self], self.value().sum_keepdim(axes), || move |d| [Some(d.grad.expand(&shape))])
    }

    /// The mean over `axes`, which are gone from the result. The gradient is `g`, divided by their number of elements
    /// and repeated along them.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn mean(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        self.mean_keepdim(&axes).without(&axes, &self.shape())
    }

    /// [`mean`](Self::mean), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn mean_keepdim(&self, axes: impl Into<Axes>) -> Var<T> {
        let (shape, value) = (self.shape(), self.value().mean_keepdim(axes));
        // A mean of nothing has no gradient to divide.
        let terms = (self.value().numel() / value.numel().max(1)).max(1);
        let terms = T::from_f64(terms as f64);
        Var::record("mean", [self], value, || move |d| [Some((d.grad / terms).expand(&shape))])
    }

    /// The sum of the elements that were repeated when a tensor of `shape` was broadcast to this one. The gradient is
    /// `g`, broadcast again.
    ///
    /// # Panics
    /// If `shape` does not broadcast to the shape of this.
    #[track_caller]
    pub fn sum_to(&self, shape: &[usize]) -> Var<T> {
        let own = self.shape();
        if *own == *shape {
            return self.clone();
        }
        Var::record("sum_to", [self], self.value().sum_to(shape), || move |d| [Some(d.grad.expand(&own))])
    }

    /// The result of a reduction of `shape` that kept `axes`, without them.
    #[track_caller]
    pub(super) fn without(&self, axes: &Axes, shape: &[usize]) -> Var<T> {
        self.reshape(&signed(&axes.reduced_shape(shape)))
    }
}
