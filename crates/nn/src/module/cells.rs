//! What layers keep beside parameters. Each is a handle, as a [`Var`](downhill_autograd::Var) is: a clone is a second
//! handle on the same state.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use downhill_tensor::{Element, Rng, Tensor};

use crate::state::AnyTensor;

/// A tensor that is saved with the model and not trained: running statistics, counters. PyTorch's buffers.
///
/// ```
/// use downhill_nn::Buffer;
/// use downhill_tensor::Tensor;
///
/// let counter = Buffer::new(Tensor::scalar(0_i64));
/// counter.set(counter.get() + 1);
/// assert_eq!(counter.get().item(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Buffer<E: Element>(Arc<RwLock<Tensor<E>>>);

impl<E: Element> Buffer<E> {
    /// A buffer that holds `value`.
    pub fn new(value: Tensor<E>) -> Self {
        Buffer(Arc::new(RwLock::new(value)))
    }

    /// The value.
    pub fn get(&self) -> Tensor<E> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the value.
    ///
    /// # Panics
    /// If the shape is another.
    #[track_caller]
    pub fn set(&self, value: Tensor<E>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        assert!(
            held.shape() == value.shape(),
            "Buffer: shapes differ: held {:?}, new {:?}",
            held.shape(),
            value.shape()
        );
        *held = value;
    }
}

/// A [`Buffer`] of any element type.
pub trait AnyBuffer: Send + Sync {
    /// The value.
    fn value(&self) -> AnyTensor;

    /// Replaces the value.
    ///
    /// # Panics
    /// If the shape or the element type is another.
    fn set_value(&self, value: &AnyTensor);

    /// Another handle on the same buffer.
    fn handle(&self) -> Box<dyn AnyBuffer>;
}

impl<E: Element> AnyBuffer for Buffer<E> {
    fn value(&self) -> AnyTensor {
        AnyTensor::new(self.get())
    }

    #[track_caller]
    fn set_value(&self, value: &AnyTensor) {
        let Some(tensor) = value.downcast() else {
            panic!("Buffer: element types differ: held {}, new {}", E::DTYPE, value.dtype())
        };
        self.set(tensor);
    }

    fn handle(&self) -> Box<dyn AnyBuffer> {
        Box::new(self.clone())
    }
}

/// Whether a layer is in training or in evaluation. Each layer that behaves differently has one of its own, and
/// [`Module::train`](crate::Module::train) walks over them: no mode is global.
#[derive(Clone, Debug)]
pub struct Mode(Arc<AtomicBool>);

impl Default for Mode {
    /// In training.
    fn default() -> Self {
        Mode(Arc::new(AtomicBool::new(true)))
    }
}

impl Mode {
    /// Whether the layer is in training.
    pub fn is_training(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Sets the layer to training or to evaluation.
    pub fn set(&self, training: bool) {
        self.0.store(training, Relaxed);
    }
}

/// A layer's own source of random numbers, saved with the model: a run that is resumed draws on where it stopped.
///
/// ```
/// use downhill_nn::Generator;
/// use downhill_tensor::Rng;
///
/// let generator = Generator::new(Rng::new(42).fork("dropout"));
/// let saved = generator.get();
/// let first = generator.draw(Rng::next_u64);
/// generator.set(saved);
/// assert_eq!(generator.draw(Rng::next_u64), first);
/// ```
#[derive(Clone, Debug)]
pub struct Generator(Arc<Mutex<Rng>>);

impl Generator {
    /// A generator that continues `rng`.
    pub fn new(rng: Rng) -> Self {
        Generator(Arc::new(Mutex::new(rng)))
    }

    /// Draws by `f`.
    pub fn draw<R>(&self, f: impl FnOnce(&mut Rng) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A copy of where the generator is.
    pub fn get(&self) -> Rng {
        self.draw(|rng| rng.clone())
    }

    /// Continues at `rng`.
    pub fn set(&self, rng: Rng) {
        self.draw(|held| *held = rng);
    }
}
