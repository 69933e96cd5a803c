//! Copies of blocks of A and B in the order in which the micro-kernel reads them.

use super::super::transpose::transposed;
use super::simd::{NV, Op, Simd};

/// Copies `lanes x steps` elements into panels of [`panel_width`] lanes: within a panel, step after
/// step, its lanes side by side. Lanes are rows of A or columns of B; steps go along k.
///
/// The last panel is as wide as the others even if fewer lanes remain; what it has too many keep
/// whatever `dst` held, for no element of C depends on them.
pub(super) struct Pack<'a, const A: bool> {
    pub src: &'a [f32],
    pub lane_stride: usize,
    pub step_stride: usize,
    pub lanes: usize,
    pub steps: usize,
    pub dst: &'a mut [f32],
}

/// Elements in a cache line.
const LINE: usize = 16;
/// How many steps ahead rows are prefetched that are copied as they are.
const AHEAD: usize = 8;

/// Lanes in a panel of A or B: the height or the width of a micro-tile.
pub(super) const fn panel_width<S: Simd, const A: bool>() -> usize {
    if A { S::MR } else { NV * S::LANES }
}

impl<S: Simd, const A: bool> Op<S> for Pack<'_, A> {
    type Out = ();

    #[inline(always)]
    fn run(self, simd: S) {
        let width = panel_width::<S, A>();
        if self.lane_stride == 1 {
            self.copy_steps(simd);
        } else {
            let panels = self.dst.chunks_mut(width * self.steps);
            for (first, panel) in (0..self.lanes).step_by(width).zip(panels) {
                let src = &self.src[first * self.lane_stride..];
                let lanes = width.min(self.lanes - first);
                if self.step_stride == 1 {
                    transpose(simd, src, self.lane_stride, lanes, self.steps, width, panel);
                } else {
                    for (p, dst) in panel.chunks_exact_mut(width).enumerate() {
                        for (lane, dst) in dst[..lanes].iter_mut().enumerate() {
                            *dst = src[lane * self.lane_stride + p * self.step_stride];
                        }
                    }
                }
            }
        }
    }
}

impl<const A: bool> Pack<'_, A> {
    /// Lanes lie side by side in the source as well: whole steps are copied, panel by panel, since
    /// the source is read fastest along its rows.
    #[inline(always)]
    fn copy_steps<S: Simd>(self, simd: S) {
        let width = panel_width::<S, A>();
        for p in 0..self.steps {
            let src = &self.src[p * self.step_stride..][..self.lanes];
            // Rows that lie pages apart are no stream that the hardware would foresee.
            for line in (0..self.lanes).step_by(LINE) {
                simd.prefetch(src.as_ptr().wrapping_add(AHEAD * self.step_stride + line));
            }
            for (x, src) in src.chunks(width).enumerate() {
                let dst = &mut self.dst[(x * self.steps + p) * width..][..src.len()];
                for i in (0..src.len()).step_by(S::LANES) {
                    let n = src.len() - i;
                    // SAFETY: both slices have `n` elements from `i` on.
                    unsafe {
                        let v = simd.load_first(src.as_ptr().add(i), n);
                        simd.store_first(dst.as_mut_ptr().add(i), v, n);
                    }
                }
            }
        }
    }
}

/// `dst[p * width + lane] = src[lane * stride + p]` for one panel, in runs of steps that leave the
/// written lines in L1 until all lanes are there.
#[inline(always)]
fn transpose<S: Simd>(
    simd: S,
    src: &[f32],
    stride: usize,
    lanes: usize,
    steps: usize,
    width: usize,
    dst: &mut [f32],
) {
    const RUN: usize = 64;
    for start in (0..steps).step_by(RUN) {
        let run = RUN.min(steps - start);
        let dst = &mut dst[start * width..][..run * width];
        let row = |lane: usize| &src[lane * stride + start..][..run];
        // What comes after this run: short pieces of many rows, which the hardware would not foresee.
        for lane in 0..lanes {
            for line in (0..RUN).step_by(LINE) {
                simd.prefetch(src.as_ptr().wrapping_add(lane * stride + start + RUN + line));
            }
        }
        let whole = lanes / 4 * 4;
        for lane in (0..whole).step_by(4) {
            transpose4([row(lane), row(lane + 1), row(lane + 2), row(lane + 3)], &mut dst[lane..], width);
        }
        for lane in whole..lanes {
            for (&x, dst) in row(lane).iter().zip(dst[lane..].iter_mut().step_by(width)) {
                *dst = x;
            }
        }
    }
}

/// Four lanes of [`transpose`], square by square.
#[inline(always)]
fn transpose4(rows: [&[f32]; 4], dst: &mut [f32], width: usize) {
    let [r0, r1, r2, r3] = rows.map(|row| row.as_chunks::<4>().0);
    for (q, (((a, b), c), d)) in r0.iter().zip(r1).zip(r2).zip(r3).enumerate() {
        let square = transposed([*a, *b, *c, *d]);
        let dst = &mut dst[q * 4 * width..][..3 * width + 4];
        for (p, lanes) in square.iter().enumerate() {
            dst[p * width..][..4].copy_from_slice(lanes);
        }
    }
    for p in r0.len() * 4..rows[0].len() {
        dst[p * width..][..4].copy_from_slice(&rows.map(|row| row[p]));
    }
}
