//! Loaders for a folder of images.

use std::path::Path;

use super::{DataLoader, DataLoaders};
use crate::error::Result;
use crate::image_folder::ImageFolder;
use crate::transform::IntToFloat;

/// Images to train on and images to validate on, in batches, and the names of their classes: fastai's
/// `ImageDataLoaders`.
#[derive(Clone, Debug)]
pub struct ImageDataLoaders {
    /// The batches that the model learns from, and those that it is measured on.
    pub dls: DataLoaders<f32, i64>,
    vocab: Vec<String>,
}

impl ImageDataLoaders {
    /// Loaders of batches whose targets are numbers of classes: target `i` means `vocab[i]`.
    pub fn new<S: Into<String>>(
        dls: DataLoaders<f32, i64>,
        vocab: impl IntoIterator<Item = S>,
    ) -> ImageDataLoaders {
        ImageDataLoaders { dls, vocab: vocab.into_iter().map(Into::into).collect() }
    }

    /// The images under `path/train/class` and `path/valid/class`, with fastai's defaults: three channels from 0 to 1,
    /// 64 images in a batch; the training set is shuffled, and a last batch that is not full is dropped.
    ///
    /// For anything else, put loaders of an [`ImageFolder`] together with [`new`](Self::new).
    ///
    /// # Errors
    /// Those of [`FromFolder::open`](crate::FromFolder::open).
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # for (set, class) in [("train", "cat"), ("train", "dog"), ("valid", "cat"), ("valid", "dog")] {
    /// #     std::fs::create_dir_all(dir.path().join(set).join(class)).unwrap();
    /// #     image::GrayImage::new(3, 2).save(dir.path().join(set).join(class).join("1.png")).unwrap();
    /// # }
    /// # let path = dir.path();
    /// use downhill_data::ImageDataLoaders;
    ///
    /// let pets = ImageDataLoaders::from_folder(path)?;
    /// assert_eq!(pets.vocab(), ["cat", "dog"]);
    /// assert_eq!(pets.dls.valid.first()?.0.shape(), [2, 3, 2, 3]);
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    pub fn from_folder(path: impl AsRef<Path>) -> Result<ImageDataLoaders> {
        let images = ImageFolder::from_folder(path).open()?;
        let vocab = images.vocab().to_vec();
        let train = DataLoader::new(images.train).bs(BATCH_SIZE).shuffle(true).drop_last(true);
        let valid = DataLoader::new(images.valid).bs(BATCH_SIZE);
        let dls = DataLoaders::new(train.after_batch(IntToFloat), valid.after_batch(IntToFloat));
        Ok(ImageDataLoaders { dls, vocab })
    }

    /// Sets the seed of the training set's order, as [`DataLoader::seed`] does.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.dls.train = self.dls.train.seed(seed);
        self
    }

    /// The names of the classes.
    pub fn vocab(&self) -> &[String] {
        &self.vocab
    }
}

/// fastai's.
const BATCH_SIZE: usize = 64;
