//! Holes in images, so that a model does not rely on one part of them.

use downhill_tensor::{Element, Rng, Tensor};

use super::pixels::{check, dims, each, probability};
use super::{BatchTransform, Keys};
use crate::dataset::Batch;
use crate::draw::{between, chance, unit};
use crate::error::Result;

/// Replaces rectangles of images by noise, or by one value, as Cutout does. fastai's `RandomErasing` (Zhong et al.,
/// Random erasing data augmentation, 2017; DeVries and Taylor, Improved regularization with cutout, 2017).
///
/// ```
/// use downhill_data::{Keys, RandomErasing};
/// use downhill_tensor::Tensor;
///
/// let cutout = RandomErasing::new(1.0).area(0.25, 0.25).min_aspect(1.0).fill(0.0);
/// let x = cutout.transform(&Tensor::ones(&[10, 8, 8]), &Keys::of(0, 0..10));
/// assert_eq!(x.sum(..).item(), 10.0 * (64.0 - 16.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomErasing {
    p: f64,
    area: [f64; 2],
    min_aspect: f64,
    max_count: usize,
    fill: Option<f32>,
}

impl RandomErasing {
    /// One rectangle of up to 0.3 of the image and of noise, with probability `p`.
    ///
    /// # Panics
    /// If `p` is no probability.
    #[track_caller]
    pub fn new(p: f64) -> Self {
        probability("RandomErasing", p);
        RandomErasing { p, area: [0.0, 0.3], min_aspect: 0.3, max_count: 1, fill: None }
    }

    /// With `low` to `high` of the image's area, shared by all its rectangles.
    ///
    /// # Panics
    /// If these are no shares.
    #[must_use]
    #[track_caller]
    pub fn area(mut self, low: f64, high: f64) -> Self {
        assert!(
            0.0 <= low && low <= high && high <= 1.0,
            "RandomErasing: area must be from 0 to 1: {low} to {high}"
        );
        self.area = [low, high];
        self
    }

    /// With heights of `min_aspect` to `1 / min_aspect` times the width; 0.3 unless told.
    ///
    /// # Panics
    /// If `min_aspect` is not above 0 and at most 1.
    #[must_use]
    #[track_caller]
    pub fn min_aspect(mut self, min_aspect: f64) -> Self {
        assert!(
            min_aspect > 0.0 && min_aspect <= 1.0,
            "RandomErasing: min_aspect must be from 0 to 1: {min_aspect}"
        );
        self.min_aspect = min_aspect;
        self
    }

    /// With 1 to `max_count` rectangles.
    ///
    /// # Panics
    /// If `max_count` is zero.
    #[must_use]
    #[track_caller]
    pub fn max_count(mut self, max_count: usize) -> Self {
        assert!(max_count > 0, "RandomErasing: max_count must be positive");
        self.max_count = max_count;
        self
    }

    /// With this value everywhere in the rectangles, instead of noise: uniform with mean 0.5 from 0 to 1.
    #[must_use]
    pub fn fill(mut self, value: f32) -> Self {
        self.fill = Some(value);
        self
    }

    /// The images `x` with holes.
    ///
    /// # Shapes
    /// `x` is `[n, c, h, w]` or `[n, h, w]`, `keys` of `n` items.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn transform(&self, x: &Tensor<f32>, keys: &Keys) -> Tensor<f32> {
        let [_, height, width] = dims("RandomErasing", x.shape());
        check("RandomErasing", x.shape(), keys);
        let mut out = x.clone();
        each(&mut out, |at, image| {
            let mut rng = keys.item(at);
            if !chance(&mut rng, self.p) {
                return;
            }
            let count = 1 + rng.below(self.max_count);
            for _ in 0..count {
                let hole = self.draw([height, width], count, &mut rng);
                self.erase(image, [height, width], hole, &mut rng);
            }
        });
        out
    }

    /// Top, left, height and width of a hole.
    fn draw(&self, [height, width]: [usize; 2], count: usize, rng: &mut Rng) -> [usize; 4] {
        let area = between(rng, self.area[0], self.area[1]) * (height * width) as f64 / count as f64;
        let most = -libm::log(self.min_aspect);
        let aspect = libm::exp(between(rng, -most, most));
        let side = |length: f64, most: usize| (libm::round(length) as usize).min(most);
        let (h, w) = (side(libm::sqrt(area * aspect), height), side(libm::sqrt(area / aspect), width));
        [rng.below(height - h + 1), rng.below(width - w + 1), h, w]
    }

    fn erase(
        &self,
        image: &mut [f32],
        [height, width]: [usize; 2],
        [top, left, h, w]: [usize; 4],
        rng: &mut Rng,
    ) {
        for row in image
            .chunks_exact_mut(width)
            .enumerate()
            .filter(|(row, _)| (top..top + h).contains(&(row % height)))
        {
            for x in &mut row.1[left..left + w] {
                *x = self.fill.unwrap_or_else(|| unit(rng) as f32);
            }
        }
    }
}

impl<Y: Element> BatchTransform<f32, Y> for RandomErasing {
    type X = f32;
    type Y = Y;
    fn apply(&self, (x, y): Batch<f32, Y>, keys: &Keys) -> Result<Batch<f32, Y>> {
        Ok((self.transform(&x, keys), y))
    }
}
