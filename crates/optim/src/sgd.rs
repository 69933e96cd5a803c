//! Stochastic gradient descent with momentum.

use downhill_autograd::Var;
use downhill_tensor::{Float, Tensor};

use crate::Optimizer;

/// Stochastic gradient descent. `torch.optim.SGD`, with its defaults.
///
/// For each parameter `p` with gradient `g`, weight decay `wd`, momentum `μ`, dampening `τ` and learning rate `lr`:
///
/// ```text
/// g ← g + wd · p
/// b ← g                      in the first step
/// b ← μ · b + (1 - τ) · g    later
/// p ← p - lr · g             without momentum
/// p ← p - lr · b             with momentum
/// p ← p - lr · (g + μ · b)   with Nesterov's
/// ```
pub struct Sgd<T: Float = f32> {
    params: Vec<Var<T>>,
    lr: f64,
    momentum: f64,
    dampening: f64,
    weight_decay: f64,
    nesterov: bool,
    buffers: Vec<Option<Tensor<T>>>,
}

impl<T: Float> Sgd<T> {
    /// An optimizer of `params` with learning rate `lr`, without momentum or weight decay.
    pub fn new(params: Vec<Var<T>>, lr: f64) -> Self {
        let buffers = vec![None; params.len()];
        Sgd { params, lr, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false, buffers }
    }

    /// Sets the momentum `μ`.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Sets the dampening `τ` of the momentum.
    pub fn dampening(mut self, dampening: f64) -> Self {
        self.dampening = dampening;
        self
    }

    /// Sets the weight decay `wd`, added to the gradient.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// Chooses Nesterov's momentum. As in PyTorch it needs a momentum and no dampening; the first step panics otherwise.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }
}

impl<T: Float> Optimizer<T> for Sgd<T> {
    fn step(&mut self) {
        let makes_sense = !self.nesterov || (self.momentum > 0.0 && self.dampening == 0.0);
        assert!(makes_sense, "Sgd: Nesterov's momentum needs a momentum and no dampening");
        let descent = T::from_f64(-self.lr);
        let momentum = T::from_f64(self.momentum);
        for (p, buffer) in self.params.iter().zip(&mut self.buffers) {
            p.step_(|data, grad| {
                let mut grad = grad.clone();
                if self.weight_decay != 0.0 {
                    grad.add_scaled_(data, T::from_f64(self.weight_decay));
                }
                if self.momentum != 0.0 {
                    let buffer = match buffer {
                        Some(buffer) => {
                            buffer.mul_(momentum).add_scaled_(&grad, T::from_f64(1.0 - self.dampening));
                            buffer
                        }
                        None => buffer.insert(grad.clone()),
                    };
                    if self.nesterov {
                        grad.add_scaled_(buffer, momentum);
                    } else {
                        grad = buffer.clone();
                    }
                }
                data.add_scaled_(&grad, descent);
            });
        }
    }

    fn zero_grad(&mut self) {
        for p in &self.params {
            p.set_grad(None);
        }
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }
}
