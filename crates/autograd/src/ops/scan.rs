//! Running sums and orders along an axis.

use downhill_tensor::{Float, Tensor};

use crate::var::Var;

impl<T: Float> Var<T> {
    /// The sum of each element and all before it along axis `dim`. `torch.cumsum`. The gradient is the sum of `g` and
    /// all behind it.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn cumsum(&self, dim: isize) -> Var<T> {
        Var::record("cumsum", [self], self.value().cumsum(dim), || {
            move |d| [Some(d.grad.cumsum_reversed(dim))]
        })
    }

    /// The sum of each element and all behind it along axis `dim`. The gradient is the sum of `g` and all before it.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn cumsum_reversed(&self, dim: isize) -> Var<T> {
        let value = self.value().cumsum_reversed(dim);
        Var::record("cumsum_reversed", [self], value, || move |d| [Some(d.grad.cumsum(dim))])
    }

    /// The elements along axis `dim` in ascending or descending order, and where each came from. Equal elements keep
    /// their order; NaN counts as larger than all numbers. The gradient goes back to where each element came from.
    /// `torch.sort(stable=True)`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn sort(&self, dim: isize, descending: bool) -> (Var<T>, Tensor<i64>) {
        let (values, indices) = self.value().sort(dim, descending);
        let result = Var::record("sort", [self], values, || {
            // Sorting a permutation inverts it.
            let inverse = indices.sort(dim, false).1;
            move |d| [Some(d.grad.gather(dim, &inverse))]
        });
        (result, indices)
    }

    /// The `k` largest (or smallest) elements along axis `dim`, from the most extreme on, and where each came from. The
    /// gradient goes back to there. `torch.topk`.
    ///
    /// # Panics
    /// If there is no such axis or it has fewer elements.
    #[track_caller]
    pub fn topk(&self, k: usize, dim: isize, largest: bool) -> (Var<T>, Tensor<i64>) {
        let indices = self.value().topk(k, dim, largest).1;
        (self.gather(dim, &indices), indices)
    }
}
