//! The order of an epoch: which items, and one behind the other.
//!
//! A [`Sampler`] is a rule, without a state that moves on. The loader gives it the number of items and a generator that
//! follows from the seed and the epoch's number.

use downhill_tensor::Rng;

use crate::draw::unit;
use crate::error::{Error, Result};

/// Chooses and orders the items of an epoch. `torch.utils.data.Sampler`.
///
/// ```
/// use downhill_data::{DataLoader, Result, Sampler, TensorDataset};
/// use downhill_tensor::{Rng, Tensor};
///
/// /// The items from the last to the first.
/// struct Backward;
///
/// impl Sampler for Backward {
///     fn len(&self, n: usize) -> usize {
///         n
///     }
///     fn indices(&self, n: usize, _: &mut Rng) -> Result<Vec<usize>> {
///         Ok((0..n).rev().collect())
///     }
/// }
///
/// let numbers = Tensor::<i64>::arange(10);
/// let dl = DataLoader::new(TensorDataset::new(numbers.clone(), numbers)?).bs(3).sampler(Backward);
/// assert_eq!(dl.first()?.0.to_vec(), [9, 8, 7]);
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub trait Sampler: Send + Sync {
    /// How many items an epoch of a dataset of `n` items has.
    fn len(&self, n: usize) -> usize;

    /// The items of an epoch, [`len`](Self::len) indices below `n`. They may depend on `n` and `rng` alone.
    ///
    /// # Errors
    /// If the sampler does not suit a dataset of this length.
    fn indices(&self, n: usize, rng: &mut Rng) -> Result<Vec<usize>>;
}

/// All items in the order of the dataset.
#[derive(Clone, Copy, Debug, Default)]
pub struct SequentialSampler;

impl Sampler for SequentialSampler {
    fn len(&self, n: usize) -> usize {
        n
    }
    fn indices(&self, n: usize, _: &mut Rng) -> Result<Vec<usize>> {
        Ok((0..n).collect())
    }
}

/// All items in random order.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomSampler;

impl Sampler for RandomSampler {
    fn len(&self, n: usize) -> usize {
        n
    }
    fn indices(&self, n: usize, rng: &mut Rng) -> Result<Vec<usize>> {
        Ok(rng.permutation(n))
    }
}

/// Items drawn at random, in proportion to their weights. `torch.utils.data.WeightedRandomSampler`.
///
/// ```
/// use downhill_data::{DataLoader, TensorDataset, WeightedRandomSampler};
/// use downhill_tensor::Tensor;
///
/// // A class that is rare comes up as often as the others.
/// let y = Tensor::from([0_i64, 0, 0, 1]);
/// let sampler = WeightedRandomSampler::new(vec![1.0, 1.0, 1.0, 3.0], 1000, true)?;
/// let dl = DataLoader::new(TensorDataset::new(y.clone(), y)?).bs(1000).sampler(sampler);
/// let ones = dl.first()?.1.sum(..).item();
/// assert!((450..550).contains(&ones));
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WeightedRandomSampler {
    weights: Vec<f64>,
    /// The sums of the weights up to and with each.
    sums: Vec<f64>,
    num_samples: usize,
    replacement: bool,
}

impl WeightedRandomSampler {
    /// `num_samples` draws an epoch, of an item that goes back into the urn or does not.
    ///
    /// # Errors
    /// [`Error::Weights`] if a weight is negative or no number, if none is positive, or if there are fewer positive
    /// ones than draws without replacement.
    pub fn new(weights: Vec<f64>, num_samples: usize, replacement: bool) -> Result<Self> {
        let wrong = |expected: String, found: String| Err(Error::Weights { expected, found });
        if let Some(i) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            return wrong("finite weights from 0 up".into(), format!("{} for item {i}", weights[i]));
        }
        let sums: Vec<f64> = weights
            .iter()
            .scan(0.0, |sum, w| {
                *sum += w;
                Some(*sum)
            })
            .collect();
        let positive = weights.iter().filter(|w| **w > 0.0).count();
        let needed = if replacement { num_samples.min(1) } else { num_samples };
        if positive < needed || sums.last().is_some_and(|sum| sum.is_infinite()) {
            let expected = format!("at least {needed} positive weights of finite sum");
            return wrong(expected, format!("{positive} of sum {}", sums.last().unwrap_or(&0.0)));
        }
        Ok(WeightedRandomSampler { weights, sums, num_samples, replacement })
    }

    fn with_replacement(&self, rng: &mut Rng) -> usize {
        let total = self.sums[self.sums.len() - 1];
        loop {
            let at = unit(rng) * total;
            let item = self.sums.partition_point(|&sum| sum <= at);
            // Rounded up to the total, a number lies behind the last item; such a one is drawn again.
            if item < self.sums.len() {
                return item;
            }
        }
    }

    /// Exponential waiting times, one for each item, at rates that are the weights: the first to arrive are a sample
    /// without replacement (Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006).
    fn without_replacement(&self, rng: &mut Rng) -> Vec<usize> {
        let arrival = |(i, w): (usize, &f64)| (-libm::log(1.0 - unit(rng)) / w, i);
        let mut arrivals: Vec<(f64, usize)> = self.weights.iter().enumerate().map(arrival).collect();
        arrivals.retain(|&(_, i)| self.weights[i] > 0.0);
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        arrivals.into_iter().take(self.num_samples).map(|(_, i)| i).collect()
    }
}

impl Sampler for WeightedRandomSampler {
    fn len(&self, _: usize) -> usize {
        self.num_samples
    }

    fn indices(&self, n: usize, rng: &mut Rng) -> Result<Vec<usize>> {
        if self.weights.len() != n {
            let found = format!("{} for {n} items", self.weights.len());
            return Err(Error::Weights { expected: "a weight for every item".into(), found });
        }
        if self.replacement {
            Ok((0..self.num_samples).map(|_| self.with_replacement(rng)).collect())
        } else {
            Ok(self.without_replacement(rng))
        }
    }
}

/// The share of one of several processes in another sampler's epoch: every `world`-th item from number `rank` on.
/// `torch.utils.data.DistributedSampler`.
///
/// All shares are equally long. If the items cannot be divided evenly, the first ones come a second time, or, with
/// [`drop_last`](Self::drop_last), the last ones not at all.
///
/// ```
/// use downhill_data::{DistributedSampler, Sampler, SequentialSampler};
/// use downhill_tensor::Rng;
///
/// let share = |rank| DistributedSampler::new(SequentialSampler, rank, 3).indices(8, &mut Rng::new(0));
/// assert_eq!((share(0)?, share(1)?, share(2)?), (vec![0, 3, 6], vec![1, 4, 7], vec![2, 5, 0]));
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DistributedSampler<S> {
    inner: S,
    rank: usize,
    world: usize,
    drop_last: bool,
}

impl<S: Sampler> DistributedSampler<S> {
    /// The share of process `rank` of `world`. All must have the loader's seed in common.
    ///
    /// # Panics
    /// If `rank` is not below `world`.
    #[track_caller]
    pub fn new(inner: S, rank: usize, world: usize) -> Self {
        assert!(rank < world, "DistributedSampler: rank must be below world: rank {rank}, world {world}");
        DistributedSampler { inner, rank, world, drop_last: false }
    }

    /// Without the items that are left over, or with the first ones again.
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.drop_last = drop_last;
        self
    }
}

impl<S: Sampler> Sampler for DistributedSampler<S> {
    fn len(&self, n: usize) -> usize {
        let all = self.inner.len(n);
        if self.drop_last { all / self.world } else { all.div_ceil(self.world) }
    }

    fn indices(&self, n: usize, rng: &mut Rng) -> Result<Vec<usize>> {
        let all = self.inner.indices(n, rng)?;
        Ok(all.iter().copied().cycle().skip(self.rank).step_by(self.world).take(self.len(n)).collect())
    }
}
