//! Automatic differentiation.
//!
//! A [`Var`] is a [`Tensor`](downhill_tensor::Tensor) that remembers how it was computed. Calling
//! [`backward`](Var::backward) on a scalar result leaves in each [parameter](Var::parameter) the gradient: how much
//! the result changes when an element of the parameter does.
//!
//! ```
//! use downhill_autograd::Var;
//! use downhill_tensor::Tensor;
//!
//! let x = Var::parameter(Tensor::from([3.0, 4.0, 10.0_f32]));
//! let y = x.square().sum(..);
//! assert_eq!(y.item(), 125.0);
//! y.backward();
//! assert_eq!(x.grad().unwrap().to_vec(), [6.0, 8.0, 20.0]);
//! ```
//!
//! # The central decision: a graph of shared nodes, walked in order of creation
//!
//! A `Var` is a shared handle on a node, as a tensor is in PyTorch: models can hold parameters, optimizers can hold
//! the same ones, and nobody passes a tape around. Every node carries a number from one global counter. Since a result
//! is always created after its inputs, *descending numbers are a topological order*: the backward pass is a loop over
//! a queue, without recursion or a sort, and so is dropping a graph. A chain of a million operations is no deeper than
//! one.
//!
//! Three rules follow, and every operation relies on them:
//!
//! - **Gradients are owned.** A backward function receives the incoming gradient by value and may reuse its memory.
//!   The first gradient to reach a node is moved in, later ones are added in place; nothing is zero-filled first.
//! - **Saved values are snapshots.** Tensors copy on write, so what an operation saved for its backward pass stays
//!   what it was, even when a parameter is updated in between.
//! - **The graph is consumed.** A node gives up its record as the backward pass reaches it. Afterwards parameters are
//!   unshared again, and an optimizer's in-place step is really in place.
//!
//! # One formula for values and for graphs
//!
//! Backward functions are written in terms of `Var`. In an ordinary backward pass nothing is recorded and they run
//! straight on tensors (elementwise derivatives as one fused loop); with a graph being recorded the same formula would
//! yield derivatives of derivatives; there is no way to ask for that yet.
//!
//! # Every derivative is checked
//!
//! [`gradcheck`] compares any function's gradients with central differences. The crate's own tests run it over every
//! operation on random shapes and memory layouts, and fail if an operation has no such test.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod engine;
mod gradcheck;
mod mode;
mod ops;
pub mod profile;
mod var;

pub use engine::{Backward, from_op, grad};
pub use gradcheck::{GradMismatch, MismatchKind, Tolerance, gradcheck};
pub use mode::{NoGrad, is_grad_enabled, no_grad};
pub use ops::{
    BatchNormOptions, RunningStats, batch_norm, batch_norm_relu, conv2d, conv2d_input, conv2d_weight,
    embedding,
};
pub use ops::{cat, linear, sigmoid_cross_entropy, softmax_cross_entropy, stack, where_};
pub use var::Var;
