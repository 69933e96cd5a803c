//! A small, exact and fast deep-learning library, grown crate by crate out of the chapter "Under the Hood: Training a
//! Digit Classifier" of the fastai book.
//!
//! This crate re-exports the others, each under its own name, and the usual names in a [`prelude`]:
//!
//! ```
//! use downhill::prelude::*;
//!
//! let rng = &mut Rng::new(42);
//! let net: Sequential = sequential![Linear::new(2, 8, rng), ReLU, Linear::new(8, 1, rng)];
//! let mut opt = Sgd::new(net.parameters(), 0.5);
//!
//! let x = Var::new(Tensor::from([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]));
//! let xor = Tensor::from([[0_i64], [1], [1], [0]]);
//! for _ in 0..1000 {
//!     mnist_loss(&net.forward(&x), &xor).backward();
//!     opt.step();
//!     opt.zero_grad();
//! }
//! assert_eq!(batch_accuracy(&net.forward(&x).value(), &xor), 1.0);
//! ```
//!
//! | crate | what it holds |
//! |---|---|
//! | [`tensor`] | arrays: shapes, views, arithmetic, matrix products |
//! | [`autograd`] | gradients: [`Var`](autograd::Var), `backward`, [`gradcheck`](autograd::gradcheck()) |
//! | [`nn`] | layers, losses, initialisation, models, state dicts, `#[derive(Module)]` |
//! | [`optim`] | optimizers, parameter groups, schedules |
//! | [`data`] | datasets, loaders, transforms, file formats |
//! | [`learner`] | the training loop, callbacks, metrics, checkpoints, plots, interpretation |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub use downhill_autograd as autograd;
pub use downhill_data as data;
pub use downhill_learner as learner;
pub use downhill_nn as nn;
pub use downhill_optim as optim;
pub use downhill_tensor as tensor;

/// The names that a training program uses.
pub mod prelude {
    pub use downhill_autograd::{Var, no_grad};
    pub use downhill_data::{
        Brightness, Channels, Contrast, CsvTable, DataLoader, DataLoaders, Dataset, Flip, ImageDataLoaders,
        ImageFolder, IntToFloat, MixUp, Normalize, OneHot, RandomCrop, RandomErasing, Resize, Rotate,
        TensorDataset, Together, Warp, Zoom, random_split,
    };
    pub use downhill_learner::{
        Callback, Checkpoint, ClassificationInterpretation, Flow, Learner, Recorder, ShowGraph, Stage, State,
        TensorBoard, accuracy, batch_accuracy, cancel, error_rate, vision_learner,
    };
    pub use downhill_nn::{
        AdaptiveAvgPool2d, AdaptiveConcatPool2d, AdaptiveMaxPool2d, AvgPool2d, BatchNorm1d, BatchNorm2d,
        Conv2d, CrossEntropy, Dropout, Embedding, Flatten, Forward, GELU, GroupNorm, Lambda, LayerNorm,
        LeakyReLU, Linear, MaxPool2d, Module, ReLU, Reduction, ResNet, Residual, Sequential, SiLU, Sigmoid,
        Softmax, StateDict, Tanh, VisionModel, bce_with_logits, create_vision_model, cross_entropy, l1_loss,
        mnist_loss, mse_loss, nll_loss, norm_bias_params, resnet18, resnet34, sequential, simple_cnn,
        simple_net, smooth_l1_loss, summary,
    };
    pub use downhill_optim::{Adam, AdamW, BasicOptim, Optimizer, Sgd, slice};
    pub use downhill_tensor::{Conv2dOptions, Pool2dOptions, Rng, Tensor};
}

/// The README's examples, compiled and run with this crate's documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
