//! Any function as a layer.

use std::fmt;
use std::sync::Arc;

use downhill_autograd::Var;
use downhill_tensor::Float;

use crate::{Forward, Module, Visitor};

type Function<T> = dyn Fn(&Var<T>) -> Var<T> + Send + Sync;

/// A layer from any function without parameters. fastai's `Lambda`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, Lambda, Linear, Sequential, sequential};
/// use downhill_tensor::{Rng, Tensor};
///
/// let rng = &mut Rng::new(42);
/// let net: Sequential = sequential![Lambda::new(|x: &Var| x.reshape(&[-1, 784])), Linear::new(784, 10, rng)];
/// assert_eq!(*net.forward(&Var::new(Tensor::zeros(&[2, 1, 28, 28]))).shape(), [2, 10]);
/// ```
#[derive(Clone)]
pub struct Lambda<T: Float = f32>(Arc<Function<T>>);

impl<T: Float> Lambda<T> {
    /// The layer whose forward is `f`.
    pub fn new(f: impl Fn(&Var<T>) -> Var<T> + Send + Sync + 'static) -> Self {
        Lambda(Arc::new(f))
    }
}

impl<T: Float> fmt::Debug for Lambda<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lambda")
    }
}

impl<T: Float> Module<T> for Lambda<T> {
    fn visit(&self, _visitor: &mut Visitor<'_, T>) {}
}

impl<T: Float> Forward<T> for Lambda<T> {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        self.0(x)
    }
}
