//! Batches of a dataset, epoch after epoch.
//!
//! A [`DataLoader`] is a dataset, a batch size, and a rule for the order. It has no generator that moves on: the order
//! of an epoch is a function of the seed and the epoch's number, and the only state is which number comes next. The
//! dataset's own type is erased, so a training loop has to know nothing but the types of the elements.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use downhill_tensor::{Element, Rng};

use crate::dataset::{Batch, Dataset};
use crate::error::{Error, Result};

type DynDataset<X, Y> = dyn Dataset<X = X, Y = Y>;

/// Hands out a dataset in batches: fastai's `DataLoader`.
///
/// ```
/// use downhill_data::{DataLoader, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let numbers = Tensor::<i64>::arange(10);
/// let dl = DataLoader::new(TensorDataset::new(numbers.clone(), numbers)?).bs(4);
/// assert_eq!((dl.len(), dl.n(), dl.batch_size()), (3, 10, 4));
/// for batch in &dl {
///     let (xb, yb) = batch?;
///     assert_eq!(xb.to_vec(), yb.to_vec());
/// }
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub struct DataLoader<X: Element, Y: Element> {
    dataset: Arc<DynDataset<X, Y>>,
    bs: usize,
    shuffle: bool,
    seed: u64,
    drop_last: bool,
    next_epoch: AtomicU64,
}

impl<X: Element, Y: Element> DataLoader<X, Y> {
    /// Batches of 64 items in the order of the dataset, the last one smaller if they do not divide evenly.
    pub fn new(dataset: impl Dataset<X = X, Y = Y> + 'static) -> Self {
        DataLoader {
            dataset: Arc::new(dataset),
            bs: 64,
            shuffle: false,
            seed: 0,
            drop_last: false,
            next_epoch: AtomicU64::new(0),
        }
    }

    /// With batches of `bs` items.
    ///
    /// # Panics
    /// If `bs` is zero.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dset = TensorDataset::new(numbers.clone(), numbers)?;
    /// assert_eq!(DataLoader::new(dset).bs(5).first()?.0.to_vec(), [0, 1, 2, 3, 4]);
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn bs(mut self, bs: usize) -> Self {
        assert!(bs > 0, "DataLoader: bs must be positive");
        self.bs = bs;
        self
    }

    /// With another order in every epoch, or with the dataset's order in all of them.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dset = TensorDataset::new(numbers.clone(), numbers)?;
    /// let dl = DataLoader::new(dset).bs(10).shuffle(true).seed(1);
    /// let (now, next) = (dl.first()?.0.to_vec(), dl.epoch(1).next().unwrap()?.0.to_vec());
    /// assert_ne!(now, next);
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// With another seed of the order; 0 unless told.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dset = TensorDataset::new(numbers.clone(), numbers)?;
    /// let dl = DataLoader::new(dset).shuffle(true);
    /// let (one, other) = (dl.clone().seed(1).first()?, dl.seed(2).first()?);
    /// assert_ne!(one.0.to_vec(), other.0.to_vec());
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Without the last batch of an epoch if it is smaller than the others.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dset = TensorDataset::new(numbers.clone(), numbers)?;
    /// assert_eq!(DataLoader::new(dset).bs(4).drop_last(true).len(), 2); // of 10 items
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.drop_last = drop_last;
        self
    }

    /// The number of batches in an epoch.
    pub fn len(&self) -> usize {
        if self.drop_last { self.n() / self.bs } else { self.n().div_ceil(self.bs) }
    }

    /// Whether an epoch has no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of items in the dataset.
    pub fn n(&self) -> usize {
        self.dataset.len()
    }

    /// The number of items in a batch, except perhaps the last one.
    pub fn batch_size(&self) -> usize {
        self.bs
    }

    /// The first batch of the epoch that [`iter`](Self::iter) would begin, which it still begins afterwards.
    ///
    /// # Errors
    /// [`Error::NoBatches`] if the loader is empty; whatever the dataset answers.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dl = DataLoader::new(TensorDataset::new(numbers.clone(), numbers)?).shuffle(true);
    /// let (peeked, _) = dl.first()?;
    /// assert_eq!(dl.iter().next().unwrap()?.0.to_vec(), peeked.to_vec());
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    pub fn first(&self) -> Result<Batch<X, Y>> {
        let first = self.epoch(self.next_epoch.load(Ordering::Relaxed)).next();
        first.unwrap_or_else(|| Err(Error::NoBatches { items: self.n(), bs: self.bs }))
    }

    /// The batches of epoch `e`, whose order depends on the seed and `e` alone.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dl = DataLoader::new(TensorDataset::new(numbers.clone(), numbers)?).bs(4).shuffle(true);
    /// let order = |e| dl.epoch(e).map(|batch| Ok(batch?.0.to_vec())).collect::<Result<Vec<_>, _>>();
    /// assert_eq!(order(7)?, order(7)?);
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    pub fn epoch(&self, e: u64) -> Batches<X, Y> {
        let n = self.n();
        let mut order = if self.shuffle {
            Rng::new(self.seed).fork("shuffle").fork_index(e).permutation(n)
        } else {
            (0..n).collect()
        };
        if self.drop_last {
            order.truncate(n / self.bs * self.bs);
        }
        Batches { dataset: self.dataset.clone(), order, bs: self.bs, at: 0 }
    }

    /// The batches of the next epoch. Epochs are counted from 0; every call begins another one, whether or not the one
    /// before was used up.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dset = TensorDataset::new(numbers.clone(), numbers)?;
    /// let dl = DataLoader::new(dset).shuffle(true);
    /// let order = |mut epoch: downhill_data::Batches<_, _>| Ok(epoch.next().unwrap()?.0.to_vec());
    /// let (first, second) = (order(dl.iter())?, order(dl.iter())?);
    /// assert_eq!((first, second), (order(dl.epoch(0))?, order(dl.epoch(1))?));
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    pub fn iter(&self) -> Batches<X, Y> {
        self.epoch(self.next_epoch.fetch_add(1, Ordering::Relaxed))
    }
}

/// A loader of the same dataset, which begins with the epoch that this one would begin next.
impl<X: Element, Y: Element> Clone for DataLoader<X, Y> {
    fn clone(&self) -> Self {
        DataLoader {
            dataset: self.dataset.clone(),
            next_epoch: AtomicU64::new(self.next_epoch.load(Ordering::Relaxed)),
            ..*self
        }
    }
}

impl<X: Element, Y: Element> fmt::Debug for DataLoader<X, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataLoader")
            .field("n", &self.n())
            .field("bs", &self.bs)
            .field("shuffle", &self.shuffle)
            .field("seed", &self.seed)
            .field("drop_last", &self.drop_last)
            .field("next_epoch", &self.next_epoch)
            .finish_non_exhaustive()
    }
}

impl<X: Element, Y: Element> IntoIterator for &DataLoader<X, Y> {
    type Item = Result<Batch<X, Y>>;
    type IntoIter = Batches<X, Y>;
    fn into_iter(self) -> Batches<X, Y> {
        self.iter()
    }
}

/// The batches of one epoch, in order. A batch that cannot be delivered is an error in its place; the ones behind it
/// are unaffected.
///
/// ```
/// # use downhill_data::{DataLoader, TensorDataset};
/// # use downhill_tensor::Tensor;
/// # let numbers = Tensor::<i64>::arange(10);
/// # let dl = DataLoader::new(TensorDataset::new(numbers.clone(), numbers)?).bs(4);
/// let mut batches = dl.epoch(0);
/// assert_eq!(batches.len(), 3);
/// batches.next();
/// assert_eq!(batches.len(), 2);
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub struct Batches<X: Element, Y: Element> {
    dataset: Arc<DynDataset<X, Y>>,
    order: Vec<usize>,
    bs: usize,
    at: usize,
}

impl<X: Element, Y: Element> fmt::Debug for Batches<X, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches")
            .field("remaining", &self.len())
            .field("bs", &self.bs)
            .finish_non_exhaustive()
    }
}

impl<X: Element, Y: Element> Iterator for Batches<X, Y> {
    type Item = Result<Batch<X, Y>>;

    fn next(&mut self) -> Option<Self::Item> {
        let idx = self.order[self.at..].chunks(self.bs).next()?;
        self.at += idx.len();
        Some(self.dataset.batch(idx))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let remaining = (self.order.len() - self.at).div_ceil(self.bs);
        (remaining, Some(remaining))
    }
}

impl<X: Element, Y: Element> ExactSizeIterator for Batches<X, Y> {}
impl<X: Element, Y: Element> FusedIterator for Batches<X, Y> {}

/// A loader to train on and one to validate on: fastai's `dls`.
///
/// ```
/// use downhill_data::{DataLoader, DataLoaders, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let dset = |n| TensorDataset::new(Tensor::<f32>::zeros(&[n, 784]), Tensor::<i64>::zeros(&[n, 1]));
/// let dls = DataLoaders::new(
///     DataLoader::new(dset(1000)?).bs(256).shuffle(true),
///     DataLoader::new(dset(100)?).bs(256),
/// );
/// assert_eq!((dls.train.len(), dls.valid.len()), (4, 1));
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DataLoaders<X: Element, Y: Element> {
    /// The batches that the model learns from.
    pub train: DataLoader<X, Y>,
    /// The batches that it is measured on.
    pub valid: DataLoader<X, Y>,
}

impl<X: Element, Y: Element> DataLoaders<X, Y> {
    /// The two loaders.
    pub fn new(train: DataLoader<X, Y>, valid: DataLoader<X, Y>) -> Self {
        DataLoaders { train, valid }
    }
}
