//! Several tensors into one, and one several times.

use rayon::prelude::*;

use crate::element::Element;
use crate::kernels::buffer::Buffer;
use crate::layout::{Dims, Layout, axis};
use crate::nest::TASK;
use crate::tensor::Tensor;

/// The tensors one behind the other along axis `dim`, which exists in each. `torch.cat`.
///
/// # Shapes
/// All alike except along `dim`; the result has the sum of their lengths there.
///
/// # Panics
/// If there are no tensors, or their other axes differ.
///
/// ```
/// use downhill_tensor::{Tensor, cat};
///
/// let (threes, sevens) = (Tensor::<f32>::ones(&[2, 784]), Tensor::<f32>::zeros(&[3, 784]));
/// assert_eq!(cat(&[threes, sevens], 0).shape(), [5, 784]);
/// ```
#[track_caller]
pub fn cat<E: Element>(tensors: &[Tensor<E>], dim: isize) -> Tensor<E> {
    let first = tensors.first().expect("cat: no tensors");
    let dim = axis("cat", dim, first.rank());
    let mut shape = first.layout.shape;
    shape[dim] = 0;
    for t in tensors {
        let mut expected = first.layout.shape;
        if t.rank() == expected.len() {
            expected[dim] = t.shape()[dim];
        }
        assert!(
            *t.shape() == *expected,
            "cat: shapes differ off axis {dim}: first {:?}, other {:?}",
            first.shape(),
            t.shape()
        );
        shape[dim] = shape[dim].checked_add(t.shape()[dim]).expect("cat: too many elements");
    }
    shape.count("cat", size_of::<E>());
    join(tensors, dim, shape)
}

/// The tensors side by side along a new axis `dim`. `torch.stack`.
///
/// # Shapes
/// All alike; the result has one axis more, of length `tensors.len()`.
///
/// # Panics
/// If there are no tensors, or their shapes differ.
///
/// ```
/// use downhill_tensor::{Tensor, stack};
///
/// let images = vec![Tensor::<u8>::zeros(&[28, 28]); 3];
/// assert_eq!(stack(&images, 0).shape(), [3, 28, 28]);
/// ```
#[track_caller]
pub fn stack<E: Element>(tensors: &[Tensor<E>], dim: isize) -> Tensor<E> {
    let first = tensors.first().expect("stack: no tensors");
    let dim = axis("stack", dim, first.rank() + 1);
    for t in tensors {
        assert!(
            t.shape() == first.shape(),
            "stack: shapes differ: first {:?}, other {:?}",
            first.shape(),
            t.shape()
        );
    }
    let shape = first.layout.shape.insert_for("stack", dim, tensors.len());
    shape.count("stack", size_of::<E>());
    let rows: Vec<_> = tensors.iter().map(|t| t.unsqueeze(dim as isize)).collect();
    join(&rows, dim, shape)
}

/// Every tensor copied into its place along `dim` of a result of `shape`.
fn join<E: Element>(tensors: &[Tensor<E>], dim: usize, shape: Dims) -> Tensor<E> {
    let layout = Layout::contiguous(shape);
    let mut out = Buffer::stale(layout.len());
    // Of one outer index, a tensor fills `shape[dim] * inner` neighbouring elements of the result.
    let inner: usize = shape[dim + 1..].iter().product();
    let row = shape[dim] * inner;
    let mut filled = 0;
    for t in tensors {
        let t = t.contiguous();
        let width = t.shape()[dim] * inner;
        if t.numel() > 0 {
            let several = |(out, pieces): (&mut [E], &[E])| {
                for (out, piece) in out.chunks_exact_mut(row).zip(pieces.chunks_exact(width)) {
                    out[filled..filled + width].copy_from_slice(piece);
                }
            };
            let per_task = (TASK / width).max(1);
            if t.numel() <= per_task * width {
                several((&mut out, t.dense_slice()));
            } else {
                let pieces = t.dense_slice().par_chunks(per_task * width);
                out.par_chunks_mut(per_task * row).zip(pieces).for_each(several);
            }
        }
        filled += width;
    }
    Tensor::from_buffer(out, layout)
}

impl<E: Element> Tensor<E> {
    /// `times[i]` copies of this tensor along axis `i`; further numbers in front make new axes. `torch.Tensor.repeat`.
    ///
    /// # Panics
    /// If there are fewer numbers than axes, or memory cannot hold the result.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([1, 2_i64]);
    /// assert_eq!(x.repeat(&[2]).to_vec(), [1, 2, 1, 2]);
    /// assert_eq!(x.repeat(&[3, 1]).shape(), [3, 2]);
    /// ```
    #[track_caller]
    pub fn repeat(&self, times: &[usize]) -> Self {
        let fits = times.len() >= self.rank();
        assert!(fits, "repeat: fewer numbers than axes: shape {:?}, times {times:?}", self.shape());
        let mut shape = Dims::named("repeat", times);
        let mut out = self.clone();
        while out.rank() < times.len() {
            out = out.unsqueeze(0);
        }
        for (d, &own) in shape.iter_mut().zip(out.shape()) {
            let Some(longer) = d.checked_mul(own) else {
                panic!("repeat: shape {:?} times {times:?} exceeds the address space", self.shape());
            };
            *d = longer;
        }
        if shape.count("repeat", size_of::<E>()) == 0 {
            return Tensor::full(&shape, E::default());
        }
        for (dim, &n) in times.iter().enumerate() {
            out = cat(&vec![out; n], dim as isize);
        }
        out
    }

    /// The indices `index` of axis `dim`, in that order, as a copy. `torch.index_select`; for axis 0 the gather that
    /// makes a batch.
    ///
    /// # Panics
    /// If an index is outside of the axis.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::from([[1, 2], [3, 4], [5, 6_i64]]);
    /// assert_eq!(t.index_select(0, &[2, 0]).to_vec(), [5, 6, 1, 2]);
    /// ```
    #[track_caller]
    pub fn index_select(&self, dim: isize, index: &[usize]) -> Self {
        let dim = axis("index_select", dim, self.rank());
        let len = self.shape()[dim];
        if let Some(i) = index.iter().find(|&&i| i >= len) {
            panic!("index_select: index {i} is outside of axis {dim} of shape {:?}", self.shape());
        }
        let mut shape = self.layout.shape;
        shape[dim] = index.len();
        shape.count("index_select", size_of::<E>());
        let layout = Layout { shape, ..self.layout };
        let layout = if self.layout.is_dense() { layout.dense_like() } else { Layout::contiguous(shape) };
        let mut places = Layout { shape, strides: Dims::repeat(0, shape.len()), offset: 0 };
        places.strides[dim] = 1;
        self.pick(dim, layout, index, &places, |i| i)
    }
}
