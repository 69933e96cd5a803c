//! What can be wrong with a saved state.

/// A state that was not saved by an optimizer like the one that should load it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another optimizer saved it.
    #[error("optimizer state: expected one of {expected}, found one of {found}")]
    Optimizer {
        /// The optimizer that should load the state.
        expected: String,
        /// The optimizer that saved it.
        found: String,
    },

    /// There are more or fewer groups.
    #[error("optimizer state: expected {expected} groups of hyper-parameters, found {found}")]
    Groups {
        /// How many groups the optimizer has.
        expected: usize,
        /// How many the state has.
        found: usize,
    },

    /// There are more or fewer parameters.
    #[error("optimizer state: expected {expected} parameters, found {found}")]
    Params {
        /// How many parameters the optimizer has.
        expected: usize,
        /// How many the state has.
        found: usize,
    },

    /// A hyper-parameter is out of range.
    #[error("optimizer state: group {group}: {what}")]
    Hypers {
        /// The position of the group.
        group: usize,
        /// What is wrong.
        what: String,
    },

    /// More steps were made than can be.
    #[error("optimizer state: {0} steps are too many")]
    Steps(u64),

    /// A tensor does not fit its parameter.
    #[error("optimizer state: parameter {param}: {buffer}: expected shape {expected:?}, found {found:?}")]
    Shape {
        /// The position of the parameter.
        param: usize,
        /// The name of the tensor.
        buffer: String,
        /// The shape of the parameter.
        expected: Vec<usize>,
        /// The shape of the tensor.
        found: Vec<usize>,
    },

    /// A tensor is missing, is there twice, or has a name that the optimizer does not know.
    #[error("optimizer state: parameter {param}: expected tensors {expected}, found {found}")]
    Buffers {
        /// The position of the parameter.
        param: usize,
        /// The names that the optimizer knows.
        expected: String,
        /// The names in the state.
        found: String,
    },

    /// A number is out of range.
    #[error("optimizer state: parameter {param}: {what}")]
    Value {
        /// The position of the parameter.
        param: usize,
        /// What is wrong.
        what: String,
    },
}
