//! The tensor itself: a handle on shared storage and a layout.

use std::sync::Arc;

use rayon::prelude::*;

use crate::element::Element;
use crate::kernels::buffer::Buffer;
use crate::kernels::transpose::transpose;
use crate::layout::Layout;
use crate::nest::{Nest, TASK};
use crate::run;

/// An n-dimensional array of `E`, of up to [`MAX_RANK`](crate::MAX_RANK) axes.
///
/// Cloning is cheap: both handles share the storage until one of them is written to.
#[derive(Clone)]
pub struct Tensor<E: Element = f32> {
    pub(crate) storage: Arc<Buffer<E>>,
    pub(crate) layout: Layout,
}

impl<E: Element> Tensor<E> {
    pub(crate) fn from_buffer(buffer: Buffer<E>, layout: Layout) -> Self {
        debug_assert!(layout.offset + layout.extent() <= buffer.len());
        Tensor { storage: Arc::new(buffer), layout }
    }

    /// The same storage seen through another layout.
    pub(crate) fn view_as(&self, layout: Layout) -> Self {
        debug_assert!(layout.offset + layout.extent() <= self.storage.len());
        Tensor { storage: self.storage.clone(), layout }
    }

    /// The length of each axis. Empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// How many elements of storage lie between neighbours along each axis.
    pub fn strides(&self) -> &[usize] {
        &self.layout.strides
    }

    /// The number of axes; PyTorch's `ndim`, the book's *rank*.
    pub fn rank(&self) -> usize {
        self.layout.rank()
    }

    /// The length of axis `dim`, counted from the back if negative.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn size(&self, dim: isize) -> usize {
        self.layout.shape[crate::layout::axis("size", dim, self.rank())]
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.layout.len()
    }

    /// Whether the elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// Whether `self` and `other` are handles on one storage.
    pub fn shares_storage(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    /// Whether `self` and `other` are handles on the same elements of one storage, in the same order.
    /// `torch.Tensor.is_set_to`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::from([[1, 2], [3, 4_i64]]);
    /// assert!(t.is_set_to(&t.clone()) && !t.is_set_to(&t.t()) && t.shares_storage(&t.t()));
    /// ```
    pub fn is_set_to(&self, other: &Self) -> bool {
        self.shares_storage(other) && self.layout == other.layout
    }

    /// The elements as a slice, if they lie in row-major order without gaps.
    pub fn as_slice(&self) -> Option<&[E]> {
        self.is_contiguous().then(|| self.dense_slice())
    }

    /// The elements in row-major order, for writing. If they do not lie so, or other handles share the storage, they
    /// are copied first.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let mut t = Tensor::from([[1, 2], [3, 4_i64]]).t();
    /// t.as_mut_slice()[1] = 7;
    /// assert_eq!(t.to_vec(), [1, 7, 2, 4]);
    /// ```
    pub fn as_mut_slice(&mut self) -> &mut [E] {
        if !self.is_contiguous() {
            *self = self.contiguous();
        }
        self.dense_mut()
    }

    /// The stretch of memory of a dense tensor, in the order of memory.
    pub(crate) fn dense_slice(&self) -> &[E] {
        debug_assert!(self.layout.is_dense());
        &self.storage[self.layout.offset..][..self.numel()]
    }

    /// The memory of this tensor for writing, in the order of `self.layout`, which is dense afterwards. If other
    /// handles share the storage, or the layout has gaps, the elements are copied first.
    pub(crate) fn dense_mut(&mut self) -> &mut [E] {
        if !self.layout.is_dense() {
            *self = self.copy_to(Layout::contiguous(self.layout.shape));
        } else if Arc::get_mut(&mut self.storage).is_none() {
            *self = self.copy_to(self.layout.dense_like());
        }
        let range = self.layout.offset..self.layout.offset + self.numel();
        &mut Arc::get_mut(&mut self.storage).expect("just made unique")[range]
    }

    /// Whether an operation may write its result into this tensor's memory.
    pub(crate) fn is_reusable(&mut self) -> bool {
        self.layout.is_dense() && Arc::get_mut(&mut self.storage).is_some()
    }

    /// A copy in fresh memory with the given dense layout.
    pub(crate) fn copy_to(&self, layout: Layout) -> Self {
        self.copy_from(&self.layout, layout)
    }

    /// The elements of this storage at the places of `from`, whose strides may be negative numbers, wrapped around; a copy
    /// with the given dense layout.
    pub(crate) fn copy_from(&self, from: &Layout, layout: Layout) -> Self {
        let mut out = Buffer::stale(layout.len());
        let nest = Nest::new(&layout, [from]);
        let data = &self.storage[..];
        if let Some((start, columns)) = nest.columns() {
            let width = (TASK / nest.run).clamp(1, columns);
            out.par_chunks_mut(width * nest.run).enumerate().for_each(|(i, out)| {
                let (width_here, [step]) = (out.len() / nest.run, nest.steps);
                let rows = &data[start + i * width..][..(nest.run - 1) * step + width_here];
                transpose(rows, step, width_here, out, nest.run);
            });
            return Tensor::from_buffer(out, layout);
        }
        nest.for_each(
            &mut out,
            #[inline(always)]
            |out, [at]| run::copy(out, data, at, nest.steps[0]),
        );
        Tensor::from_buffer(out, layout)
    }

    /// This tensor in row-major order without gaps: itself if it is so already, otherwise a copy.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::from_vec(vec![1, 2, 3, 4_i64], &[2, 2]).transpose(0, 1);
    /// assert_eq!(t.contiguous().as_slice(), Some(&[1, 3, 2, 4][..]));
    /// ```
    pub fn contiguous(&self) -> Self {
        if self.is_contiguous() { self.clone() } else { self.copy_to(Layout::contiguous(self.layout.shape)) }
    }

    /// All elements in row-major order.
    pub fn to_vec(&self) -> Vec<E> {
        self.contiguous().dense_slice().to_vec()
    }

    /// The value of a tensor of exactly one element.
    ///
    /// # Panics
    /// If there are more or fewer.
    #[track_caller]
    pub fn item(&self) -> E {
        assert!(self.numel() == 1, "item: expected one element, got shape {:?}", self.shape());
        self.storage[self.layout.offset]
    }

    /// The element at `index`, one number an axis.
    ///
    /// # Panics
    /// If an index is out of range or their number is not the rank.
    #[track_caller]
    pub fn get(&self, index: &[usize]) -> E {
        let inside = index.len() == self.rank() && index.iter().zip(self.shape()).all(|(i, d)| i < d);
        assert!(inside, "get: index {index:?} is outside of shape {:?}", self.shape());
        let at: usize = index.iter().zip(self.strides()).map(|(i, s)| i * s).sum();
        self.storage[self.layout.offset + at]
    }

    /// The elements in row-major order.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let t = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6_i64], &[2, 3]).transpose(0, 1);
    /// assert!(t.iter().eq([1, 4, 2, 5, 3, 6]));
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = E> + '_ {
        let mut index = crate::layout::Dims::repeat(0, self.rank());
        let mut at = self.layout.offset;
        (0..self.numel()).map(move |_| {
            let now = at;
            for i in (0..index.len()).rev() {
                index[i] += 1;
                at += self.layout.strides[i];
                if index[i] < self.layout.shape[i] {
                    break;
                }
                at -= self.layout.strides[i] * self.layout.shape[i];
                index[i] = 0;
            }
            self.storage[now]
        })
    }

    /// Converts every element to another type: floats lose their fraction on the way to an integer, what a type
    /// cannot hold becomes its nearest value, truth values become 0 and 1. PyTorch's `to(dtype)`, the book's `.float()`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let pixels = Tensor::from_vec(vec![0_u8, 128, 255], &[3]);
    /// assert_eq!((pixels.to::<f32>() / 255.0).to_vec(), [0.0, 128.0 / 255.0, 1.0]);
    /// ```
    pub fn to<F: Element>(&self) -> Tensor<F> {
        use crate::element::DType::{Bool, I64, U8};
        // An i64 does not go by way of f64: it could not, or would be rounded twice on its way to f32.
        if matches!(E::DTYPE, U8 | I64 | Bool) {
            self.map(|x| F::from_i64(x.to_i64()))
        } else {
            self.map(|x| F::from_f64(x.to_f64()))
        }
    }
}
