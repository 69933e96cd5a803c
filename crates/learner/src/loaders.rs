//! Data loaders without the type of their targets, so that the loop is compiled once.

use downhill_data::{DataLoader, DataLoaders, Error, Position, Result};
use downhill_nn::AnyTensor;
use downhill_tensor::{Element, Tensor};

/// The batches of one epoch.
pub(crate) type AnyBatches = Box<dyn Iterator<Item = Result<(Tensor, AnyTensor)>>>;

/// A [`DataLoader`] of any type of targets.
pub(crate) trait AnyLoader: Send + Sync {
    fn len(&self) -> usize;
    fn batches(&self) -> AnyBatches;
    fn position(&self) -> Position;
    fn resume(&self, position: Position);
    /// An average over no batches would be NaN.
    fn not_empty(&self) -> Result<()>;
}

impl<Y: Element> AnyLoader for DataLoader<f32, Y> {
    fn len(&self) -> usize {
        DataLoader::len(self)
    }

    fn batches(&self) -> AnyBatches {
        Box::new(self.iter().map(|batch| batch.map(|(xb, yb)| (xb, AnyTensor::new(yb)))))
    }

    fn position(&self) -> Position {
        DataLoader::position(self)
    }

    fn resume(&self, position: Position) {
        DataLoader::resume(self, position);
    }

    fn not_empty(&self) -> Result<()> {
        if self.is_empty() {
            return Err(Error::NoBatches { items: self.n(), bs: self.batch_size() });
        }
        Ok(())
    }
}

/// Both loaders.
pub(crate) trait AnyLoaders: Send + Sync {
    fn train(&self) -> &dyn AnyLoader;
    fn valid(&self) -> &dyn AnyLoader;
}

impl<Y: Element> AnyLoaders for DataLoaders<f32, Y> {
    fn train(&self) -> &dyn AnyLoader {
        &self.train
    }

    fn valid(&self) -> &dyn AnyLoader {
        &self.valid
    }
}
