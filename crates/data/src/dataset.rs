//! Pairs of an input and a target, by number.
//!
//! [`TensorDataset`] keeps the pairs in two big tensors, in which an item is an index of axis 0; a vector of pairs of
//! tensors keeps them one by one, as the chapter's `list(zip(train_x, train_y))` does. Either way, what an item costs
//! is paid once a batch.

mod combine;

use std::sync::Arc;

use downhill_tensor::{Element, MAX_RANK, Tensor, stack};

use crate::error::{Error, Result};

pub use combine::{Cached, Concat, Map, Subset, random_split};

/// Inputs and targets: index `i` of axis 0 of both is one item.
pub type Batch<X, Y> = (Tensor<X>, Tensor<Y>);

/// A finite number of pairs of an input and a target, handed out in batches.
///
/// ```
/// use downhill_data::{Dataset, Result};
/// use downhill_tensor::Tensor;
///
/// /// The numbers below a bound, and whether they are odd.
/// struct Parity(usize);
///
/// impl Dataset for Parity {
///     type X = f32;
///     type Y = i64;
///     fn len(&self) -> usize {
///         self.0
///     }
///     fn batch(&self, idx: &[usize]) -> Result<(Tensor<f32>, Tensor<i64>)> {
///         let x = Tensor::from_fn(&[idx.len(), 1], |i| idx[i[0]] as f32);
///         let y = Tensor::from_fn(&[idx.len(), 1], |i| (idx[i[0]] % 2) as i64);
///         Ok((x, y))
///     }
/// }
///
/// let (x, y) = Parity(10).batch(&[3, 8])?;
/// assert_eq!((x.to_vec(), y.to_vec()), (vec![3.0, 8.0], vec![1, 0]));
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub trait Dataset: Send + Sync {
    /// The element type of inputs.
    type X: Element;
    /// The element type of targets.
    type Y: Element;

    /// The number of items.
    fn len(&self) -> usize;

    /// Whether there are no items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items `idx`, in that order.
    ///
    /// # Errors
    /// [`Error::Index`] if there is no such item; whatever else keeps a dataset from delivering.
    fn batch(&self, idx: &[usize]) -> Result<Batch<Self::X, Self::Y>>;
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    type X = D::X;
    type Y = D::Y;
    fn len(&self) -> usize {
        (**self).len()
    }
    fn batch(&self, idx: &[usize]) -> Result<Batch<D::X, D::Y>> {
        (**self).batch(idx)
    }
}

impl<D: Dataset + ?Sized> Dataset for Box<D> {
    type X = D::X;
    type Y = D::Y;
    fn len(&self) -> usize {
        (**self).len()
    }
    fn batch(&self, idx: &[usize]) -> Result<Batch<D::X, D::Y>> {
        (**self).batch(idx)
    }
}

/// Two tensors, paired along axis 0. `torch.utils.data.TensorDataset`.
///
/// ```
/// use downhill_data::{Dataset, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let dset = TensorDataset::new(Tensor::from([[1.0, 2.0], [3.0, 4.0_f32]]), Tensor::from([7_i64, 3]))?;
/// let (x, y) = dset.batch(&[1])?;
/// assert_eq!((x.shape(), y.to_vec()), (&[1, 2][..], vec![3]));
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorDataset<X: Element, Y: Element> {
    x: Tensor<X>,
    y: Tensor<Y>,
}

impl<X: Element, Y: Element> TensorDataset<X, Y> {
    /// The dataset of the pairs `x[i], y[i]`.
    ///
    /// # Errors
    /// [`Error::Lengths`] if axis 0 of `x` and `y` differ in length, or one of them has no axes.
    ///
    /// ```
    /// use downhill_data::{Error, TensorDataset};
    /// use downhill_tensor::Tensor;
    ///
    /// let (x, y) = (Tensor::<f32>::zeros(&[3, 784]), Tensor::<i64>::zeros(&[2]));
    /// assert!(matches!(TensorDataset::new(x, y), Err(Error::Lengths { .. })));
    /// ```
    pub fn new(x: Tensor<X>, y: Tensor<Y>) -> Result<Self> {
        match (x.shape(), y.shape()) {
            // Contiguous, so that a row is one stretch of memory.
            (&[n, ..], &[m, ..]) if n == m => Ok(TensorDataset { x: x.contiguous(), y: y.contiguous() }),
            (x, y) => Err(Error::Lengths { x: x.to_vec(), y: y.to_vec() }),
        }
    }
}

impl<X: Element, Y: Element> Dataset for TensorDataset<X, Y> {
    type X = X;
    type Y = Y;

    fn len(&self) -> usize {
        self.x.size(0)
    }

    fn batch(&self, idx: &[usize]) -> Result<Batch<X, Y>> {
        check(idx, self.len())?;
        Ok((rows(&self.x, idx), rows(&self.y, idx)))
    }
}

/// Rows of a tensor: one gather; or a view, if they are neighbours, as all batches are that are not shuffled.
fn rows<E: Element>(tensor: &Tensor<E>, idx: &[usize]) -> Tensor<E> {
    match idx.first() {
        Some(&first) if idx.iter().copied().eq(first..first + idx.len()) => {
            tensor.narrow(0, first, idx.len())
        }
        // Of labels, each is an item: a gather of blocks would spend its time on their bounds.
        _ if tensor.numel() == tensor.size(0) => {
            let labels = tensor.as_slice().expect("made contiguous");
            let shape: Vec<usize> =
                std::iter::once(idx.len()).chain(tensor.shape()[1..].iter().copied()).collect();
            Tensor::from_fn(&shape, |at| labels[idx[at[0]]])
        }
        _ => tensor.index_select(0, idx),
    }
}

/// The chapter's `dset = list(zip(train_x, train_y))`. A batch stacks its items, which must have the shape of the first
/// one.
///
/// ```
/// use downhill_data::{DataLoader, Dataset};
/// use downhill_tensor::Tensor;
///
/// let (train_x, train_y) = (Tensor::<f32>::zeros(&[6, 784]), Tensor::<i64>::ones(&[6, 1]));
/// let dset: Vec<_> = train_x.unbind(0).zip(train_y.unbind(0)).collect();
/// assert_eq!((dset[0].0.shape(), dset[0].1.shape()), (&[784][..], &[1][..]));
/// let (xb, yb) = DataLoader::new(dset).bs(4).first()?;
/// assert_eq!((xb.shape(), yb.shape()), (&[4, 784][..], &[4, 1][..]));
/// # Ok::<(), downhill_data::Error>(())
/// ```
impl<X: Element, Y: Element> Dataset for Vec<(Tensor<X>, Tensor<Y>)> {
    type X = X;
    type Y = Y;

    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn batch(&self, idx: &[usize]) -> Result<Batch<X, Y>> {
        check(idx, self.len())?;
        Ok((stacked("x", self, idx, |item| &item.0)?, stacked("y", self, idx, |item| &item.1)?))
    }
}

/// One half of the items `idx`, under a new axis 0.
fn stacked<P, E: Element>(
    part: &'static str,
    items: &[P],
    idx: &[usize],
    half: fn(&P) -> &Tensor<E>,
) -> Result<Tensor<E>> {
    let shape = items.first().map_or(&[][..], |item| half(item).shape());
    if shape.len() == MAX_RANK {
        return Err(Error::Rank { part, found: shape.to_vec() });
    }
    for &index in idx {
        let found = half(&items[index]).shape();
        if found != shape {
            return Err(Error::Item { index, part, expected: shape.to_vec(), found: found.to_vec() });
        }
    }
    if idx.is_empty() {
        return Ok(Tensor::zeros(&[&[0], shape].concat()));
    }
    let chosen: Vec<_> = idx.iter().map(|&index| half(&items[index]).clone()).collect();
    Ok(stack(&chosen, 0))
}

/// Whether all of `idx` are below `len`.
pub(crate) fn check(idx: &[usize], len: usize) -> Result<()> {
    match idx.iter().find(|&&index| index >= len) {
        Some(&index) => Err(Error::Index { index, len }),
        None => Ok(()),
    }
}
