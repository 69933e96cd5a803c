//! The operations, each beside its derivative.
//!
//! In the comments `g` is the gradient with respect to the operation's result.

mod arith;
mod batch_norm;
mod conv;
mod extrema;
mod index;
mod join;
mod matmul;
mod norm_layers;
mod pool;
mod reduce;
mod scan;
mod select;
mod softmax;
mod stats;
mod unary;
mod view;

pub use batch_norm::{BatchNormOptions, RunningStats, batch_norm, batch_norm_relu};
pub use conv::{conv2d, conv2d_input, conv2d_weight};
pub use index::embedding;
pub use join::{cat, stack};
pub use matmul::linear;
pub use select::where_;
pub use softmax::{sigmoid_cross_entropy, softmax_cross_entropy};

use downhill_tensor::Float;

use crate::record::Backward;
use crate::var::Var;

impl<T: Float> Backward<'_, T> {
    /// The gradient of one of several inputs, computed if it is wanted.
    fn wanted(&self, input: usize, gradient: impl FnOnce(&Var<T>) -> Var<T>) -> Option<Var<T>> {
        self.needs[input].then(|| gradient(&self.grad))
    }
}
