//! Arrays for deep learning.
//!
//! [`Tensor<E>`](Tensor) is an n-dimensional array on the CPU with PyTorch's vocabulary and broadcasting.
//!
//! ```
//! use downhill_tensor::Tensor;
//!
//! let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0_f32], &[2, 3]);
//! let weights = Tensor::from_vec(vec![0.5, -1.0, 2.0], &[3, 1]);
//! let y = x.matmul(&weights) + 1.0;
//! assert_eq!(y.to_string(), "tensor([[ 5.5000],\n        [10.0000]])");
//! assert_eq!(x.mean(0).to_vec(), [2.5, 3.5, 4.5]);
//! ```
//!
//! # The central decision: static element type, dynamic shape, copy on write
//!
//! The element type is a type parameter, so that a program that adds labels to pixels does not compile and every
//! kernel is monomorphic. The shape is known at run time only, so that signatures stay short and one function
//! serves every batch size. (Shapes in types catch some mistakes early, but they put arithmetic into signatures and
//! a library's vocabulary into its users' type errors.)
//!
//! Storage is shared and copied on write. A view (transpose, narrow, expand, ...) is a second handle on the same
//! storage and costs nothing. An in-place operation, marked by a trailing underscore as in PyTorch, writes into the
//! storage if this handle is the only one, and into a fresh copy otherwise. So **a tensor's value never changes behind
//! its owner's back**: what automatic differentiation has saved for the backward pass stays what it was, without
//! version counters. PyTorch's one idiom that this excludes is writing into a base through a view of it.
//!
//! # The same bits whatever the thread count
//!
//! Work is split among threads in pieces whose size is a constant or follows from the shape, and no sum is ever split
//! by the number of threads. The order of accumulation follows from shape and strides alone.
//!
//! It follows from neither the processor: kernels are compiled for AVX-512, for AVX2 and for the target's baseline, the
//! best one is chosen when the program starts, and all give the same bits in `f32` (`powf` excepted, which is the
//! platform's). The environment variable `DOWNHILL_ISA` (`avx512`, `avx2` or `portable`) forces one of them, for tests.
//!
//! # Errors
//!
//! A shape mistake is a bug of the caller: the method panics, naming the operation and both shapes, at the caller's
//! line.
//!
//! ```should_panic
//! # use downhill_tensor::Tensor;
//! let (x, w) = (Tensor::<f32>::zeros(&[64, 784]), Tensor::zeros(&[10, 30]));
//! x.matmul(&w); // matmul: inner dimensions differ: lhs [64, 784], rhs [10, 30]
//! ```
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod arith;
mod axes;
mod batch_norm;
mod bits;
mod compare;
mod conv;
mod create;
mod display;
mod element;
mod elementwise;
mod extrema;
pub mod file;
mod fuse;
mod index;
mod join;
#[allow(unsafe_code)]
mod kernels;
mod lanes;
mod layout;
mod mask;
mod matmul;
mod nest;
mod norm_layers;
mod pad;
mod pool;
mod reduce;
mod rng;
mod run;
mod scan;
mod serialize;
mod softmax;
mod sort;
mod split;
mod stats;
mod tensor;
pub mod testing;
mod threads;
mod triangle;
mod unary;
mod update;
mod view;

pub use axes::Axes;
pub use batch_norm::{After, ChannelNorm, ChannelNormBackward, ChannelNormGradients};
pub use conv::{Conv2dOptions, Pair};
pub use element::{Bits, DType, Element, Float, Number};
pub use join::{cat, stack};
pub use kernels::Isa;
pub use layout::{Dims, MAX_RANK};
pub use pool::{Pool2dOptions, Windows2d};
pub use rng::Rng;
pub use tensor::Tensor;
pub use threads::{ThreadsStarted, set_num_threads};
