//! What happens to a batch between the dataset and the model.
//!
//! A [`BatchTransform`] maps a batch to a batch, perhaps of other element types. Where it needs randomness, it takes it
//! from [`Keys`]: a stream for each item and one for the batch, which follow from the seed, the epoch and the item's
//! index (the batch's number) alone. So what happens to an image in an epoch depends neither on the batch size nor on
//! the threads.

mod colour;
mod erase;
mod mix;
mod pixels;
mod place;
mod sample;
mod spatial;

use std::fmt;

use downhill_tensor::{Element, Rng, Tensor};

use crate::dataset::Batch;
use crate::error::Result;

pub use colour::{Brightness, Contrast, Normalize};
pub use erase::RandomErasing;
pub use mix::{MixUp, OneHot};
pub use place::{Pad, RandomCrop, Rescale};
pub use sample::{PadMode, Projection, Resample};
pub use spatial::{Flip, Rotate, Spatial, Together, Warp, Zoom};

/// The random streams of a batch: one for each item, and one for the batch as a whole. Each transform of a loader has
/// its own.
#[derive(Clone)]
pub struct Keys {
    epoch: Rng,
    batch: Rng,
    /// Index of each item, and how often it came before in this epoch.
    items: Vec<(usize, usize)>,
    stage: u64,
}

impl Keys {
    pub(crate) fn new(root: &Rng, epoch: u64, batch: usize, items: Vec<(usize, usize)>) -> Self {
        let batch = root.fork("batches").fork_index(epoch).fork_index(batch as u64);
        Keys { epoch: root.fork("items").fork_index(epoch), batch, items, stage: 0 }
    }

    /// The streams of the items with these indices, each of which is there once, in epoch 0: for use without a loader.
    ///
    /// ```
    /// use downhill_data::Keys;
    ///
    /// let (all, one) = (Keys::of(42, 0..10), Keys::of(42, 7..8));
    /// assert_eq!(all.item(7).next_u64(), one.item(0).next_u64());
    /// assert_ne!(all.item(7).next_u64(), all.item(8).next_u64());
    /// ```
    pub fn of(seed: u64, items: impl IntoIterator<Item = usize>) -> Self {
        Keys::new(&Rng::new(seed), 0, 0, items.into_iter().map(|item| (item, 0)).collect())
    }

    pub(crate) fn stage(&self, stage: u64) -> Self {
        Keys { stage, ..self.clone() }
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The stream of the item at place `at` of the batch.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn item(&self, at: usize) -> Rng {
        let (index, repeat) = self.items[at];
        let item = self.epoch.fork_index(index as u64);
        // An item that a sampler draws again is treated in another way.
        let item = if repeat == 0 { item } else { item.fork("again").fork_index(repeat as u64) };
        item.fork_index(self.stage)
    }

    /// The stream of the batch.
    pub fn batch(&self) -> Rng {
        self.batch.fork_index(self.stage)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("items", &self.items).field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// A function of batches, as [`DataLoader::after_batch`](crate::DataLoader::after_batch) takes it. Any
/// `Fn(Batch<X, Y>, &Keys) -> Result<Batch<..>>` is one.
pub trait BatchTransform<X: Element, Y: Element>: Send + Sync {
    /// The element type of the inputs that come out.
    type X: Element;
    /// The element type of the targets that come out.
    type Y: Element;

    /// The batch that `batch` becomes. It may depend on `batch` and `keys` alone.
    ///
    /// # Errors
    /// Whatever keeps the transform from delivering.
    fn apply(&self, batch: Batch<X, Y>, keys: &Keys) -> Result<Batch<Self::X, Self::Y>>;
}

impl<F, X, Y, X2, Y2> BatchTransform<X, Y> for F
where
    F: Fn(Batch<X, Y>, &Keys) -> Result<Batch<X2, Y2>> + Send + Sync,
    X: Element,
    Y: Element,
    X2: Element,
    Y2: Element,
{
    type X = X2;
    type Y = Y2;
    fn apply(&self, batch: Batch<X, Y>, keys: &Keys) -> Result<Batch<X2, Y2>> {
        self(batch, keys)
    }
}

/// Makes numbers from 0 to 1 of the bytes of images: `x / 255`. fastai's `IntToFloatTensor`.
///
/// ```
/// use downhill_data::IntToFloat;
/// use downhill_tensor::Tensor;
///
/// assert_eq!(IntToFloat.convert(&Tensor::from([0, 51, 255])).to_vec(), [0.0, 0.2, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct IntToFloat;

impl IntToFloat {
    /// `x / 255`, to the bit what the division gives.
    pub fn convert(&self, x: &Tensor<u8>) -> Tensor<f32> {
        // 1 / 255 = 257 / 65536 + 1 / (255 * 65536). The first product is exact, and two products and a sum take a third
        // of the time of a division. A test compares all 256 bytes.
        const HIGH: f32 = 257.0 / 65_536.0;
        const LOW: f32 = 1.0 / 16_711_680.0;
        x.map(|x| {
            let x = f32::from(x);
            x * HIGH + x * LOW
        })
    }
}

impl<Y: Element> BatchTransform<u8, Y> for IntToFloat {
    type X = f32;
    type Y = Y;
    fn apply(&self, (x, y): Batch<u8, Y>, _: &Keys) -> Result<Batch<f32, Y>> {
        Ok((self.convert(&x), y))
    }
}
