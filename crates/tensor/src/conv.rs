//! Convolution of images, and its two derivatives.
//!
//! Convolution is linear in the image and in the weight, and so `sum(g · conv(x, w))` is linear in each of x, w and g.
//! Its derivatives with respect to the three are the three functions here: [`conv2d`](Tensor::conv2d) (for g),
//! [`conv2d_input`](Tensor::conv2d_input) (for x) and [`conv2d_weight`](Tensor::conv2d_weight) (for w). The derivatives
//! of any of them are the other two.
//!
//! All three are one matrix product over the *columns*: for every output position and image, the values under the
//! kernel. Results lie in memory in the order H, W, N, C (weights in KH, KW, C, OC), so that every pixel position is one
//! contiguous matrix; with inputs in that order nothing is rearranged on the way.

use rayon::prelude::*;

use crate::element::Float;
use crate::join::cat;
use crate::kernels::buffer::Buffer;
use crate::kernels::isa::simd;
use crate::layout::{Dims, Layout};
use crate::nest::TASK;
use crate::tensor::Tensor;

/// A number for the rows and one for the columns of an image; from one number, both alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub [usize; 2]);

impl From<usize> for Pair {
    fn from(both: usize) -> Self {
        Pair([both; 2])
    }
}

impl From<[usize; 2]> for Pair {
    fn from(pair: [usize; 2]) -> Self {
        Pair(pair)
    }
}

/// How the kernel of a convolution moves; each pair is for rows and columns.
///
/// ```
/// # use downhill_tensor::Conv2dOptions;
/// let options = Conv2dOptions::default().stride(2).padding([1, 0]);
/// assert_eq!((options.stride, options.padding), ([2, 2], [1, 0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// How far it moves from one output position to the next; 1.
    pub stride: [usize; 2],
    /// Zeros added on each side of the image; 0.
    pub padding: [usize; 2],
    /// The distance of the kernel's elements; 1.
    pub dilation: [usize; 2],
    /// Into how many groups the channels are divided, each with its own part of the weight; 1.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    fn default() -> Self {
        Conv2dOptions { stride: [1; 2], padding: [0; 2], dilation: [1; 2], groups: 1 }
    }
}

impl Conv2dOptions {
    /// With this stride.
    pub fn stride(self, stride: impl Into<Pair>) -> Self {
        Conv2dOptions { stride: stride.into().0, ..self }
    }

    /// With this padding.
    pub fn padding(self, padding: impl Into<Pair>) -> Self {
        Conv2dOptions { padding: padding.into().0, ..self }
    }

    /// With this dilation.
    pub fn dilation(self, dilation: impl Into<Pair>) -> Self {
        Conv2dOptions { dilation: dilation.into().0, ..self }
    }

    /// With so many groups.
    pub fn groups(self, groups: usize) -> Self {
        Conv2dOptions { groups, ..self }
    }
}

impl<E: Float> Tensor<E> {
    /// The convolution (cross-correlation) of images with a weight:
    /// `y[n, o, i, j] = bias[o] + Σ x[n, c, i·stride + kh·dilation - padding, ...] · w[o, c, kh, kw]`, over the
    /// channels of o's group and the kernel, with zero outside of the image. `torch.nn.functional.conv2d`.
    ///
    /// # Shapes
    /// `self [n, c, h, w]`, `weight [oc, c / groups, kh, kw]`, `bias [oc] -> [n, oc, oh, ow]`, with
    /// `oh = (h + 2·padding - dilation·(kh - 1) - 1) / stride + 1`, rounded down; likewise `ow`.
    ///
    /// # Panics
    /// If the shapes do not fit, or the kernel is larger than the padded image.
    ///
    /// ```
    /// # use downhill_tensor::{Conv2dOptions, Tensor};
    /// let image = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0_f32]]).reshape(&[1, 1, 2, 3]);
    /// let edge = Tensor::from([-1.0, 1.0]).reshape(&[1, 1, 1, 2]);
    /// assert_eq!(image.conv2d(&edge, None, &Conv2dOptions::default()).to_vec(), [1.0; 4]);
    /// ```
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor<E>, bias: Option<&Tensor<E>>, options: &Conv2dOptions) -> Self {
        let g = Geometry::new("conv2d", self.shape(), weight.shape(), options);
        if let Some(bias) = bias {
            assert!(
                *bias.shape() == [g.oc],
                "conv2d: shapes differ: weight {:?}, bias {:?}",
                weight.shape(),
                bias.shape()
            );
        }
        let matrix = [g.oh, g.ow, g.n, g.oc / g.groups].map(|d| d as isize);
        let y = g.per_group(3, |i| {
            let y = g.columns(&g.part(self, 1, g.c, i)).matmul(&g.matrix(&g.part(weight, 0, g.oc, i)));
            y.reshape(&matrix)
        });
        let y = match bias {
            Some(bias) => y + bias,
            None => y,
        };
        y.permute(&[2, 3, 0, 1])
    }

    /// The derivative of [`conv2d`](Self::conv2d) with respect to its input of height and width `input`: this tensor,
    /// shaped like a convolution's result, spread out again with the weight (a transposed convolution).
    /// `torch.nn.grad.conv2d_input`.
    ///
    /// # Shapes
    /// `self [n, oc, oh, ow]`, `weight [oc, c / groups, kh, kw] -> [n, c, h, w]`
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn conv2d_input(&self, weight: &Tensor<E>, input: [usize; 2], options: &Conv2dOptions) -> Self {
        let (n, c) = match (self.shape(), weight.shape()) {
            (&[n, ..], &[_, c, ..]) => (n, c.saturating_mul(options.groups)),
            _ => (0, 0),
        };
        let g = Geometry::new("conv2d_input", &[n, c, input[0], input[1]], weight.shape(), options);
        g.check_output("conv2d_input", self.shape());
        let dx = g.per_group(3, |i| {
            let dy = g.rows(&g.part(self, 1, g.oc, i));
            g.fold(&dy.matmul(&g.matrix(&g.part(weight, 0, g.oc, i)).t()))
        });
        dx.permute(&[2, 3, 0, 1])
    }

    /// The derivative of [`conv2d`](Self::conv2d) with respect to a weight of height and width `kernel`, at the input
    /// `self`, for the gradient `dy` with respect to the result. `torch.nn.grad.conv2d_weight`.
    ///
    /// # Shapes
    /// `self [n, c, h, w]`, `dy [n, oc, oh, ow] -> [oc, c / groups, kh, kw]`
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn conv2d_weight(&self, dy: &Tensor<E>, kernel: [usize; 2], options: &Conv2dOptions) -> Self {
        let (c, oc) = match (self.shape(), dy.shape()) {
            (&[_, c, ..], &[_, oc, ..]) => (c / options.groups.max(1), oc),
            _ => (0, 0),
        };
        let g = Geometry::new("conv2d_weight", self.shape(), &[oc, c, kernel[0], kernel[1]], options);
        g.check_output("conv2d_weight", dy.shape());
        let matrix = [g.kh, g.kw, g.c / g.groups, g.oc / g.groups].map(|d| d as isize);
        let dw = g.per_group(3, |i| {
            let columns = g.columns(&g.part(self, 1, g.c, i));
            columns.t().matmul(&g.rows(&g.part(dy, 1, g.oc, i))).reshape(&matrix)
        });
        dw.permute(&[3, 2, 0, 1])
    }
}

/// All lengths of one convolution.
struct Geometry {
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    oc: usize,
    kh: usize,
    kw: usize,
    oh: usize,
    ow: usize,
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Geometry {
    #[track_caller]
    fn new(op: &str, x: &[usize], weight: &[usize], options: &Conv2dOptions) -> Self {
        let (&[n, c, h, w], &[oc, group_c, kh, kw]) = (x, weight) else {
            panic!("{op}: expected four axes each: input {x:?}, weight {weight:?}");
        };
        let &Conv2dOptions { stride, padding, dilation, groups } = options;
        let moves = !stride.contains(&0) && !dilation.contains(&0);
        assert!(moves, "{op}: stride and dilation must be positive, got {stride:?} and {dilation:?}");
        let divides = groups > 0 && c.is_multiple_of(groups) && oc.is_multiple_of(groups);
        assert!(
            divides && group_c == c / groups,
            "{op}: channels do not fit {groups} groups: input {x:?}, weight {weight:?}"
        );
        let positions = |len: usize, kernel: usize, i: usize| {
            let span = kernel.checked_sub(1)?.checked_mul(dilation[i])?.checked_add(1)?;
            let padded = padding[i].checked_mul(2)?.checked_add(len)?;
            Some(padded.checked_sub(span)? / stride[i] + 1)
        };
        let (Some(oh), Some(ow)) = (positions(h, kh, 0), positions(w, kw, 1)) else {
            panic!(
                "{op}: the kernel does not fit the padded image: input {x:?}, weight {weight:?}, padding \
                 {padding:?}, dilation {dilation:?}"
            );
        };
        Geometry { n, c, h, w, oc, kh, kw, oh, ow, stride, padding, dilation, groups }
    }

    #[track_caller]
    fn check_output(&self, op: &str, dy: &[usize]) {
        let expected = [self.n, self.oc, self.oh, self.ow];
        assert!(*dy == expected, "{op}: shapes differ: expected {expected:?}, gradient {dy:?}");
    }

    /// The results for all groups, joined along axis `dim`.
    fn per_group<E: Float>(&self, dim: isize, f: impl Fn(usize) -> Tensor<E>) -> Tensor<E> {
        if self.groups == 1 {
            return f(0);
        }
        cat(&(0..self.groups).map(f).collect::<Vec<_>>(), dim)
    }

    /// The part of `group` of axis `dim`, which has `len` elements.
    fn part<E: Float>(&self, x: &Tensor<E>, dim: isize, len: usize, group: usize) -> Tensor<E> {
        let len = len / self.groups;
        x.narrow(dim, group * len, len)
    }

    /// A weight as a matrix `[kh · kw · c, oc]`.
    fn matrix<E: Float>(&self, weight: &Tensor<E>) -> Tensor<E> {
        let rows = self.kh * self.kw * weight.shape()[1];
        weight.permute(&[2, 3, 1, 0]).reshape(&[rows as isize, weight.shape()[0] as isize])
    }

    /// Images as a matrix `[h · w · n, c]`: a view if they lie in memory as they should.
    fn rows<E: Float>(&self, x: &Tensor<E>) -> Tensor<E> {
        let &[n, c, h, w] = x.shape() else { unreachable!("checked by the caller") };
        x.permute(&[2, 3, 0, 1]).reshape(&[(h * w * n) as isize, c as isize])
    }

    /// For each output position and image what lies under the kernel, `[oh · ow · n, kh · kw · c]`.
    #[track_caller]
    fn columns<E: Float>(&self, x: &Tensor<E>) -> Tensor<E> {
        let (n, c, taps) = (self.n, x.shape()[1], self.kh * self.kw);
        if taps == 1 && self.padding == [0; 2] {
            let rows = x.slice(2, 0, (self.oh - 1) * self.stride[0] + 1, self.stride[0]);
            return self.rows(&rows.slice(3, 0, (self.ow - 1) * self.stride[1] + 1, self.stride[1]));
        }
        // Checked axis by axis before they are multiplied.
        Dims::new(&[self.oh, self.ow, n, self.kh, self.kw, c]).count("conv2d", size_of::<E>());
        let x = x.permute(&[2, 3, 0, 1]).contiguous();
        let data = x.dense_slice();
        let layout = Layout::contiguous(Dims::new(&[self.oh * self.ow * n, taps * c]));
        let mut out = Buffer::stale(layout.len());
        if !out.is_empty() {
            let chunk = n * taps * c;
            let copy = |(o, out): (usize, &mut [E])| {
                for tap in 0..taps {
                    let pixel = self.pixel(o, tap);
                    for (image, row) in out.chunks_exact_mut(taps * c).enumerate() {
                        let row = &mut row[tap * c..][..c];
                        match pixel {
                            Some(pixel) => row.copy_from_slice(&data[(pixel * n + image) * c..][..c]),
                            None => row.fill(E::default()),
                        }
                    }
                }
            };
            out.par_chunks_mut(chunk).with_min_len((TASK / chunk).max(1)).enumerate().for_each(copy);
        }
        Tensor::from_buffer(out, layout)
    }

    /// The opposite of `columns`: the sum of everything that `columns` copied from a pixel, `[h, w, n, c]`.
    #[track_caller]
    fn fold<E: Float>(&self, columns: &Tensor<E>) -> Tensor<E> {
        let (n, taps) = (self.n, self.kh * self.kw);
        let c = self.c / self.groups;
        let shape = Dims::new(&[self.h, self.w, n, c]);
        shape.count("conv2d_input", size_of::<E>());
        let columns = columns.contiguous();
        let data = columns.dense_slice();
        let layout = Layout::contiguous(shape);
        let mut out = Buffer::stale(layout.len());
        if !out.is_empty() {
            // Every pixel adds up its own, tap after tap: the order does not depend on how pixels are shared out.
            let add = |(pixel, out): (usize, &mut [E])| {
                out.fill(E::default());
                for tap in 0..taps {
                    let Some(o) = self.position(pixel, tap) else { continue };
                    for (image, out) in out.chunks_exact_mut(c).enumerate() {
                        let row = &data[((o * n + image) * taps + tap) * c..][..c];
                        simd(
                            #[inline(always)]
                            || out.iter_mut().zip(row).for_each(|(o, &x)| *o = *o + x),
                        );
                    }
                }
            };
            out.par_chunks_mut(n * c).with_min_len((TASK / (n * c)).max(1)).enumerate().for_each(add);
        }
        Tensor::from_buffer(out, layout)
    }

    /// The pixel that lies under element `tap` of the kernel at output position `o`, if it is one of the image.
    fn pixel(&self, o: usize, tap: usize) -> Option<usize> {
        let along = |o: usize, k: usize, i: usize, len: usize| {
            let at = (o * self.stride[i] + k * self.dilation[i]).checked_sub(self.padding[i])?;
            (at < len).then_some(at)
        };
        let y = along(o / self.ow, tap / self.kw, 0, self.h)?;
        let x = along(o % self.ow, tap % self.kw, 1, self.w)?;
        Some(y * self.w + x)
    }

    /// The output position at which `pixel` lies under element `tap` of the kernel, if there is one.
    fn position(&self, pixel: usize, tap: usize) -> Option<usize> {
        let along = |at: usize, k: usize, i: usize, len: usize| {
            let from = (at + self.padding[i]).checked_sub(k * self.dilation[i])?;
            (from.is_multiple_of(self.stride[i]) && from / self.stride[i] < len)
                .then_some(from / self.stride[i])
        };
        let y = along(pixel / self.w, tap / self.kw, 0, self.oh)?;
        let x = along(pixel % self.w, tap % self.kw, 1, self.ow)?;
        Some(y * self.ow + x)
    }
}
