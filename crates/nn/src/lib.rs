//! Layers, losses, models and their states, with PyTorch's names and initialisation.
//!
//! ```
//! use downhill_autograd::Var;
//! use downhill_nn::{Forward, Linear, Module, ReLU, Sequential, sequential};
//! use downhill_tensor::{Rng, Tensor};
//!
//! let mut rng = Rng::new(42);
//! let simple_net: Sequential = sequential![
//!     Linear::new(28 * 28, 30, &mut rng),
//!     ReLU,
//!     Linear::new(30, 1, &mut rng),
//! ];
//! let images = Var::new(Tensor::zeros(&[256, 28 * 28]));
//! assert_eq!(*simple_net.forward(&images).shape(), [256, 1]);
//!
//! let names: Vec<String> = simple_net.named_parameters().into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
//! ```
//!
//! # The central decision: a module is a tree that can be walked
//!
//! [`Module`] says what a model *has* and [`Forward`] what it *does*. A module lets a [`Visitor`] walk over its
//! parameters, [buffers](Buffer), [modes](Mode) and [generators](Generator) in the order of their definition, under their
//! names; everything else (collecting parameters for an optimizer, switching to evaluation, saving and loading, counting)
//! is a [`walk`]. A parameter is the smallest module, and so are `Option`, `Vec` and plain settings, which is why
//! `#[derive(Module)]` needs no annotations.
//!
//! The two traits are apart because forward differs from model to model: one that takes two inputs, or returns two
//! outputs, is a `Module` all the same and trains with the same optimizers. `Forward` is the common case of one input
//! and one output, which is what [`Sequential`] composes.
//!
//! ```
//! use downhill_autograd::Var;
//! use downhill_nn::{Forward, Linear, Module};
//! use downhill_tensor::Rng;
//!
//! #[derive(Module)]
//! struct Residual {
//!     inner: Linear,
//! }
//!
//! impl Forward for Residual {
//!     fn forward(&self, x: &Var) -> Var {
//!         x + self.inner.forward_as("inner", x).relu()
//!     }
//! }
//!
//! let residual = Residual { inner: Linear::new(8, 8, &mut Rng::new(0)) };
//! assert_eq!(residual.named_parameters()[0].0, "inner.weight");
//! ```
//! # What else hangs on the tree
//!
//! - **Modes** are each layer's own: [`train`](Module::train) and [`eval`](Module::eval) walk over them, and nothing is
//!   global. Randomness is too: [`Dropout`] owns a [`Generator`], which is saved with the model.
//! - **Groups.** [`param_groups`](Module::param_groups) says which parameters belong together, from input to output;
//!   [`norm_bias_params`] which ones an optimizer leaves without decay; [`freeze_to`](Module::freeze_to) what is trained.
//! - **States.** A [`StateDict`] has PyTorch's names, so that torchvision's weights load as they are. It goes into files of
//!   our own and into safetensors files. Files are not trusted: see [`Error`].
//! - **Hooks.** A model calls its layers by name ([`forward_as`](Forward::forward_as)), and a [`forward_hook`] sees each
//!   call. [`summary`] is made of that, and so are [`ActivationStats`].
#![forbid(unsafe_code)]
#![deny(missing_docs)]

// The derived code names this crate, also inside of it.
extern crate self as downhill_nn;

mod error;
mod hooks;
pub mod init;
mod layers;
mod loss;
mod models;
mod module;
mod state;
mod stats;
mod summary;

pub use downhill_nn_derive::Module;
pub use downhill_tensor::Float;
pub use error::{Error, Mismatch, Misshapen, Result};
pub use hooks::{Call, HookGuard, forward_hook};
pub use layers::{
    AdaptiveAvgPool2d, AdaptiveConcatPool2d, AdaptiveMaxPool2d, AvgPool2d, BatchNorm, BatchNorm1d,
    BatchNorm2d, Conv2d, Dropout, Embedding, Flatten, GELU, GroupNorm, Lambda, LayerNorm, LeakyReLU, Linear,
    MaxPool2d, ReLU, Residual, Sequential, SiLU, Sigmoid, Softmax, Tanh,
};
pub use loss::{
    CrossEntropy, Reduction, bce_with_logits, cross_entropy, l1_loss, mnist_loss, mse_loss, nll_loss,
    smooth_l1_loss,
};
pub use models::{
    BasicBlock, HeadOptions, ResNet, VisionModel, conv_layer, create_body, create_head, create_vision_model,
    resnet18, resnet34, simple_cnn, simple_net,
};
pub use module::{
    AnyBuffer, Buffer, Forward, Generator, Item, Mode, Module, Place, Visitor, norm_bias_params, walk,
};
pub use state::{AnyTensor, StateDict, checked};
pub use stats::ActivationStats;
pub use summary::summary;
