//! Layers.

use downhill_autograd::{Var, linear};
use downhill_tensor::{Float, Rng, Tensor};

use crate::{Forward, Module, Visitor};

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
        layer.bias = Some(init(&[out_features], in_features, rng));
        layer
    }

    /// [`new`](Self::new) without a bias.
    pub fn without_bias(in_features: usize, out_features: usize, rng: &mut Rng) -> Self {
        Linear { weight: init(&[out_features, in_features], in_features, rng), bias: None }
    }
}

/// Uniform in ±1/√fan_in. (PyTorch writes it as `kaiming_uniform_` with a = √5, which comes to the same bound.)
fn init<T: Float>(shape: &[usize], fan_in: usize, rng: &mut Rng) -> Var<T> {
    let bound = if fan_in == 0 { 0.0 } else { 1.0 / (fan_in as f64).sqrt() };
    Var::parameter(Tensor::uniform(shape, -bound, bound, rng))
}

impl<T: Float> Forward<T> for Linear<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        linear(x, &self.weight, self.bias.as_ref())
    }
}

/// `max(x, 0)`, the rectified linear unit. `torch.nn.ReLU`.
#[derive(Clone, Copy, Debug, Module)]
pub struct ReLU;

impl<T: Float> Forward<T> for ReLU {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.relu()
    }
}

/// Layers one after the other. `torch.nn.Sequential`.
///
/// Made by the macro [`sequential!`](crate::sequential), or from a `Vec` of boxed layers. Its parameters are named by
/// the layers' positions: `0.weight`, `0.bias`, `2.weight`, ...
pub struct Sequential<T: Float = f32>(pub Vec<Box<dyn Forward<T>>>);

impl<T: Float> Module<T> for Sequential<T> {
    fn visit(&self, visitor: &mut dyn Visitor<T>) {
        // The list itself has no name: `0.weight`, not `layers.0.weight`.
        self.0.visit(visitor);
    }
}

impl<T: Float> Forward<T> for Sequential<T> {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        self.0.iter().fold(x.clone(), |x, layer| layer.forward(&x))
    }
}

/// A [`Sequential`] of the given layers.
///
/// ```
/// use downhill_nn::{Linear, ReLU, Sequential, sequential};
/// use downhill_tensor::Rng;
///
/// let rng = &mut Rng::new(42);
/// let net: Sequential = sequential![Linear::new(784, 30, rng), ReLU, Linear::new(30, 1, rng)];
/// ```
#[macro_export]
macro_rules! sequential {
    ($($layer:expr),* $(,)?) => {
        $crate::Sequential(vec![$(Box::new($layer)),*])
    };
}
