//! Running sums along an axis.

use crate::element::{Element, Number};
use crate::layout::axis;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// The sum of each element and all before it along axis `dim`. Integers and truth values are summed as `i64`.
    /// `torch.cumsum`.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0_f32]]);
    /// assert_eq!(x.cumsum(1).to_vec(), [1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
    /// assert_eq!(x.cumsum_reversed(1).to_vec(), [6.0, 5.0, 3.0, 15.0, 11.0, 6.0]);
    /// ```
    #[track_caller]
    pub fn cumsum(&self, dim: isize) -> Tensor<E::Sum> {
        let dim = axis("cumsum", dim, self.rank());
        self.map_lanes(
            dim,
            #[inline(always)]
            |out, x| {
                let mut total = E::Sum::default();
                for (o, &x) in out.iter_mut().zip(x) {
                    total = total.add(x.to_sum());
                    *o = total;
                }
            },
            #[inline(always)]
            |out, x, inner| {
                copy_sums(out.row(0), x);
                for (k, x) in x.chunks(inner).enumerate().skip(1) {
                    let (before, out) = out.two_rows(k - 1, k);
                    add_row(out, before, x);
                }
            },
        )
    }

    /// The sum of each element and all behind it along axis `dim`: the derivative of [`cumsum`](Self::cumsum).
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn cumsum_reversed(&self, dim: isize) -> Tensor<E::Sum> {
        let dim = axis("cumsum_reversed", dim, self.rank());
        self.map_lanes(
            dim,
            #[inline(always)]
            |out, x| {
                let mut total = E::Sum::default();
                for (o, &x) in out.iter_mut().zip(x).rev() {
                    total = total.add(x.to_sum());
                    *o = total;
                }
            },
            #[inline(always)]
            |out, x, inner| {
                let last = x.len().div_ceil(inner) - 1;
                copy_sums(out.row(last), &x[last * inner..]);
                for (k, x) in x.chunks(inner).enumerate().take(last).rev() {
                    let (behind, out) = out.two_rows(k + 1, k);
                    add_row(out, behind, x);
                }
            },
        )
    }
}

#[inline(always)]
fn copy_sums<E: Element>(out: &mut [E::Sum], x: &[E]) {
    for (o, &x) in out.iter_mut().zip(x) {
        *o = x.to_sum();
    }
}

#[inline(always)]
fn add_row<E: Element>(out: &mut [E::Sum], other: &[E::Sum], x: &[E]) {
    for ((o, &other), &x) in out.iter_mut().zip(other).zip(x) {
        *o = other.add(x.to_sum());
    }
}
