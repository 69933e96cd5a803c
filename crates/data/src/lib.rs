//! Datasets, data loaders and file formats.
//!
//! Everything between a file and the two tensors of a training step: [`read_idx`] and [`write_idx`] for MNIST's file
//! format, [`MnistSample`] for the threes and sevens of the book, a [`Dataset`] of pairs, and the [`DataLoader`] that
//! hands them out in batches.
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
//! # The order of an epoch is a function, not a state
//!
//! Epoch `e` of a loader with seed `s` has an order that follows from `s` and `e` alone ([`DataLoader::epoch`]). No
//! generator moves on behind the caller's back, so a run that is resumed at epoch 7 sees the batches that the run
//! without interruption saw, and peeking at a batch changes nothing. For the same reason nothing here runs in
//! background threads.
//!
//! # Errors
//!
//! Whatever comes from outside (a file, an index, a list of items) is answered with an [`Error`] that names the file or
//! the item, what was expected and what was found. A file's header is a claim until the data have arrived: no memory
//! is set aside on its word. Files are written beside their destination and renamed, so none is ever half-written.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod dataset;
mod error;
mod idx;
mod loader;
mod sample;

pub use dataset::{Batch, Dataset, TensorDataset};
pub use error::{Error, Result};
pub use idx::{IdxElement, read_idx, write_idx};
pub use loader::{Batches, DataLoader, DataLoaders};
pub use sample::{MnistSample, Split};
