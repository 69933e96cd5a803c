//! Choosing elements by truth values.

use crate::axes::Axes;
use crate::element::Element;
use crate::layout::Dims;
use crate::tensor::Tensor;

impl<E: Element> Tensor<E> {
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

    /// The elements where `mask`, broadcast to the shape of `self`, is true, in row-major order. `torch.masked_select`,
    /// `x[mask]`.
    ///
    /// # Panics
    /// If the mask does not broadcast to the shape of `self`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[1, -2], [-3, 4_i64]]);
    /// assert_eq!(x.masked_select(&x.gt(0)).to_vec(), [1, 4]);
    /// ```
    #[track_caller]
    pub fn masked_select(&self, mask: &Tensor<bool>) -> Self {
        let Some(layout) = mask.layout.broadcast_to(&self.layout.shape) else {
            panic!(
                "masked_select: rhs does not broadcast to lhs: lhs {:?}, rhs {:?}",
                self.shape(),
                mask.shape()
            );
        };
        let mask = mask.view_as(layout);
        self.iter().zip(mask.iter()).filter(|(_, chosen)| *chosen).map(|(x, _)| x).collect()
    }

    /// The indices of all elements that are true, or not zero, a row for each, in row-major order. `torch.nonzero`.
    ///
    /// # Shapes
    /// `[count, rank]`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[0.0, 5.0], [6.0, 7.0_f32]]);
    /// assert_eq!(x.nonzero().to_vec(), [0, 1, 1, 0, 1, 1]);
    /// ```
    pub fn nonzero(&self) -> Tensor<i64> {
        let (mut found, mut count) = (Vec::new(), 0);
        let mut index = Dims::repeat(0, self.rank());
        for x in self.iter() {
            if x != E::default() {
                found.extend(index.iter().map(|&i| i as i64));
                count += 1;
            }
            index.count_up(&self.layout.shape);
        }
        Tensor::from_vec(found, &[count, self.rank()])
    }

    /// How many elements over `axes`, which are gone from the result, are true, or not zero. `torch.count_nonzero`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([[0.0, 5.0], [6.0, 7.0_f32]]);
    /// assert_eq!(x.count_nonzero(0).to_vec(), [1, 2]);
    /// assert_eq!(x.count_nonzero(..).item(), 3);
    /// ```
    #[track_caller]
    pub fn count_nonzero(&self, axes: impl Into<Axes>) -> Tensor<i64> {
        let mask = axes.into().mask("count_nonzero", self.rank());
        self.ne(E::default()).sum_masked(&mask, false)
    }
}
