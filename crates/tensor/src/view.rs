//! Views: other shapes over the same storage. None of them copies, except [`Tensor::reshape`] where it must.

use crate::element::Element;
use crate::layout::{Dims, axis};
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// The same elements in row-major order under another shape, of which one axis may be `-1`: its length follows
    /// from the others. Shares the storage where strides can express the new shape and copies where they cannot.
    ///
    /// # Panics
    /// If the new shape has another number of elements.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let images = Tensor::<f32>::zeros(&[10, 28, 28]);
    /// assert_eq!(images.reshape(&[-1, 28 * 28]).shape(), [10, 784]);
    /// ```
    #[track_caller]
    pub fn reshape(&self, shape: &[isize]) -> Self {
        let shape = self.resolve_shape("reshape", shape);
        match self.layout.reshape(&shape) {
            Some(layout) => self.view_as(layout),
            None => {
                let copy = self.contiguous();
                let layout = copy.layout.reshape(&shape).expect("a contiguous tensor takes any shape");
                copy.view_as(layout)
            }
        }
    }

    /// [`reshape`](Self::reshape) that never copies.
    ///
    /// # Panics
    /// If the new shape has another number of elements, or would need a copy.
    #[track_caller]
    pub fn view(&self, shape: &[isize]) -> Self {
        let shape = self.resolve_shape("view", shape);
        match self.layout.reshape(&shape) {
            Some(layout) => self.view_as(layout),
            None => panic!(
                "view: shape {shape:?} needs a copy of shape {:?} with strides {:?}; use reshape",
                self.shape(),
                self.strides()
            ),
        }
    }

    #[track_caller]
    fn resolve_shape(&self, op: &str, shape: &[isize]) -> Dims {
        let unknown = shape.iter().filter(|&&d| d == -1).count();
        let fits = unknown <= 1 && shape.iter().all(|&d| d >= -1);
        assert!(fits, "{op}: at most one axis may be -1 and none less, got {shape:?}");
        let known: Vec<usize> = shape.iter().map(|&d| if d == -1 { 1 } else { d as usize }).collect();
        let mut known = Dims::named(op, &known);
        let count = known.count(op, size_of::<E>());
        if unknown == 1 {
            let inferred = self.numel().checked_div(count);
            let at = shape.iter().position(|&d| d == -1).expect("counted above");
            let Some(inferred) = inferred else {
                panic!("{op}: axis {at} of {shape:?} could be anything for shape {:?}", self.shape());
            };
            known[at] = inferred;
        }
        let count = known.count(op, size_of::<E>());
        assert!(
            count == self.numel(),
            "{op}: shape {shape:?} does not fit the {} elements of shape {:?}",
            self.numel(),
            self.shape()
        );
        known
    }

    /// All axes from `start_dim` on merged into one. `torch.flatten`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn flatten(&self, start_dim: isize) -> Self {
        if self.rank() == 0 {
            return self.reshape(&[1]);
        }
        let start = axis("flatten", start_dim, self.rank());
        let rest: usize = self.shape()[start..].iter().product();
        let shape: Vec<isize> = self.shape()[..start].iter().chain([&rest]).map(|&d| d as isize).collect();
        self.reshape(&shape)
    }

    /// Axes `dim0` and `dim1` exchanged.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn transpose(&self, dim0: isize, dim1: isize) -> Self {
        let (a, b) = (axis("transpose", dim0, self.rank()), axis("transpose", dim1, self.rank()));
        self.view_as(self.layout.transpose(a, b))
    }

    /// The transpose of a matrix; PyTorch's `.T`.
    ///
    /// # Panics
    /// If this is not a matrix.
    #[track_caller]
    pub fn t(&self) -> Self {
        assert!(self.rank() == 2, "t: expected a matrix, got shape {:?}", self.shape());
        self.view_as(self.layout.transpose(0, 1))
    }

    /// The diagonal of a matrix that starts `offset` columns to the right of its corner, or as many rows below if
    /// `offset` is negative. `torch.diagonal`.
    ///
    /// # Panics
    /// If this is not a matrix.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1, 2, 3], [4, 5, 6_i64]]);
    /// assert_eq!(x.diagonal(0).to_vec(), [1, 5]);
    /// assert_eq!(x.diagonal(1).to_vec(), [2, 6]);
    /// assert_eq!(x.diagonal(-1).to_vec(), [4]);
    /// ```
    #[track_caller]
    pub fn diagonal(&self, offset: isize) -> Self {
        assert!(self.rank() == 2, "diagonal: expected a matrix, got shape {:?}", self.shape());
        self.view_as(self.layout.diagonal(offset))
    }

    /// The axes in another order: axis `i` of the result is axis `dims[i]` of this tensor.
    ///
    /// # Panics
    /// If `dims` does not name every axis once.
    #[track_caller]
    pub fn permute(&self, dims: &[isize]) -> Self {
        self.view_as(self.layout.permute(dims))
    }

    /// `len` indices of axis `dim` from `start` on.
    ///
    /// # Panics
    /// If they exceed the axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::<i64>::arange(6).reshape(&[3, 2]);
    /// assert_eq!(t.narrow(0, 1, 2).to_vec(), [2, 3, 4, 5]);
    /// ```
    #[track_caller]
    pub fn narrow(&self, dim: isize, start: usize, len: usize) -> Self {
        let dim = axis("narrow", dim, self.rank());
        self.view_as(self.layout.narrow(dim, start, len))
    }

    /// Every `step`-th index of axis `dim` from `start` up to, not including, `end`. `x[:, start:end:step]`.
    ///
    /// # Panics
    /// If `start > end`, if `end` exceeds the axis, or if `step` is zero.
    #[track_caller]
    pub fn slice(&self, dim: isize, start: usize, end: usize, step: usize) -> Self {
        let dim = axis("slice", dim, self.rank());
        let range_fits = start <= end && end <= self.shape()[dim];
        assert!(range_fits, "slice: {start}..{end} exceeds axis {dim} of shape {:?}", self.shape());
        self.view_as(self.layout.narrow(dim, start, end - start).step(dim, step))
    }

    /// Index `index` of axis `dim`; the axis is gone from the result. `x[index]` for axis 0.
    ///
    /// # Panics
    /// If there is no such index.
    #[track_caller]
    pub fn select(&self, dim: isize, index: usize) -> Self {
        let dim = axis("select", dim, self.rank());
        let inside = index < self.shape()[dim];
        assert!(inside, "select: index {index} is outside of axis {dim} of shape {:?}", self.shape());
        self.view_as(self.layout.select(dim, index))
    }

    /// Every index of axis `dim` as a view of its own. `torch.unbind`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn unbind(&self, dim: isize) -> impl ExactSizeIterator<Item = Self> + use<E> {
        let (dim, all) = (axis("unbind", dim, self.rank()), self.clone());
        (0..all.shape()[dim]).map(move |i| all.view_as(all.layout.select(dim, i)))
    }

    /// Broadcasts to `shape` without copying: new axes come in front, axes of one element repeat.
    ///
    /// # Panics
    /// If an axis of more than one element would change.
    #[track_caller]
    pub fn expand(&self, shape: &[usize]) -> Self {
        let to = Dims::named("expand", shape);
        to.count("expand", size_of::<E>());
        match self.layout.broadcast_to(&to) {
            Some(layout) => self.view_as(layout),
            None => panic!("expand: shape {:?} does not broadcast to {shape:?}", self.shape()),
        }
    }

    /// A new axis of one element before axis `dim`, or behind the last one with `-1`.
    ///
    /// # Panics
    /// If `dim` is out of range, or there are [`MAX_RANK`](crate::MAX_RANK) axes already.
    #[track_caller]
    pub fn unsqueeze(&self, dim: isize) -> Self {
        let dim = axis("unsqueeze", dim, self.rank() + 1);
        self.layout.shape.insert_for("unsqueeze", dim, 1);
        self.view_as(self.layout.unsqueeze(dim))
    }

    /// Without axis `dim` if that has one element; unchanged otherwise, as in PyTorch.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn squeeze(&self, dim: isize) -> Self {
        let dim = axis("squeeze", dim, self.rank());
        if self.shape()[dim] == 1 { self.view_as(self.layout.squeeze(dim)) } else { self.clone() }
    }
}
