//! Reading and adding at positions that other tensors name.
//!
//! Where several values are added at one position, they are added in the order of the index.

use rayon::prelude::*;

use crate::element::{Element, Number};
use crate::join::cat;
use crate::kernels::buffer::Buffer;
use crate::kernels::tile::for_each_tile;
use crate::layout::{Dims, Layout, axis};
use crate::nest::{Nest, TASK};
use crate::run;
use crate::tensor::Tensor;

/// Columns that one task of [`Tensor::index_add_`] adds up.
const TILE: usize = 64;

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
        let dim = self.check_index("gather", dim, index);
        self.gather_along(dim, index)
    }

    /// [`gather`](Self::gather) for an index that fits, in the index's order of memory.
    pub(crate) fn gather_along(&self, dim: usize, index: &Tensor<i64>) -> Self {
        let layout = index.layout.dense_or_contiguous();
        self.pick(dim, layout, &index.storage, &index.layout, |i| i as usize)
    }

    /// For each place of `layout`, the element that the index at the same place of `places` names along axis `dim`, in the
    /// same place off it.
    pub(crate) fn pick<I: Copy + Sync>(
        &self,
        dim: usize,
        layout: Layout,
        index: &[I],
        places: &Layout,
        number: impl Fn(I) -> usize + Sync,
    ) -> Self {
        let (base, stride) = self.base(dim, &layout);
        let mut out = Buffer::stale(layout.len());
        let nest = Nest::new(&layout, [&base, places]);
        let data = &self.storage[..];
        nest.for_each(
            &mut out,
            #[inline(always)]
            |out, [base, at]| match nest.steps {
                // One index for the whole run.
                [step, 0] => run::copy(out, data, base + number(index[at]) * stride, step),
                [0, 1] => {
                    let data = &data[base..];
                    for (o, &i) in out.iter_mut().zip(&index[at..]) {
                        *o = data[number(i) * stride];
                    }
                }
                [step, index_step] => {
                    for (i, o) in out.iter_mut().enumerate() {
                        *o = data[base + i * step + number(index[at + i * index_step]) * stride];
                    }
                }
            },
        );
        Tensor::from_buffer(out, layout)
    }

    /// For every place of `index`, where an index of zero would point to, and the stride of axis `dim`.
    fn base(&self, dim: usize, index: &Layout) -> (Layout, usize) {
        let mut base = Layout { shape: index.shape, ..self.layout };
        base.strides[dim] = 0;
        (base, self.layout.strides[dim])
    }

    /// Asserts that `index` names elements along `dim`, which axis that is.
    #[track_caller]
    fn check_index(&self, op: &str, dim: isize, index: &Tensor<i64>) -> usize {
        let dim = axis(op, dim, self.rank());
        let fits = index.rank() == self.rank()
            && (0..self.rank()).all(|i| i == dim || index.shape()[i] <= self.shape()[i]);
        assert!(
            fits,
            "{op}: index exceeds the tensor off axis {dim}: tensor {:?}, index {:?}",
            self.shape(),
            index.shape()
        );
        let len = self.shape()[dim] as u64;
        // As an unsigned number a negative one is the largest of all.
        let all = Dims::repeat(1, index.rank());
        let larger = |a: i64, b: i64| if b as u64 > a as u64 { b } else { a };
        let outside = index.numel() > 0 && index.fold_marked(&all, 0, larger, larger).item() as u64 >= len;
        if outside {
            let bad = index.iter().find(|&i| i as u64 >= len).expect("the largest is outside");
            panic!("{op}: index {bad} is outside of axis {dim} of shape {:?}", self.shape());
        }
        dim
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
        let mut backward = self.layout;
        for &dim in dims {
            let i = axis("flip", dim, self.rank());
            // The last element comes first, and the stride is turned around.
            let last = self.shape()[i].saturating_sub(1).wrapping_mul(backward.strides[i]);
            backward.offset = backward.offset.wrapping_add(last);
            backward.strides[i] = backward.strides[i].wrapping_neg();
        }
        self.copy_from(&backward, self.layout.dense_or_contiguous())
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
        // The axis goes to the front, so that every index is one row; then back to its place.
        *self = self.view_as(self.layout.transpose(0, dim)).contiguous();
        let source = source.view_as(source.layout.transpose(0, dim)).contiguous();
        let columns: usize = self.shape()[1..].iter().product();
        if columns > 0 {
            let (rows, parallel) = (source.dense_slice(), source.numel() > TASK);
            for_each_tile(self.dense_mut(), columns, TILE, parallel, |first, tile| {
                for (row, &i) in rows.chunks_exact(columns).zip(index) {
                    for (o, &x) in tile.row(i).iter_mut().zip(&row[first..]) {
                        *o = o.add(x);
                    }
                }
            });
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
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let mut counts = Tensor::<i64>::zeros(&[1, 3]);
    /// counts.scatter_add_(1, &Tensor::from([[2, 0, 2]]), &Tensor::ones(&[1, 3]));
    /// assert_eq!(counts.to_vec(), [1, 0, 2]);
    /// ```
    #[track_caller]
    pub fn scatter_add_(&mut self, dim: isize, index: &Tensor<i64>, source: &Tensor<E>) -> &mut Self {
        self.scatter_with("scatter_add_", dim, index, source, Number::add)
    }
}

impl<E: Element> Tensor<E> {
    /// Stores elements where `index` says: `self[index[i, j], j] = source[i, j]` for `dim` 0 of a matrix. Of several for
    /// one place the last in row-major order stays. `torch.scatter_`.
    ///
    /// # Shapes
    /// `source` has the shape of `index`, which has as many axes as this tensor, and except for `dim` none longer.
    ///
    /// # Panics
    /// If the shapes do not fit, or an index is outside of the axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let labels = Tensor::from([[2], [0_i64]]);
    /// let mut one_hot = Tensor::<f32>::zeros(&[2, 3]);
    /// one_hot.scatter_(1, &labels, &Tensor::ones(&[2, 1]));
    /// assert_eq!(one_hot.to_vec(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn scatter_(&mut self, dim: isize, index: &Tensor<i64>, source: &Tensor<E>) -> &mut Self {
        self.scatter_with("scatter_", dim, index, source, |_, x| x)
    }

    /// `self[index[i, j], j] = f(self[index[i, j], j], source[i, j])` for `dim` 0 of a matrix.
    #[track_caller]
    fn scatter_with(
        &mut self,
        op: &str,
        dim: isize,
        index: &Tensor<i64>,
        source: &Tensor<E>,
        f: impl Fn(E, E) -> E + Sync,
    ) -> &mut Self {
        assert!(
            source.shape() == index.shape(),
            "{op}: shapes differ: index {:?}, source {:?}",
            index.shape(),
            source.shape()
        );
        let dim = self.check_index(op, dim, index);
        if index.numel() == 0 {
            return self;
        }
        self.dense_mut();
        let (base, stride) = self.base(dim, &index.layout);
        let from = [Layout { offset: 0, ..base }, index.layout, source.layout];
        let order = Layout::contiguous(index.layout.shape);
        // What `rows` indices of axis 0, from `first` on, store; `out` starts where the first of them does.
        let part = |out: &mut [E], first: usize, rows: usize| {
            let [base, at, from] = from.map(|layout| layout.narrow(0, first, rows));
            let nest = Nest::new(&order.narrow(0, first, rows), [&Layout { offset: 0, ..base }, &at, &from]);
            let mut next = nest.positions_from(0);
            for _ in 0..nest.runs() * nest.run {
                let [to, at, from] = next();
                let o = &mut out[to + index.storage[at] as usize * stride];
                *o = f(*o, source.storage[from]);
            }
        };
        let rows = index.shape()[0];
        // Along another axis than the first, each index of that is written apart.
        if dim == 0 || !self.is_contiguous() || index.numel() <= TASK {
            part(self.dense_mut(), 0, rows);
        } else {
            let (block, per_task) = (self.numel() / self.shape()[0], (TASK * rows / index.numel()).max(1));
            let tasks = self.dense_mut().par_chunks_mut(block * per_task).take(rows.div_ceil(per_task));
            tasks.enumerate().for_each(|(i, out)| part(out, i * per_task, per_task.min(rows - i * per_task)));
        }
        self
    }
}
