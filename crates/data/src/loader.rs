//! Batches of a dataset, epoch after epoch.
//!
//! A [`DataLoader`] is a dataset, a batch size, a rule for the order, and transforms. It has no generator that moves on:
//! the batches of an epoch are a function of the seed and the epoch's number, and the only state is which epoch comes
//! next. So threads may work ahead without changing anything. The dataset's own type is erased: a training loop has to
//! know nothing but the types of the elements.

mod batches;
mod image_loaders;
mod loaders;
mod prefetch;
mod source;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use downhill_tensor::{Element, Rng};

use crate::dataset::{Batch, Dataset};
use crate::error::{Error, Result};
use crate::sampler::{RandomSampler, Sampler, SequentialSampler};
use crate::transform::BatchTransform;

pub use batches::Batches;
use batches::{Epoch, repeats};
pub use image_loaders::ImageDataLoaders;
pub use loaders::DataLoaders;
use source::{Plain, Source, Transformed};

/// A place in the stream of a loader's batches, as it can be saved and come back to.
///
/// ```
/// use downhill_data::{DataLoader, Position, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let numbers = Tensor::<i64>::arange(10);
/// let dl = DataLoader::new(TensorDataset::new(numbers.clone(), numbers)?).bs(4).shuffle(true);
/// let whole: Vec<_> = dl.epoch(7).collect::<Result<_, _>>()?;
///
/// dl.resume(Position { epoch: 7, batch: 2 });
/// assert_eq!(dl.iter().next().unwrap()?.0.to_vec(), whole[2].0.to_vec());
/// assert_eq!(dl.position(), Position { epoch: 8, batch: 0 });
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The epoch's number.
    pub epoch: u64,
    /// How many of its batches lie behind.
    pub batch: usize,
}

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
    source: Arc<dyn Source<X, Y>>,
    /// The number of transforms.
    stages: u64,
    sampler: Arc<dyn Sampler>,
    bs: usize,
    seed: u64,
    drop_last: bool,
    num_workers: usize,
    prefetch: usize,
    next: Mutex<Position>,
}

impl<X: Element, Y: Element> DataLoader<X, Y> {
    /// Batches of 64 items in the order of the dataset, the last one smaller if they do not divide evenly.
    pub fn new(dataset: impl Dataset<X = X, Y = Y> + 'static) -> Self {
        DataLoader {
            source: Arc::new(Plain(dataset)),
            stages: 0,
            sampler: Arc::new(SequentialSampler),
            bs: 64,
            seed: 0,
            drop_last: false,
            num_workers: 0,
            prefetch: 2,
            next: Mutex::default(),
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
        self.sampler = if shuffle { Arc::new(RandomSampler) } else { Arc::new(SequentialSampler) };
        self
    }

    /// With another rule for which items an epoch has, and in which order. It takes the place of
    /// [`shuffle`](Self::shuffle).
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dset = TensorDataset::new(numbers.clone(), numbers)?;
    /// use downhill_data::{DistributedSampler, RandomSampler};
    ///
    /// let second_of_two = DistributedSampler::new(RandomSampler, 1, 2);
    /// assert_eq!(DataLoader::new(dset).sampler(second_of_two).first()?.0.size(0), 5);
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler + 'static) -> Self {
        self.sampler = Arc::new(sampler);
        self
    }

    /// With another seed of the order and of the transforms; 0 unless told.
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

    /// With so many threads that make batches ahead, or with none: then each batch is made when it is asked for, by
    /// who asks. The batches are the same.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dset = TensorDataset::new(numbers.clone(), numbers)?;
    /// let dl = DataLoader::new(dset).bs(3).shuffle(true);
    /// let all = |dl: DataLoader<i64, i64>| -> Result<Vec<_>, downhill_data::Error> {
    ///     dl.iter().map(|batch| Ok(batch?.0.to_vec())).collect()
    /// };
    /// assert_eq!(all(dl.clone().num_workers(2))?, all(dl)?);
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    #[must_use]
    pub fn num_workers(mut self, num_workers: usize) -> Self {
        self.num_workers = num_workers;
        self
    }

    /// With at most so many batches for each worker that are being made or wait to be taken; 2 unless told.
    ///
    /// # Panics
    /// If `prefetch` is zero.
    #[must_use]
    #[track_caller]
    pub fn prefetch(mut self, prefetch: usize) -> Self {
        assert!(prefetch > 0, "DataLoader: prefetch must be positive");
        self.prefetch = prefetch;
        self
    }

    /// With a transform of whole batches behind those that there are. It may change the types of the elements: images
    /// stay bytes up to [`IntToFloat`](crate::IntToFloat). fastai's `batch_tfms`.
    ///
    /// ```
    /// use downhill_data::{Batch, DataLoader, IntToFloat, Keys, TensorDataset};
    /// use downhill_tensor::Tensor;
    ///
    /// let dset = TensorDataset::new(Tensor::<u8>::full(&[10, 28, 28], 51), Tensor::<i64>::zeros(&[10]))?;
    /// let dl: DataLoader<f32, i64> = DataLoader::new(dset)
    ///     .after_batch(IntToFloat)
    ///     .after_batch(|(x, y): Batch<f32, i64>, _: &Keys| Ok((x.flatten(1), y)));
    /// let (x, _) = dl.first()?;
    /// assert_eq!((x.shape(), x.get(&[0, 0])), (&[10, 784][..], 0.2));
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    #[must_use]
    pub fn after_batch<T>(self, transform: T) -> DataLoader<T::X, T::Y>
    where
        T: BatchTransform<X, Y> + 'static,
    {
        DataLoader {
            source: Arc::new(Transformed { inner: self.source, transform, stage: self.stages }),
            stages: self.stages + 1,
            sampler: self.sampler,
            bs: self.bs,
            seed: self.seed,
            drop_last: self.drop_last,
            num_workers: self.num_workers,
            prefetch: self.prefetch,
            next: self.next,
        }
    }

    /// The number of batches in an epoch.
    pub fn len(&self) -> usize {
        let items = self.sampler.len(self.n());
        if self.drop_last { items / self.bs } else { items.div_ceil(self.bs) }
    }

    /// Whether an epoch has no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of items in the dataset.
    pub fn n(&self) -> usize {
        self.source.len()
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
        let Position { epoch, batch } = self.position();
        let first = self.epoch_from(epoch, batch).here();
        first.unwrap_or_else(|| Err(Error::NoBatches { items: self.n(), bs: self.bs }))
    }

    /// [`first`](Self::first) by fastai's name.
    ///
    /// # Errors
    /// As [`first`](Self::first).
    pub fn one_batch(&self) -> Result<Batch<X, Y>> {
        self.first()
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
        self.epoch_from(e, 0)
    }

    /// The batches of epoch `e` from number `batch` on. The ones before are not loaded.
    ///
    /// ```
    /// # use downhill_data::{DataLoader, TensorDataset};
    /// # use downhill_tensor::Tensor;
    /// # let numbers = Tensor::<i64>::arange(10);
    /// # let dl = DataLoader::new(TensorDataset::new(numbers.clone(), numbers)?).bs(4).shuffle(true);
    /// let last = dl.epoch(3).last().unwrap()?.0;
    /// assert_eq!(dl.epoch_from(3, 2).next().unwrap()?.0.to_vec(), last.to_vec());
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    pub fn epoch_from(&self, e: u64, batch: usize) -> Batches<X, Y> {
        let n = self.n();
        let order = self.sampler.indices(n, &mut Rng::new(self.seed).fork("shuffle").fork_index(e));
        let epoch = |order: Vec<usize>| Epoch {
            source: Arc::clone(&self.source),
            seed: self.seed,
            epoch: e,
            bs: self.bs,
            repeats: repeats(&order, n),
            order,
        };
        match order {
            Ok(order) => {
                let end = if self.drop_last { order.len() / self.bs } else { order.len().div_ceil(self.bs) };
                let ahead = self.prefetch.saturating_mul(self.num_workers).min(end);
                Batches::new(epoch(order), batch, end, self.num_workers, ahead)
            }
            Err(error) => Batches::refused(epoch(Vec::new()), error),
        }
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
        let mut next = self.next();
        let Position { epoch, batch } = *next;
        *next = Position { epoch: epoch.wrapping_add(1), batch: 0 };
        drop(next);
        self.epoch_from(epoch, batch)
    }

    /// Where [`iter`](Self::iter) begins next.
    pub fn position(&self) -> Position {
        *self.next()
    }

    /// Lets [`iter`](Self::iter) begin at `position`, where an earlier run stopped. The epochs behind it are whole.
    pub fn resume(&self, position: Position) {
        *self.next() = position;
    }

    fn next(&self) -> MutexGuard<'_, Position> {
        // A position is written in one step.
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A loader of the same dataset, which begins where this one would begin next.
impl<X: Element, Y: Element> Clone for DataLoader<X, Y> {
    fn clone(&self) -> Self {
        DataLoader {
            source: self.source.clone(),
            sampler: self.sampler.clone(),
            next: Mutex::new(self.position()),
            ..*self
        }
    }
}

impl<X: Element, Y: Element> fmt::Debug for DataLoader<X, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataLoader")
            .field("n", &self.n())
            .field("bs", &self.bs)
            .field("seed", &self.seed)
            .field("drop_last", &self.drop_last)
            .field("num_workers", &self.num_workers)
            .field("next", &self.position())
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
