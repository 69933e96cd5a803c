//! fastai's Learner: data, model, loss and optimizer in one place, and the loop that trains.
//!
//! ```
//! use downhill_data::{DataLoader, DataLoaders, TensorDataset};
//! use downhill_learner::{Learner, batch_accuracy};
//! use downhill_nn::{Linear, mnist_loss};
//! use downhill_optim::Sgd;
//! use downhill_tensor::{Rng, Tensor};
//!
//! // Points in the plane, labelled by the side of a line on which they lie.
//! let x = Tensor::<f32>::randn(&[512, 2], &mut Rng::new(1));
//! let y = x.sum_keepdim(1).gt(0.0).to::<i64>();
//! let loader = |start| {
//!     let part = |t: &Tensor<_>| t.narrow(0, start, 256);
//!     TensorDataset::new(part(&x), y.narrow(0, start, 256)).map(|dset| DataLoader::new(dset).bs(32))
//! };
//! let dls = DataLoaders::new(loader(0)?, loader(256)?);
//!
//! let mut learn = Learner::new(dls, Linear::new(2, 1, &mut Rng::new(2)))
//!     .opt_func(Sgd::new)
//!     .loss_func(mnist_loss)
//!     .metrics(batch_accuracy);
//! learn.fit(5, 1.0)?;
//! assert!(learn.recorder().values[4][2] > 0.95);
//! # Ok::<(), downhill_data::Error>(())
//! ```
//!
//! # The central decision: one loop, on one screen
//!
//! Training is `Learner::fit` and the two functions below it: for each epoch, go over the training batches (predict,
//! measure the loss, run backward, step), then over the validation batches. What is not that loop stands elsewhere: the
//! [`Recorder`] adds up, metrics measure, the loaders load.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod learner;
mod metrics;
mod recorder;

pub use learner::Learner;
pub use metrics::batch_accuracy;
pub use recorder::Recorder;
