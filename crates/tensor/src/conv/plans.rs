//! The three functions as sums of products of matrices.
//!
//! With `X[h, w]` for the matrix `N x C` of a pixel, `dY[oh, ow]` for the one `N x OC` of a position of the result,
//! `W[kh, kw]` for the one `C x OC` of an element of the kernel (a *tap*), and `h = oh·stride + kh·dilation - padding`,
//! `w` likewise:
//!
//! ```text
//!  Y[oh, ow] = Σ over the taps that lie on the image:        X[h, w]  · W[kh, kw]
//! dX[h, w]   = Σ over the taps that reach the pixel:        dY[oh, ow] · W[kh, kw]ᵀ
//! dW[kh, kw] = Σ over the positions where it is on the image: X[h, w]ᵀ · dY[oh, ow]
//! ```
//!
//! Taps outside of the image do not appear, except in the gradient of a narrow first layer's weight: its images have columns
//! of zeros on both sides, so that more taps have the same positions. (There a gradient that is infinite or NaN meets zeros,
//! and gives NaN.) Each sum is a run of a [`Plan`]: the matrix on the left is its rows of C, the factors are A and B. Rows and
//! columns of the image are treated apart: a *line* is the plan for the columns alone, and the whole plan has it once for
//! every row, with the offsets moved. Where the rows of A of neighbouring positions continue each other in memory, the plan
//! joins them: with stride 1 a run is then not the images of one pixel but those of all inner pixels of a row, and a batch
//! of one makes tiles as full as one of sixty-four.
//!
//! Groups are products of narrower matrices, side by side.

use super::geometry::Geometry;
use super::images::{NARROW, Order, in_order};
use crate::element::Float;
use crate::kernels::buffer::Buffer;
use crate::kernels::gemm::{Epilogue, Part, Plan, Sums};
use crate::kernels::transpose::transpose_each;
use crate::layout::{Dims, Layout};
use crate::tensor::Tensor;

impl Geometry {
    /// The bias is added to every position.
    #[track_caller]
    pub(super) fn forward<E: Float>(
        &self,
        x: &Tensor<E>,
        weight: &Tensor<E>,
        bias: Option<&Tensor<E>>,
    ) -> Tensor<E> {
        let &Geometry { n, oc, groups, ref rows, ref columns, .. } = self;
        let (group_c, group_oc) = (self.c / groups, oc / groups);
        let shape = Dims::new(&[rows.out, columns.out, n, oc]);
        shape.count("conv2d", size_of::<E>());
        if shape.contains(&0) {
            return Tensor::zeros(&shape).permute(&[2, 3, 0, 1]);
        }
        let mut y = Buffer::stale(Layout::contiguous(shape).len());
        let (x, weight) = (self.images(x), weight.permute(&[2, 3, 1, 0]).contiguous());
        let (tap, bias) = (group_c * oc, bias.map(Tensor::contiguous));
        let (together, a_row) = if x.by_pixel { (1, columns.stride * x.pixel) } else { (n, x.image) };
        let mut line = Plan::new([a_row, x.channel], oc);
        for o in 0..columns.out {
            let part = |(k, at)| Part { a: at * x.pixel, b: k * tap, k: group_c };
            line.push(together, columns.under(o).map(part));
        }
        let mut plan = Plan::new([a_row, x.channel], oc);
        for o in 0..rows.out {
            let shifts: Vec<_> =
                rows.under(o).map(|(k, at)| [at * x.row, k * columns.kernel * tap]).collect();
            plan.extend(&line, &shifts, false);
        }
        let (single, c_row) = if x.by_pixel { (n, n * oc) } else { (1, oc) };
        for (group, image) in (0..groups).flat_map(|group| (0..single).map(move |image| (group, image))) {
            let first = group * group_oc;
            let bias = bias.as_ref().map(|bias| &bias.dense_slice()[first..][..group_oc]);
            let sums = Sums {
                a: tail(
                    x.data.dense_slice(),
                    x.margin * x.pixel + group * group_c * x.channel + image * x.image,
                ),
                b: tail(weight.dense_slice(), first),
                c_row,
                cols: group_oc,
                plan: &plan,
                epilogue: Epilogue { bias, relu: false },
            };
            E::sums(&sums, tail_mut(&mut y, image * oc + first));
        }
        Tensor::from_buffer(y, Layout::contiguous(shape)).permute(&[2, 3, 0, 1])
    }

    #[track_caller]
    pub(super) fn input_gradient<E: Float>(&self, dy: &Tensor<E>, weight: &Tensor<E>) -> Tensor<E> {
        let &Geometry { n, c, groups, .. } = self;
        let shape = Dims::new(&[self.rows.len, self.columns.len, n, c]);
        let elements = shape.count("conv2d_input", size_of::<E>());
        if elements == 0 || dy.numel() == 0 {
            return Tensor::zeros(&shape).permute(&[2, 3, 0, 1]);
        }
        let (dy, weight) = (in_order(dy, Order::Hwnc), weight.permute(&[2, 3, 1, 0]).contiguous());
        let larger = weight.numel() > dy.numel() + elements;
        let dx = if groups == 1 && n >= NARROW && (larger || c < NARROW) {
            self.input_gradient_by_images(&dy, &weight, elements)
        } else {
            self.input_gradient_by_channels(&dy, &weight, elements)
        };
        Tensor::from_buffer(dx, Layout::contiguous(shape)).permute(&[2, 3, 0, 1])
    }

    /// As the formula says, with the weight transposed first.
    fn input_gradient_by_channels<E: Float>(
        &self,
        dy: &Tensor<E>,
        weight: &Tensor<E>,
        elements: usize,
    ) -> Buffer<E> {
        let &Geometry { n, c, oc, groups, .. } = self;
        let (group_c, group_oc) = (c / groups, oc / groups);
        let mut transposed = Buffer::stale(weight.numel());
        transpose_each(weight.dense_slice(), group_c, oc, &mut transposed);
        let plan = self.reaching([oc, 1], group_c, n, |tap, o| Part {
            a: o * n * oc,
            b: tap * oc * group_c,
            k: group_oc,
        });
        let mut dx = Buffer::stale(elements);
        for group in 0..groups {
            let sums = Sums {
                a: tail(dy.dense_slice(), group * group_oc),
                b: tail(&transposed, group * group_oc * group_c),
                c_row: c,
                cols: group_c,
                plan: &plan,
                epilogue: Epilogue::default(),
            };
            E::sums(&sums, tail_mut(&mut dx, group * group_c));
        }
        dx
    }

    /// The transpose of the formula, `dX[h, w]ᵀ = Σ W[kh, kw] · dY[oh, ow]ᵀ`: where the weight is larger than image and
    /// gradient, these are transposed instead.
    fn input_gradient_by_images<E: Float>(
        &self,
        dy: &Tensor<E>,
        weight: &Tensor<E>,
        elements: usize,
    ) -> Buffer<E> {
        let &Geometry { n, c, oc, .. } = self;
        let mut transposed = Buffer::stale(dy.numel());
        transpose_each(dy.dense_slice(), n, oc, &mut transposed);
        let plan = self.reaching([oc, 1], n, c, |tap, o| Part { a: tap * c * oc, b: o * oc * n, k: oc });
        let (a, b) = (weight.dense_slice(), &transposed[..]);
        let sums = Sums { a, b, c_row: n, cols: n, plan: &plan, epilogue: Epilogue::default() };
        let mut dx_transposed = Buffer::stale(elements);
        E::sums(&sums, &mut dx_transposed);
        let mut dx = Buffer::stale(elements);
        transpose_each(&dx_transposed, c, n, &mut dx);
        dx
    }

    /// The plan of `height` rows for every pixel, with a part for every tap that reaches it. `part` is linear: the part
    /// of tap (kh, kw) and position (oh, ow) is that of their numbers in row-major order.
    fn reaching(
        &self,
        a: [usize; 2],
        b_row: usize,
        height: usize,
        part: impl Fn(usize, usize) -> Part,
    ) -> Plan {
        let (rows, columns) = (&self.rows, &self.columns);
        let mut line = Plan::new(a, b_row);
        for at in 0..columns.len {
            line.push(height, columns.reaching(at).map(|(k, o)| part(k, o)));
        }
        let mut plan = Plan::new(a, b_row);
        for at in 0..rows.len {
            let shift = |(k, o): (usize, usize)| {
                let Part { a, b, .. } = part(k * columns.kernel, o * columns.out);
                [a, b]
            };
            plan.extend(&line, &rows.reaching(at).map(shift).collect::<Vec<_>>(), false);
        }
        plan
    }

    #[track_caller]
    pub(super) fn weight_gradient<E: Float>(&self, x: &Tensor<E>, dy: &Tensor<E>) -> Tensor<E> {
        let &Geometry { n, oc, groups, ref rows, ref columns, .. } = self;
        let (group_c, group_oc) = (self.c / groups, oc / groups);
        let shape = Dims::new(&[rows.kernel, columns.kernel, group_c, oc]);
        shape.count("conv2d_weight", size_of::<E>());
        if x.numel() == 0 || dy.numel() == 0 {
            return Tensor::zeros(&shape).permute(&[3, 2, 0, 1]);
        }
        let mut dw = Buffer::stale(Layout::contiguous(shape).len());
        let (x, dy) = (self.images(x), in_order(dy, Order::Hwnc));
        // k goes along the images at one pixel, or along the pixels of one image.
        let (together, a_col, b_row) =
            if x.by_pixel { (1, columns.stride * x.pixel, n * oc) } else { (n, x.image, oc) };
        let mut line = Plan::new([x.channel, a_col], b_row);
        for k in 0..columns.kernel {
            let part = |(o, at)| Part { a: at * x.pixel, b: o * n * oc, k: together };
            if x.margin > 0 {
                // Counted from the margin's start: every position, with zeros outside of the image.
                line.push(group_c, (0..columns.out).map(|o| part((o, o * columns.stride + k))));
            } else {
                line.push(group_c, columns.touched(k).map(part));
            }
        }
        let mut plan = Plan::new([x.channel, a_col], b_row);
        for k in 0..rows.kernel {
            let single = if x.by_pixel { n } else { 1 };
            let of_image = |image: usize| {
                let shift =
                    move |(o, at)| [at * x.row + image * x.image, o * columns.out * n * oc + image * oc];
                rows.touched(k).map(shift)
            };
            // The taps of a row read the same pixels and the same gradient, or nearly so.
            plan.extend(&line, &(0..single).flat_map(of_image).collect::<Vec<_>>(), true);
        }
        for group in 0..groups {
            let sums = Sums {
                a: tail(x.data.dense_slice(), group * group_c * x.channel),
                b: tail(dy.dense_slice(), group * group_oc),
                c_row: oc,
                cols: group_oc,
                plan: &plan,
                epilogue: Epilogue::default(),
            };
            E::sums(&sums, tail_mut(&mut dw, group * group_oc));
        }
        Tensor::from_buffer(dw, Layout::contiguous(shape)).permute(&[3, 2, 0, 1])
    }
}

/// What follows `start`, if anything does: with no elements at all, offsets point nowhere.
fn tail<E>(data: &[E], start: usize) -> &[E] {
    &data[start.min(data.len())..]
}

/// [`tail`] for writing.
fn tail_mut<E>(data: &mut [E], start: usize) -> &mut [E] {
    let start = start.min(data.len());
    &mut data[start..]
}
