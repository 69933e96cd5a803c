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
//! A `Var` is a shared handle, as a tensor is in PyTorch: models can hold parameters, optimizers can hold the same ones,
//! and nobody passes a tape around. Every parameter and every recorded operation, a *node*, carries a number from one
//! global counter. Since a result is always created after its inputs, *descending numbers are a topological order*: the
//! backward pass is a loop over a queue, without recursion or a sort, and so is dropping a graph. A chain of a million
//! operations is no deeper than one.
//!
//! Four rules follow, and every operation relies on them:
//!
//! - **Values are no part of the graph.** Nodes point to nodes; a result's value belongs to its handles. What a derivative
//!   needs its operation saves, and any other value is freed with its last handle, in the forward pass already: of
//!   `(x * 2.0 + 1.0).relu()` the graph keeps one tensor.
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
//! straight on tensors (elementwise derivatives as one fused loop). With [`create_graph`](GradOptions::create_graph) the pass
//! is recorded like any other computation, and the same formulas yield gradients that can be differentiated again:
//!
//! ```
//! use downhill_autograd::{GradOptions, Var, grad_with};
//! use downhill_tensor::Tensor;
//!
//! // A penalty on the slope of y = w x², (dy/dx)² = (2 w x)². Its derivative by w is 8 w x².
//! let (w, x) = (Var::parameter(Tensor::scalar(3.0_f32)), Var::parameter(Tensor::scalar(0.5)));
//! let y = &w * x.square();
//! let slope = grad_with(&[&y], &[&x], &GradOptions::default().create_graph(true)).remove(0).unwrap();
//! slope.square().backward();
//! assert_eq!(w.grad().unwrap().item(), 6.0);
//! ```
//!
//! # Looking inside
//!
//! [Hooks](Var::register_hook) read and replace gradients on their way. [`detect_anomaly`] names the operation whose
//! backward function first produced NaN or infinity, [`graph_dot`] draws the graph, [`unused_parameters`] finds what got
//! no gradient. [`checkpoint`] computes a part of the graph twice and keeps nothing of it in between.
//!
//! # Every derivative is checked
//!
//! [`gradcheck`] compares any function's gradients with central differences, [`gradgradcheck`] their derivatives. The crate's
//! own tests run both over every operation on random shapes and memory layouts, and fail if an operation has no such test.
//! With the feature `proptest`, the module `strategies` offers the same random tensors and the same property for functions
//! of your own.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod anomaly;
mod checkpoint;
mod custom;
mod diagnose;
mod engine;
mod gradcheck;
mod hook;
mod mode;
mod ops;
mod place;
pub mod profile;
mod record;
#[cfg(feature = "proptest")]
pub mod strategies;
mod var;

pub use checkpoint::checkpoint;
pub use custom::{from_differentiable_op, from_op};
pub use diagnose::{UnusedParameters, graph_dot, unused_parameters};
pub use engine::{GradOptions, grad, grad_with};
pub use gradcheck::{GradMismatch, MismatchKind, Tolerance, gradcheck, gradgradcheck};
pub use hook::GradHook;
pub use mode::{DetectAnomaly, NoGrad, detect_anomaly, enable_grad, is_grad_enabled, no_grad};
pub use ops::{
    BatchNormOptions, RunningStats, batch_norm, batch_norm_relu, conv2d, conv2d_input, conv2d_weight,
    embedding,
};
pub use ops::{cat, linear, sigmoid_cross_entropy, softmax_cross_entropy, stack, where_};
pub use var::Var;
