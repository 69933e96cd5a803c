//! Transforms of values, not of places: normalise, brightness, contrast.

use downhill_tensor::{Element, Float, Tensor};

use super::pixels::{check, dims, each, probability};
use super::{BatchTransform, Keys};
use crate::dataset::Batch;
use crate::draw::{between, chance};
use crate::error::{Error, Result};
use crate::loader::DataLoader;

/// Subtracts the mean of each channel and divides by its standard deviation. fastai's `Normalize`.
///
/// ```
/// use downhill_data::Normalize;
/// use downhill_tensor::Tensor;
///
/// let x = Tensor::from([[0.2, 0.6_f32]]).unsqueeze(0);
/// let y = Normalize::new(&[0.4], &[0.2]).transform(&x);
/// assert!((y.get(&[0, 0, 0]) + 1.0).abs() < 1e-6 && (y.get(&[0, 0, 1]) - 1.0).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Normalize {
    /// With given statistics, one number a channel.
    ///
    /// # Panics
    /// If there are not as many means as standard deviations, or one of these is not positive.
    #[track_caller]
    pub fn new(mean: &[f32], std: &[f32]) -> Self {
        let fits = mean.len() == std.len() && std.iter().all(|&std| std > 0.0);
        assert!(
            fits,
            "Normalize: expected positive deviations, one for each mean: mean {mean:?}, std {std:?}"
        );
        Normalize { mean: mean.to_vec(), std: std.to_vec() }
    }

    /// With the statistics of all pixels in epoch 0 of a loader. A channel that is the same everywhere is divided by one.
    ///
    /// # Errors
    /// What the loader reports, and [`Error::NoBatches`] if it is empty.
    ///
    /// ```
    /// use downhill_data::{DataLoader, IntToFloat, Normalize, TensorDataset};
    /// use downhill_tensor::Tensor;
    ///
    /// let x = Tensor::from_fn(&[10, 1, 2, 2], |i| if i[3] == 0 { 0_u8 } else { 255 });
    /// let dset = TensorDataset::new(x, Tensor::<i64>::zeros(&[10]))?;
    /// let dl = DataLoader::new(dset).bs(4).after_batch(IntToFloat);
    /// assert_eq!(Normalize::measure(&dl)?, Normalize::new(&[0.5], &[0.5]));
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    pub fn measure<Y: Element>(dl: &DataLoader<f32, Y>) -> Result<Normalize> {
        let mut count = 0.0;
        let mut sums: Vec<[f64; 2]> = Vec::new();
        // About the first pixel of each channel, so that a small deviation from a large mean keeps its digits.
        let mut pivots: Vec<f64> = Vec::new();
        if dl.is_empty() {
            return Err(Error::NoBatches { items: dl.n(), bs: dl.batch_size() });
        }
        for batch in dl.epoch(0) {
            let x = batch?.0.contiguous();
            let [channels, height, width] = dims("Normalize", x.shape());
            let plane = height * width;
            if plane == 0 || channels == 0 {
                continue;
            }
            let data = x.as_slice().expect("contiguous");
            if sums.is_empty() {
                sums = vec![[0.0; 2]; channels];
                pivots = data.chunks_exact(plane).take(channels).map(|plane| f64::from(plane[0])).collect();
            }
            assert!(channels == sums.len(), "Normalize: {channels} channels after {}", sums.len());
            count += (x.size(0) * plane) as f64;
            for (number, plane) in data.chunks_exact(plane).enumerate() {
                let pivot = pivots[number % channels];
                let [sum, squares] = &mut sums[number % channels];
                for &x in plane {
                    let x = f64::from(x) - pivot;
                    *sum += x;
                    *squares += x * x;
                }
            }
        }
        let statistics = sums.iter().zip(&pivots).map(|([sum, squares], pivot)| {
            let mean = sum / count;
            let std = (squares / count - mean * mean).max(0.0).sqrt() as f32;
            ((pivot + mean) as f32, if std > 0.0 { std } else { 1.0 })
        });
        let (mean, std) = statistics.unzip();
        Ok(Normalize { mean, std })
    }

    /// The mean of each channel.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The standard deviation of each channel.
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// The images `x`, normalised.
    ///
    /// # Shapes
    /// `x` is `[n, c, h, w]`, or `[n, h, w]` for one channel.
    ///
    /// # Panics
    /// If `x` has not as many channels as there are statistics.
    #[track_caller]
    pub fn transform(&self, x: &Tensor<f32>) -> Tensor<f32> {
        self.channelwise(x, |x, mean, std| (x - mean) / std)
    }

    /// The opposite of [`transform`](Self::transform), to look at images.
    ///
    /// # Panics
    /// If `x` has not as many channels as there are statistics.
    #[track_caller]
    pub fn decode(&self, x: &Tensor<f32>) -> Tensor<f32> {
        self.channelwise(x, |x, mean, std| x * std + mean)
    }

    #[track_caller]
    fn channelwise(&self, x: &Tensor<f32>, f: impl Fn(f32, f32, f32) -> f32 + Sync) -> Tensor<f32> {
        let [channels, height, width] = dims("Normalize", x.shape());
        let fits = channels == self.mean.len();
        assert!(fits, "Normalize: statistics of {} channels for shape {:?}", self.mean.len(), x.shape());
        let mut out = x.clone();
        each(&mut out, |_, image| {
            let planes = image.chunks_exact_mut(height * width);
            for ((plane, &mean), &std) in planes.zip(&self.mean).zip(&self.std) {
                plane.iter_mut().for_each(|x| *x = f(*x, mean, std));
            }
        });
        out
    }
}

impl<Y: Element> BatchTransform<f32, Y> for Normalize {
    type X = f32;
    type Y = Y;
    fn apply(&self, (x, y): Batch<f32, Y>, _: &Keys) -> Result<Batch<f32, Y>> {
        Ok((self.transform(&x), y))
    }
}

/// A value from 0 to 1 as log-odds, where light can be added without leaving the range.
fn logit(x: f32) -> f32 {
    const LEAST: f32 = 1e-7;
    let x = x.clamp(LEAST, 1.0 - LEAST);
    Float::ln(x / (1.0 - x))
}

/// Makes images of values from 0 to 1 lighter or darker: `sigmoid(logit(x) + logit(change))`. fastai's `Brightness`.
#[derive(Clone, Copy, Debug)]
pub struct Brightness {
    max_lighting: f64,
    p: f64,
}

impl Brightness {
    /// With `change` from `0.5 - max_lighting / 2` to `0.5 + max_lighting / 2`, with probability `p`.
    ///
    /// # Panics
    /// If `max_lighting` is not from 0 up to, not including, 1, or `p` is no probability.
    #[track_caller]
    pub fn new(max_lighting: f64, p: f64) -> Self {
        probability("Brightness", p);
        assert!(
            (0.0..1.0).contains(&max_lighting),
            "Brightness: max_lighting must be below 1: {max_lighting}"
        );
        Brightness { max_lighting, p }
    }

    /// The images `x`, lighter or darker.
    ///
    /// # Shapes
    /// `x` is `[n, c, h, w]` or `[n, h, w]`, `keys` of `n` items.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn transform(&self, x: &Tensor<f32>, keys: &Keys) -> Tensor<f32> {
        lighting("Brightness", x, keys, |keys, at| {
            let mut rng = keys.item(at);
            let half = self.max_lighting / 2.0;
            let change = chance(&mut rng, self.p).then(|| between(&mut rng, 0.5 - half, 0.5 + half))?;
            Some((1.0, logit(change as f32)))
        })
    }
}

/// Makes the contrast of images of values from 0 to 1 stronger or weaker: `sigmoid(logit(x) * scale)`. fastai's
/// `Contrast`.
#[derive(Clone, Copy, Debug)]
pub struct Contrast {
    max_lighting: f64,
    p: f64,
}

impl Contrast {
    /// With `scale` from `1 - max_lighting` to `1 / (1 - max_lighting)`, uniform in its logarithm, with probability `p`.
    ///
    /// # Panics
    /// If `max_lighting` is not from 0 up to, not including, 1, or `p` is no probability.
    #[track_caller]
    pub fn new(max_lighting: f64, p: f64) -> Self {
        probability("Contrast", p);
        assert!((0.0..1.0).contains(&max_lighting), "Contrast: max_lighting must be below 1: {max_lighting}");
        Contrast { max_lighting, p }
    }

    /// The images `x` with another contrast.
    ///
    /// # Shapes
    /// `x` is `[n, c, h, w]` or `[n, h, w]`, `keys` of `n` items.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn transform(&self, x: &Tensor<f32>, keys: &Keys) -> Tensor<f32> {
        lighting("Contrast", x, keys, |keys, at| {
            let mut rng = keys.item(at);
            let most = -libm::log(1.0 - self.max_lighting);
            let log = chance(&mut rng, self.p).then(|| between(&mut rng, -most, most))?;
            Some((libm::exp(log) as f32, 0.0))
        })
    }
}

/// `sigmoid(logit(x) * scale + shift)` for the images for which `draw` has a scale and a shift.
#[track_caller]
fn lighting(
    op: &str,
    x: &Tensor<f32>,
    keys: &Keys,
    draw: impl Fn(&Keys, usize) -> Option<(f32, f32)> + Sync,
) -> Tensor<f32> {
    dims(op, x.shape());
    check(op, x.shape(), keys);
    let mut out = x.clone();
    each(&mut out, |at, image| {
        if let Some((scale, shift)) = draw(keys, at) {
            image.iter_mut().for_each(|x| *x = Float::sigmoid(logit(*x) * scale + shift));
        }
    });
    out
}

macro_rules! lighting {
    ($($transform:ident)*) => {$(
        impl<Y: Element> BatchTransform<f32, Y> for $transform {
            type X = f32;
            type Y = Y;
            fn apply(&self, (x, y): Batch<f32, Y>, keys: &Keys) -> Result<Batch<f32, Y>> {
                Ok((self.transform(&x, keys), y))
            }
        }
    )*};
}

lighting!(Brightness Contrast);
