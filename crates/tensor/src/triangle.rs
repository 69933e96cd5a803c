//! Matrices with a diagonal: triangles, and diagonals as matrices.

use crate::element::Element;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// Each matrix of a batch with zeros above its diagonal number `diagonal`, counted to the right. `torch.tril`.
    ///
    /// # Panics
    /// If there are less than two axes.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1, 2, 3], [4, 5, 6_i64]]);
    /// assert_eq!(x.tril(0).to_vec(), [1, 0, 0, 4, 5, 0]);
    /// assert_eq!(x.triu(0).to_vec(), [1, 2, 3, 0, 5, 6]);
    /// assert_eq!(x.triu(1).to_vec(), [0, 2, 3, 0, 0, 6]);
    /// ```
    #[track_caller]
    pub fn tril(&self, diagonal: isize) -> Self {
        self.zip("tril", &self.triangle("tril", diagonal), |x, lower| if lower { x } else { E::default() })
    }

    /// Each matrix of a batch with zeros below its diagonal number `diagonal`, counted to the right. `torch.triu`.
    ///
    /// # Panics
    /// If there are less than two axes.
    #[track_caller]
    pub fn triu(&self, diagonal: isize) -> Self {
        let below = diagonal.saturating_sub(1);
        self.zip("triu", &self.triangle("triu", below), |x, lower| if lower { E::default() } else { x })
    }

    /// For a matrix of the batch, where it is on or below the diagonal.
    #[track_caller]
    fn triangle(&self, op: &str, diagonal: isize) -> Tensor<bool> {
        assert!(self.rank() >= 2, "{op}: expected matrices, got shape {:?}", self.shape());
        let shape = &self.shape()[self.rank() - 2..];
        Tensor::from_fn(shape, |i| i[1] as isize <= (i[0] as isize).saturating_add(diagonal))
    }

    /// The square matrix with these elements on its diagonal number `diagonal`, counted to the right, and zeros
    /// elsewhere. `torch.diag` of a vector; that of a matrix is [`diagonal`](Self::diagonal).
    ///
    /// # Panics
    /// If this is not a vector, or memory cannot hold the matrix.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([1, 2_i64]);
    /// assert_eq!(x.diag(0).to_vec(), [1, 0, 0, 2]);
    /// assert_eq!(x.diag(-1).to_vec(), [0, 0, 0, 1, 0, 0, 0, 2, 0]);
    /// ```
    #[track_caller]
    pub fn diag(&self, diagonal: isize) -> Self {
        assert!(self.rank() == 1, "diag: expected a vector, got shape {:?}", self.shape());
        // No tensor has more than isize::MAX elements: the sum cannot overflow.
        let rows = self.numel() + diagonal.unsigned_abs();
        let mut out = Tensor::filled("diag", &[rows, rows], E::default());
        let line = out.layout.diagonal(diagonal);
        let data = out.dense_mut();
        for (i, x) in self.iter().enumerate() {
            data[line.offset + i * line.strides[0]] = x;
        }
        out
    }
}
