//! Softmax and its logarithm. The largest element is subtracted first, so that nothing overflows whatever the scores.

use crate::axes::Axes;
use crate::element::Float;
use crate::extrema::larger;
use crate::kernels::sum::sum;
use crate::kernels::tile::Tile;
use crate::lanes::{TILE, fold};
use crate::layout::{Dims, axis};
use crate::tensor::Tensor;

impl<E: Float> Tensor<E> {
    /// `exp(x) / Σ exp(x)` along axis `dim`: positive numbers that add up to one. `torch.softmax`.
    ///
    /// An element of minus infinity becomes zero, unless all are: then the result is NaN, as in PyTorch.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[0.0, 0.0], [1000.0, f32::NEG_INFINITY]]);
    /// assert_eq!(x.softmax(1).to_vec(), [0.5, 0.5, 1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn softmax(&self, dim: isize) -> Self {
        let dim = axis("softmax", dim, self.rank());
        self.map_lanes(
            dim,
            #[inline(always)]
            |out, x| {
                let total = exponentials(out, x);
                for o in out {
                    *o = *o / total;
                }
            },
            #[inline(always)]
            |out, x, inner| {
                let (_, total) = exponential_columns(out, x, inner);
                for k in 0..x.len().div_ceil(inner) {
                    for (o, &total) in out.row(k).iter_mut().zip(&total) {
                        *o = *o / total;
                    }
                }
            },
        )
    }

    /// The logarithm of [`softmax`](Self::softmax), `x - ln Σ exp(x)` along axis `dim`, exact also where softmax itself
    /// would round to zero or one. `torch.log_softmax`.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([100.0, -100.0_f32]);
    /// assert_eq!(x.log_softmax(0).to_vec(), [0.0, -200.0]);
    /// ```
    #[track_caller]
    pub fn log_softmax(&self, dim: isize) -> Self {
        let dim = axis("log_softmax", dim, self.rank());
        self.map_lanes(
            dim,
            #[inline(always)]
            |out, x| {
                let max = maximum(x);
                let ln = sum(x, |x| (x - max).exp()).ln();
                for (o, &x) in out.iter_mut().zip(x) {
                    *o = (x - max) - ln;
                }
            },
            #[inline(always)]
            |out, x, inner| {
                let (max, mut ln) = exponential_columns(out, x, inner);
                ln.iter_mut().for_each(|total| *total = total.ln());
                for (k, x) in x.chunks(inner).enumerate() {
                    for (((o, &x), &max), &ln) in out.row(k).iter_mut().zip(x).zip(&max).zip(&ln) {
                        *o = (x - max) - ln;
                    }
                }
            },
        )
    }

    /// `ln Σ exp(x)` over `axes`, which are gone from the result; minus infinity for no elements. `torch.logsumexp`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([1000.0, 1000.0_f64]);
    /// assert_eq!(x.logsumexp(0).item(), 1000.0 + 2.0_f64.ln());
    /// ```
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Self {
        self.logsumexp_marked(&axes.into().mask("logsumexp", self.rank()))
    }

    /// [`logsumexp`](Self::logsumexp), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn logsumexp_keepdim(&self, axes: impl Into<Axes>) -> Self {
        let mask = axes.into().mask("logsumexp_keepdim", self.rank());
        self.logsumexp_marked(&mask).with_marked(&mask)
    }

    fn logsumexp_marked(&self, mask: &Dims) -> Self {
        if !mask.contains(&1) {
            return self.clone();
        }
        let merged = self.marked_as_one(mask);
        let dim = merged.rank() - 1;
        if merged.shape()[dim] == 0 {
            return Tensor::full(&merged.shape()[..dim], E::from_f64(f64::NEG_INFINITY));
        }
        merged.reduce_lanes(
            dim,
            #[inline(always)]
            |x| {
                let max = finite(maximum(x));
                sum(x, |x| (x - max).exp()).ln() + max
            },
            #[inline(always)]
            |out, x, inner| {
                let mut max = [E::default(); TILE];
                let max = &mut max[..out.len()];
                maximum_rows(max, x, inner);
                max.iter_mut().for_each(|max| *max = finite(*max));
                out.fill(E::default());
                for x in x.chunks(inner) {
                    for ((o, &x), &max) in out.iter_mut().zip(x).zip(&*max) {
                        *o = *o + (x - max).exp();
                    }
                }
                for (o, &max) in out.iter_mut().zip(&*max) {
                    *o = o.ln() + max;
                }
            },
        )
    }
}

/// What to subtract before `exp`: zero instead of an infinity, which would turn itself into NaN.
#[inline(always)]
fn finite<E: Float>(max: E) -> E {
    if max.to_f64().is_finite() { max } else { E::default() }
}

#[inline(always)]
fn maximum<E: Float>(x: &[E]) -> E {
    let best = |best: E, x: E| if larger(x, best) { x } else { best };
    fold(x, |x| x, best, best)
}

/// For each column its largest element.
#[inline(always)]
fn maximum_rows<E: Float>(max: &mut [E], x: &[E], inner: usize) {
    max.copy_from_slice(&x[..max.len()]);
    for x in x.chunks(inner) {
        for (max, &x) in max.iter_mut().zip(x) {
            *max = if larger(x, *max) { x } else { *max };
        }
    }
}

/// Writes `exp(x - max)`, and returns the sum of what was written.
#[inline(always)]
fn exponentials<E: Float>(out: &mut [E], x: &[E]) -> E {
    let max = maximum(x);
    for (o, &x) in out.iter_mut().zip(x) {
        *o = (x - max).exp();
    }
    sum(out, |x| x)
}

/// [`exponentials`] for columns side by side, with their maxima.
#[inline(always)]
fn exponential_columns<E: Float>(out: &mut Tile<'_, E>, x: &[E], inner: usize) -> ([E; TILE], [E; TILE]) {
    let (mut max, mut total) = ([E::default(); TILE], [E::default(); TILE]);
    let width = out.width();
    maximum_rows(&mut max[..width], x, inner);
    for (k, x) in x.chunks(inner).enumerate() {
        for (((o, &x), &max), total) in out.row(k).iter_mut().zip(x).zip(&max).zip(&mut total) {
            *o = (x - max).exp();
            *total = *total + *o;
        }
    }
    (max, total)
}
