//! Numbers drawn from an [`Rng`], in `f64` and by basic arithmetic only, so that they are the same on every platform.

use downhill_tensor::Rng;

/// A number in [0, 1): 53 random bits.
pub(crate) fn unit(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number in [`low`, `high`), or `low` if there is nothing between.
pub(crate) fn between(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * unit(rng)
}

/// True with probability `p`.
pub(crate) fn chance(rng: &mut Rng, p: f64) -> bool {
    unit(rng) < p
}
