//! Losses of predicted classes.
//!
//! Everything that can be asked for (weights of classes, smoothed labels, ignored items) is a matter of how much each
//! class of each item weighs. The weights are worked out here, as a plain tensor; what is differentiated is one fused
//! operation that knows of nothing else.

use downhill_autograd::{Var, softmax_cross_entropy, where_};
use downhill_tensor::{Float, Tensor};

use super::Reduction;

/// The cross entropy of `softmax(x)` and the right classes, the mean over all items: `-ln softmax(x)[t]`.
/// `torch.nn.functional.cross_entropy`. For weights, smoothed labels and other reductions see [`CrossEntropy`].
///
/// A target of -100 is ignored, as in PyTorch.
///
/// # Shapes
/// Predictions `[n, classes, ..]` and targets `[n, ..]`, or `[classes]` and a scalar.
///
/// # Panics
/// If the shapes do not fit or a target is no class.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::cross_entropy;
/// use downhill_tensor::Tensor;
///
/// let x = Var::parameter(Tensor::from([[0.0, 0.0], [1000.0, 0.0_f64]]));
/// let loss = cross_entropy(&x, &Tensor::from([0, 0]));
/// assert_eq!(loss.item(), 2.0_f64.ln() / 2.0);
/// loss.backward();
/// assert_eq!(x.grad().unwrap().to_vec(), [-0.25, 0.25, 0.0, 0.0]);
/// ```
#[track_caller]
pub fn cross_entropy<T: Float>(predictions: &Var<T>, targets: &Tensor<i64>) -> Var<T> {
    CrossEntropy::new().loss(predictions, targets)
}

/// [`cross_entropy`] with options. `torch.nn.CrossEntropyLoss`.
///
/// With smoothing `e` and `c` classes, an item's loss is `(1 - e) · w[t] · -ln p[t] + e / c · Σ w[i] · -ln p[i]`. The mean
/// is their sum over the sum of all `w[t]`.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::CrossEntropy;
/// use downhill_tensor::Tensor;
///
/// let loss_func = CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::new() };
/// let x = Var::new(Tensor::from([[2.0, -1.0], [0.5, 0.5_f32]]));
/// let loss = loss_func.loss(&x, &Tensor::from([0, 1]));
/// assert!((loss.item() - 0.4459).abs() < 1e-4);
/// ```
#[derive(Clone, Debug)]
pub struct CrossEntropy<T: Float = f32> {
    /// How much each class counts, `[classes]`; all the same if there are none.
    pub weight: Option<Tensor<T>>,
    /// The target that stands for an item that does not count.
    pub ignore_index: i64,
    /// How much of each target is spread evenly over all classes, from 0 to 1.
    pub label_smoothing: f64,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

impl<T: Float> Default for CrossEntropy<T> {
    fn default() -> Self {
        CrossEntropy::new()
    }
}

impl<T: Float> CrossEntropy<T> {
    /// PyTorch's defaults: no weights, no smoothing, -100 ignored, the mean.
    pub fn new() -> Self {
        CrossEntropy { weight: None, ignore_index: -100, label_smoothing: 0.0, reduction: Reduction::Mean }
    }

    /// The loss of `predictions`, scores before softmax, where `targets` are the right classes.
    ///
    /// # Shapes
    /// Predictions `[n, classes, ..]` and targets `[n, ..]`, or `[classes]` and a scalar.
    ///
    /// # Panics
    /// If the shapes do not fit, a target is no class, or the smoothing is not between 0 and 1.
    #[track_caller]
    pub fn loss(&self, predictions: &Var<T>, targets: &Tensor<i64>) -> Var<T> {
        let smoothing = self.label_smoothing;
        assert!(
            (0.0..=1.0).contains(&smoothing),
            "cross_entropy: label smoothing must be between 0 and 1, got {smoothing}"
        );
        let classes =
            Classes::new("cross_entropy", predictions, targets, self.weight.as_ref(), self.ignore_index);
        let mut weights = classes.weights();
        if smoothing > 0.0 {
            let everywhere = match &classes.class_weight {
                Some(weight) => weight.clone(),
                None => Tensor::ones(&vec![1; classes.shape.len()]),
            };
            let share = everywhere * T::from_f64(smoothing / classes.shape[classes.dim] as f64);
            let smooth = classes.counts.where_(share, T::default());
            weights = weights * T::from_f64(1.0 - smoothing) + &smooth;
        }
        classes.reduce(self.reduction, softmax_cross_entropy(predictions, &weights, classes.dim as isize))
    }
}

/// `-x[t]`, where `x` are the logarithms of the classes' probabilities and `t` the right ones.
/// `torch.nn.functional.nll_loss`. A target of -100 is ignored.
///
/// # Shapes
/// Predictions `[n, classes, ..]` and targets `[n, ..]`, or `[classes]` and a scalar. Class weights `[classes]`.
///
/// # Panics
/// If the shapes do not fit or a target is no class.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Reduction, nll_loss};
/// use downhill_tensor::Tensor;
///
/// let x = Var::new(Tensor::from([[-0.5, -1.0], [-2.0, -0.25_f32]]));
/// assert_eq!(nll_loss(&x, &Tensor::from([0, 1]), None, Reduction::Sum).item(), 0.75);
/// ```
#[track_caller]
pub fn nll_loss<T: Float>(
    predictions: &Var<T>,
    targets: &Tensor<i64>,
    weight: Option<&Tensor<T>>,
    reduction: Reduction,
) -> Var<T> {
    let classes =
        Classes::new("nll_loss", predictions, targets, weight, CrossEntropy::<T>::new().ignore_index);
    // Chosen and not multiplied: the others may be minus infinity.
    let chosen = where_(&classes.right, predictions, T::default());
    let losses = -(&chosen * classes.weights()).sum(classes.dim as isize);
    classes.reduce(reduction, losses)
}

/// The right classes, checked and spread over the axis of classes.
struct Classes<T: Float> {
    /// The shape of the predictions, and which of its axes are the classes.
    shape: Vec<usize>,
    dim: usize,
    /// For each item and class whether it is the right one. Nowhere if the item is ignored.
    right: Tensor<bool>,
    /// For each item whether it counts; of length one along the classes.
    counts: Tensor<bool>,
    /// Along the axis of classes, of length one along all others.
    class_weight: Option<Tensor<T>>,
}

impl<T: Float> Classes<T> {
    #[track_caller]
    fn new(
        op: &str,
        predictions: &Var<T>,
        targets: &Tensor<i64>,
        weight: Option<&Tensor<T>>,
        ignore_index: i64,
    ) -> Self {
        let shape = predictions.shape().to_vec();
        let dim = usize::from(shape.len() > 1);
        let mut items = shape.clone();
        let fits = !items.is_empty() && {
            items.remove(dim);
            items == targets.shape()
        };
        assert!(fits, "{op}: shapes do not fit: predictions {shape:?}, targets {:?}", targets.shape());
        let number = shape[dim];
        let is_class = |t| t == ignore_index || usize::try_from(t).is_ok_and(|t| t < number);
        if let Some(wrong) = targets.iter().find(|&t| !is_class(t)) {
            panic!("{op}: target {wrong} is not one of {number} classes");
        }
        if let Some(weight) = weight {
            assert!(
                *weight.shape() == [number],
                "{op}: expected a weight for each of {number} classes, got {:?}",
                weight.shape()
            );
        }
        let mut along = vec![1; shape.len()];
        along[dim] = number as isize;
        let targets = targets.unsqueeze(dim as isize);
        let counts = targets.ne(ignore_index);
        let right = Tensor::<i64>::arange(number)
            .reshape(&along)
            .zip(op, &targets, |class, target| class == target && target != ignore_index);
        Classes { dim, right, counts, class_weight: weight.map(|w| w.reshape(&along)), shape }
    }

    /// How much each class of each item weighs: that of the right one, zero for the others.
    fn weights(&self) -> Tensor<T> {
        match &self.class_weight {
            Some(weight) => self.right.where_(weight, T::default()),
            None => self.right.to(),
        }
    }

    fn reduce(&self, reduction: Reduction, losses: Var<T>) -> Var<T> {
        match (reduction, &self.class_weight) {
            // The mean of nothing is NaN; its gradient, as in PyTorch, is not.
            (Reduction::Mean, _) if !self.counts.any(..).item() => {
                where_(&Tensor::scalar(false), losses.sum(..), T::from_f64(f64::NAN))
            }
            (Reduction::Mean, Some(_)) => losses.sum(..) / self.weights().sum(..).item(),
            (Reduction::Mean, None) => losses.sum(..) / T::from_i64(self.counts.sum(..).item()),
            _ => reduction.apply(losses),
        }
    }
}
