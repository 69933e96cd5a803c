//! Initial values of parameters. `torch.nn.init`.
//!
//! Layers start with PyTorch's defaults; these functions replace them, in place. Numbers are drawn in row-major order,
//! wherever the elements lie in memory.

use downhill_autograd::Var;
use downhill_tensor::{Float, Rng, Tensor};

use crate::{Item, Module, walk};

/// Which end of a layer `kaiming` keeps the variance at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FanMode {
    /// The forward pass: the number of inputs of one output. PyTorch's default.
    #[default]
    FanIn,
    /// The backward pass: the number of outputs of one input.
    FanOut,
}

/// The function after a layer, which says how much variance it takes away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// None.
    Linear,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    ReLU,
    /// `max(x, 0)` with this slope below zero.
    LeakyReLU(f64),
    /// The self-normalising unit.
    SELU,
}

impl Default for Nonlinearity {
    /// PyTorch's default, which is the rectifier.
    fn default() -> Self {
        Nonlinearity::LeakyReLU(0.0)
    }
}

impl Nonlinearity {
    /// The factor that makes up for the lost variance. `torch.nn.init.calculate_gain`.
    ///
    /// ```
    /// use downhill_nn::init::Nonlinearity;
    ///
    /// assert_eq!(Nonlinearity::ReLU.gain(), 2.0_f64.sqrt());
    /// assert_eq!(Nonlinearity::Tanh.gain(), 5.0 / 3.0);
    /// ```
    pub fn gain(self) -> f64 {
        match self {
            Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
            Nonlinearity::Tanh => 5.0 / 3.0,
            Nonlinearity::ReLU => 2.0_f64.sqrt(),
            Nonlinearity::LeakyReLU(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Nonlinearity::SELU => 0.75,
        }
    }
}

/// Replaces the elements and leaves them where they lie in memory.
fn set<T: Float>(parameter: &Var<T>, value: &Tensor<T>) {
    parameter.update_(|p| {
        p.zip_("init", value, |_, new| new);
    });
}

/// Sets every element to `value`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::init::constant_;
/// use downhill_tensor::Tensor;
///
/// let bias = Var::parameter(Tensor::<f32>::zeros(&[3]));
/// constant_(&bias, 0.5);
/// assert_eq!(bias.value().to_vec(), [0.5; 3]);
/// ```
pub fn constant_<T: Float>(parameter: &Var<T>, value: f64) {
    parameter.update_(|p| {
        p.fill_(T::from_f64(value));
    });
}

/// Draws every element from the uniform distribution on [`low`, `high`).
///
/// # Panics
/// If a bound is not finite.
#[track_caller]
pub fn uniform_<T: Float>(parameter: &Var<T>, low: f64, high: f64, rng: &mut Rng) {
    set(parameter, &Tensor::uniform(&parameter.shape(), low, high, rng));
}

/// Draws every element from the normal distribution with this mean and standard deviation.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::init::normal_;
/// use downhill_tensor::{Rng, Tensor};
///
/// let w = Var::parameter(Tensor::<f32>::zeros(&[100, 100]));
/// normal_(&w, 1.0, 0.01, &mut Rng::new(42));
/// assert!((w.value().mean(..).item() - 1.0).abs() < 1e-3);
/// ```
pub fn normal_<T: Float>(parameter: &Var<T>, mean: f64, std: f64, rng: &mut Rng) {
    let draws = Tensor::<f64>::randn(&parameter.shape(), rng);
    set(parameter, &draws.map(|z| T::from_f64(mean + std * z)));
}

/// Draws every element from the normal distribution with this mean and standard deviation, again and again until it lies
/// in [`a`, `b`]. (PyTorch inverts the distribution function instead; the distribution is the same.)
///
/// # Panics
/// If there is nothing between `a` and `b`, or it lies more than four standard deviations from the mean, where nearly
/// every draw would be thrown away.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::init::trunc_normal_;
/// use downhill_tensor::{Rng, Tensor};
///
/// let w = Var::parameter(Tensor::<f32>::zeros(&[100]));
/// trunc_normal_(&w, 0.0, 1.0, -2.0, 2.0, &mut Rng::new(42));
/// assert!(w.value().iter().all(|x| x.abs() <= 2.0));
/// ```
#[track_caller]
pub fn trunc_normal_<T: Float>(parameter: &Var<T>, mean: f64, std: f64, a: f64, b: f64, rng: &mut Rng) {
    let reachable = a < b && std > 0.0 && a <= mean + 4.0 * std && b >= mean - 4.0 * std;
    // An interval much narrower than the deviation would be missed nearly always too.
    let wide = b - a >= 1e-3 * std;
    assert!(
        reachable && wide,
        "trunc_normal_: next to nothing of mean {mean}, std {std} lies between {a} and {b}"
    );
    let one = |rng: &mut Rng| {
        loop {
            let x = mean + std * Tensor::<f64>::randn(&[], rng).item();
            if (a..=b).contains(&x) {
                return T::from_f64(x);
            }
        }
    };
    set(parameter, &Tensor::from_fn(&parameter.shape(), |_| one(rng)));
}

/// Uniform in ±√3 · std, with the standard deviation of [`kaiming_normal_`]. `torch.nn.init.kaiming_uniform_`.
///
/// # Panics
/// If the parameter has fewer than two axes.
#[track_caller]
pub fn kaiming_uniform_<T: Float>(
    parameter: &Var<T>,
    mode: FanMode,
    nonlinearity: Nonlinearity,
    rng: &mut Rng,
) {
    let bound = 3.0_f64.sqrt() * kaiming_std("kaiming_uniform_", parameter, mode, nonlinearity);
    uniform_(parameter, -bound, bound, rng);
}

/// Normal with mean zero and standard deviation gain / √fan, which keeps the variance of activations (or of gradients)
/// from layer to layer. `torch.nn.init.kaiming_normal_`. (He et al., 2015.)
///
/// Its defaults in PyTorch are `FanMode::default()` and `Nonlinearity::default()`.
///
/// # Panics
/// If the parameter has fewer than two axes.
///
/// ```
/// use downhill_nn::Linear;
/// use downhill_nn::init::{FanMode, Nonlinearity, kaiming_normal_};
/// use downhill_tensor::Rng;
///
/// let rng = &mut Rng::new(42);
/// let linear: Linear<f64> = Linear::new(512, 512, rng);
/// kaiming_normal_(&linear.weight, FanMode::FanIn, Nonlinearity::ReLU, rng);
/// let variance = linear.weight.value().square().mean(..).item();
/// assert!((variance * 512.0 - 2.0).abs() < 0.05);
/// ```
#[track_caller]
pub fn kaiming_normal_<T: Float>(
    parameter: &Var<T>,
    mode: FanMode,
    nonlinearity: Nonlinearity,
    rng: &mut Rng,
) {
    let std = kaiming_std("kaiming_normal_", parameter, mode, nonlinearity);
    normal_(parameter, 0.0, std, rng);
}

#[track_caller]
fn kaiming_std<T: Float>(op: &str, parameter: &Var<T>, mode: FanMode, nonlinearity: Nonlinearity) -> f64 {
    let (fan_in, fan_out) = fans(op, parameter);
    let fan = if mode == FanMode::FanIn { fan_in } else { fan_out };
    // Of a weight without elements nothing is drawn.
    nonlinearity.gain() / (fan.max(1) as f64).sqrt()
}

/// Uniform in ±√3 · std, with the standard deviation of [`xavier_normal_`]. `torch.nn.init.xavier_uniform_`.
///
/// # Panics
/// If the parameter has fewer than two axes.
#[track_caller]
pub fn xavier_uniform_<T: Float>(parameter: &Var<T>, gain: f64, rng: &mut Rng) {
    let bound = 3.0_f64.sqrt() * xavier_std("xavier_uniform_", parameter, gain);
    uniform_(parameter, -bound, bound, rng);
}

/// Normal with mean zero and standard deviation gain · √(2 / (fan_in + fan_out)), a compromise between forward and
/// backward pass. `torch.nn.init.xavier_normal_`, where the gain is 1 unless stated. (Glorot and Bengio, 2010.)
///
/// # Panics
/// If the parameter has fewer than two axes.
#[track_caller]
pub fn xavier_normal_<T: Float>(parameter: &Var<T>, gain: f64, rng: &mut Rng) {
    let std = xavier_std("xavier_normal_", parameter, gain);
    normal_(parameter, 0.0, std, rng);
}

#[track_caller]
fn xavier_std<T: Float>(op: &str, parameter: &Var<T>, gain: f64) -> f64 {
    let (fan_in, fan_out) = fans(op, parameter);
    gain * (2.0 / (fan_in + fan_out).max(1) as f64).sqrt()
}

/// How many inputs an output has, and how many outputs an input.
#[track_caller]
fn fans<T: Float>(op: &str, parameter: &Var<T>) -> (usize, usize) {
    let shape = parameter.shape();
    assert!(shape.len() >= 2, "{op}: expected a weight of at least two axes, got shape {shape:?}");
    let receptive: usize = shape[2..].iter().product();
    (shape[1] * receptive, shape[0] * receptive)
}

/// A parameter of standard normal numbers times `std`. The book's `init_params`.
///
/// ```
/// use downhill_nn::init::init_params;
/// use downhill_tensor::Rng;
///
/// let rng = &mut Rng::new(42);
/// let (weights, bias) = (init_params::<f32>(&[28 * 28, 1], 1.0, rng), init_params::<f32>(&[1], 1.0, rng));
/// assert!(weights.requires_grad() && bias.requires_grad());
/// ```
pub fn init_params<T: Float>(shape: &[usize], std: f64, rng: &mut Rng) -> Var<T> {
    let parameter = Var::parameter(Tensor::zeros(shape));
    normal_(&parameter, 0.0, std, rng);
    parameter
}

/// Initialises each layer that is trained and does not normalise: its `weight` by `init`, its `bias` by zero. fastai's
/// `apply_init`, whose default is `kaiming_normal_`.
///
/// ```
/// use downhill_nn::init::{FanMode, Nonlinearity, apply_init, kaiming_normal_};
/// use downhill_nn::{BatchNorm1d, Linear, Sequential, sequential};
/// use downhill_tensor::Rng;
///
/// let rng = &mut Rng::new(42);
/// let head: Sequential = sequential![BatchNorm1d::new(8), Linear::new(8, 2, rng)];
/// apply_init(&head, |weight| kaiming_normal_(weight, FanMode::default(), Nonlinearity::default(), rng));
/// ```
pub fn apply_init<T: Float>(module: &(impl Module<T> + ?Sized), mut init: impl FnMut(&Var<T>)) {
    // The layer that the walk is in, and whether it is trained: whether the first of its parameters is.
    let mut layer: Option<(String, bool)> = None;
    walk(module, |place, item| {
        let Item::Parameter(parameter) = item else { return };
        let path = place.path.strip_suffix(place.name()).unwrap_or_default();
        let trained = match &layer {
            Some((known, trained)) if known == path => *trained,
            _ => layer.insert((path.to_string(), parameter.requires_grad())).1,
        };
        match place.name() {
            _ if place.norm || !trained => {}
            "weight" => init(parameter),
            "bias" => constant_(parameter, 0.0),
            _ => {}
        }
    });
}

/// A parameter uniform in ±1/√fan_in: how PyTorch's linear and convolutional layers start. (PyTorch writes it as
/// `kaiming_uniform_` with a = √5, which comes to the same bound.)
pub(crate) fn uniform_by_fan_in<T: Float>(shape: &[usize], fan_in: usize, rng: &mut Rng) -> Var<T> {
    let bound = if fan_in == 0 { 0.0 } else { 1.0 / (fan_in as f64).sqrt() };
    Var::parameter(Tensor::uniform(shape, -bound, bound, rng))
}
