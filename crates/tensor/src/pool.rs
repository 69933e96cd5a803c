//! Pooling: the sum or the maximum over windows of an image.
//!
//! As in a convolution, the work is done in the memory order H, W, N, C, where every pixel position is one contiguous
//! row of numbers: pooling adds or compares rows.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::Pair;
use crate::element::Float;
use crate::kernels::buffer::Buffer;
use crate::kernels::isa::simd;
use crate::layout::{Dims, Layout};
use crate::nest::TASK;
use crate::tensor::Tensor;

/// How the window of a pooling moves; each pair is for rows and columns.
///
/// ```
/// # use downhill_tensor::Pool2dOptions;
/// let options = Pool2dOptions::new(3).stride(2).padding(1);
/// assert_eq!((options.kernel, options.stride), ([3, 3], [2, 2]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2dOptions {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// How far it moves from one output position to the next; its own size.
    pub stride: [usize; 2],
    /// How far it reaches beyond the image on each side; 0, and at most half of the kernel.
    pub padding: [usize; 2],
    /// Whether an average counts what lies outside of the image as zeros; true.
    pub count_include_pad: bool,
}

impl Pool2dOptions {
    /// A window of this size that moves by its own size.
    pub fn new(kernel: impl Into<Pair>) -> Self {
        let kernel = kernel.into().0;
        Pool2dOptions { kernel, stride: kernel, padding: [0; 2], count_include_pad: true }
    }

    /// With this stride.
    pub fn stride(self, stride: impl Into<Pair>) -> Self {
        Pool2dOptions { stride: stride.into().0, ..self }
    }

    /// With this padding.
    pub fn padding(self, padding: impl Into<Pair>) -> Self {
        Pool2dOptions { padding: padding.into().0, ..self }
    }

    /// With averages that count what lies outside of the image, or not.
    pub fn count_include_pad(self, count_include_pad: bool) -> Self {
        Pool2dOptions { count_include_pad, ..self }
    }
}

/// For each position of a pooling's result, the window of the image that it summarises. Windows neither start nor end
/// before an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows2d {
    input: [usize; 2],
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
}

impl Windows2d {
    /// A window that slides over images `[n, c, h, w]`, cut off at their borders. What does not fill a whole stride at
    /// the end is dropped. `op` names the operation in messages.
    ///
    /// # Panics
    /// If the shape has not four axes, the kernel is larger than the padded image, the stride is zero, or the padding
    /// is more than half of the kernel.
    #[track_caller]
    pub fn sliding(op: &str, shape: &[usize], options: &Pool2dOptions) -> Self {
        let input = image_size(op, shape);
        let Pool2dOptions { kernel, stride, padding, .. } = *options;
        let [rows, columns] = [0, 1].map(|i| {
            let (kernel, stride, padding) = (kernel[i], stride[i], padding[i]);
            let usable = input[i] > 0 && stride > 0 && kernel > 0 && padding <= kernel / 2;
            let room = padding.saturating_mul(2).saturating_add(input[i]).checked_sub(kernel);
            let Some(room) = room.filter(|_| usable) else { return vec![] };
            let window = |o: usize| {
                let end = (o * stride + kernel - padding).min(input[i]);
                (o * stride).saturating_sub(padding)..end
            };
            (0..=room / stride).map(window).collect()
        });
        assert!(
            !rows.is_empty() && !columns.is_empty(),
            "{op}: no window fits: input {shape:?}, kernel {kernel:?}, stride {stride:?}, padding {padding:?}"
        );
        Windows2d { input, rows, columns }
    }

    /// As many windows as a result of height and width `output` needs, of as equal a size as possible: window i of o
    /// over an axis of length l reaches from `⌊i·l / o⌋` to `⌈(i + 1)·l / o⌉`.
    ///
    /// # Panics
    /// If the shape has not four axes, or an image of no pixels is to be divided.
    #[track_caller]
    pub fn adaptive(op: &str, shape: &[usize], output: impl Into<Pair>) -> Self {
        let (input, output) = (image_size(op, shape), output.into().0);
        let divides = (0..2).all(|i| input[i] > 0 || output[i] == 0);
        assert!(divides, "{op}: no pixels for output {output:?}: input {shape:?}");
        let [rows, columns] = [0, 1].map(|i| {
            let (len, out) = (input[i], output[i]);
            (0..out).map(|o| o * len / out..((o + 1) * len).div_ceil(out)).collect()
        });
        Windows2d { input, rows, columns }
    }

    /// For each pixel, the windows that it lies in: what spreads a result's gradient over the image.
    pub fn transposed(&self) -> Self {
        let covering = |windows: &[Range<usize>], len: usize| {
            let first = |at: usize| windows.partition_point(|window| window.end <= at);
            (0..len).map(|at| first(at)..windows.partition_point(|window| window.start <= at)).collect()
        };
        Windows2d {
            input: self.output(),
            rows: covering(&self.rows, self.input[0]),
            columns: covering(&self.columns, self.input[1]),
        }
    }

    /// Height and width of the result.
    pub fn output(&self) -> [usize; 2] {
        [self.rows.len(), self.columns.len()]
    }

    /// Height and width of the image.
    pub fn input(&self) -> [usize; 2] {
        self.input
    }

    /// How many pixels lie in each window: a tensor `[oh, ow]`.
    pub fn counts<E: Float>(&self) -> Tensor<E> {
        let count = |i: &[usize]| self.rows[i[0]].len() * self.columns[i[1]].len();
        Tensor::from_fn(&self.output(), |i| E::from_f64(count(i) as f64))
    }

    /// The pixels of window number `o`, in row-major order.
    fn pixels(&self, o: usize) -> impl Iterator<Item = usize> + '_ {
        let columns = self.columns[o % self.columns.len()].clone();
        self.rows[o / self.columns.len()]
            .clone()
            .flat_map(move |y| columns.clone().map(move |x| y * self.input[1] + x))
    }

    #[track_caller]
    fn check(&self, op: &str, shape: &[usize]) {
        let size = image_size(op, shape);
        assert!(size == self.input, "{op}: windows over images of {:?} for shape {shape:?}", self.input);
    }

    /// The layout `[oh, ow, n, c]` of a result, and how many elements a position has.
    #[track_caller]
    fn layout<E: Float>(&self, op: &str, shape: &[usize]) -> (Layout, usize) {
        let shape = Dims::new(&[self.rows.len(), self.columns.len(), shape[0], shape[1]]);
        shape.count(op, size_of::<E>());
        (Layout::contiguous(shape), shape[2] * shape[3])
    }
}

#[track_caller]
fn image_size(op: &str, shape: &[usize]) -> [usize; 2] {
    let &[_, _, h, w] = shape else { panic!("{op}: expected shape [n, c, h, w], got {shape:?}") };
    [h, w]
}

impl<E: Float> Tensor<E> {
    /// The sum over each window, pixel after pixel.
    ///
    /// # Shapes
    /// `[n, c, h, w] -> [n, c, oh, ow]`
    ///
    /// # Panics
    /// If the windows are not for images of this size.
    #[track_caller]
    pub fn window_sum(&self, windows: &Windows2d) -> Self {
        windows.check("window_sum", self.shape());
        let (layout, width) = windows.layout::<E>("window_sum", self.shape());
        let x = self.permute(&[2, 3, 0, 1]).contiguous();
        let data = x.dense_slice();
        let mut out = Buffer::stale(layout.len());
        if !out.is_empty() {
            let sum = |(o, out): (usize, &mut [E])| {
                out.fill(E::default());
                for pixel in windows.pixels(o) {
                    let row = &data[pixel * width..][..width];
                    simd(
                        #[inline(always)]
                        || out.iter_mut().zip(row).for_each(|(o, &x)| *o = *o + x),
                    );
                }
            };
            out.par_chunks_mut(width).with_min_len((TASK / width).max(1)).enumerate().for_each(sum);
        }
        Tensor::from_buffer(out, layout).permute(&[2, 3, 0, 1])
    }

    /// The largest element of each window, and which pixel it is (`y · w + x`): the first of equal ones. NaN counts as
    /// the largest, the last one of several, as in PyTorch.
    ///
    /// # Shapes
    /// `[n, c, h, w] -> [n, c, oh, ow]`, both results.
    ///
    /// # Panics
    /// If the windows are not for images of this size.
    #[track_caller]
    pub fn window_max(&self, windows: &Windows2d) -> (Self, Tensor<i64>) {
        windows.check("window_max", self.shape());
        let (layout, width) = windows.layout::<E>("window_max", self.shape());
        let x = self.permute(&[2, 3, 0, 1]).contiguous();
        let data = x.dense_slice();
        let (mut out, mut indices) = (Buffer::stale(layout.len()), Buffer::stale(layout.len()));
        if !out.is_empty() {
            let max = |(o, (out, indices)): (usize, (&mut [E], &mut [i64]))| {
                let mut pixels = windows.pixels(o);
                let first = pixels.next().expect("no window is empty");
                out.copy_from_slice(&data[first * width..][..width]);
                indices.fill(first as i64);
                for pixel in pixels {
                    let row = &data[pixel * width..][..width];
                    simd(
                        #[inline(always)]
                        || keep_larger(out, indices, row, pixel as i64),
                    );
                }
            };
            let min = (TASK / width).max(1);
            out.par_chunks_mut(width)
                .zip(indices.par_chunks_mut(width))
                .with_min_len(min)
                .enumerate()
                .for_each(max);
        }
        let order = [2, 3, 0, 1];
        (
            Tensor::from_buffer(out, layout).permute(&order),
            Tensor::from_buffer(indices, layout).permute(&order),
        )
    }

    /// The derivative of [`window_max`](Self::window_max): this tensor, shaped like its result, added up at the pixels
    /// that `indices` names.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn window_max_backward(&self, indices: &Tensor<i64>, windows: &Windows2d) -> Self {
        let back = windows.transposed();
        back.check("window_max_backward", self.shape());
        assert!(
            indices.shape() == self.shape(),
            "window_max_backward: shapes differ: gradient {:?}, indices {:?}",
            self.shape(),
            indices.shape()
        );
        let (layout, width) = back.layout::<E>("window_max_backward", self.shape());
        let (g, indices) =
            (self.permute(&[2, 3, 0, 1]).contiguous(), indices.permute(&[2, 3, 0, 1]).contiguous());
        let (g, indices) = (g.dense_slice(), indices.dense_slice());
        let mut out = Buffer::stale(layout.len());
        if !out.is_empty() {
            // Every pixel asks all windows that it lies in: the order does not depend on how pixels are shared out.
            let collect = |(pixel, out): (usize, &mut [E])| {
                out.fill(E::default());
                for o in back.pixels(pixel) {
                    let (g, indices) = (&g[o * width..][..width], &indices[o * width..][..width]);
                    simd(
                        #[inline(always)]
                        || {
                            for ((out, &g), &index) in out.iter_mut().zip(g).zip(indices) {
                                *out = *out + if index == pixel as i64 { g } else { E::default() };
                            }
                        },
                    );
                }
            };
            out.par_chunks_mut(width).with_min_len((TASK / width).max(1)).enumerate().for_each(collect);
        }
        Tensor::from_buffer(out, layout).permute(&[2, 3, 0, 1])
    }

    /// The largest element of each window, and which pixel it is. `torch.nn.functional.max_pool2d` with
    /// `return_indices=True`. See [`window_max`](Self::window_max).
    ///
    /// # Shapes
    /// `[n, c, h, w] -> [n, c, oh, ow]` with `oh = (h + 2·padding - kernel) / stride + 1`, rounded down; likewise `ow`.
    ///
    /// # Panics
    /// As [`Windows2d::sliding`].
    ///
    /// ```
    /// # use downhill_tensor::{Pool2dOptions, Tensor};
    /// let image = Tensor::from([[1.0, 5.0, 2.0], [4.0, 3.0, 6.0_f32]]).reshape(&[1, 1, 2, 3]);
    /// let (largest, indices) = image.max_pool2d(&Pool2dOptions::new(2).stride(1));
    /// assert_eq!((largest.to_vec(), indices.to_vec()), (vec![5.0, 6.0], vec![1, 5]));
    /// ```
    #[track_caller]
    pub fn max_pool2d(&self, options: &Pool2dOptions) -> (Self, Tensor<i64>) {
        self.window_max(&Windows2d::sliding("max_pool2d", self.shape(), options))
    }

    /// The mean over each window. `torch.nn.functional.avg_pool2d`.
    ///
    /// # Shapes
    /// As [`max_pool2d`](Self::max_pool2d).
    ///
    /// # Panics
    /// As [`Windows2d::sliding`].
    #[track_caller]
    pub fn avg_pool2d(&self, options: &Pool2dOptions) -> Self {
        let windows = Windows2d::sliding("avg_pool2d", self.shape(), options);
        let sum = self.window_sum(&windows);
        if options.count_include_pad {
            return sum / E::from_f64((options.kernel[0] * options.kernel[1]) as f64);
        }
        sum / &windows.counts()
    }

    /// The mean over windows of as equal a size as possible, so many that the result has height and width `output`.
    /// `torch.nn.functional.adaptive_avg_pool2d`.
    ///
    /// # Panics
    /// As [`Windows2d::adaptive`].
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, output: impl Into<Pair>) -> Self {
        let windows = Windows2d::adaptive("adaptive_avg_pool2d", self.shape(), output);
        self.window_sum(&windows) / &windows.counts()
    }

    /// The largest elements of windows of as equal a size as possible, so many that the result has height and width
    /// `output`, and which pixels they are. `torch.nn.functional.adaptive_max_pool2d` with `return_indices=True`.
    ///
    /// # Panics
    /// As [`Windows2d::adaptive`].
    #[track_caller]
    pub fn adaptive_max_pool2d(&self, output: impl Into<Pair>) -> (Self, Tensor<i64>) {
        self.window_max(&Windows2d::adaptive("adaptive_max_pool2d", self.shape(), output))
    }
}

/// Replaces what `row`, the values of `pixel`, exceeds.
#[inline(always)]
#[allow(clippy::eq_op)] // NaN is the one value that differs from itself
fn keep_larger<E: Float>(out: &mut [E], indices: &mut [i64], row: &[E], pixel: i64) {
    for ((out, index), &x) in out.iter_mut().zip(indices).zip(row) {
        let wins = x > *out || x != x;
        *out = if wins { x } else { *out };
        *index = if wins { pixel } else { *index };
    }
}
