//! Layers made of layers.

use downhill_autograd::Var;
use downhill_tensor::Float;

use crate::{Forward, Module, Visitor, hooks};

/// Layers one after the other. `torch.nn.Sequential`.
///
/// Made by the macro [`sequential!`](crate::sequential), or from a `Vec` of boxed layers. Its parameters are named by
/// the layers' positions: `0.weight`, `0.bias`, `2.weight`, ...
pub struct Sequential<T: Float = f32>(pub Vec<Box<dyn Forward<T>>>);

impl<T: Float> Sequential<T> {
    /// With one more layer at the end.
    #[must_use]
    pub fn push(mut self, layer: impl Forward<T> + 'static) -> Self {
        self.0.push(Box::new(layer));
        self
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        // The list itself has no name: `0.weight`, not `layers.0.weight`.
        self.0.visit(visitor);
    }
}

impl<T: Float> Forward<T> for Sequential<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        if hooks::any() {
            // The names are made only if somebody asks for them.
            let named = self.0.iter().enumerate();
            return named.fold(x.clone(), |x, (i, layer)| layer.forward_as(&i.to_string(), &x));
        }
        let (mut x, mut layers) = (x.clone(), self.0.iter().peekable());
        while let Some(layer) = layers.next() {
            let relu = layers.next_if(|next| next.is_relu()).is_some();
            x = if relu { layer.forward_then_relu(&x) } else { layer.forward(&x) };
        }
        x
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

/// `inner(x) + x`: what is learnt is the difference from doing nothing. (He et al., 2015.) Where `inner` changes the
/// shape, `x` takes a `shortcut` that changes it alike: `inner(x) + shortcut(x)`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, ReLU, Residual};
/// use downhill_tensor::Tensor;
///
/// let block: Residual = Residual::new(ReLU);
/// assert_eq!(block.forward(&Var::new(Tensor::from([-1.0, 2.0]))).value().to_vec(), [-1.0, 4.0]);
/// ```
#[derive(Module)]
pub struct Residual<T: Float = f32> {
    /// What is added to the input.
    pub inner: Box<dyn Forward<T>>,
    /// The way of the input around it; as it is, if there is none.
    pub shortcut: Option<Box<dyn Forward<T>>>,
}

impl<T: Float> Residual<T> {
    /// `inner(x) + x`.
    pub fn new(inner: impl Forward<T> + 'static) -> Self {
        Residual { inner: Box::new(inner), shortcut: None }
    }

    /// `inner(x) + shortcut(x)`.
    #[must_use]
    pub fn shortcut(self, shortcut: impl Forward<T> + 'static) -> Self {
        Residual { shortcut: Some(Box::new(shortcut)), ..self }
    }
}

impl<T: Float> Forward<T> for Residual<T> {
    /// # Panics
    /// If the shapes of the two ways differ, also where they would broadcast.
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        let inner = self.inner.forward_as("inner", x);
        let around = match &self.shortcut {
            Some(shortcut) => shortcut.forward_as("shortcut", x),
            None => x.clone(),
        };
        let (a, b) = (inner.shape(), around.shape());
        assert!(*a == *b, "Residual: shapes differ: inner {a:?}, shortcut {b:?}");
        inner + around
    }
}
