//! AVX-512 and AVX2 forms of [`Simd`].

use super::simd::{Op, Simd};
use std::arch::x86_64::*;

/// AVX-512F. `12 * 2` accumulators, 2 vectors of B and 1 of A in 32 registers: 24 independent
/// chains, three times what two FMA pipes of latency 4 need, at 14 loads for 24 FMAs.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

/// AVX2 with FMA. `6 * 2` accumulators, 2 vectors of B and 1 of A in 16 registers.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const MR: usize = 12;

    fn new() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Avx512(()))
    }
    #[inline(always)]
    fn enter<O: Op<Self>>(self, op: O) -> O::Out {
        #[target_feature(enable = "avx512f")]
        fn compiled<O: Op<Avx512>>(op: O, simd: Avx512) -> O::Out {
            op.run(simd)
        }
        // SAFETY: `self` exists only where `new` found AVX-512F.
        unsafe { compiled(op, self) }
    }
    #[inline(always)]
    fn prefetch(self, p: *const f32) {
        // SAFETY: a hint, which never faults. (SSE is part of every x86-64.)
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
    #[inline(always)]
    fn prefetch_far(self, p: *const f32) {
        // SAFETY: a hint, which never faults. (SSE is part of every x86-64.)
        unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn relu(self, v: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F. (MAXPS gives its second operand if either is NaN.)
        unsafe { _mm512_max_ps(_mm512_setzero_ps(), v) }
    }
    #[inline(always)]
    fn fold(self, v: __m512) -> f32 {
        // SAFETY: `self` proves AVX-512F, which includes AVX2.
        unsafe {
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(v));
            fold8(_mm256_add_ps(_mm512_castps512_ps256(v), _mm256_castpd_ps(high)))
        }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        // SAFETY: `self` proves AVX-512F; the caller vouches for 16 readable elements.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_first(self, p: *const f32, n: usize) -> __m512 {
        // SAFETY: `self` proves AVX-512F; lanes outside the mask are not accessed.
        unsafe { _mm512_maskz_loadu_ps(mask16(n), p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m512) {
        // SAFETY: `self` proves AVX-512F; the caller vouches for 16 writable elements.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, v: __m512, n: usize) {
        // SAFETY: `self` proves AVX-512F; lanes outside the mask are not accessed.
        unsafe { _mm512_mask_storeu_ps(p, mask16(n), v) }
    }
}

/// The lowest `min(n, 16)` bits set.
#[inline(always)]
fn mask16(n: usize) -> __mmask16 {
    if n >= 16 { !0 } else { (1 << n) - 1 }
}

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const MR: usize = 6;

    fn new() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        found.then_some(Avx2(()))
    }
    #[inline(always)]
    fn enter<O: Op<Self>>(self, op: O) -> O::Out {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<O: Op<Avx2>>(op: O, simd: Avx2) -> O::Out {
            op.run(simd)
        }
        // SAFETY: `self` exists only where `new` found AVX2 and FMA.
        unsafe { compiled(op, self) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: `self` proves FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn relu(self, v: __m256) -> __m256 {
        // SAFETY: `self` proves AVX2. (MAXPS gives its second operand if either is NaN.)
        unsafe { _mm256_max_ps(_mm256_setzero_ps(), v) }
    }
    #[inline(always)]
    fn fold(self, v: __m256) -> f32 {
        // SAFETY: `self` proves AVX2.
        unsafe { fold8(v) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m256 {
        // SAFETY: `self` proves AVX2; the caller vouches for 8 readable elements.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_first(self, p: *const f32, n: usize) -> __m256 {
        if n >= 8 {
            // SAFETY: as for `load`.
            return unsafe { self.load(p) };
        }
        // SAFETY: `self` proves AVX2; lanes outside the mask are not accessed.
        unsafe { _mm256_maskload_ps(p, mask8(n)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m256) {
        // SAFETY: `self` proves AVX2; the caller vouches for 8 writable elements.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, v: __m256, n: usize) {
        if n >= 8 {
            // Masked stores are slow on some CPUs, and whole tiles are the common case.
            // SAFETY: as for `store`.
            return unsafe { self.store(p, v) };
        }
        // SAFETY: `self` proves AVX2; lanes outside the mask are not accessed.
        unsafe { _mm256_maskstore_ps(p, mask8(n), v) }
    }
}

/// All bits set in lane `i` where `i < n`.
#[inline]
#[target_feature(enable = "avx2")]
fn mask8(n: usize) -> __m256i {
    let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane)
}

/// [`Simd::fold`] for eight lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn fold8(v: __m256) -> f32 {
    let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
}
