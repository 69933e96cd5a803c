//! Dropout.

use downhill_autograd::Var;
use downhill_tensor::{Float, Rng, Tensor};

use crate::{Forward, Generator, Mode, Module};

/// In training, sets each element to zero with probability `p` and divides the others by `1 - p`, so that the mean
/// stays. In evaluation, nothing. `torch.nn.Dropout`. (Srivastava et al., 2014.)
///
/// The layer owns its generator, which is saved with the model: a run that is resumed drops what the run would have
/// dropped. Two layers with the same generator would drop the same elements; fork one for each.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Dropout, Forward, Module};
/// use downhill_tensor::{Rng, Tensor};
///
/// let dropout = Dropout::new(0.5, Rng::new(42).fork("dropout"));
/// let x = Var::new(Tensor::<f32>::ones(&[1000]));
/// assert!(dropout.forward(&x).value().iter().all(|y| y == 0.0 || y == 2.0));
/// Module::<f32>::eval(&dropout);
/// assert_eq!(dropout.forward(&x).value().sum(..).item(), 1000.0);
/// ```
#[derive(Clone, Debug)]
pub struct Dropout {
    /// The probability of an element to be dropped.
    pub p: f64,
    /// Where the choice of elements comes from.
    pub generator: Generator,
    /// Whether anything is dropped.
    pub mode: Mode,
}

impl Dropout {
    /// A layer that drops with probability `p`, as `rng` decides.
    ///
    /// # Panics
    /// If `p` is not between 0 and 1.
    #[track_caller]
    pub fn new(p: f64, rng: Rng) -> Self {
        assert!((0.0..=1.0).contains(&p), "Dropout: p must be between 0 and 1, got {p}");
        Dropout { p, generator: Generator::new(rng), mode: Mode::default() }
    }
}

impl<T: Float> Module<T> for Dropout {
    fn visit(&self, visitor: &mut crate::Visitor<'_, T>) {
        visitor.child("generator", &self.generator);
        visitor.child("mode", &self.mode);
    }
}

impl<T: Float> Forward<T> for Dropout {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        if !self.mode.is_training() || self.p == 0.0 {
            return x.clone();
        }
        let draws: Tensor<T> = self.generator.draw(|rng| Tensor::rand(&x.shape(), rng));
        let (p, kept) = (T::from_f64(self.p), T::from_f64(1.0 / (1.0 - self.p)));
        // With p = 1 nothing is kept, and the infinity is used nowhere.
        let mask = draws.into_map(|u| if u < p { T::default() } else { kept });
        x * Var::new(mask)
    }
}
