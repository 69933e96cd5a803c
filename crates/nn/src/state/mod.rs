//! What a model has learnt, apart from the model: tensors and generators by name, in memory and in files.
//!
//! A [`StateDict`] goes into two kinds of files: downhill's own ([`checked`]), which keeps everything to the bit and
//! notices every damage, and safetensors, which other programs read and write. Whatever comes from a file is checked
//! before it is believed, lengths before memory is taken for them, and a model is changed only if all of it fits.

mod any_tensor;
mod borrowing;
pub mod checked;
mod dict;
pub(crate) mod load;
mod own;
mod safetensors;

pub use any_tensor::AnyTensor;
pub use dict::StateDict;
