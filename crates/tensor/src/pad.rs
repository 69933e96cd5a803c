//! A tensor inside a larger one.

use rayon::prelude::*;

use crate::element::Element;
use crate::kernels::buffer::Buffer;
use crate::layout::{Dims, Layout, MAX_RANK};
use crate::nest::TASK;
use crate::run;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// With `value` added around: before and behind the last axis, before and behind the one before that, and so on.
    /// `torch.nn.functional.pad(x, padding, value=value)`.
    ///
    /// # Panics
    /// If `padding` is not a pair of numbers an axis, names more axes than there are, or asks for more elements than memory
    /// can hold.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1, 2], [3, 4_i64]]);
    /// assert_eq!(x.pad(&[1, 0], 9).to_vec(), [9, 1, 2, 9, 3, 4]);
    /// assert_eq!(x.pad(&[0, 0, 0, 1], 9).to_vec(), [1, 2, 3, 4, 9, 9]); // left, right, top, bottom
    /// ```
    #[track_caller]
    pub fn pad(&self, padding: &[usize], value: E) -> Self {
        let fits = padding.len().is_multiple_of(2) && padding.len() <= 2 * self.rank();
        assert!(fits, "pad: padding {padding:?} for shape {:?}", self.shape());
        let mut shape = self.layout.shape;
        let mut starts = [0; MAX_RANK];
        for (i, pair) in padding.chunks_exact(2).enumerate() {
            let at = self.rank() - 1 - i;
            starts[at] = pair[0];
            let longer = shape[at].checked_add(pair[0]).and_then(|d| d.checked_add(pair[1]));
            let Some(longer) = longer else { panic!("pad: padding {padding:?} is too large") };
            shape[at] = longer;
        }
        shape.count("pad", size_of::<E>());
        let layout = Layout::contiguous(shape);
        let mut out = Buffer::stale(layout.len());
        let Some(last) = self.rank().checked_sub(1) else { return self.clone() };
        if out.is_empty() {
            return Tensor::from_buffer(out, layout);
        }
        let own = self.layout;
        let (width, before) = (shape[last], starts[last]);
        // What a row shows of this tensor's rows, if it shows any.
        let source = |index: &Dims| {
            let mut at = own.offset;
            for i in 0..last {
                let inside = index[i].checked_sub(starts[i]).filter(|&i_own| i_own < own.shape[i])?;
                at += inside * own.strides[i];
            }
            (own.shape[last] > 0).then_some(at)
        };
        let rows = (TASK / width).max(1);
        out.par_chunks_mut(rows * width).enumerate().for_each(|(task, out)| {
            let outer = shape.remove(last);
            let mut index = outer.index_of(task * rows);
            for row in out.chunks_exact_mut(width) {
                row.fill(value);
                if let Some(at) = source(&index) {
                    let row = &mut row[before..][..own.shape[last]];
                    run::copy(row, &self.storage, at, own.strides[last]);
                }
                index.count_up(&outer);
            }
        });
        Tensor::from_buffer(out, layout)
    }
}
