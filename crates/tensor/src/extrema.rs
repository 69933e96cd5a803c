//! The largest and the smallest elements, and where they are. NaN counts as both, as in PyTorch.

use crate::axes::Axes;
use crate::element::Element;
use crate::lanes::{TILE, fold};
use crate::layout::{Dims, axis};
use crate::tensor::Tensor;

/// Whether `x` takes the place of `best` as the largest value: NaN does always.
#[inline(always)]
#[allow(clippy::eq_op)] // NaN is the one value that differs from itself
pub(crate) fn larger<E: Element>(x: E, best: E) -> bool {
    (x > best) | (x != x)
}

#[inline(always)]
#[allow(clippy::eq_op)] // as above
pub(crate) fn smaller<E: Element>(x: E, best: E) -> bool {
    (x < best) | (x != x)
}

macro_rules! extremum {
    (
        $full:ident, $along:ident, $along_keepdim:ident, $over:ident, $over_keepdim:ident, $arg:ident,
        $arg_keepdim:ident, $wins:ident, $word:literal, $example:literal
    ) => {
        impl<E: Element> Tensor<E> {
            #[doc = concat!("The ", $word, " element, as a scalar; NaN if there is one. `torch.", stringify!($full), "(x)`.")]
            ///
            /// # Panics
            /// If there are no elements.
            #[doc = $example]
            #[track_caller]
            pub fn $full(&self) -> Self {
                let mask = Dims::repeat(1, self.rank());
                self.extremum(stringify!($full), &mask, $wins)
            }

            #[doc = concat!("The ", $word, " elements along axis `dim`, which is gone from both results, and their indices. Of equal ones the first counts, of NaNs too. `torch.", stringify!($full), "(x, dim)`.")]
            ///
            /// # Panics
            /// If there is no such axis or it has no elements.
            #[track_caller]
            pub fn $along(&self, dim: isize) -> (Self, Tensor<i64>) {
                let dim = axis(stringify!($along), dim, self.rank());
                let (values, indices) = self.extremum_along(stringify!($along), dim, $wins);
                (values.squeeze(dim as isize), indices.squeeze(dim as isize))
            }

            #[doc = concat!("[`", stringify!($along), "`](Self::", stringify!($along), "), with the axis left in place, of length one.")]
            ///
            /// # Panics
            /// If there is no such axis or it has no elements.
            #[track_caller]
            pub fn $along_keepdim(&self, dim: isize) -> (Self, Tensor<i64>) {
                let op = stringify!($along_keepdim);
                self.extremum_along(op, axis(op, dim, self.rank()), $wins)
            }

            #[doc = concat!("The ", $word, " elements over `axes`, which are gone from the result. `torch.", stringify!($over), "`.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice, or if they have no elements.
            #[track_caller]
            pub fn $over(&self, axes: impl Into<Axes>) -> Self {
                let op = stringify!($over);
                self.extremum(op, &axes.into().mask(op, self.rank()), $wins)
            }

            #[doc = concat!("[`", stringify!($over), "`](Self::", stringify!($over), "), with the reduced axes left in place, of length one.")]
            ///
            /// # Panics
            /// If an axis does not exist or is named twice, or if they have no elements.
            #[track_caller]
            pub fn $over_keepdim(&self, axes: impl Into<Axes>) -> Self {
                let op = stringify!($over_keepdim);
                let mask = axes.into().mask(op, self.rank());
                self.extremum(op, &mask, $wins).with_marked(&mask)
            }

            #[doc = concat!("The index of the ", $word, " element along an axis, or with `..` its number in row-major order. Of equal ones the first counts. `torch.", stringify!($arg), "`.")]
            ///
            /// # Panics
            /// If there is no such axis, more than one is named, or there are no elements.
            #[track_caller]
            pub fn $arg(&self, axes: impl Into<Axes>) -> Tensor<i64> {
                let op = stringify!($arg);
                self.arg_extremum_masked(op, &axes.into().mask(op, self.rank()), $wins)
            }

            #[doc = concat!("[`", stringify!($arg), "`](Self::", stringify!($arg), "), with the reduced axes left in place, of length one.")]
            ///
            /// # Panics
            /// If there is no such axis, more than one is named, or there are no elements.
            #[track_caller]
            pub fn $arg_keepdim(&self, axes: impl Into<Axes>) -> Tensor<i64> {
                let op = stringify!($arg_keepdim);
                let mask = axes.into().mask(op, self.rank());
                self.arg_extremum_masked(op, &mask, $wins).with_marked(&mask)
            }
        }
    };
}

extremum!(
    max,
    max_dim,
    max_dim_keepdim,
    amax,
    amax_keepdim,
    argmax,
    argmax_keepdim,
    larger,
    "largest",
    "
```
# use downhill_tensor::Tensor;
let x = Tensor::from([[1.0, 5.0, 2.0], [4.0, 0.0, 4.0_f32]]);
assert_eq!(x.max().item(), 5.0);
let (values, indices) = x.max_dim(1);
assert_eq!((values.to_vec(), indices.to_vec()), (vec![5.0, 4.0], vec![1, 0]));
assert_eq!(x.amax(0).to_vec(), [4.0, 5.0, 4.0]);
assert_eq!(x.argmax(..).item(), 1);
```"
);
extremum!(min, min_dim, min_dim_keepdim, amin, amin_keepdim, argmin, argmin_keepdim, smaller, "smallest", "");

impl<E: Element> Tensor<E> {
    #[track_caller]
    pub(crate) fn extremum(&self, op: &str, mask: &Dims, wins: impl Fn(E, E) -> bool + Copy + Sync) -> Self {
        if !mask.contains(&1) {
            return self.clone();
        }
        let merged = self.marked_as_one(mask);
        let dim = merged.rank() - 1;
        let empty = merged.shape()[dim] == 0 && merged.layout.shape.remove(dim).iter().all(|&d| d > 0);
        assert!(!empty, "{op}: no elements to choose from in shape {:?}", self.shape());
        let best = move |best: E, x: E| if wins(x, best) { x } else { best };
        merged.fold_lanes(dim, |x| x, best, best)
    }

    /// The best elements along axis `dim`, which is left in place, and where they are.
    #[track_caller]
    fn extremum_along(
        &self,
        op: &str,
        dim: usize,
        wins: impl Fn(E, E) -> bool + Copy + Sync,
    ) -> (Self, Tensor<i64>) {
        let indices = self.arg_extremum(op, dim, wins).unsqueeze(dim as isize);
        (self.gather_along(dim, &indices), indices)
    }

    /// Where the best elements are along the one axis that `mask` marks, or of all elements.
    #[track_caller]
    fn arg_extremum_masked(
        &self,
        op: &str,
        mask: &Dims,
        wins: impl Fn(E, E) -> bool + Copy + Sync,
    ) -> Tensor<i64> {
        let (marked, rank): (usize, usize) = (mask.iter().sum(), self.rank());
        assert!(marked == 1 || marked == rank, "{op}: expected one axis or all, got {marked} of {rank}");
        match mask.iter().position(|&m| m == 1).filter(|_| marked == 1) {
            Some(dim) => self.arg_extremum(op, dim, wins),
            None => self.reshape(&[self.numel() as isize]).arg_extremum(op, 0, wins),
        }
    }

    #[track_caller]
    fn arg_extremum(&self, op: &str, dim: usize, wins: impl Fn(E, E) -> bool + Copy + Sync) -> Tensor<i64> {
        assert!(self.shape()[dim] > 0, "{op}: no elements to choose from in shape {:?}", self.shape());
        self.reduce_lanes(
            dim,
            |x| {
                // First the value, then its place: neither loop has to carry an index along.
                let best = |best: E, x: E| if wins(x, best) { x } else { best };
                let value = fold(x, |x| x, best, best);
                let found = x.iter().position(|&x| same(x, value));
                found.expect("the best is one of them") as i64
            },
            |out, block, inner| {
                let mut best = [E::default(); TILE];
                let best = &mut best[..out.len()];
                best.copy_from_slice(&block[..out.len()]);
                out.fill(0);
                for (k, row) in block.chunks(inner).enumerate() {
                    for ((o, best), &x) in out.iter_mut().zip(&mut *best).zip(row) {
                        // Of several NaNs the first one stays.
                        let better = wins(x, *best) & !is_nan(*best);
                        *best = if better { x } else { *best };
                        *o = if better { k as i64 } else { *o };
                    }
                }
            },
        )
    }
}

#[inline(always)]
#[allow(clippy::eq_op)] // NaN is the one value that differs from itself
fn is_nan<E: Element>(x: E) -> bool {
    x != x
}

#[inline(always)]
#[allow(clippy::eq_op)] // as above
fn same<E: Element>(a: E, b: E) -> bool {
    a == b || (a != a && b != b)
}
