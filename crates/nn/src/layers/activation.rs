//! Activations: functions of single elements, and softmax.

use downhill_autograd::Var;
use downhill_tensor::Float;

use crate::{Forward, Module};

/// `max(x, 0)`, the rectified linear unit. `torch.nn.ReLU`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, ReLU};
/// use downhill_tensor::Tensor;
///
/// assert_eq!(ReLU.forward(&Var::new(Tensor::from([-2.0, 3.0_f32]))).value().to_vec(), [0.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct ReLU;

impl<T: Float> Forward<T> for ReLU {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.relu()
    }

    fn is_relu(&self) -> bool {
        true
    }
}

/// `x` where it is positive, `negative_slope · x` elsewhere. `torch.nn.LeakyReLU`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, LeakyReLU};
/// use downhill_tensor::Tensor;
///
/// let y = LeakyReLU { negative_slope: 0.5 }.forward(&Var::new(Tensor::from([-2.0, 3.0_f32])));
/// assert_eq!(y.value().to_vec(), [-1.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct LeakyReLU {
    /// The slope where `x` is negative; 0.01.
    #[module(skip)]
    pub negative_slope: f64,
}

impl Default for LeakyReLU {
    fn default() -> Self {
        LeakyReLU { negative_slope: 0.01 }
    }
}

impl<T: Float> Forward<T> for LeakyReLU {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.leaky_relu(T::from_f64(self.negative_slope))
    }
}

/// `x · Φ(x)`, where `Φ` is the normal distribution's: `x / 2 · (1 + erf(x / √2))`. `torch.nn.GELU`, the exact one.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, GELU};
/// use downhill_tensor::Tensor;
///
/// let y = GELU.forward(&Var::new(Tensor::from([0.0, 1.0_f64]))).value();
/// assert!(y.get(&[0]) == 0.0 && (y.get(&[1]) - 0.841_344_746_068_543).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct GELU;

impl<T: Float> Forward<T> for GELU {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.gelu()
    }
}

/// `x · sigmoid(x)`. `torch.nn.SiLU`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, SiLU};
///
/// assert!((SiLU.forward(&Var::from(1.0_f64)).item() - 0.731_058_578_630_005).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct SiLU;

impl<T: Float> Forward<T> for SiLU {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.silu()
    }
}

/// The hyperbolic tangent. `torch.nn.Tanh`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, Tanh};
///
/// assert_eq!(Tanh.forward(&Var::from(1.0_f64)).item(), 1.0_f64.tanh());
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct Tanh;

impl<T: Float> Forward<T> for Tanh {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.tanh()
    }
}

/// `1 / (1 + exp(-x))`. `torch.nn.Sigmoid`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, Sigmoid};
///
/// assert_eq!(Sigmoid.forward(&Var::from(0.0_f32)).item(), 0.5);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct Sigmoid;

impl<T: Float> Forward<T> for Sigmoid {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.sigmoid()
    }
}

/// `exp(x) / Σ exp(x)` along an axis: shares that sum to one. `torch.nn.Softmax`.
///
/// # Panics
/// [`forward`](Forward::forward), if there is no such axis.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, Softmax};
/// use downhill_tensor::Tensor;
///
/// let y = Softmax { dim: 1 }.forward(&Var::new(Tensor::from([[1.0, 1.0], [0.0, f32::NEG_INFINITY]])));
/// assert_eq!(y.value().to_vec(), [0.5, 0.5, 1.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, Module)]
pub struct Softmax {
    /// The axis, counted from the back if negative.
    #[module(skip)]
    pub dim: isize,
}

impl<T: Float> Forward<T> for Softmax {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        x.softmax(self.dim)
    }
}
