//! One epoch: its order, its random streams, and the iterator over its batches.

use std::any::Any;
use std::fmt;
use std::iter::FusedIterator;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use downhill_tensor::{Element, Rng};

use super::Position;
use super::prefetch::Prefetch;
use super::source::Source;
use crate::dataset::Batch;
use crate::error::{Error, Result};
use crate::transform::Keys;

/// Everything that the batches of one epoch are a function of.
pub(super) struct Epoch<X: Element, Y: Element> {
    pub(super) source: Arc<dyn Source<X, Y>>,
    pub(super) seed: u64,
    pub(super) epoch: u64,
    pub(super) bs: usize,
    pub(super) order: Vec<usize>,
    /// How often the item at each place came before, if any comes twice.
    pub(super) repeats: Option<Vec<usize>>,
}

impl<X: Element, Y: Element> Epoch<X, Y> {
    /// Batch `number`; a panic on the way to it becomes an error.
    fn batch(&self, number: usize) -> Result<Batch<X, Y>> {
        let start = number * self.bs;
        let places = start..self.order.len().min(start + self.bs);
        let make = |places: std::ops::Range<usize>| {
            let keys = self.keys(number, places.clone());
            catch_unwind(AssertUnwindSafe(|| self.source.batch(&self.order[places], &keys)))
        };
        make(places.clone()).unwrap_or_else(|panic| {
            // Asked for alone, the item that is to blame panics again.
            let culprit = places.clone().find(|&place| make(place..place + 1).is_err());
            let items = culprit.map_or(places, |place| place..place + 1);
            Err(Error::Panic { items: self.order[items].to_vec(), message: message(&*panic) })
        })
    }

    fn keys(&self, number: usize, places: std::ops::Range<usize>) -> Keys {
        let repeat = |place: usize| self.repeats.as_ref().map_or(0, |repeats| repeats[place]);
        let items = places.map(|place| (self.order[place], repeat(place))).collect();
        Keys::new(&Rng::new(self.seed), self.epoch, number, items)
    }
}

/// How often each item of `order` came before, or `None` if none ever did.
pub(super) fn repeats(order: &[usize], n: usize) -> Option<Vec<usize>> {
    let mut seen = vec![false; n];
    let again = |&item: &usize| seen.get_mut(item).is_some_and(|seen| std::mem::replace(seen, true));
    order.iter().any(again).then(|| {
        let mut counts = std::collections::HashMap::new();
        let count = |item| {
            let count = counts.entry(item).or_insert(0);
            *count += 1;
            *count - 1
        };
        order.iter().map(count).collect()
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_string()
}

/// The batches of one epoch, in order. A batch that cannot be delivered is an error in its place; the ones behind it
/// are unaffected.
///
/// Workers start with the first batch that is taken. Dropping the iterator stops them and waits for them.
///
/// ```
/// # use downhill_data::{DataLoader, TensorDataset};
/// # use downhill_tensor::Tensor;
/// # let numbers = Tensor::<i64>::arange(10);
/// # let dl = DataLoader::new(TensorDataset::new(numbers.clone(), numbers)?).bs(4);
/// let mut batches = dl.epoch(0);
/// assert_eq!(batches.len(), 3);
/// batches.next();
/// assert_eq!((batches.len(), batches.position().batch), (2, 1));
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub struct Batches<X: Element, Y: Element> {
    epoch: Arc<Epoch<X, Y>>,
    /// Why there is no order. It comes in place of the first batch.
    refused: Option<Error>,
    at: usize,
    end: usize,
    workers: usize,
    capacity: usize,
    prefetch: Option<Prefetch<Result<Batch<X, Y>>>>,
}

impl<X: Element, Y: Element> Batches<X, Y> {
    pub(super) fn new(epoch: Epoch<X, Y>, at: usize, end: usize, workers: usize, capacity: usize) -> Self {
        let epoch = Arc::new(epoch);
        Batches { epoch, refused: None, at: at.min(end), end, workers, capacity, prefetch: None }
    }

    /// One error and nothing else.
    pub(super) fn refused(epoch: Epoch<X, Y>, error: Error) -> Self {
        Batches { refused: Some(error), ..Batches::new(epoch, 0, 1, 0, 1) }
    }

    /// The epoch, and the number of the batch that comes next.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch.epoch, batch: self.at }
    }

    /// The batch that comes next, made by this thread.
    pub(super) fn here(&mut self) -> Option<Result<Batch<X, Y>>> {
        self.workers = 0;
        self.next()
    }
}

impl<X: Element, Y: Element> fmt::Debug for Batches<X, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches")
            .field("remaining", &self.len())
            .field("bs", &self.epoch.bs)
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

impl<X: Element, Y: Element> Iterator for Batches<X, Y> {
    type Item = Result<Batch<X, Y>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.end {
            return None;
        }
        self.at += 1;
        if let Some(error) = self.refused.take() {
            return Some(Err(error));
        }
        if self.workers > 0 && self.prefetch.is_none() {
            let epoch = Arc::clone(&self.epoch);
            let (first, end) = (self.at - 1, self.end);
            let workers = self.workers.min(end - first);
            self.prefetch =
                Prefetch::start(workers, self.capacity, first, end, move |number| epoch.batch(number));
            if self.prefetch.is_none() {
                // No threads to be had: the same batches, only later.
                self.workers = 0;
            }
        }
        let batch = match &mut self.prefetch {
            Some(prefetch) => prefetch.next(),
            None => self.epoch.batch(self.at - 1),
        };
        if self.at == self.end {
            self.prefetch = None;
        }
        Some(batch)
    }

    /// Batches that are passed over are not made, if no worker has begun with them.
    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        if self.prefetch.is_none() && self.refused.is_none() {
            self.at = self.at.saturating_add(n).min(self.end);
            return self.next();
        }
        for _ in 0..n {
            drop(self.next()?);
        }
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.at, Some(self.end - self.at))
    }
}

impl<X: Element, Y: Element> ExactSizeIterator for Batches<X, Y> {}
impl<X: Element, Y: Element> FusedIterator for Batches<X, Y> {}
