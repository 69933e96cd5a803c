//! What batch, layer and group normalisation are made of.

use crate::axes::Axes;
use crate::element::Float;
use crate::tensor::Tensor;

impl<E: Float> Tensor<E> {
    /// Mean and variance over `axes`, which stay with length one. The variance is the biased one (divided by the number
    /// of elements) and taken about the mean, in a second pass: it is exact also far from zero.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let (mean, variance) = Tensor::from([[1.0, 3.0], [5.0, 5.0_f32]]).moments(1);
    /// assert_eq!((mean.to_vec(), variance.to_vec()), (vec![2.0, 5.0], vec![1.0, 0.0]));
    /// ```
    #[track_caller]
    pub fn moments(&self, axes: impl Into<Axes>) -> (Self, Self) {
        let axes = axes.into();
        let mean = self.mean_keepdim(&axes);
        let square = |[x, mean]: [E; 2]| (x - mean) * (x - mean);
        let variance = Tensor::fuse("moments", [self, &mean], square).mean_keepdim(&axes);
        (mean, variance)
    }

    /// `(self - mean) · scale · weight + bias`, all broadcast to the shape of `self`, in one pass.
    ///
    /// # Panics
    /// If a tensor does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn normalize(&self, mean: &Self, scale: &Self, weight: &Self, bias: &Self) -> Self {
        Tensor::fuse("normalize", [self, mean, scale, weight, bias], |[x, mean, scale, weight, bias]| {
            ((x - mean) * scale).mul_add(weight, bias)
        })
    }
}
