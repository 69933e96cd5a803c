//! The processor's peak, which a matrix product is measured by.

use super::simd::{Op, Simd};

/// Accumulators: enough to hide the latency of two FMA units, few enough for the registers of AVX2.
const CHAINS: usize = 12;

/// `count` fused multiply-adds that wait for nothing.
pub(super) struct Peak {
    pub(super) count: usize,
    pub(super) factor: f32,
    pub(super) term: f32,
}

impl<S: Simd> Op<S> for Peak {
    type Out = f32;

    #[inline(always)]
    fn run(self, simd: S) -> f32 {
        let (factor, term) = (simd.splat(self.factor), simd.splat(self.term));
        let mut chains = [term; CHAINS];
        for _ in 0..self.count / (S::LANES * CHAINS) {
            for chain in &mut chains {
                *chain = simd.fma(*chain, factor, term);
            }
        }
        chains.into_iter().map(|chain| simd.fold(chain)).sum()
    }
}
