//! One tensor into several.

use crate::element::Element;
use crate::layout::axis;
use crate::tensor::Tensor;

/// The starts and lengths of the parts when `len` indices are cut into pieces of `size`, the last one shorter if need
/// be. No indices are one empty piece, as in PyTorch.
fn pieces(len: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = if size == 0 { 1 } else { len.div_ceil(size).max(1) };
    (0..count).map(move |i| (i * size, size.min(len - i * size)))
}

impl<E: Element> Tensor<E> {
    /// Views of `size` indices of axis `dim` each, the last one of what is left. `torch.split`.
    ///
    /// # Panics
    /// If there is no such axis, or `size` is zero and the axis is not empty.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let parts = Tensor::<i64>::arange(5).split(2, 0);
    /// assert_eq!(parts.iter().map(Tensor::to_vec).collect::<Vec<_>>(), [vec![0, 1], vec![2, 3], vec![4]]);
    /// ```
    #[track_caller]
    pub fn split(&self, size: usize, dim: isize) -> Vec<Self> {
        let at = axis("split", dim, self.rank());
        let len = self.shape()[at];
        assert!(size > 0 || len == 0, "split: parts of no indices of axis {dim} of shape {:?}", self.shape());
        pieces(len, size).map(|(start, len)| self.narrow(dim, start, len)).collect()
    }

    /// Views of equally many indices of axis `dim`, at most `count` of them, the last one of what is left.
    /// `torch.chunk`.
    ///
    /// # Panics
    /// If there is no such axis, or `count` is zero.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let parts = Tensor::<i64>::arange(5).chunk(4, 0);
    /// assert_eq!(parts.len(), 3); // of two indices, two and one
    /// ```
    #[track_caller]
    pub fn chunk(&self, count: usize, dim: isize) -> Vec<Self> {
        let at = axis("chunk", dim, self.rank());
        assert!(count > 0, "chunk: no parts of axis {dim} of shape {:?}", self.shape());
        let len = self.shape()[at];
        pieces(len, len.div_ceil(count)).map(|(start, len)| self.narrow(dim, start, len)).collect()
    }
}
