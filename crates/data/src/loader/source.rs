//! Where a loader's batches come from: a dataset, and the transforms behind it.

use std::sync::Arc;

use downhill_tensor::Element;

use crate::dataset::{Batch, Dataset};
use crate::error::Result;
use crate::transform::{BatchTransform, Keys};

/// What turns indices and random streams into a batch: a dataset, and the transforms behind it.
pub(crate) trait Source<X: Element, Y: Element>: Send + Sync {
    fn len(&self) -> usize;
    fn batch(&self, idx: &[usize], keys: &Keys) -> Result<Batch<X, Y>>;
}

/// A dataset without transforms.
pub(super) struct Plain<D>(pub(super) D);

impl<D: Dataset> Source<D::X, D::Y> for Plain<D> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn batch(&self, idx: &[usize], _: &Keys) -> Result<Batch<D::X, D::Y>> {
        self.0.batch(idx)
    }
}

/// A source with a transform behind it, the one with number `stage`.
pub(super) struct Transformed<X: Element, Y: Element, T> {
    pub(super) inner: Arc<dyn Source<X, Y>>,
    pub(super) transform: T,
    pub(super) stage: u64,
}

impl<X: Element, Y: Element, T: BatchTransform<X, Y>> Source<T::X, T::Y> for Transformed<X, Y, T> {
    fn len(&self) -> usize {
        self.inner.len()
    }
    fn batch(&self, idx: &[usize], keys: &Keys) -> Result<Batch<T::X, T::Y>> {
        self.transform.apply(self.inner.batch(idx, keys)?, &keys.stage(self.stage))
    }
}
