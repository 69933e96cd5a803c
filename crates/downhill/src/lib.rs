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
//! | [`nn`] | layers, losses, `#[derive(Module)]` |
//! | [`optim`] | optimizers |
//! | [`data`] | datasets, loaders, file formats |
//! | [`learner`] | the training loop, callbacks, metrics, checkpoints |
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
    pub use downhill_data::{DataLoader, DataLoaders, Dataset, TensorDataset};
    pub use downhill_learner::{
        Callback, Checkpoint, Flow, Learner, Recorder, Stage, State, accuracy, batch_accuracy, cancel,
        error_rate,
    };
    pub use downhill_nn::{
        Forward, Linear, Module, ReLU, Sequential, cross_entropy, mnist_loss, mse_loss, sequential,
    };
    pub use downhill_optim::{Adam, BasicOptim, Optimizer, Sgd, slice};
    pub use downhill_tensor::{Rng, Tensor};
}
