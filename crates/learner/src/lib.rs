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
//! # Ok::<(), downhill_learner::Error>(())
//! ```
//!
//! # The central decision: one loop, on one screen, compiled once
//!
//! Training is `train.rs`: for each epoch, go over the training batches (predict, measure the loss, run backward, step),
//! then over the validation batches. Each of these is a [`Stage`] that announces its beginning and its end, and nothing
//! else is in the loop: what is recorded, shown, saved, scheduled, clipped or stopped is a [`Callback`]. A callback is given
//! the [`State`], all of it, and answers with a [`Flow`]. A stage that has begun ends, whatever is cancelled or fails.
//!
//! The loop does not know the type of the targets. [`Learner`] does, where a loss, a metric or a prediction is typed; below
//! it, targets are an [`AnyTensor`](downhill_nn::AnyTensor). So the loop and the callbacks are compiled with this crate, and
//! callbacks have no type parameter.
//!
//! # To look at
//!
//! | | |
//! |---|---|
//! | while it trains | the table and a bar, [`ShowGraph`], [`TensorBoard`], [`CsvLogger`], [`JsonLines`] |
//! | how it trained | [`Recorder`]: `plot_loss`, `plot_metrics`, `plot_sched`; [`LrFind::plot_lr_find`]; [`LayerStats`] |
//! | what it sees | [`Learner::show_batch`], [`Learner::show_results`] |
//! | where it is wrong | [`ClassificationInterpretation`] |
//!
//! Plots and pictures are PNG or SVG files, as the name says. They need nothing of the system, fonts included.
//!
//! # Without surprises
//!
//! - [`Learner::lr_find`] leaves everything as it was, to the bit: model, optimizer, random numbers, the loader's position,
//!   the record.
//! - A [`Checkpoint`] holds everything that the rest of the training depends on. A run that is killed at any moment and
//!   resumed ends with the bits of one that was not. Randomness is a function of the place in the training, or is in the
//!   file.
//! - Metrics that are not averages are computed over the whole validation set, not averaged over batches.
//! - Names, defaults and the order of events are fastai's; where something differs, its page says so.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod callback;
mod callbacks;
mod checkpoint;
mod error;
mod fits;
mod interpret;
mod learner;
mod loaders;
mod lr_find;
mod metrics;
mod plot;
mod predict;
mod recorder;
mod save;
mod show;
mod snapshot;
mod state;
mod train;
mod vision;

pub use callback::{Callback, Cancel, Flow, LayerHook, Stage, cancel, flow};
pub use callbacks::{
    ActivationRecorder, CsvLogger, EarlyStopping, GradientAccumulation, GradientClip, JsonLines, LayerStats,
    MissingGradients, MixUp, ParamScheduler, Progress, ReduceLROnPlateau, SaveModel, ShowGraph, TensorBoard,
    TerminateOnNaN,
};
pub use checkpoint::Checkpoint;
pub use error::{Error, Result};
pub use fits::{FineTuneOptions, Lr};
pub use interpret::{ClassificationInterpretation, TopLoss};
pub use learner::Learner;
pub use lr_find::{LrFind, LrFindOptions};
pub use metrics::{
    AsFunction, AsMetric, AsNamed, Average, AvgMetric, ConfusionMatrix, FBeta, IntoMetric, Metric,
    Perplexity, Precision, R2Score, Recall, RocAuc, accuracy, batch_accuracy, error_rate, mae, mse,
    top_k_accuracy,
};
pub use plot::sparkline;
pub use predict::{Activation, Prediction, Predictor, Preds, load_learner};
pub use recorder::Recorder;
pub use state::State;
pub use vision::vision_learner;
