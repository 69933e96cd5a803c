//! Reading and adding at positions that other tensors name.
//!
//! Where several values are added at one position, they are added in the order of the index.

use crate::element::{Element, Number};
use crate::join::cat;
use crate::kernels::buffer::Buffer;
use crate::layout::{Layout, axis};
use crate::nest::Nest;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// Along axis `dim`, the element that `index` names: `out[i, j] = self[index[i, j], j]` for `dim` 0 of a matrix.
    /// `torch.gather`.
    ///
    /// # Shapes
    /// `index` has as many axes as this tensor, and except for `dim` none longer; the result has its shape.
    ///
    /// # Panics
    /// If the shapes do not fit, or an index is outside of the axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let logits = Tensor::from([[0.1, 0.9], [0.8, 0.2_f32]]);
    /// let targets = Tensor::from([[1], [0_i64]]);
    /// assert_eq!(logits.gather(1, &targets).to_vec(), [0.9, 0.8]);
    /// ```
    #[track_caller]
    pub fn gather(&self, dim: isize, index: &Tensor<i64>) -> Self {
        let (base, stride) = self.base("gather", dim, index);
        let layout = Layout::contiguous(index.layout.shape);
        let mut out = Buffer::stale(layout.len());
        let nest = Nest::new(&layout, [&base, &index.layout]);
        let (data, index) = (&self.storage[..], &index.storage[..]);
        let [base_step, index_step] = nest.steps;
        nest.for_each(&mut out, |out, [base, at]| {
            for (i, o) in out.iter_mut().enumerate() {
                *o = data[base + i * base_step + index[at + i * index_step] as usize * stride];
            }
        });
        Tensor::from_buffer(out, layout)
    }

    /// For every element of `index`, where it would point to if it were zero, and the stride of axis `dim`.
    #[track_caller]
    fn base(&self, op: &str, dim: isize, index: &Tensor<i64>) -> (Layout, usize) {
        let dim = axis(op, dim, self.rank());
        let fits = index.rank() == self.rank()
            && (0..self.rank()).all(|i| i == dim || index.shape()[i] <= self.shape()[i]);
        assert!(
            fits,
            "{op}: index exceeds the tensor off axis {dim}: tensor {:?}, index {:?}",
            self.shape(),
            index.shape()
        );
        let len = self.shape()[dim];
        if let Some(bad) = index.iter().find(|&i| usize::try_from(i).map_or(true, |i| i >= len)) {
            panic!("{op}: index {bad} is outside of axis {dim} of shape {:?}", self.shape());
        }
        let mut base = Layout { shape: index.layout.shape, ..self.layout };
        base.strides[dim] = 0;
        (base, self.layout.strides[dim])
    }

    /// A copy with `value` wherever `mask` is true, both broadcast to a common shape. `torch.masked_fill`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor<bool>, value: E) -> Self {
        self.zip("masked_fill", mask, |x, hidden| if hidden { value } else { x })
    }

    /// Stores `value` wherever `mask`, broadcast to the shape of `self`, is true.
    ///
    /// # Panics
    /// If the mask does not broadcast to the shape of `self`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let mut x = Tensor::from([-1.0, 2.0, -3.0_f32]);
    /// let negative = x.lt(0.0);
    /// x.masked_fill_(&negative, 0.0);
    /// assert_eq!(x.to_vec(), [0.0, 2.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn masked_fill_(&mut self, mask: &Tensor<bool>, value: E) -> &mut Self {
        self.zip_("masked_fill_", mask, |x, hidden| if hidden { value } else { x })
    }

    /// A copy with the order along each of the axes `dims` reversed. `torch.flip`.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([[1, 2], [3, 4_i64]]).flip(&[1]).to_vec(), [2, 1, 4, 3]);
    /// ```
    #[track_caller]
    pub fn flip(&self, dims: &[isize]) -> Self {
        let mut out = self.clone();
        for &dim in dims {
            let backward: Vec<usize> = (0..self.shape()[axis("flip", dim, self.rank())]).rev().collect();
            out = out.index_select(dim, &backward);
        }
        out
    }

    /// A copy with the indices of axis `dim` moved on by `shift`, backward if that is negative; what leaves at one end
    /// comes in at the other. `torch.roll`.
    ///
    /// # Panics
    /// If there is no such axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::<i64>::arange(5).roll(2, 0).to_vec(), [3, 4, 0, 1, 2]);
    /// ```
    #[track_caller]
    pub fn roll(&self, shift: isize, dim: isize) -> Self {
        let len = self.shape()[axis("roll", dim, self.rank())];
        let first = len - shift.rem_euclid(len.max(1) as isize) as usize;
        cat(&[self.narrow(dim, first, len - first), self.narrow(dim, 0, first)], dim)
    }
}

impl<E: Number> Tensor<E> {
    /// `self[index[i]] += source[i]` along axis `dim`, one `i` after the other. `torch.index_add_`.
    ///
    /// # Shapes
    /// `source` is shaped like this tensor, except for `index.len()` along `dim`.
    ///
    /// # Panics
    /// If the shapes do not fit, or an index is outside of the axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let mut counts = Tensor::<i64>::zeros(&[3]);
    /// counts.index_add_(0, &[2, 0, 2], &Tensor::ones(&[3]));
    /// assert_eq!(counts.to_vec(), [1, 0, 2]);
    /// ```
    #[track_caller]
    pub fn index_add_(&mut self, dim: isize, index: &[usize], source: &Tensor<E>) -> &mut Self {
        let dim = axis("index_add_", dim, self.rank());
        let mut expected = self.layout.shape;
        expected[dim] = index.len();
        assert!(
            *source.shape() == *expected,
            "index_add_: shapes differ: expected {expected:?}, source {:?}",
            source.shape()
        );
        let len = self.shape()[dim];
        for &i in index {
            assert!(i < len, "index_add_: index {i} is outside of axis {dim} of shape {:?}", self.shape());
        }
        // The axis goes to the front, so that every index is one block; then back to its place.
        *self = self.view_as(self.layout.transpose(0, dim)).contiguous();
        let source = source.view_as(source.layout.transpose(0, dim)).contiguous();
        let block: usize = self.shape()[1..].iter().product();
        if block > 0 {
            let out = self.dense_mut();
            for (row, &i) in source.dense_slice().chunks_exact(block).zip(index) {
                for (o, &x) in out[i * block..][..block].iter_mut().zip(row) {
                    *o = o.add(x);
                }
            }
        }
        self.layout = self.layout.transpose(0, dim);
        self
    }

    /// The opposite of [`gather`](Self::gather): `self[index[i, j], j] += source[i, j]` for `dim` 0 of a matrix, in
    /// row-major order of the index. `torch.scatter_add_`.
    ///
    /// # Shapes
    /// `source` has the shape of `index`, which has as many axes as this tensor, and except for `dim` none longer.
    ///
    /// # Panics
    /// If the shapes do not fit, or an index is outside of the axis.
    #[track_caller]
    pub fn scatter_add_(&mut self, dim: isize, index: &Tensor<i64>, source: &Tensor<E>) -> &mut Self {
        assert!(
            source.shape() == index.shape(),
            "scatter_add_: shapes differ: index {:?}, source {:?}",
            index.shape(),
            source.shape()
        );
        self.dense_mut();
        let (base, stride) = self.base("scatter_add_", dim, index);
        if index.numel() == 0 {
            return self;
        }
        let base = Layout { offset: 0, ..base };
        let order = Layout::contiguous(index.layout.shape);
        let nest = Nest::new(&order, [&base, &index.layout, &source.layout]);
        let (out, count) = (self.dense_mut(), index.numel());
        let mut next = nest.positions_from(0);
        for _ in 0..count {
            let [to, at, from] = next();
            let o = &mut out[to + index.storage[at] as usize * stride];
            *o = o.add(source.storage[from]);
        }
        self
    }
}
