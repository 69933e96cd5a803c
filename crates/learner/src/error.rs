//! What can go wrong while training. Every message names the file or the callback.

use std::io;
use std::path::{Path, PathBuf};

use crate::callback::Stage;

/// A [`Result`](std::result::Result) whose error is this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// A training that could not begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data loader could not deliver.
    #[error(transparent)]
    Data(#[from] downhill_data::Error),

    /// A saved model could not be read, written or loaded.
    #[error(transparent)]
    Model(#[from] downhill_nn::Error),

    /// The state of an optimizer in a file does not fit the optimizer.
    #[error("{}: {source}", path.display())]
    Optimizer {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: downhill_optim::Error,
    },

    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// A plot could not be drawn, or there is no such kind of file.
    #[error("{}: {message}", path.display())]
    Plot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },

    /// A checkpoint is of another training.
    #[error("{}: expected a checkpoint of {expected}, found one of {found}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// This training.
        expected: String,
        /// The training that wrote it.
        found: String,
    },

    /// A callback watches a column that the recorder does not have.
    #[error("{callback}: expected a monitor among {}, found {monitor}", known.join(", "))]
    Monitor {
        /// The callback.
        callback: &'static str,
        /// The column that it should watch.
        monitor: String,
        /// The columns that there are.
        known: Vec<String>,
    },

    /// A callback cancelled a stage that was not running.
    #[error("a callback cancelled {0:?} while it was not running")]
    NotRunning(Stage),

    /// Something that a callback says.
    #[error("{callback}: {message}")]
    Callback {
        /// The callback.
        callback: &'static str,
        /// What it says.
        message: String,
    },
}

impl Error {
    /// For `map_err`: an error of the operating system about `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_owned(), source }
    }
}
