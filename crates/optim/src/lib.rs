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
//!
//! # A rule for each optimizer, one walk for all
//!
//! What sets optimizers apart is one formula. So each is a [`Rule`]: its name, the tensors that it keeps for a parameter,
//! and an update in which the formula stands as in its paper. [`Stepper`] does the rest for all of them: groups and their
//! hyper-parameters, weight decay, frozen parameters, states. The formula runs over a parameter, its gradient and its
//! averages in one pass, in place ([`Tensor::update_`](downhill_tensor::Tensor::update_)), and for large models takes as
//! long as the memory takes to deliver them.
//!
//! | optimizer | PyTorch's | fastai's |
//! |---|---|---|
//! | [`BasicOptim`], the chapter's | | |
//! | [`Sgd`] | `new` | `fastai` |
//! | [`Adam`], with AMSGrad; [`AdamW`] | `new` | `fastai` |
//! | [`RmsProp`] | `new` | `fastai` |
//! | [`RAdam`] | `new` | `fastai` |
//! | [`Adagrad`], [`Adadelta`], [`NAdam`] | `new` | |
//! | [`Lamb`] | | `fastai` |
//! | [`Lookahead`], [`ranger`] | | `new` |
//!
//! # Groups, rates and schedules
//!
//! Parameters come in [groups](ParamGroup) with their own [hyper-parameters](Hypers), under fastai's names, to be set at
//! any time: for all groups, for each, or spread over them ([`slice()`]). A [`Schedule`] is a function of the position in
//! training, and whoever trains sets what it says.
//!
//! ```
//! use downhill_autograd::Var;
//! use downhill_optim::{Adam, Groups, Hyper, Optimizer, clip_grad_norm_, schedule::OneCycle, slice};
//! use downhill_tensor::Tensor;
//!
//! let (body, head) = (Var::parameter(Tensor::from([1.0_f32, -2.0])), Var::parameter(Tensor::from([0.5])));
//! let params = [body.clone(), head.clone()];
//! let groups = Groups::from(vec![vec![body.clone()], vec![head.clone()]]).without_decay(&[head.clone()]);
//! let mut opt = Adam::fastai(groups, 0.1);
//! let cycle = OneCycle::default();
//! for step in 0..100 {
//!     let pos = f64::from(step) / 100.0;
//!     let lr = cycle.lr(0.1).at(pos);
//!     opt.set_hyper(Hyper::Lr, slice(lr / 10.0, lr));
//!     opt.set_hyper(Hyper::Mom, cycle.mom().at(pos).into());
//!     (body.square().sum(..) + head.square().sum(..)).backward();
//!     clip_grad_norm_(&params, 1.0);
//!     opt.step();
//!     opt.zero_grad();
//! }
//! assert!(head.item().abs() < 0.05);
//! ```
//!
//! # States
//!
//! [`Optimizer::state`] is everything that a run needs to continue to the bit, but for the parameters, in a form that
//! serde can save. Loading checks names and shapes first and changes nothing if one is wrong.
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
pub use clip::{clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm};
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
