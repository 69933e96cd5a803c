//! The fully connected layer.

use downhill_autograd::{Var, linear};
use downhill_tensor::{Float, Rng};

use crate::init::uniform_by_fan_in;
use crate::{Forward, Module};

/// A fully connected layer: `x · weightᵀ + bias`. `torch.nn.Linear`.
///
/// # Shapes
/// `weight [out_features, in_features]`, `bias [out_features]`; input `[.., in_features]`, output
/// `[.., out_features]`.
///
/// ```
/// use downhill_nn::{Linear, Module};
/// use downhill_tensor::Rng;
///
/// let linear: Linear = Linear::new(28 * 28, 1, &mut Rng::new(42));
/// let shapes: Vec<_> = linear.parameters().iter().map(|p| p.shape().to_vec()).collect();
/// assert_eq!(shapes, [vec![1, 784], vec![1]]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Linear<T: Float = f32> {
    /// One row of weights for each output.
    pub weight: Var<T>,
    /// One number for each output, if the layer has a bias.
    pub bias: Option<Var<T>>,
}

impl<T: Float> Linear<T> {
    /// A layer with PyTorch's initialisation: weight and bias uniform in ±1/√`in_features`.
    pub fn new(in_features: usize, out_features: usize, rng: &mut Rng) -> Self {
        let mut layer = Linear::without_bias(in_features, out_features, rng);
        layer.bias = Some(uniform_by_fan_in(&[out_features], in_features, rng));
        layer
    }

    /// [`new`](Self::new) without a bias.
    pub fn without_bias(in_features: usize, out_features: usize, rng: &mut Rng) -> Self {
        Linear { weight: uniform_by_fan_in(&[out_features, in_features], in_features, rng), bias: None }
    }
}

impl<T: Float> Forward<T> for Linear<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        linear(x, &self.weight, self.bias.as_ref())
    }
}
