//! The chapter's own optimizer.

use downhill_autograd::Var;
use downhill_tensor::Float;

use crate::Optimizer;

/// Stochastic gradient descent as the chapter writes it: `p.data -= p.grad * lr`.
pub struct BasicOptim<T: Float = f32> {
    params: Vec<Var<T>>,
    lr: f64,
}

impl<T: Float> BasicOptim<T> {
    /// An optimizer of `params` with learning rate `lr`.
    pub fn new(params: Vec<Var<T>>, lr: f64) -> Self {
        BasicOptim { params, lr }
    }
}

impl<T: Float> Optimizer<T> for BasicOptim<T> {
    fn step(&mut self) {
        let lr = T::from_f64(self.lr);
        for p in &self.params {
            p.step_(|data, grad| {
                data.sub_(grad * lr);
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
