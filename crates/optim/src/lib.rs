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

mod adadelta;
mod adagrad;
mod adam;
mod basic;
mod clip;
mod error;
mod groups;
mod hypers;
mod lamb;
mod lookahead;
mod moments;
mod nadam;
mod optimizer;
mod radam;
mod rmsprop;
pub mod schedule;
mod sgd;
mod state;
mod stepper;

pub use adadelta::{Adadelta, AdadeltaRule};
pub use adagrad::{Adagrad, AdagradRule};
pub use adam::{Adam, AdamRule, AdamW};
pub use basic::BasicOptim;
pub use clip::{clip_grad_norm_, clip_grad_value_};
pub use error::Error;
pub use groups::{Groups, Param, ParamGroup};
pub use hypers::{Hyper, Hypers, PerGroup, UnknownHyper, slice, slice_to};
pub use lamb::{Lamb, LambRule};
pub use lookahead::{Lookahead, ranger};
pub use moments::Moments;
pub use nadam::{NAdam, NAdamRule};
pub use optimizer::Optimizer;
pub use radam::{RAdam, RAdamRule};
pub use rmsprop::{RmsProp, RmsPropRule};
pub use schedule::Schedule;
pub use sgd::{Sgd, SgdRule};
pub use state::{OptimState, ParamState};
pub use stepper::{Decay, Rule, Stepper};
