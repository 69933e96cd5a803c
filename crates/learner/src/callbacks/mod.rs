//! The callbacks that come with the library.

mod activations;
mod gradients;
mod loggers;
mod mix_up;
mod nan;
mod progress;
mod scheduler;
mod show_graph;
mod tensorboard;
mod trackers;

pub use activations::{ActivationRecorder, LayerStats};
pub use gradients::{GradientAccumulation, GradientClip, MissingGradients};
pub use loggers::{CsvLogger, JsonLines};
pub use mix_up::MixUp;
pub use nan::TerminateOnNaN;
pub use progress::Progress;
pub use scheduler::ParamScheduler;
pub use show_graph::ShowGraph;
pub use tensorboard::TensorBoard;
pub use trackers::{EarlyStopping, ReduceLROnPlateau, SaveModel};
