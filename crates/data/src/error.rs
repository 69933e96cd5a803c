//! What can go wrong with data from outside. One enum for the crate; every message names the file or the item, what
//! was expected there, and what was found.

use std::io;
use std::path::{Path, PathBuf};

use downhill_tensor::MAX_RANK;

/// A [`Result`](std::result::Result) whose error is this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Data that could not be read, written or handed out.
///
/// ```
/// let error = downhill_data::read_idx::<u8>("no/such/file.gz").unwrap_err();
/// assert!(error.to_string().starts_with("no/such/file.gz: "));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// An IDX file does not hold, or could not hold, what it should.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// A file has more or fewer entries than there are images.
    #[error("{}: expected {expected} entries, one for each image, found {found}", path.display())]
    Counts {
        /// The file.
        path: PathBuf,
        /// The number of images.
        expected: usize,
        /// The number of entries in the file.
        found: usize,
    },

    /// A file is no image, or none that may be read.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// A folder does not hold what it should.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// A file of comma-separated values does not hold what it should.
    #[error("{}: line {line}, column {column}: expected {expected}, found {found}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column's name, or its number, counted from 1.
        column: String,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// Inputs and targets do not pair up along axis 0.
    #[error("dataset: expected x and y of one length along axis 0, found shapes {x:?} and {y:?}")]
    Lengths {
        /// The shape of the inputs.
        x: Vec<usize>,
        /// The shape of the targets.
        y: Vec<usize>,
    },

    /// A batch was asked for with an index that the dataset does not have.
    #[error("dataset: expected an index below {len}, found {index}")]
    Index {
        /// The index.
        index: usize,
        /// The number of items.
        len: usize,
    },

    /// An item cannot be stacked with the others.
    #[error("dataset: item {index}: expected {part} of shape {expected:?}, found {found:?}")]
    Item {
        /// The item's index.
        index: usize,
        /// Which half of the pair: `x` or `y`.
        part: &'static str,
        /// The shape of the first item.
        expected: Vec<usize>,
        /// The shape of this item.
        found: Vec<usize>,
    },

    /// A target is not the number of a class.
    #[error("targets: expected classes below {classes}, found {found}")]
    Class {
        /// The number of classes.
        classes: usize,
        /// The target.
        found: i64,
    },

    /// Items have so many axes that a batch of them would be no tensor.
    #[error("dataset: expected items of fewer than {MAX_RANK} axes, found {part} of shape {found:?}")]
    Rank {
        /// Which half of the pair: `x` or `y`.
        part: &'static str,
        /// The shape of an item.
        found: Vec<usize>,
    },

    /// Weights that nothing can be drawn with.
    #[error("weighted sampler: expected {expected}, found {found}")]
    Weights {
        /// What the weights should be.
        expected: String,
        /// What they are.
        found: String,
    },

    /// A dataset cannot be cut into parts of these lengths.
    #[error("random split: expected lengths that add up to {len}, found {lengths:?}")]
    Split {
        /// The number of items.
        len: usize,
        /// The lengths.
        lengths: Vec<usize>,
    },

    /// A dataset or a transform panicked, here or in a worker.
    #[error("data loader: items {items:?}: panicked: {message}")]
    Panic {
        /// The item that is to blame; the whole batch, if no item makes it panic alone.
        items: Vec<usize>,
        /// What the panic said.
        message: String,
    },

    /// An error of a dataset or a transform from outside of this crate.
    #[error("{what}: {source}")]
    Other {
        /// What it is about: an item, a path.
        what: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// There is no first batch.
    #[error("data loader: expected at least one batch, found {items} items with bs {bs}")]
    NoBatches {
        /// The number of items in the dataset.
        items: usize,
        /// The batch size.
        bs: usize,
    },
}

impl Error {
    /// An error of one's own, about `what`: an item, a path.
    ///
    /// ```
    /// let error = downhill_data::Error::other("item 5", "the sensor was off");
    /// assert_eq!(error.to_string(), "item 5: the sensor was off");
    /// ```
    pub fn other(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Other { what: what.into(), source: source.into() }
    }

    /// For `map_err`: an error of the operating system about `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_owned(), source }
    }

    pub(crate) fn idx(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Idx { path: path.to_owned(), expected: expected.into(), found: found.into() }
    }
}
