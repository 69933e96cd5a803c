//! Items mixed with other items of their batch, and targets that can be mixed.

use downhill_tensor::{Element, Rng, Tensor};

use super::pixels::{check, probability};
use super::{BatchTransform, Keys};
use crate::dataset::Batch;
use crate::draw::{chance, unit};
use crate::error::{Error, Result};

/// Class numbers as rows of zeros with a one: targets `[n]` or `[n, 1]` become `[n, classes]`.
///
/// ```
/// use downhill_data::OneHot;
/// use downhill_tensor::Tensor;
///
/// assert_eq!(OneHot::new(3).convert(&Tensor::from([2_i64, 0]))?.to_vec(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OneHot {
    classes: usize,
}

impl OneHot {
    /// For classes below `classes`.
    pub fn new(classes: usize) -> Self {
        OneHot { classes }
    }

    /// The targets `y` as rows.
    ///
    /// # Errors
    /// [`Error::Class`] if a target is no class.
    pub fn convert(&self, y: &Tensor<i64>) -> Result<Tensor<f32>> {
        let mut out = Tensor::zeros(&[y.numel(), self.classes]);
        let rows = out.as_mut_slice();
        for (at, class) in y.iter().enumerate() {
            match usize::try_from(class) {
                Ok(class) if class < self.classes => rows[at * self.classes + class] = 1.0,
                _ => return Err(Error::Class { classes: self.classes, found: class }),
            }
        }
        Ok(out)
    }
}

impl<X: Element> BatchTransform<X, i64> for OneHot {
    type X = X;
    type Y = f32;
    fn apply(&self, (x, y): Batch<X, i64>, _: &Keys) -> Result<Batch<X, f32>> {
        Ok((x, self.convert(&y)?))
    }
}

/// Replaces each item by a mixture with another one of its batch, `l x + (1 - l) other` for inputs and targets alike,
/// where `l` is the larger of a draw from Beta(alpha, alpha) and one minus it. fastai's `MixUp` (Zhang et al., mixup:
/// beyond empirical risk minimization, 2017). Which items share a batch depends on the batch size, and so does this.
///
/// ```
/// use downhill_data::{Keys, MixUp};
/// use downhill_tensor::Tensor;
///
/// let (x, y) = (Tensor::from([[0.0], [1.0_f32]]), Tensor::from([[1.0, 0.0], [0.0, 1.0_f32]]));
/// let (x, y) = MixUp::new(0.4, 1.0).transform((x, y), &Keys::of(1, 0..2));
/// assert_eq!(x.get(&[0, 0]), y.get(&[0, 1]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MixUp {
    alpha: f64,
    p: f64,
}

impl MixUp {
    /// With probability `p` for each item. The smaller `alpha`, the more often a mixture is nearly all one item; 0.4 is
    /// fastai's.
    ///
    /// # Panics
    /// If `alpha` is not above 0 and at most 4, or `p` is no probability.
    #[track_caller]
    pub fn new(alpha: f64, p: f64) -> Self {
        probability("MixUp", p);
        assert!(alpha > 0.0 && alpha <= 4.0, "MixUp: alpha must be above 0 and at most 4: {alpha}");
        MixUp { alpha, p }
    }

    /// The batch, mixed.
    ///
    /// # Shapes
    /// Axis 0 of inputs and targets are the items; `keys` has as many.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn transform(&self, (x, y): Batch<f32, f32>, keys: &Keys) -> Batch<f32, f32> {
        check("MixUp", x.shape(), keys);
        check("MixUp", y.shape(), keys);
        let others = keys.batch().permutation(keys.len());
        let share = |at| {
            let mut rng = keys.item(at);
            if chance(&mut rng, self.p) { beta(self.alpha, &mut rng) as f32 } else { 1.0 }
        };
        let shares: Vec<f32> = (0..keys.len()).map(share).collect();
        (mixed(x, &others, &shares), mixed(y, &others, &shares))
    }
}

fn mixed(x: Tensor<f32>, others: &[usize], shares: &[f32]) -> Tensor<f32> {
    let mut shape = vec![1; x.rank()];
    shape[0] = shares.len();
    let shares = Tensor::from_slice(shares, &shape);
    let other = x.index_select(0, others);
    &x * &shares + other * (1.0 - shares)
}

/// The larger of a number from Beta(alpha, alpha) and one minus it (Jöhnk's method; in logarithms, as powers of a small
/// alpha underflow).
fn beta(alpha: f64, rng: &mut Rng) -> f64 {
    loop {
        let [a, b] = [(); 2].map(|()| libm::log(1.0 - unit(rng)) / alpha);
        if libm::exp(a) + libm::exp(b) <= 1.0 {
            return 1.0 / (1.0 + libm::exp(-(a - b).abs()));
        }
    }
}

impl BatchTransform<f32, f32> for MixUp {
    type X = f32;
    type Y = f32;
    fn apply(&self, batch: Batch<f32, f32>, keys: &Keys) -> Result<Batch<f32, f32>> {
        Ok(self.transform(batch, keys))
    }
}
