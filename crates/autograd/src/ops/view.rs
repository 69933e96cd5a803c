//! Views: the same elements under another shape. Each one's derivative is the view back.

use downhill_tensor::{Dims, Float, Tensor};

use crate::var::Var;

impl<T: Float> Var<T> {
    /// The same elements in row-major order under another shape, of which one axis may be `-1`.
    ///
    /// # Panics
    /// If the new shape has another number of elements.
    #[track_caller]
    pub fn reshape(&self, shape: &[isize]) -> Var<T> {
        let own = signed(&self.shape());
        Var::record("reshape", [self], self.value().reshape(shape), || move |d| [Some(d.grad.reshape(&own))])
    }

    /// All axes from `start_dim` on merged into one. `torch.flatten`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn flatten(&self, start_dim: isize) -> Var<T> {
        let own = signed(&self.shape());
        let value = self.value().flatten(start_dim);
        Var::record("flatten", [self], value, || move |d| [Some(d.grad.reshape(&own))])
    }

    /// Axes `dim0` and `dim1` exchanged.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn transpose(&self, dim0: isize, dim1: isize) -> Var<T> {
        let value = self.value().transpose(dim0, dim1);
        Var::record("transpose", [self], value, || move |d| [Some(d.grad.transpose(dim0, dim1))])
    }

    /// The transpose of a matrix; PyTorch's `.T`.
    ///
    /// # Panics
    /// If this is not a matrix.
    #[track_caller]
    pub fn t(&self) -> Var<T> {
        assert!(self.shape().len() == 2, "t: expected a matrix, got shape {:?}", self.shape());
        self.transpose(0, 1)
    }

    /// The axes in another order: axis `i` of the result is axis `dims[i]` of this.
    ///
    /// # Panics
    /// If `dims` does not name every axis once.
    #[track_caller]
    pub fn permute(&self, dims: &[isize]) -> Var<T> {
        let value = self.value().permute(dims);
        let rank = dims.len() as isize;
        Var::record("permute", [self], value, || {
            let mut back = vec![0; dims.len()];
            for (to, &from) in dims.iter().enumerate() {
                back[from.rem_euclid(rank) as usize] = to as isize;
            }
            move |d| [Some(d.grad.permute(&back))]
        })
    }

    /// Broadcasts to `shape`: new axes come in front, axes of one element repeat. The gradient is summed over what
    /// was repeated.
    ///
    /// # Panics
    /// If an axis of more than one element would change.
    #[track_caller]
    pub fn expand(&self, shape: &[usize]) -> Var<T> {
        let own = self.shape();
        Var::record("expand", [self], self.value().expand(shape), || move |d| [Some(d.grad.sum_to(&own))])
    }

    /// A new axis of one element before axis `dim`, or behind the last one with `-1`.
    ///
    /// # Panics
    /// If `dim` is out of range.
    #[track_caller]
    pub fn unsqueeze(&self, dim: isize) -> Var<T> {
        let own = signed(&self.shape());
        Var::record("unsqueeze", [self], self.value().unsqueeze(dim), || {
            move |d| [Some(d.grad.reshape(&own))]
        })
    }

    /// Without axis `dim` if that has one element; unchanged otherwise, as in PyTorch.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn squeeze(&self, dim: isize) -> Var<T> {
        let own = signed(&self.shape());
        Var::record("squeeze", [self], self.value().squeeze(dim), || move |d| [Some(d.grad.reshape(&own))])
    }

    /// `len` indices of axis `dim` from `start` on. The gradient is zero outside of them.
    ///
    /// # Panics
    /// If they exceed the axis.
    #[track_caller]
    pub fn narrow(&self, dim: isize, start: usize, len: usize) -> Var<T> {
        let value = self.value().narrow(dim, start, len);
        Var::record("narrow", [self], value, || {
            let own = self.shape();
            let dim = dim.rem_euclid(own.len() as isize);
            move |d| [Some(d.grad.padded(dim, start, own[dim as usize] - start - len))]
        })
    }

    /// With `before` and `after` zeros along axis `dim`: the derivative of [`narrow`](Self::narrow).
    fn padded(&self, dim: isize, before: usize, after: usize) -> Var<T> {
        let zeros = |n: usize| {
            let mut shape = self.shape();
            shape[dim as usize] = n;
            Var::new(Tensor::zeros(&shape))
        };
        crate::ops::cat(&[zeros(before), self.clone(), zeros(after)], dim)
    }
}

/// A shape as `reshape` takes it.
pub(crate) fn signed(shape: &Dims) -> Vec<isize> {
    shape.iter().map(|&d| d as isize).collect()
}
