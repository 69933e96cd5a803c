//! Transforms that move pixels: flip, rotate, zoom, warp, and several of them at once.

use std::fmt;

use downhill_tensor::{Element, Rng, Tensor};

use super::pixels::{check, dims, mapped, probability};
use super::sample::{PadMode, Projection, Resample, Source};
use super::{BatchTransform, Keys};
use crate::dataset::Batch;
use crate::draw::{between, chance};
use crate::error::Result;

/// A transform that is a random map of the image's plane. Several can be done [`Together`].
///
/// ```
/// use downhill_data::{Keys, Projection, Spatial, Together};
/// use downhill_tensor::{Rng, Tensor};
///
/// /// Moves images by one pixel to the left.
/// #[derive(Debug)]
/// struct Left;
///
/// impl Spatial for Left {
///     fn draw(&self, _: [usize; 2], _: &mut Rng) -> Option<Projection> {
///         Some(Projection([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
///     }
/// }
///
/// let x = Tensor::from([[1.0, 2.0, 3.0_f32]]).unsqueeze(0);
/// assert_eq!(Together::of([Left]).transform(&x, &Keys::of(0, 0..1)).to_vec(), [2.0, 3.0, 3.0]);
/// ```
pub trait Spatial: fmt::Debug + Send + Sync {
    /// From places of the result to places of the image of height and width `size`, both in pixels from the middle; `None`
    /// if the image stays as it is.
    fn draw(&self, size: [usize; 2], rng: &mut Rng) -> Option<Projection>;
}

/// Mirrors images, left to right unless told. fastai's `Flip`.
///
/// ```
/// use downhill_data::{Flip, Keys, Together};
/// use downhill_tensor::Tensor;
///
/// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0_f32]]).unsqueeze(0);
/// let flipped = Together::of([Flip::new(1.0)]).transform(&x, &Keys::of(0, 0..1));
/// assert_eq!(flipped.to_vec(), [2.0, 1.0, 4.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Flip {
    p: f64,
    vertical: bool,
}

impl Flip {
    /// Mirrors with probability `p`.
    ///
    /// # Panics
    /// If `p` is no probability.
    #[track_caller]
    pub fn new(p: f64) -> Self {
        probability("Flip", p);
        Flip { p, vertical: false }
    }

    /// Upside down.
    #[must_use]
    pub fn vertical(mut self) -> Self {
        self.vertical = true;
        self
    }
}

impl Spatial for Flip {
    fn draw(&self, _: [usize; 2], rng: &mut Rng) -> Option<Projection> {
        let (x, y) = if self.vertical { (1.0, -1.0) } else { (-1.0, 1.0) };
        chance(rng, self.p).then_some(Projection([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]]))
    }
}

/// Turns images about their middle, counter-clockwise. fastai's `Rotate`.
#[derive(Clone, Copy, Debug)]
pub struct Rotate {
    degrees: [f64; 2],
    p: f64,
}

impl Rotate {
    /// By up to `max_deg` degrees to either side, with probability `p`.
    ///
    /// # Panics
    /// If `max_deg` is not finite, or `p` is no probability.
    #[track_caller]
    pub fn new(max_deg: f64, p: f64) -> Self {
        Rotate::between(-max_deg, max_deg, p)
    }

    /// By `low` to `high` degrees, with probability `p`.
    ///
    /// # Panics
    /// If an angle is not finite, or `p` is no probability.
    #[track_caller]
    pub fn between(low: f64, high: f64, p: f64) -> Self {
        probability("Rotate", p);
        assert!(low.is_finite() && high.is_finite(), "Rotate: angles must be finite: {low} to {high}");
        Rotate { degrees: [low, high], p }
    }
}

impl Spatial for Rotate {
    fn draw(&self, _: [usize; 2], rng: &mut Rng) -> Option<Projection> {
        chance(rng, self.p).then(|| {
            let (sin, cos) = sin_cos(between(rng, self.degrees[0], self.degrees[1]));
            Projection([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        })
    }
}

/// Sine and cosine of an angle in degrees, exact for right angles.
fn sin_cos(degrees: f64) -> (f64, f64) {
    let quarter = libm::floor(degrees / 90.0 + 0.5);
    let rest = (degrees - 90.0 * quarter).to_radians();
    let (sin, cos) = (libm::sin(rest), libm::cos(rest));
    match quarter.rem_euclid(4.0) as u8 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// Shows a part of the image larger, or all of it smaller. fastai's `Zoom`.
#[derive(Clone, Copy, Debug)]
pub struct Zoom {
    zoom: [f64; 2],
    p: f64,
}

impl Zoom {
    /// By factors from `min_zoom` to `max_zoom`, anywhere in the image, with probability `p`.
    ///
    /// # Panics
    /// If a factor is not positive and finite, or `p` is no probability.
    #[track_caller]
    pub fn new(min_zoom: f64, max_zoom: f64, p: f64) -> Self {
        probability("Zoom", p);
        let fits = [min_zoom, max_zoom].iter().all(|zoom| zoom.is_finite() && *zoom > 0.0);
        assert!(fits, "Zoom: factors must be positive: {min_zoom} to {max_zoom}");
        Zoom { zoom: [min_zoom, max_zoom], p }
    }
}

impl Spatial for Zoom {
    fn draw(&self, [height, width]: [usize; 2], rng: &mut Rng) -> Option<Projection> {
        chance(rng, self.p).then(|| {
            let scale = 1.0 / between(rng, self.zoom[0], self.zoom[1]);
            // The middle moves only so far that a part stays inside.
            let mut shift =
                |side: usize| (1.0 - scale).max(0.0) * side as f64 / 2.0 * between(rng, -1.0, 1.0);
            let (x, y) = (shift(width), shift(height));
            Projection([[scale, 0.0, x], [0.0, scale, y], [0.0, 0.0, 1.0]])
        })
    }
}

/// Shows the image from another side: what was a rectangle becomes a trapezium. fastai's `Warp`.
#[derive(Clone, Copy, Debug)]
pub struct Warp {
    magnitude: f64,
    p: f64,
}

impl Warp {
    /// The corners move by up to `magnitude` times half a side, with probability `p`.
    ///
    /// # Panics
    /// If `magnitude` is not from 0 up to, not including, 0.5, or `p` is no probability.
    #[track_caller]
    pub fn new(magnitude: f64, p: f64) -> Self {
        probability("Warp", p);
        assert!((0.0..0.5).contains(&magnitude), "Warp: magnitude must be from 0 to 0.5: {magnitude}");
        Warp { magnitude, p }
    }
}

impl Spatial for Warp {
    fn draw(&self, [height, width]: [usize; 2], rng: &mut Rng) -> Option<Projection> {
        chance(rng, self.p).then(|| {
            let up = between(rng, -self.magnitude, self.magnitude);
            let side = between(rng, -self.magnitude, self.magnitude);
            let (w, h) = (width as f64 / 2.0, height as f64 / 2.0);
            let corners = [
                [-1.0 - up, -1.0 - side],
                [1.0 + up, -1.0 + side],
                [1.0 - up, 1.0 - side],
                [-1.0 + up, 1.0 + side],
            ];
            let to_square = Projection([[0.5 / w, 0.0, 0.5], [0.0, 0.5 / h, 0.5], [0.0, 0.0, 1.0]]);
            square_to(corners.map(|[x, y]| [x * w, y * h])).after(&to_square)
        })
    }
}

/// The projection of the square with corners (0, 0), (1, 0), (1, 1), (0, 1) onto four points (Heckbert, Fundamentals of
/// texture mapping and image warping, 1989, section 2.2.3).
fn square_to([[x0, y0], [x1, y1], [x2, y2], [x3, y3]]: [[f64; 2]; 4]) -> Projection {
    let (dx1, dx2, sx) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
    let (dy1, dy2, sy) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
    let area = dx1 * dy2 - dx2 * dy1;
    let (g, h) = ((sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area);
    Projection([
        [x1 - x0 + g * x1, x3 - x0 + h * x3, x0],
        [y1 - y0 + g * y1, y3 - y0 + h * y3, y0],
        [g, h, 1.0],
    ])
}

/// Several spatial transforms, one behind the other, for which the image is sampled once: pixels are interpolated once,
/// and nothing is lost at the edges in between.
///
/// ```
/// use downhill_data::{Flip, Keys, Rotate, Together, Warp, Zoom};
/// use downhill_tensor::{Rng, Tensor};
///
/// let augment = Together::of([Flip::new(0.5)])
///     .and(Rotate::new(10.0, 0.75))
///     .and(Zoom::new(1.0, 1.1, 0.75))
///     .and(Warp::new(0.2, 0.75));
/// let x = Tensor::rand(&[8, 3, 32, 32], &mut Rng::new(0));
/// assert_eq!(augment.transform(&x, &Keys::of(42, 0..8)).shape(), x.shape());
/// ```
#[derive(Debug, Default)]
pub struct Together {
    steps: Vec<Box<dyn Spatial>>,
    pad: PadMode,
    resample: Resample,
}

impl Together {
    /// The transforms `steps`, the first one first.
    pub fn of<S: Spatial + 'static>(steps: impl IntoIterator<Item = S>) -> Self {
        steps.into_iter().fold(Together::default(), Together::and)
    }

    /// With another one behind.
    #[must_use]
    pub fn and(mut self, step: impl Spatial + 'static) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// With something else beyond the edges than mirror images.
    #[must_use]
    pub fn pad_mode(mut self, pad: PadMode) -> Self {
        self.pad = pad;
        self
    }

    /// With values between pixels found in another way.
    #[must_use]
    pub fn resample(mut self, resample: Resample) -> Self {
        self.resample = resample;
        self
    }

    /// The images `x`, transformed.
    ///
    /// # Shapes
    /// `x` is `[n, c, h, w]` or `[n, h, w]`, `keys` of `n` items.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn transform(&self, x: &Tensor<f32>, keys: &Keys) -> Tensor<f32> {
        let [_, height, width] = dims("spatial transform", x.shape());
        check("spatial transform", x.shape(), keys);
        // Pixel (0, 0) lies half the sides from the middle.
        let middle = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
        mapped(x, [height, width], |at, image, out| {
            let item = keys.item(at);
            let drawn =
                self.steps.iter().enumerate().filter_map(|(number, step)| {
                    step.draw([height, width], &mut item.fork_index(number as u64))
                });
            // Places go the other way: the last transform's map is the first.
            let map = drawn.reduce(|first, second| first.after(&second));
            let Some(map) = map else { return out.copy_from_slice(image) };
            let source = Source { planes: image, height, width, pad: self.pad, resample: self.resample };
            source.sample([height, width], out, |[x, y]| {
                let [x, y] = map.apply([x as f64 - middle[0], y as f64 - middle[1]]);
                [x + middle[0], y + middle[1]]
            });
        })
    }
}

impl<Y: Element> BatchTransform<f32, Y> for Together {
    type X = f32;
    type Y = Y;
    fn apply(&self, (x, y): Batch<f32, Y>, keys: &Keys) -> Result<Batch<f32, Y>> {
        Ok((self.transform(&x, keys), y))
    }
}

/// A spatial transform is a batch transform as well, on its own.
macro_rules! spatial {
    ($($transform:ident)*) => {$(
        impl<Y: Element> BatchTransform<f32, Y> for $transform {
            type X = f32;
            type Y = Y;
            fn apply(&self, batch: Batch<f32, Y>, keys: &Keys) -> Result<Batch<f32, Y>> {
                Together::of([*self]).apply(batch, keys)
            }
        }
    )*};
}

spatial!(Flip Rotate Zoom Warp);
