//! Batch norm: each channel's mean and variance, and the passes forward and backward.
//!
//! All of it takes memory in which channels are innermost (H, W, N, C order, or any order of the other axes), as rows of
//! `c` elements; anything else is brought into that order first. Training reads its input twice forward (once for the
//! statistics, once to normalise) and twice backward, and writes each result once, with a residual addition and a ReLU
//! in the same pass.
//!
//! Rows are cut into blocks of a size that depends on `c` alone. Sums go down a block row by row; the totals of the
//! blocks are joined in double precision, in order.

mod passes;

use crate::element::Float;
use crate::kernels::buffer::Buffer;
use crate::kernels::channels::{map_rows, sum_rows};
use crate::layout::Layout;
use crate::tensor::Tensor;
use passes::{Pass, block_rows, each_task, joined, normalized, per_block, relu, rounded, task_rows};

/// What is done to each channel: `(x - mean) · scale · weight + bias`. All four are of shape `[c]`.
#[derive(Clone, Debug)]
pub struct ChannelNorm<E: Float> {
    /// Subtracted first.
    pub mean: Tensor<E>,
    /// `1 / √(variance + ε)`.
    pub scale: Tensor<E>,
    /// The factor that is learned.
    pub weight: Tensor<E>,
    /// The summand that is learned.
    pub bias: Tensor<E>,
}

/// What follows a normalisation in the same pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// A ReLU; with a residual, of the sum.
    Relu,
}

/// The gradients of [`Tensor::channel_norm`].
#[derive(Clone, Debug)]
pub struct ChannelNormGradients<E: Float> {
    /// For the input, if it was asked for.
    pub input: Option<Tensor<E>>,
    /// For the weight, `[c]`.
    pub weight: Tensor<E>,
    /// For the bias, `[c]`.
    pub bias: Tensor<E>,
    /// For the residual: the gradient where the ReLU let it through. If there was no residual it is not computed.
    pub residual: Option<Tensor<E>>,
}

/// How the backward pass is to compute.
#[derive(Clone, Copy, Debug)]
pub struct ChannelNormBackward<'a, E: Float> {
    /// What followed.
    pub after: After,
    /// The result of the forward pass, if a residual was added.
    pub out: Option<&'a Tensor<E>>,
    /// Whether mean and scale are the input's own, and not constants.
    pub own_statistics: bool,
    /// Whether the input's gradient is wanted.
    pub input: bool,
}

impl<E: Float> ChannelNorm<E> {
    #[track_caller]
    fn check(&self, op: &str, x: &[usize]) -> [&[E]; 4] {
        assert!(x.len() >= 2, "{op}: expected shape [n, c, ..], got {x:?}");
        let parameters = [&self.mean, &self.scale, &self.weight, &self.bias];
        for t in parameters {
            assert!(*t.shape() == [x[1]], "{op}: shapes differ: input {x:?}, parameter {:?}", t.shape());
            assert!(t.is_contiguous(), "{op}: parameters must be contiguous");
        }
        parameters.map(Tensor::dense_slice)
    }
}

impl<E: Float> Tensor<E> {
    /// Mean and biased variance (divided by the number of elements) of each channel, over all other axes. One pass over
    /// memory: in every block the variance is taken about the block's mean, and blocks are joined by Chan, Golub and
    /// LeVeque's formula ("Updating formulae and a pairwise algorithm for computing sample variances", 1979), so it is
    /// exact also far from zero.
    ///
    /// # Shapes
    /// `[n, c, ..] -> [c]`, both results. Without elements both are NaN.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let (mean, variance) = Tensor::from([[1.0, 5.0], [3.0, 5.0_f32]]).channel_moments();
    /// assert_eq!((mean.to_vec(), variance.to_vec()), (vec![2.0, 5.0], vec![1.0, 0.0]));
    /// ```
    #[track_caller]
    pub fn channel_moments(&self) -> (Self, Self) {
        let shape = self.shape();
        assert!(shape.len() >= 2, "channel_moments: expected shape [n, c, ..], got {shape:?}");
        let (x, c) = (self.channels_innermost(), shape[1]);
        let blocks = per_block(
            x.dense_slice(),
            c,
            #[inline(always)]
            |x, _, out| {
                let (mean, squares) = out.split_at_mut(c);
                sum_rows([x], [], mean, |[x], []| [x]);
                let count = E::from_f64((x.len() / c) as f64);
                mean.iter_mut().for_each(|mean| *mean = *mean / count);
                sum_rows([x], [mean], squares, |[x], [mean]| [(x - mean) * (x - mean)]);
            },
        );
        let (mut mean, mut variance) = (vec![f64::NAN; c], vec![f64::NAN; c]);
        let mut before = 0.0;
        for (i, block) in blocks.chunks_exact((2 * c).max(1)).enumerate() {
            let rows = block_rows(c).min(x.numel() / c - i * block_rows(c)) as f64;
            let count = before + rows;
            for channel in 0..c {
                let (m, squares) = (block[channel].to_f64(), block[c + channel].to_f64());
                if before == 0.0 {
                    (mean[channel], variance[channel]) = (m, squares);
                } else {
                    let difference = m - mean[channel];
                    mean[channel] += difference * rows / count;
                    variance[channel] += squares + difference * difference * before * rows / count;
                }
            }
            before = count;
        }
        variance.iter_mut().for_each(|v| *v /= before);
        [mean, variance].map(rounded).into()
    }

    /// `after((x - mean) · scale · weight + bias + residual)` in one pass.
    ///
    /// # Shapes
    /// `self [n, c, ..]`; the residual and the result likewise.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn channel_norm(&self, norm: &ChannelNorm<E>, residual: Option<&Self>, after: After) -> Self {
        let parameters = norm.check("channel_norm", self.shape());
        let x = self.channels_innermost();
        // Not by `map`: a closure would take the blame for a wrong shape.
        let residual = match residual {
            Some(residual) => Some(residual.in_memory_like("channel_norm", &x)),
            None => None,
        };
        let mut out = Buffer::stale(x.numel());
        let (data, width) = (x.dense_slice(), task_rows(self.shape()[1]));
        let relus = after == After::Relu;
        each_task(
            &mut out,
            width,
            #[inline(always)]
            |at, out| {
                let x = &data[at..][..out.len()];
                match (residual.as_ref().map(|r| &r.dense_slice()[at..][..out.len()]), relus) {
                    (None, false) => map_rows(out, [x], parameters, |_, [x], p| normalized(x, p)),
                    (None, true) => map_rows(out, [x], parameters, |_, [x], p| relu(normalized(x, p))),
                    (Some(r), false) => {
                        map_rows(out, [x, r], parameters, |_, [x, r], p| normalized(x, p) + r);
                    }
                    (Some(r), true) => {
                        map_rows(out, [x, r], parameters, |_, [x, r], p| relu(normalized(x, p) + r));
                    }
                }
            },
        );
        Tensor::from_buffer(out, Layout { offset: 0, ..x.layout })
    }

    /// The gradients of [`channel_norm`](Self::channel_norm) at `self`, for the gradient `g` of its result, whose memory
    /// is reused. With `h` for `g` where the ReLU was positive, and x̂ for `(x - mean) · scale`: `Σ h · x̂` for the
    /// weight, `Σ h` for the bias, `h` for the residual, and `scale · weight · (h - mean(h) - x̂ · mean(h · x̂))` for the
    /// input, or `scale · weight · h` if mean and scale are constants.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn channel_norm_backward(
        &self,
        norm: &ChannelNorm<E>,
        g: Self,
        how: &ChannelNormBackward<'_, E>,
    ) -> ChannelNormGradients<E> {
        const OP: &str = "channel_norm_backward";
        let parameters = norm.check(OP, self.shape());
        let (x, c) = (self.channels_innermost(), self.shape()[1]);
        let mut g = g.in_memory_like(OP, &x);
        let relus = how.after == After::Relu;
        let pass = Pass { x: x.dense_slice(), parameters, recomputed: relus && how.out.is_none() };
        let sums = match how.out {
            // h is a result of its own and takes the place of g.
            Some(out) => pass.sums_and_h(g.dense_mut(), out.in_memory_like(OP, &x).dense_slice(), relus),
            None => pass.sums(g.dense_slice()),
        };
        let [dw, db] = joined(&sums, c);
        let mut gradients = ChannelNormGradients { input: None, weight: dw, bias: db, residual: None };
        let mean_of = |sum: &Tensor<E>| {
            let count = E::from_f64((x.numel() / c.max(1)) as f64);
            if how.own_statistics {
                norm.weight.zip(OP, sum, |w, sum| w * (sum / count))
            } else {
                Tensor::zeros(&[c])
            }
        };
        let means = [mean_of(&gradients.bias), mean_of(&gradients.weight)];
        let means = means.each_ref().map(Tensor::dense_slice);
        if how.out.is_none() {
            if how.input {
                pass.input_in_place(g.dense_mut(), means);
                gradients.input = Some(g);
            }
            return gradients;
        }
        if how.input {
            let mut dx = Buffer::stale(x.numel());
            pass.input(&mut dx, g.dense_slice(), means);
            gradients.input = Some(Tensor::from_buffer(dx, Layout { offset: 0, ..x.layout }));
        }
        gradients.residual = Some(g);
        gradients
    }

    /// This tensor with channels innermost in dense memory, the other axes in any order.
    fn channels_innermost(&self) -> Self {
        let innermost = self.layout.strides[1] == 1 || self.layout.shape[1] == 1;
        if self.layout.is_dense() && innermost {
            return self.clone();
        }
        let rank = self.rank() as isize;
        let order: Vec<isize> = (2..rank).chain([0, 1]).collect();
        let back: Vec<isize> = [rank - 2, rank - 1].into_iter().chain(0..rank - 2).collect();
        self.permute(&order).contiguous().permute(&back)
    }

    /// This tensor in the same dense memory order as `other`.
    #[track_caller]
    fn in_memory_like(&self, op: &str, other: &Self) -> Self {
        assert!(
            self.shape() == other.shape(),
            "{op}: shapes differ: input {:?}, other {:?}",
            other.shape(),
            self.shape()
        );
        if self.layout.strides == other.layout.strides {
            self.clone()
        } else {
            self.copy_to(other.layout.dense_like())
        }
    }
}
