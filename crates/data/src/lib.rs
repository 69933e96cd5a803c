//! Datasets, data loaders and file formats.
//!
//! Everything between a file and the two tensors of a training step:
//!
//! | | |
//! |---|---|
//! | files | [`read_idx`], [`write_idx`], [`CsvTable`], [`ImageFolder`], [`MnistSample`] for the threes and sevens of the book |
//! | datasets | [`Dataset`], [`TensorDataset`], [`Subset`], [`Concat`], [`Map`], [`Cached`], [`random_split`] |
//! | order | [`Sampler`] and its kinds, [`Position`] |
//! | batches | [`DataLoader`], [`DataLoaders`], [`ImageDataLoaders`] |
//! | transforms | [`IntToFloat`], [`Normalize`], [`Together`] of [`Flip`], [`Rotate`], [`Zoom`] and [`Warp`], [`RandomCrop`], [`Pad`], [`Rescale`], [`Brightness`], [`Contrast`], [`RandomErasing`], [`MixUp`] |
//! | to look at | [`DataLoader::show_batch`], [`Sheet`] |
//!
//! ```
//! use downhill_data::{DataLoader, TensorDataset};
//! use downhill_tensor::Tensor;
//!
//! let x = Tensor::<i64>::arange(20).reshape(&[10, 2]).to::<f32>();
//! let y = Tensor::<i64>::arange(10).unsqueeze(1);
//! let dl = DataLoader::new(TensorDataset::new(x, y)?).bs(4).shuffle(true);
//!
//! let (xb, yb) = dl.first()?;
//! assert_eq!((xb.shape(), yb.shape()), (&[4, 2][..], &[4, 1][..]));
//! for batch in &dl {
//!     let (xb, yb) = batch?;
//!     // An epoch: predict from xb, compare with yb, take a step.
//! #   assert_eq!(xb.size(0), yb.size(0));
//! }
//! # Ok::<(), downhill_data::Error>(())
//! ```
//!
//! # The central decision: a dataset answers for a batch, not for an item
//!
//! In the book a dataset is anything that has a length and an item at every index, and a data loader collates the
//! items. That is easy to explain and slow to run: a batch of 256 images is 512 small tensors, made to be copied and
//! dropped. Here a dataset is asked for many indices at once ([`Dataset::batch`]). One that lies in two big tensors
//! answers with one gather each, or with a view if the indices are neighbours; one that decodes files can decode a
//! batch side by side. The book's list of pairs is a dataset all the same: `Vec<(Tensor, Tensor)>` implements the
//! trait, so `x.unbind(0).zip(y.unbind(0)).collect::<Vec<_>>()` can be given to a loader as it is.
//!
//! # A batch is a function, not a state
//!
//! Epoch `e` of a loader with seed `s` has an order that follows from `s` and `e` alone ([`DataLoader::epoch`]), and what
//! a transform does to an item follows from `s`, `e` and the item's index ([`Keys`]). No generator moves on behind the
//! caller's back. So threads may make batches ahead ([`DataLoader::num_workers`]), in whatever order they get to it, and
//! the stream has the same bytes at any number of them; a run that is resumed at epoch 7, batch 20
//! ([`DataLoader::resume`]) sees the batches that the run without interruption saw, without loading the ones before; and
//! peeking at a batch changes nothing.
//!
//! # Images stay bytes as long as they can
//!
//! Files, datasets and gathers move `u8`; [`IntToFloat`] makes `f32` of a batch when it is about to be used, which is a
//! quarter of the bytes up to there. So a transform may change the types of a loader's elements
//! ([`DataLoader::after_batch`]), and a training pipeline reads:
//!
//! ```
//! use downhill_data::{Brightness, Channels, DataLoader, Flip, ImageFolder, IntToFloat, Resize, Rotate, Together};
//! # let dir = tempfile::tempdir().unwrap();
//! # for (set, class) in [("train", "cat"), ("train", "dog"), ("valid", "cat"), ("valid", "dog")] {
//! #     std::fs::create_dir_all(dir.path().join(set).join(class)).unwrap();
//! #     image::RgbImage::new(30, 20).save(dir.path().join(set).join(class).join("1.png")).unwrap();
//! # }
//! # let path = dir.path();
//!
//! let pets = ImageFolder::from_folder(path).channels(Channels::Rgb).resize(Resize::new(32, 32)).open()?;
//! let train = DataLoader::new(pets.train)
//!     .bs(64)
//!     .shuffle(true)
//!     .num_workers(2)
//!     .after_batch(IntToFloat)
//!     .after_batch(Together::of([Flip::new(0.5)]).and(Rotate::new(10.0, 0.75)))
//!     .after_batch(Brightness::new(0.2, 0.75));
//! assert_eq!(train.first()?.0.shape(), [2, 3, 32, 32]);
//! # Ok::<(), downhill_data::Error>(())
//! ```
//!
//! # Errors
//!
//! Whatever comes from outside (a file, an index, a list of items) is answered with an [`Error`] that names the file or
//! the item, what was expected and what was found. A file's header is a claim until the data have arrived: no memory
//! is set aside on its word. Files are written beside their destination and renamed, so none is ever half-written. A
//! dataset or a transform that panics does not take the loader down: the panic arrives as an [`Error`], in the place of
//! its batch, wherever it happened. The crate has no network; `cargo xtask download` has.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod csv_table;
mod dataset;
mod draw;
mod error;
mod file;
mod idx;
mod image_file;
mod image_folder;
mod loader;
mod resize;
mod sample;
mod sampler;
mod show;
mod transform;

pub use csv_table::CsvTable;
pub use dataset::{Batch, Cached, Concat, Dataset, Map, Subset, TensorDataset, random_split};
pub use error::{Error, Result};
pub use idx::{IdxElement, read_idx, read_idx_from, write_idx};
pub use image_file::Channels;
pub use image_folder::{FromFolder, ImageFolder, ImageFolders};
pub use loader::{Batches, DataLoader, DataLoaders, ImageDataLoaders, Position};
pub use resize::{Resize, ResizeMethod};
pub use sample::{MnistSample, Split};
pub use sampler::{DistributedSampler, RandomSampler, Sampler, SequentialSampler, WeightedRandomSampler};
pub use show::Sheet;
pub use transform::{
    BatchTransform, Brightness, Contrast, Flip, IntToFloat, Keys, MixUp, Normalize, OneHot, Pad, PadMode,
    Projection, RandomCrop, RandomErasing, Resample, Rescale, Rotate, Spatial, Together, Warp, Zoom,
};
