//! Everything that touches memory in bulk, and all the unsafe code of the library.
//!
//! - [`buffer`]: aligned memory that is recycled instead of returned to the system,
//! - [`channels`]: sums and maps over rows of channels,
//! - [`isa`]: which instruction set this process uses, and how a plain loop is compiled for it,
//! - [`gemm`]: matrix products,
//! - [`math`], [`trig`]: elementary functions that vectorise,
//! - [`stream`]: writing past the caches,
//! - [`sum`]: sums along contiguous memory in an order that depends on their length alone,
//! - [`tile`]: columns of a block, written side by side,
//! - [`transpose`]: transposes of matrices.
//!
//! Kernels work on slices. They know nothing of tensors, broadcasting or axes; the modules above reduce every
//! operation to runs over slices first.

pub(crate) mod buffer;
pub(crate) mod channels;
pub(crate) mod gemm;
pub(crate) mod isa;
pub(crate) mod math;
pub(crate) mod stream;
pub(crate) mod sum;
pub(crate) mod tile;
pub(crate) mod transpose;
pub(crate) mod trig;

pub(crate) use gemm::Gemm;
pub use isa::Isa;
