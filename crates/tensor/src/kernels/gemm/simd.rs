//! The few vector operations the kernels are written in, and their portable form.

/// A vector instruction set. The value is the proof that the running CPU has it: the only way to
/// get one is [`Simd::new`], so safe methods may use the instructions.
///
/// Every operation is defined lane by lane with one rounding, so that a kernel written in these
/// operations gives the same bits on every implementation.
pub(super) trait Simd: Copy + Send + Sync {
    /// One vector register.
    type V: Copy;
    /// `f32` lanes in one register.
    const LANES: usize;
    /// Rows of the largest micro-tile: `MR * NV` accumulators, `NV` vectors of B and one broadcast
    /// element of A fill the register file.
    const MR: usize;

    fn new() -> Option<Self>;

    /// Runs `op` in a function compiled for this instruction set, into which the (always inlined)
    /// operations below and `op` itself dissolve.
    fn enter<O: Op<Self>>(self, op: O) -> O::Out;

    /// Hints that the line at `p`, any address, is about to be read.
    #[inline(always)]
    fn prefetch(self, _p: *const f32) {}

    /// [`prefetch`](Self::prefetch) into the second cache, for what is read later.
    #[inline(always)]
    fn prefetch_far(self, _p: *const f32) {}

    fn splat(self, x: f32) -> Self::V;
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `if 0 > v { 0 } else { v }`: NaN stays NaN, as in the scalar [`relu`].
    fn relu(self, v: Self::V) -> Self::V;
    /// Adds the upper half of the lanes to the lower half, until one is left.
    fn fold(self, v: Self::V) -> f32;

    /// # Safety
    /// `p` must be valid for reading `LANES` elements; no alignment is asked for.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// The first `n` lanes from memory and zeros after them; `n >= LANES` is a full load.
    /// # Safety
    /// `p` must be valid for reading `min(n, LANES)` elements.
    unsafe fn load_first(self, p: *const f32, n: usize) -> Self::V;
    /// # Safety
    /// `p` must be valid for writing `LANES` elements; no alignment is asked for.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// Stores the first `n` lanes; `n >= LANES` is a full store.
    /// # Safety
    /// `p` must be valid for writing `min(n, LANES)` elements.
    unsafe fn store_first(self, p: *mut f32, v: Self::V, n: usize);
}

/// Vector registers side by side in a micro-tile: its width is `NV * LANES` columns.
pub(super) const NV: usize = 2;

/// Work to be compiled for the instruction set `S`, see [`Simd::enter`].
/// Implementations of `run` must be `#[inline(always)]` to be so.
pub(super) trait Op<S> {
    type Out;
    fn run(self, simd: S) -> Self::Out;
}

/// The scalar twin of [`Simd::relu`]; `f32::max` would turn NaN into 0.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if 0.0 > x { 0.0 } else { x }
}

/// Plain Rust, for any target. Four lanes: one NEON register, and `12 * 2` accumulators fit the
/// 32 of them. Where the target has no fused multiply-add at compile time, `mul_add` is a slow
/// library call, correct all the same.
#[derive(Clone, Copy)]
pub(super) struct Portable(());

impl Simd for Portable {
    type V = [f32; 4];
    const LANES: usize = 4;
    const MR: usize = 12;

    fn new() -> Option<Self> {
        Some(Portable(()))
    }
    #[inline(always)]
    fn enter<O: Op<Self>>(self, op: O) -> O::Out {
        op.run(self)
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; 4]
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn relu(self, v: Self::V) -> Self::V {
        v.map(relu)
    }
    #[inline(always)]
    fn fold(self, [a, b, c, d]: Self::V) -> f32 {
        (a + c) + (b + d)
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller vouches for 4 readable elements; an array of f32 has their alignment.
        unsafe { p.cast::<Self::V>().read() }
    }
    #[inline(always)]
    unsafe fn load_first(self, p: *const f32, n: usize) -> Self::V {
        // SAFETY: only the first min(n, 4) elements are read.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller vouches for 4 writable elements; an array of f32 has their alignment.
        unsafe { p.cast::<Self::V>().write(v) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, v: Self::V, n: usize) {
        for (i, &x) in v.iter().enumerate().take(n) {
            // SAFETY: only the first min(n, 4) elements are written.
            unsafe { *p.add(i) = x }
        }
    }
}
