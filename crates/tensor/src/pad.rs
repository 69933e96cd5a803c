//! A tensor inside a larger one.

use crate::element::Element;
use crate::layout::{Layout, MAX_RANK};
use crate::nest::Nest;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
    /// With `value` added around: before and behind the last axis, before and behind the one before that, and so on.
    /// `torch.nn.functional.pad(x, padding, value=value)`.
    ///
    /// # Panics
    /// If `padding` is not a pair of numbers an axis, or names more axes than there are.
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
        let mut out = Tensor::full(&shape, value);
        out.write_region(self, |layout| {
            (0..self.rank()).fold(layout, |layout, i| layout.narrow(i, starts[i], self.shape()[i]))
        });
        out
    }

    /// Copies `source` into the part of this tensor that `region` makes of its layout.
    pub(crate) fn write_region(&mut self, source: &Tensor<E>, region: impl FnOnce(Layout) -> Layout) {
        self.dense_mut();
        let region = region(Layout { offset: 0, ..self.layout });
        debug_assert!(region.shape == source.layout.shape);
        if region.len() == 0 {
            return;
        }
        let nest = Nest::new(&Layout::contiguous(region.shape), [&region, &source.layout]);
        let (out, data, [to_step, from_step]) = (self.dense_mut(), &source.storage[..], nest.steps);
        let mut next = nest.starts_from(0);
        for _ in 0..nest.runs() {
            let [to, from] = next();
            if nest.steps == [1, 1] {
                out[to..to + nest.run].copy_from_slice(&data[from..from + nest.run]);
            } else {
                (0..nest.run).for_each(|i| out[to + i * to_step] = data[from + i * from_step]);
            }
        }
    }
}
