//! The instruction set in use, chosen once per process.
//!
//! Kernels are plain Rust loops. [`simd`] compiles such a loop three times, for AVX-512, for AVX2 with FMA and for
//! the target's baseline, and runs the best one that the processor has. Because a loop's operations and their
//! order are written out (a fused multiply-add only where the source says `mul_add`), all three give the same
//! bits; the compiler may only do several elements at a time.

use std::sync::OnceLock;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Whatever the target guarantees: SSE2 on x86-64, NEON on aarch64.
    Portable,
    /// 256-bit vectors and fused multiply-add (x86-64-v3).
    Avx2,
    /// 512-bit vectors and 32 registers (AVX-512 F, BW, DQ and VL).
    Avx512,
}

impl Isa {
    /// The instruction set of this process: the best that the processor has, or a lesser one if the environment
    /// variable `DOWNHILL_ISA` says `avx2` or `portable`. Read once, at the first use.
    ///
    /// # Panics
    /// If `DOWNHILL_ISA` names no instruction set, or one that this processor lacks.
    pub fn current() -> Isa {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let best = Isa::best();
            let Some(wanted) = std::env::var_os("DOWNHILL_ISA") else { return best };
            let isa = match wanted.to_str() {
                Some("avx512") => Isa::Avx512,
                Some("avx2") => Isa::Avx2,
                Some("portable") => Isa::Portable,
                _ => panic!("DOWNHILL_ISA: expected avx512, avx2 or portable, got {wanted:?}"),
            };
            assert!(isa <= best, "DOWNHILL_ISA: this processor has no {isa:?}, the best is {best:?}");
            isa
        })
    }

    /// The best instruction set of this processor.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(Isa::detect)
    }

    fn detect() -> Isa {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("fma")
            {
                return Isa::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Isa::Avx2;
            }
        }
        Isa::Portable
    }
}

/// Runs `f`, and everything that is inlined into it, compiled for [`Isa::current`].
///
/// Mark the closure `#[inline(always)]`: what is not inlined is compiled for the baseline, where `mul_add` may be a
/// call of a library function.
#[inline(always)]
pub(crate) fn simd<R>(f: impl FnOnce() -> R) -> R {
    simd_on(Isa::current(), f)
}

/// [`simd`] for a given instruction set.
///
/// # Panics
/// If this processor does not have it.
#[inline(always)]
pub(crate) fn simd_on<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    assert!(isa <= Isa::best(), "simd: this processor has no {isa:?}");
    #[cfg(target_arch = "x86_64")]
    match isa {
        // SAFETY: `isa` does not exceed `Isa::best`, which saw these features in the processor.
        Isa::Avx512 => return unsafe { avx512(f) },
        // SAFETY: as above.
        Isa::Avx2 => return unsafe { avx2(f) },
        Isa::Portable => {}
    }
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}
