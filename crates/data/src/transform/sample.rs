//! An image seen through a map of its plane.

/// What lies outside of an image, for the transforms that look there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PadMode {
    /// Black.
    Zeros,
    /// The nearest pixel of the edge.
    Border,
    /// The image, mirrored at its edge.
    #[default]
    Reflection,
}

/// How a value between pixels is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resample {
    /// From the four pixels around, by distance.
    #[default]
    Bilinear,
    /// From the nearest pixel.
    Nearest,
}

/// A projective map of the plane, as a matrix of homogeneous coordinates: column, row and one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection(
    /// The matrix, row by row.
    pub [[f64; 3]; 3],
);

impl Projection {
    /// First `inner`, then this map.
    pub(super) fn after(&self, inner: &Projection) -> Projection {
        let entry = |i: usize, j: usize| (0..3).fold(0.0, |sum, k| sum + self.0[i][k] * inner.0[k][j]);
        Projection(std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j))))
    }

    pub(super) fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [a, b, c] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        [a / c, b / c]
    }
}

/// One image, `[c, h, w]`, and how it goes on beyond its edges.
pub(super) struct Source<'a> {
    pub(super) planes: &'a [f32],
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) pad: PadMode,
    pub(super) resample: Resample,
}

impl Source<'_> {
    /// Fills `out`, planes of `height` x `width`: the pixel in column `x` and row `y` gets the value at the place
    /// `place([x, y])`, column and row.
    pub(super) fn sample(
        &self,
        [height, width]: [usize; 2],
        out: &mut [f32],
        place: impl Fn([usize; 2]) -> [f64; 2],
    ) {
        let (plane, size) = (self.height * self.width, height * width);
        for y in 0..height {
            for x in 0..width {
                let [column, row] = place([x, y]);
                let (columns, rows) = (self.taps(column, self.width), self.taps(row, self.height));
                for (c, planes) in self.planes.chunks_exact(plane).enumerate() {
                    out[c * size + y * width + x] = rows
                        .iter()
                        .map(|&(row, weight)| {
                            let row = &planes[row * self.width..][..self.width];
                            let sum: f32 = columns.iter().map(|&(column, weight)| row[column] * weight).sum();
                            sum * weight
                        })
                        .sum();
                }
            }
        }
    }

    /// The two pixels of an axis of `len` pixels around place `at`, and how much each counts.
    fn taps(&self, at: f64, len: usize) -> [(usize, f32); 2] {
        let at = match self.resample {
            Resample::Bilinear => at,
            // Halves go to the pixel with the larger number.
            Resample::Nearest => libm::floor(at + 0.5),
        };
        let last = (len - 1) as f64;
        let at = match self.pad {
            PadMode::Zeros => at,
            PadMode::Border => at.clamp(0.0, last),
            PadMode::Reflection => reflected(at, len),
        };
        // Far outside, and what is no number, is outside.
        if !(at > -1.0 && at < len as f64) {
            return [(0, 0.0); 2];
        }
        let before = libm::floor(at);
        let part = (at - before) as f32;
        let tap = |at: f64, weight| {
            if (0.0..=last).contains(&at) { (at as usize, weight) } else { (0, 0.0) }
        };
        [tap(before, 1.0 - part), tap(before + 1.0, part)]
    }
}

/// The place inside an axis of `len` pixels, from -0.5 to `len` - 0.5, that mirrors at both ends show at `at`; of the half
/// pixels at the ends, the pixel's middle.
fn reflected(at: f64, len: usize) -> f64 {
    let len = len as f64;
    let turn = 2.0 * len;
    let from_edge = at + 0.5 - turn * libm::floor((at + 0.5) / turn);
    let inside = if from_edge > len { turn - from_edge } else { from_edge };
    (inside - 0.5).clamp(0.0, len - 1.0)
}
