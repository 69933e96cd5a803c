//! Reading at positions that a tensor of integers names, and its opposite, adding there.

use downhill_tensor::{Float, Tensor};

use crate::ops::{cat, view::signed, where_};
use crate::var::Var;

impl<T: Float> Var<T> {
    /// The indices `index` of axis `dim`, in that order. `torch.index_select`. The gradient of an index that occurs
    /// several times is the sum, in the order of occurrence.
    ///
    /// # Panics
    /// If an index is outside of the axis.
    #[track_caller]
    pub fn index_select(&self, dim: isize, index: &[usize]) -> Var<T> {
        let value = self.value().index_select(dim, index);
        Var::record("index_select", [self], value, || {
            let (own, index) = (self.shape(), index.to_vec());
            move |d| [Some(Var::new(Tensor::zeros(&own)).index_add(dim, &index, &d.grad))]
        })
    }

    /// A copy with `source[i]` added to `index[i]` of axis `dim`, one `i` after the other. `torch.index_add`. The
    /// gradients are `g`, and for `source` the indices of `g`.
    ///
    /// # Panics
    /// If the shapes do not fit, or an index is outside of the axis.
    #[track_caller]
    pub fn index_add(&self, dim: isize, index: &[usize], source: &Var<T>) -> Var<T> {
        let mut value = self.value();
        value.index_add_(dim, index, &source.value());
        Var::record("index_add", [self, source], value, || {
            let index = index.to_vec();
            move |d| [d.wanted(0, Var::clone), d.wanted(1, |g| g.index_select(dim, &index))]
        })
    }

    /// Along axis `dim`, the element that `index` names: `out[i, j] = self[index[i, j], j]` for `dim` 0 of a matrix.
    /// `torch.gather`. The gradient of an element that occurs several times is the sum, in the order of occurrence.
    ///
    /// # Panics
    /// If the shapes do not fit, or an index is outside of the axis; see [`Tensor::gather`].
    #[track_caller]
    pub fn gather(&self, dim: isize, index: &Tensor<i64>) -> Var<T> {
        let value = self.value().gather(dim, index);
        Var::record("gather", [self], value, || {
            let (own, index) = (self.shape(), index.clone());
            move |d| [Some(Var::new(Tensor::zeros(&own)).scatter_add(dim, &index, &d.grad))]
        })
    }

    /// A copy with `source` added at the positions that `index` names, see [`Tensor::scatter_add_`].
    /// `torch.scatter_add`. The gradients are `g`, and for `source` what `index` gathers of `g`.
    ///
    /// # Panics
    /// If the shapes do not fit, or an index is outside of the axis.
    #[track_caller]
    pub fn scatter_add(&self, dim: isize, index: &Tensor<i64>, source: &Var<T>) -> Var<T> {
        let mut value = self.value();
        value.scatter_add_(dim, index, &source.value());
        Var::record("scatter_add", [self, source], value, || {
            let index = index.clone();
            move |d| [d.wanted(0, Var::clone), d.wanted(1, |g| g.gather(dim, &index))]
        })
    }

    /// Every `step`-th index of axis `dim` from `start` up to, not including, `end`. `x[:, start:end:step]`. The
    /// gradient is zero elsewhere.
    ///
    /// # Panics
    /// If `start > end`, if `end` exceeds the axis, or if `step` is zero.
    #[track_caller]
    pub fn slice(&self, dim: isize, start: usize, end: usize, step: usize) -> Var<T> {
        let value = self.value().slice(dim, start, end, step);
        Var::record("slice", [self], value, || {
            let own = self.shape();
            move |d| {
                let index: Vec<usize> = (start..end).step_by(step).collect();
                [Some(Var::new(Tensor::zeros(&own)).index_add(dim, &index, &d.grad))]
            }
        })
    }

    /// With `value` added around: before and behind the last axis, before and behind the one before that, and so on.
    /// `torch.nn.functional.pad`. The gradient is its middle.
    ///
    /// # Panics
    /// If `padding` is not a pair of numbers an axis, or names more axes than there are.
    #[track_caller]
    pub fn pad(&self, padding: &[usize], value: T) -> Var<T> {
        Var::record("pad", [self], self.value().pad(padding, value), || {
            let (own, padding) = (self.shape(), padding.to_vec());
            move |d| {
                let narrowed = padding.chunks_exact(2).enumerate().fold(d.grad, |g, (i, pair)| {
                    let dim = own.len() - 1 - i;
                    g.narrow(dim as isize, pair[0], own[dim])
                });
                [Some(narrowed)]
            }
        })
    }

    /// A copy with `value` wherever `mask` is true, both broadcast to a common shape. `torch.masked_fill`. No gradient
    /// flows where the value was replaced.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor<bool>, value: T) -> Var<T> {
        where_(mask, value, self)
    }

    /// Parts of `size` indices of axis `dim` each, the last one of what is left. `torch.split`.
    ///
    /// # Panics
    /// If there is no such axis, or `size` is zero and the axis is not empty.
    #[track_caller]
    pub fn split(&self, size: usize, dim: isize) -> Vec<Var<T>> {
        self.parts(self.value().split(size, dim), dim)
    }

    /// Parts of equally many indices of axis `dim`, at most `count` of them, the last one of what is left.
    /// `torch.chunk`.
    ///
    /// # Panics
    /// If there is no such axis, or `count` is zero.
    #[track_caller]
    pub fn chunk(&self, count: usize, dim: isize) -> Vec<Var<T>> {
        self.parts(self.value().chunk(count, dim), dim)
    }

    /// The parts of the value as parts of this variable.
    fn parts(&self, values: Vec<Tensor<T>>, dim: isize) -> Vec<Var<T>> {
        let mut start = 0;
        let part = |value: Tensor<T>| {
            let len = value.size(dim);
            start += len;
            self.narrow(dim, start - len, len)
        };
        values.into_iter().map(part).collect()
    }

    /// With the order along each of the axes `dims` reversed. `torch.flip`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn flip(&self, dims: &[isize]) -> Var<T> {
        let mut x = self.clone();
        for &dim in dims {
            let backward: Vec<usize> = (0..axis_length("flip", &x, dim)).rev().collect();
            x = x.index_select(dim, &backward);
        }
        x
    }

    /// With the indices of axis `dim` moved on by `shift`, backward if that is negative; what leaves at one end comes
    /// in at the other. `torch.roll`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn roll(&self, shift: isize, dim: isize) -> Var<T> {
        let len = axis_length("roll", self, dim);
        let first = len - shift.rem_euclid(len.max(1) as isize) as usize;
        cat(&[self.narrow(dim, first, len - first), self.narrow(dim, 0, first)], dim)
    }
}

#[track_caller]
fn axis_length<T: Float>(op: &str, x: &Var<T>, dim: isize) -> usize {
    let shape = x.shape();
    let at = if dim < 0 { dim + shape.len() as isize } else { dim };
    let inside = (0..shape.len() as isize).contains(&at);
    assert!(inside, "{op}: axis {dim} is out of range for a tensor of {} axes", shape.len());
    shape[at as usize]
}

/// For every element of `index`, that row of `weight`. `torch.nn.functional.embedding`.
///
/// # Shapes
/// `index [..]`, `weight [rows, size] -> [.., size]`
///
/// # Panics
/// If the weight is no matrix, or an index is not one of its rows.
///
/// ```
/// use downhill_autograd::{Var, embedding};
/// use downhill_tensor::Tensor;
///
/// let weight = Var::parameter(Tensor::from([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0_f32]]));
/// let rows = embedding(&Tensor::from([2, 0, 2]), &weight);
/// assert_eq!(rows.value().to_vec(), [4.0, 5.0, 0.0, 1.0, 4.0, 5.0]);
/// rows.sum(..).backward();
/// assert_eq!(weight.grad().unwrap().to_vec(), [1.0, 1.0, 0.0, 0.0, 2.0, 2.0]);
/// ```
#[track_caller]
pub fn embedding<T: Float>(index: &Tensor<i64>, weight: &Var<T>) -> Var<T> {
    let shape = weight.shape();
    assert!(shape.len() == 2, "embedding: expected a weight of two axes, got shape {shape:?}");
    let mut rows = Vec::with_capacity(index.numel());
    for i in index.iter() {
        let row = usize::try_from(i).ok().filter(|&row| row < shape[0]);
        let Some(row) = row else { panic!("embedding: index {i} is no row of weight {shape:?}") };
        rows.push(row);
    }
    let mut out: Vec<isize> = index.shape().iter().map(|&d| d as isize).collect();
    out.push(signed(&shape)[1]);
    weight.index_select(0, &rows).reshape(&out)
}
