//! Optimizers: how parameters move down the gradient.
//!
//! ```
//! use downhill_autograd::Var;
//! use downhill_optim::{Optimizer, Sgd};
//! use downhill_tensor::Tensor;
//!
//! let w = Var::parameter(Tensor::from([3.0_f32]));
//! let mut opt = Sgd::new(vec![w.clone()], 0.1);
//! for _ in 0..100 {
//!     w.square().sum(..).backward();
//!     opt.step();
//!     opt.zero_grad();
//! }
//! assert!(w.item() < 1e-6);
//! ```
//!
//! # The central decision: an optimizer holds handles, not models
//!
//! An [`Optimizer`] is given the parameters and nothing else. It does not know layers, so it works for a bare `Var` as
//! well as for a network. Between a backward pass and the next forward pass nobody else holds a parameter's storage,
//! so that a step happens in place.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod basic;
mod sgd;

pub use basic::BasicOptim;
pub use sgd::Sgd;

use downhill_tensor::Float;

/// What every optimizer does.
pub trait Optimizer<T: Float = f32>: Send {
    /// Moves every parameter that has a gradient.
    fn step(&mut self);
    /// Forgets all gradients.
    fn zero_grad(&mut self);
    /// The learning rate.
    fn lr(&self) -> f64;
    /// Sets the learning rate for the steps to come.
    fn set_lr(&mut self, lr: f64);
}
