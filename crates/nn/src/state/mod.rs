//! What a model has learnt, apart from the model: tensors by name, in memory and in files.

mod any_tensor;

pub use any_tensor::AnyTensor;
