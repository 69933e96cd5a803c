//! Which axes a reduction runs over.

use std::ops::RangeFull;

use crate::layout::{Dims, axis};

/// The axes of a reduction: `..` for all, a number, or an array of numbers, each counted from the back if negative.
///
/// ```
/// # use downhill_tensor::Tensor;
/// let x = Tensor::<f32>::ones(&[2, 3, 4]);
/// assert_eq!(x.sum(..).item(), 24.0);
/// assert_eq!(x.sum(-1).shape(), [2, 3]);
/// assert_eq!(x.sum([0, 2]).to_vec(), [8.0; 3]);
/// ```
#[derive(Clone, Debug)]
pub struct Axes(Option<Vec<isize>>);

impl Axes {
    /// For each axis of a tensor of `rank` axes, whether it is among these.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub(crate) fn mask(&self, op: &str, rank: usize) -> Dims {
        let Some(dims) = &self.0 else { return Dims::repeat(1, rank) };
        let mut mask = Dims::repeat(0, rank);
        for &dim in dims {
            let i = axis(op, dim, rank);
            assert!(mask[i] == 0, "{op}: axis {dim} is named twice in {dims:?}");
            mask[i] = 1;
        }
        mask
    }
}

impl Axes {
    /// What is left of `shape` when these axes are gone.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn reduced_shape(&self, shape: &[usize]) -> Dims {
        let mask = self.mask("reduced_shape", shape.len());
        let kept: Vec<usize> =
            shape.iter().zip(mask.iter()).filter(|(_, m)| **m == 0).map(|(d, _)| *d).collect();
        Dims::new(&kept)
    }
}

impl From<RangeFull> for Axes {
    fn from(_: RangeFull) -> Self {
        Axes(None)
    }
}

impl From<i32> for Axes {
    fn from(dim: i32) -> Self {
        Axes(Some(vec![dim as isize]))
    }
}

impl From<isize> for Axes {
    fn from(dim: isize) -> Self {
        Axes(Some(vec![dim]))
    }
}

impl From<&[isize]> for Axes {
    fn from(dims: &[isize]) -> Self {
        Axes(Some(dims.to_vec()))
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(dims: [isize; N]) -> Self {
        Axes(Some(dims.to_vec()))
    }
}

impl From<&Axes> for Axes {
    fn from(axes: &Axes) -> Self {
        axes.clone()
    }
}
