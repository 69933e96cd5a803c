//! What the activations of a layer look like: the first thing to look at when a model does not train.

use downhill_tensor::{Float, Tensor};

/// Mean, spread and distribution of a layer's output. fastai's `ActivationStats`.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationStats {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, with PyTorch's correction of one.
    pub std: f64,
    /// The share of values of at most 0.05: what a ReLU has switched off, or nearly.
    pub near_zero: f64,
    /// How many values lie in each of 40 equal ranges from 0 to 10, both included. Others are not counted.
    pub hist: Vec<usize>,
}

impl ActivationStats {
    /// What `output` looks like. Of nothing, NaN.
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    ///
    /// use downhill_autograd::Var;
    /// use downhill_nn::{ActivationStats, Forward, Sequential, forward_hook, simple_net};
    /// use downhill_tensor::{Rng, Tensor};
    ///
    /// let rng = &mut Rng::new(42);
    /// let net: Sequential = simple_net(rng);
    /// let stats = Rc::new(RefCell::new(vec![]));
    /// let to = stats.clone();
    /// let _hook = forward_hook::<f32>(move |call| {
    ///     to.borrow_mut().push((call.path.to_string(), ActivationStats::of(&call.output.value())));
    /// });
    /// net.forward(&Var::new(Tensor::rand(&[64, 784], rng)));
    /// let stats = stats.borrow();
    /// assert_eq!(stats[1].0, "1");
    /// assert!(stats[1].1.near_zero > 0.3, "behind a ReLU");
    /// ```
    pub fn of<T: Float>(output: &Tensor<T>) -> Self {
        let n = output.numel() as f64;
        let mean = output.iter().map(|x| x.to_f64()).sum::<f64>() / n;
        let squares: f64 = output.iter().map(|x| (x.to_f64() - mean).powi(2)).sum();
        let near_zero = output.iter().filter(|x| x.to_f64() <= 0.05).count() as f64 / n;
        let mut hist = vec![0; 40];
        for x in output.iter().map(|x| x.to_f64()) {
            if (0.0..=10.0).contains(&x) {
                hist[((x * 4.0) as usize).min(39)] += 1;
            }
        }
        ActivationStats { mean, std: (squares / (n - 1.0)).sqrt(), near_zero, hist }
    }
}
