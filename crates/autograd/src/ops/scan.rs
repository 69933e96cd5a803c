//! Running sums and orders along an axis.

use downhill_tensor::Float;

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
}
