//! Transforms that change the size: crop, pad, rescale.

use downhill_tensor::{Element, Tensor, stack};

use super::pixels::{check, dims, mapped};
use super::sample::{PadMode, Projection, Resample, Source};
use super::{BatchTransform, Keys};
use crate::dataset::Batch;
use crate::error::Result;

/// Adds pixels around images of any element type.
///
/// ```
/// use downhill_data::{Pad, PadMode};
/// use downhill_tensor::Tensor;
///
/// let x = Tensor::from([[1, 2, 3_u8]]).unsqueeze(0);
/// assert_eq!(Pad::new(0, 2).mode(PadMode::Reflection).transform(&x).to_vec(), [2, 1, 1, 2, 3, 3, 2]);
/// assert_eq!(Pad::new(1, 0).mode(PadMode::Zeros).transform(&x).shape(), [1, 3, 3]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pad {
    by: [usize; 2],
    mode: PadMode,
}

impl Pad {
    /// With `rows` more above and below, and `columns` more at the left and right: black.
    pub fn new(rows: usize, columns: usize) -> Self {
        Pad { by: [rows, columns], mode: PadMode::Zeros }
    }

    /// With something else there.
    #[must_use]
    pub fn mode(mut self, mode: PadMode) -> Self {
        self.mode = mode;
        self
    }

    /// The images `x`, padded.
    ///
    /// # Shapes
    /// `x` is `[n, c, h, w]` or `[n, h, w]`.
    ///
    /// # Panics
    /// If `x` has another number of axes, or no pixels to mirror or repeat.
    #[track_caller]
    pub fn transform<X: Element>(&self, x: &Tensor<X>) -> Tensor<X> {
        let [_, height, width] = dims("Pad", x.shape());
        if self.mode == PadMode::Zeros {
            let [rows, columns] = self.by;
            return x.pad(&[columns, columns, rows, rows], X::default());
        }
        assert!(height > 0 && width > 0, "Pad: no pixels to pad with: shape {:?}", x.shape());
        let rows = along(height, self.by[0], self.mode);
        let columns = along(width, self.by[1], self.mode);
        x.index_select(-2, &rows).index_select(-1, &columns).contiguous()
    }
}

/// Which index of an axis of `len` is at each place, from `by` before it to `by` behind it.
fn along(len: usize, by: usize, mode: PadMode) -> Vec<usize> {
    let (len, by) = (len as isize, by as isize);
    let index = |at: isize| match mode {
        PadMode::Reflection => {
            let turn = at.rem_euclid(2 * len);
            turn.min(2 * len - 1 - turn)
        }
        _ => at.clamp(0, len - 1),
    };
    (-by..len + by).map(|at| index(at) as usize).collect()
}

impl<X: Element, Y: Element> BatchTransform<X, Y> for Pad {
    type X = X;
    type Y = Y;
    fn apply(&self, (x, y): Batch<X, Y>, _: &Keys) -> Result<Batch<X, Y>> {
        Ok((self.transform(&x), y))
    }
}

/// A part of each image, anywhere inside, of images of any element type. fastai's `RandomCrop`.
///
/// ```
/// use downhill_data::{Keys, RandomCrop};
/// use downhill_tensor::Tensor;
///
/// let x = Tensor::<u8>::zeros(&[5, 3, 36, 36]);
/// assert_eq!(RandomCrop::new(32, 32).transform(&x, &Keys::of(0, 0..5)).shape(), [5, 3, 32, 32]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomCrop {
    size: [usize; 2],
}

impl RandomCrop {
    /// Parts of `height` x `width` pixels.
    ///
    /// # Panics
    /// If a side is zero.
    #[track_caller]
    pub fn new(height: usize, width: usize) -> Self {
        assert!(height > 0 && width > 0, "RandomCrop: sides must be positive: {height} x {width}");
        RandomCrop { size: [height, width] }
    }

    /// Parts of the images `x`.
    ///
    /// # Shapes
    /// `x` is `[n, c, h, w]` or `[n, h, w]`, `keys` of `n` items.
    ///
    /// # Panics
    /// If the shapes do not fit, or the images are smaller than the parts.
    #[track_caller]
    pub fn transform<X: Element>(&self, x: &Tensor<X>, keys: &Keys) -> Tensor<X> {
        let [_, height, width] = dims("RandomCrop", x.shape());
        check("RandomCrop", x.shape(), keys);
        let [h, w] = self.size;
        assert!(h <= height && w <= width, "RandomCrop: {h} x {w} of images of shape {:?}", x.shape());
        if keys.is_empty() {
            return x.narrow(-2, 0, h).narrow(-1, 0, w);
        }
        let part = |(at, image): (usize, Tensor<X>)| {
            let mut rng = keys.item(at);
            let (top, left) = (rng.below(height - h + 1), rng.below(width - w + 1));
            image.narrow(-2, top, h).narrow(-1, left, w)
        };
        let parts: Vec<Tensor<X>> = x.unbind(0).enumerate().map(part).collect();
        stack(&parts, 0)
    }
}

impl<X: Element, Y: Element> BatchTransform<X, Y> for RandomCrop {
    type X = X;
    type Y = Y;
    fn apply(&self, (x, y): Batch<X, Y>, keys: &Keys) -> Result<Batch<X, Y>> {
        Ok((self.transform(&x, keys), y))
    }
}

/// Images of another size, by linear interpolation in both directions.
/// `torch.nn.functional.interpolate(x, size, mode='bilinear')`. It skips pixels when it makes images much smaller; files
/// are better made smaller on reading, by [`Resize`](crate::Resize).
///
/// ```
/// use downhill_data::Rescale;
/// use downhill_tensor::Tensor;
///
/// let x = Tensor::from([[0.0, 4.0_f32]]).unsqueeze(0);
/// assert_eq!(Rescale::new(1, 4).transform(&x).to_vec(), [0.0, 1.0, 3.0, 4.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rescale {
    size: [usize; 2],
}

impl Rescale {
    /// To `height` x `width` pixels.
    pub fn new(height: usize, width: usize) -> Self {
        Rescale { size: [height, width] }
    }

    /// The images `x` in the new size.
    ///
    /// # Shapes
    /// `x` is `[n, c, h, w]` or `[n, h, w]`.
    ///
    /// # Panics
    /// If `x` has another number of axes, or no pixels.
    #[track_caller]
    pub fn transform(&self, x: &Tensor<f32>) -> Tensor<f32> {
        let [_, height, width] = dims("Rescale", x.shape());
        assert!(height > 0 && width > 0, "Rescale: no pixels: shape {:?}", x.shape());
        let step = [width as f64 / self.size[1] as f64, height as f64 / self.size[0] as f64];
        // The edges, half a pixel beyond the middles of the outermost ones, go to the edges.
        let shift = step.map(|step| (step - 1.0) / 2.0);
        let map = Projection([[step[0], 0.0, shift[0]], [0.0, step[1], shift[1]], [0.0, 0.0, 1.0]]);
        mapped(x, self.size, |_, image, out| {
            let (pad, resample) = (PadMode::Border, Resample::Bilinear);
            let source = Source { planes: image, height, width, pad, resample };
            source.sample(self.size, out, |[x, y]| map.apply([x as f64, y as f64]));
        })
    }
}

impl<Y: Element> BatchTransform<f32, Y> for Rescale {
    type X = f32;
    type Y = Y;
    fn apply(&self, (x, y): Batch<f32, Y>, _: &Keys) -> Result<Batch<f32, Y>> {
        Ok((self.transform(&x), y))
    }
}
