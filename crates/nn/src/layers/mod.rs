//! Layers.

mod activation;
mod container;
mod conv;
mod dropout;
mod embedding;
mod lambda;
mod linear;
mod norm;
mod pool;

pub use activation::{GELU, LeakyReLU, ReLU, SiLU, Sigmoid, Softmax, Tanh};
pub use container::{Residual, Sequential};
pub use conv::Conv2d;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use lambda::Lambda;
pub use linear::Linear;
pub use norm::{BatchNorm, BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm};
pub use pool::{AdaptiveAvgPool2d, AdaptiveConcatPool2d, AdaptiveMaxPool2d, AvgPool2d, Flatten, MaxPool2d};
