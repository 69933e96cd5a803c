//! Reductions other than sums and extrema: spread, products, norms, truth.

use crate::axes::Axes;
use crate::element::{Element, Float, Number};
use crate::extrema::{larger, smaller};
use crate::layout::Dims;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// The product over `axes`, which are gone from the result. Integers and truth values are multiplied as `i64`. The
    /// product of no elements is one. `torch.prod`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1, 2, 3], [4, 5, 6_i64]]);
    /// assert_eq!(x.prod(1).to_vec(), [6, 120]);
    /// assert_eq!(x.prod(..).item(), 720);
    /// ```
    #[track_caller]
    pub fn prod(&self, axes: impl Into<Axes>) -> Tensor<E::Sum> {
        self.prod_marked(&axes.into().mask("prod", self.rank()))
    }

    /// [`prod`](Self::prod), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn prod_keepdim(&self, axes: impl Into<Axes>) -> Tensor<E::Sum> {
        let mask = axes.into().mask("prod_keepdim", self.rank());
        self.prod_marked(&mask).with_marked(&mask)
    }

    fn prod_marked(&self, mask: &Dims) -> Tensor<E::Sum> {
        self.fold_marked(mask, E::Sum::ONE, |p, x| p.mul(x.to_sum()), Number::mul)
    }

    /// Whether any element over `axes`, which are gone from the result, is true, or not zero. Of no elements none is.
    /// `torch.any`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn any(&self, axes: impl Into<Axes>) -> Tensor<bool> {
        self.any_marked(&axes.into().mask("any", self.rank()))
    }

    /// [`any`](Self::any), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn any_keepdim(&self, axes: impl Into<Axes>) -> Tensor<bool> {
        let mask = axes.into().mask("any_keepdim", self.rank());
        self.any_marked(&mask).with_marked(&mask)
    }

    fn any_marked(&self, mask: &Dims) -> Tensor<bool> {
        self.fold_marked(mask, false, |any, x| any | (x != E::default()), |a, b| a | b)
    }

    /// Whether all elements over `axes`, which are gone from the result, are true, or not zero. Of no elements all are.
    /// `torch.all`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1.0, 2.0], [3.0, -4.0_f32]]);
    /// assert_eq!(x.gt(0.0).all(1).to_vec(), [true, false]);
    /// assert!(x.lt(0.0).any(..).item());
    /// ```
    #[track_caller]
    pub fn all(&self, axes: impl Into<Axes>) -> Tensor<bool> {
        self.all_marked(&axes.into().mask("all", self.rank()))
    }

    /// [`all`](Self::all), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn all_keepdim(&self, axes: impl Into<Axes>) -> Tensor<bool> {
        let mask = axes.into().mask("all_keepdim", self.rank());
        self.all_marked(&mask).with_marked(&mask)
    }

    fn all_marked(&self, mask: &Dims) -> Tensor<bool> {
        self.fold_marked(mask, true, |all, x| all & (x != E::default()), |a, b| a & b)
    }
}

impl<E: Float> Tensor<E> {
    /// The variance over `axes`, which are gone from the result: `Σ (x - mean)² / (n - correction)`. `torch.var`, whose
    /// correction is 1 unless stated; 0 gives the mean squared deviation, as batch norm uses it.
    ///
    /// If the correction leaves nothing to divide by, the result is that of dividing by zero; of no elements it is NaN.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1.0, 3.0], [2.0, 8.0_f32]]);
    /// assert_eq!(x.var(1, 1).to_vec(), [2.0, 18.0]);
    /// assert_eq!(x.var(1, 0).to_vec(), [1.0, 9.0]);
    /// assert_eq!(x.std(1, 0).to_vec(), [1.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, correction: usize) -> Tensor<E> {
        self.var_masked(&axes.into().mask("var", self.rank()), correction, false)
    }

    /// [`var`](Self::var), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn var_keepdim(&self, axes: impl Into<Axes>, correction: usize) -> Tensor<E> {
        self.var_masked(&axes.into().mask("var_keepdim", self.rank()), correction, true)
    }

    fn var_masked(&self, mask: &Dims, correction: usize, keepdim: bool) -> Tensor<E> {
        let mean = self.mean_masked(mask, true);
        let count: usize = (0..self.rank()).filter(|&i| mask[i] == 1).map(|i| self.shape()[i]).product();
        let squares = self.zip("var", &mean, |x, mean| (x - mean) * (x - mean));
        squares.sum_masked(mask, keepdim) / E::from_f64(count.saturating_sub(correction) as f64)
    }

    /// The standard deviation over `axes`, which are gone from the result: the square root of [`var`](Self::var).
    /// `torch.std`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn std(&self, axes: impl Into<Axes>, correction: usize) -> Tensor<E> {
        self.var_masked(&axes.into().mask("std", self.rank()), correction, false).into_map(E::sqrt)
    }

    /// [`std`](Self::std), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn std_keepdim(&self, axes: impl Into<Axes>, correction: usize) -> Tensor<E> {
        self.var_masked(&axes.into().mask("std_keepdim", self.rank()), correction, true).into_map(E::sqrt)
    }

    /// The Euclidean norm over `axes`, which are gone from the result: `√(Σ x²)`. `torch.linalg.vector_norm`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[3.0, -4.0], [0.0, 2.0_f32]]);
    /// assert_eq!(x.norm(1).to_vec(), [5.0, 2.0]);
    /// assert_eq!(x.norm_p(1.0, 1).to_vec(), [7.0, 2.0]);
    /// assert_eq!(x.norm_p(f32::INFINITY, ..).item(), 4.0);
    /// ```
    #[track_caller]
    pub fn norm(&self, axes: impl Into<Axes>) -> Tensor<E> {
        self.norm_masked("norm", E::from_f64(2.0), &axes.into(), false)
    }

    /// [`norm`](Self::norm), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn norm_keepdim(&self, axes: impl Into<Axes>) -> Tensor<E> {
        self.norm_masked("norm_keepdim", E::from_f64(2.0), &axes.into(), true)
    }

    /// The `p`-norm over `axes`, which are gone from the result: `(Σ |x|ᵖ)^(1/p)`. For `p` of infinity that is the
    /// largest absolute value, of minus infinity the smallest, and for 0 the number of elements that are not zero.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or if `p` is infinite and there are no elements.
    #[track_caller]
    pub fn norm_p(&self, p: E, axes: impl Into<Axes>) -> Tensor<E> {
        self.norm_masked("norm_p", p, &axes.into(), false)
    }

    /// [`norm_p`](Self::norm_p), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or if `p` is infinite and there are no elements.
    #[track_caller]
    pub fn norm_p_keepdim(&self, p: E, axes: impl Into<Axes>) -> Tensor<E> {
        self.norm_masked("norm_p_keepdim", p, &axes.into(), true)
    }

    #[track_caller]
    fn norm_masked(&self, op: &str, p: E, axes: &Axes, keepdim: bool) -> Tensor<E> {
        let mask = &axes.mask(op, self.rank());
        let extreme = |x: Tensor<E>| if keepdim { x.with_marked(mask) } else { x };
        match p.to_f64() {
            0.0 => self.map(|x| if x == E::default() { x } else { E::ONE }).sum_masked(mask, keepdim),
            1.0 => self.abs().sum_masked(mask, keepdim),
            2.0 => self.square().sum_masked(mask, keepdim).into_map(E::sqrt),
            f64::INFINITY => extreme(self.abs().extremum(op, mask, larger)),
            f64::NEG_INFINITY => extreme(self.abs().extremum(op, mask, smaller)),
            _ => self.map(|x| x.abs().powf(p)).sum_masked(mask, keepdim).into_map(|s| s.powf(E::ONE / p)),
        }
    }
}
