//! What can go wrong with saved models. Every message names the file, and the key where there is one, what was expected
//! there, and what was found.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A [`Result`](std::result::Result) whose error is this crate's [`Error`] unless stated.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A state that could not be read, written or loaded.
///
/// ```
/// use downhill_nn::StateDict;
///
/// let error = StateDict::load("no/such/file").unwrap_err();
/// assert!(error.to_string().starts_with("no/such/file: "));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// A file does not hold, or could not hold, what it should.
    #[error("{}: expected {expected}, found {found}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// One of a file's tensors is not what it should be.
    #[error("{}: {key}: expected {expected}, found {found}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        key: String,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// A state is not of this model.
    #[error("{}: the state does not fit the model: {mismatch}", path.display())]
    Mismatch {
        /// The file that the state came from.
        path: PathBuf,
        /// Every key that does not fit.
        mismatch: Mismatch,
    },
}

impl Error {
    /// For `map_err`: an error of the operating system about `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_owned(), source }
    }

    pub(crate) fn file(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::File { path: path.to_owned(), expected: expected.into(), found: found.into() }
    }

    pub(crate) fn tensor(
        path: &Path,
        key: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        let (expected, found) = (expected.into(), found.into());
        Error::Tensor { path: path.to_owned(), key: key.to_string(), expected, found }
    }
}

/// In what a state differs from a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// What the model has and the state has not.
    pub missing: Vec<String>,
    /// What the state has and the model has not.
    pub unexpected: Vec<String>,
    /// What both have, but of another shape, or of a type that does not convert without loss.
    pub misshapen: Vec<Misshapen>,
}

/// A tensor of another shape or type than the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshapen {
    /// The tensor's name.
    pub key: String,
    /// Type and shape in the model.
    pub expected: String,
    /// Type and shape in the state.
    pub found: String,
}

impl Mismatch {
    /// Whether model and state do not differ.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for (what, keys) in [("missing", &self.missing), ("unexpected", &self.unexpected)] {
            if !keys.is_empty() {
                parts.push(format!("{what}: {}", keys.join(", ")));
            }
        }
        if !self.misshapen.is_empty() {
            let each = self.misshapen.iter().map(|m| {
                let Misshapen { key, expected, found } = m;
                format!("{key} (expected {expected}, found {found})")
            });
            parts.push(format!("misshapen: {}", each.collect::<Vec<_>>().join(", ")));
        }
        f.write_str(if parts.is_empty() { "nothing differs".to_string() } else { parts.join("; ") }.as_str())
    }
}
