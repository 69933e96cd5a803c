//! Datasets made of datasets: a part, a sequence, a function of one, one that remembers.

use std::fmt;
use std::sync::{Arc, OnceLock};

use downhill_tensor::{Element, Rng, Tensor, cat};

use super::{Batch, Dataset, check, stacked};
use crate::error::{Error, Result};

/// Some of the items of a dataset, under new numbers. `torch.utils.data.Subset`.
///
/// ```
/// use downhill_data::{Dataset, Subset, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let numbers = Tensor::<i64>::arange(10);
/// let odd = Subset::new(TensorDataset::new(numbers.clone(), numbers)?, vec![1, 3, 5, 7, 9])?;
/// assert_eq!((odd.len(), odd.batch(&[4, 0])?.0.to_vec()), (5, vec![9, 1]));
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subset<D> {
    dataset: D,
    indices: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The items `indices` of `dataset`, in that order.
    ///
    /// # Errors
    /// [`Error::Index`] if there is no such item.
    pub fn new(dataset: D, indices: Vec<usize>) -> Result<Self> {
        check(&indices, dataset.len())?;
        Ok(Subset { dataset, indices })
    }

    /// Which items of the whole these are.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    type X = D::X;
    type Y = D::Y;

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn batch(&self, idx: &[usize]) -> Result<Batch<D::X, D::Y>> {
        check(idx, self.len())?;
        let inner: Vec<usize> = idx.iter().map(|&index| self.indices[index]).collect();
        self.dataset.batch(&inner)
    }
}

/// A dataset cut at random into parts without a common item, of the sizes `lengths`. `torch.utils.data.random_split`.
/// The same seed makes the same parts.
///
/// # Errors
/// [`Error::Split`] if the lengths do not add up to the dataset's.
///
/// ```
/// use downhill_data::{Dataset, TensorDataset, random_split};
/// use downhill_tensor::Tensor;
///
/// let numbers = Tensor::<i64>::arange(10);
/// let parts = random_split(TensorDataset::new(numbers.clone(), numbers)?, &[8, 2], 42)?;
/// assert_eq!((parts[0].len(), parts[1].len()), (8, 2));
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub fn random_split<D: Dataset>(dataset: D, lengths: &[usize], seed: u64) -> Result<Vec<Subset<Arc<D>>>> {
    let dataset = Arc::new(dataset);
    let sum = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length));
    if sum != Some(dataset.len()) {
        return Err(Error::Split { len: dataset.len(), lengths: lengths.to_vec() });
    }
    let order = Rng::new(seed).fork("split").permutation(dataset.len());
    let mut rest = &order[..];
    let part = |&length: &usize| {
        let (part, after) = rest.split_at(length);
        rest = after;
        Subset { dataset: Arc::clone(&dataset), indices: part.to_vec() }
    };
    Ok(lengths.iter().map(part).collect())
}

/// Datasets one behind the other. `torch.utils.data.ConcatDataset`.
///
/// ```
/// use downhill_data::{Concat, Dataset, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let dset = |first: i64| {
///     let x = Tensor::<i64>::arange(3) + first;
///     TensorDataset::new(x.clone(), x)
/// };
/// let both = Concat::new([dset(0)?, dset(100)?]);
/// assert_eq!((both.len(), both.batch(&[3, 2, 5])?.0.to_vec()), (6, vec![100, 2, 102]));
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub struct Concat<X: Element, Y: Element> {
    parts: Vec<Box<dyn Dataset<X = X, Y = Y>>>,
    /// The number of items before each part, and of all.
    starts: Vec<usize>,
}

impl<X: Element, Y: Element> Concat<X, Y> {
    /// The items of the first dataset, then those of the second, and so on.
    pub fn new<D: Dataset<X = X, Y = Y> + 'static>(datasets: impl IntoIterator<Item = D>) -> Self {
        let empty = Concat { parts: Vec::new(), starts: vec![0] };
        datasets.into_iter().fold(empty, Concat::and)
    }

    /// With another dataset, perhaps of another type, behind the last one.
    #[must_use]
    pub fn and(mut self, dataset: impl Dataset<X = X, Y = Y> + 'static) -> Self {
        self.starts.push(self.len() + dataset.len());
        self.parts.push(Box::new(dataset));
        self
    }

    /// The part that has item `index`.
    fn part(&self, index: usize) -> usize {
        self.starts.partition_point(|&start| start <= index) - 1
    }
}

impl<X: Element, Y: Element> fmt::Debug for Concat<X, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concat").field("starts", &self.starts).finish_non_exhaustive()
    }
}

impl<X: Element, Y: Element> Dataset for Concat<X, Y> {
    type X = X;
    type Y = Y;

    fn len(&self) -> usize {
        *self.starts.last().expect("starts with zero")
    }

    fn batch(&self, idx: &[usize]) -> Result<Batch<X, Y>> {
        check(idx, self.len())?;
        // Each part is asked once; then the items go to where they were asked for.
        let mut order: Vec<usize> = (0..idx.len()).collect();
        order.sort_by_key(|&at| self.part(idx[at]));
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for asked in order.chunk_by(|&a, &b| self.part(idx[a]) == self.part(idx[b])) {
            let part = self.part(idx[asked[0]]);
            let inner: Vec<usize> = asked.iter().map(|&at| idx[at] - self.starts[part]).collect();
            let (x, y) = self.parts[part].batch(&inner)?;
            fits("x", &xs, &x, idx[asked[0]])?;
            fits("y", &ys, &y, idx[asked[0]])?;
            xs.push(x);
            ys.push(y);
        }
        match (&xs[..], &ys[..]) {
            ([], _) => self
                .parts
                .first()
                .map_or_else(|| Ok((Tensor::zeros(&[0]), Tensor::zeros(&[0]))), |first| first.batch(&[])),
            ([x], [y]) => Ok((x.clone(), y.clone())),
            _ => {
                let mut back = vec![0; order.len()];
                order.iter().enumerate().for_each(|(from, &to)| back[to] = from);
                Ok((cat(&xs, 0).index_select(0, &back), cat(&ys, 0).index_select(0, &back)))
            }
        }
    }
}

/// Whether the items of `next`, of which `index` is the first, have the shape of those before.
fn fits<E: Element>(part: &'static str, before: &[Tensor<E>], next: &Tensor<E>, index: usize) -> Result<()> {
    match before.first() {
        Some(first) if first.shape()[1..] != next.shape()[1..] => Err(Error::Item {
            index,
            part,
            expected: first.shape()[1..].to_vec(),
            found: next.shape()[1..].to_vec(),
        }),
        _ => Ok(()),
    }
}

/// A dataset whose batches go through a function. The function sees a batch at a time, and must treat its items alike:
/// which items share a batch is the loader's choice.
///
/// ```
/// use downhill_data::{Dataset, Map, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let numbers = Tensor::<i64>::arange(10);
/// let dset = TensorDataset::new(numbers.clone(), numbers)?;
/// let halves = Map::new(dset, |(x, y)| Ok((x.to::<f32>() / 2.0, y)));
/// assert_eq!(halves.batch(&[1, 4])?.0.to_vec(), [0.5, 2.0]);
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Map<D, F> {
    dataset: D,
    f: F,
}

impl<D: Dataset, F> Map<D, F> {
    /// `dataset` with each batch replaced by `f` of it.
    pub fn new<X: Element, Y: Element>(dataset: D, f: F) -> Self
    where
        F: Fn(Batch<D::X, D::Y>) -> Result<Batch<X, Y>> + Send + Sync,
    {
        Map { dataset, f }
    }
}

impl<D, F, X, Y> Dataset for Map<D, F>
where
    D: Dataset,
    F: Fn(Batch<D::X, D::Y>) -> Result<Batch<X, Y>> + Send + Sync,
    X: Element,
    Y: Element,
{
    type X = X;
    type Y = Y;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn batch(&self, idx: &[usize]) -> Result<Batch<X, Y>> {
        (self.f)(self.dataset.batch(idx)?)
    }
}

/// A dataset that asks another one for each item only once, and keeps it.
///
/// ```
/// use downhill_data::{Cached, Dataset, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let numbers = Tensor::<i64>::arange(10);
/// let dset = Cached::new(TensorDataset::new(numbers.clone(), numbers)?);
/// dset.batch(&[3, 4])?;
/// assert_eq!(dset.cached(), 2);
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub struct Cached<D: Dataset> {
    dataset: D,
    items: Vec<OnceLock<Batch<D::X, D::Y>>>,
}

impl<D: Dataset> Cached<D> {
    /// `dataset`, of which nothing has been kept yet.
    pub fn new(dataset: D) -> Self {
        let items = (0..dataset.len()).map(|_| OnceLock::new()).collect();
        Cached { dataset, items }
    }

    /// How many items are kept.
    pub fn cached(&self) -> usize {
        self.items.iter().filter(|item| item.get().is_some()).count()
    }
}

impl<D: Dataset> fmt::Debug for Cached<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, cached) = (self.items.len(), self.cached());
        f.debug_struct("Cached").field("len", &len).field("cached", &cached).finish_non_exhaustive()
    }
}

impl<D: Dataset> Dataset for Cached<D> {
    type X = D::X;
    type Y = D::Y;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn batch(&self, idx: &[usize]) -> Result<Batch<D::X, D::Y>> {
        check(idx, self.len())?;
        let missing: Vec<usize> = idx.iter().copied().filter(|&i| self.items[i].get().is_none()).collect();
        if !missing.is_empty() {
            let (x, y) = self.dataset.batch(&missing)?;
            for ((x, y), i) in x.unbind(0).zip(y.unbind(0)).zip(missing) {
                // Another thread may have been first; its item is the same.
                let _ = self.items[i].set((x, y));
            }
        }
        if idx.is_empty() {
            return self.dataset.batch(idx);
        }
        let item = |&i: &usize| self.items[i].get().expect("fetched above").clone();
        let items: Vec<Batch<D::X, D::Y>> = idx.iter().map(item).collect();
        let all: Vec<usize> = (0..items.len()).collect();
        Ok((stacked("x", &items, &all, |item| &item.0)?, stacked("y", &items, &all, |item| &item.1)?))
    }
}
