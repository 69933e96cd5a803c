//! Sine and cosine of `f32`, for every argument.
//!
//! A float can be as large as 2¹²⁸, and its sine is then as well defined as that
//! of 1, but takes 2/π to 200 bits. Such arguments are rare and have a method of
//! their own. Which one an element gets depends on its value alone, so it has the
//! same bits everywhere.

use super::math::{ROUND, poly};
use std::f32::consts::{FRAC_2_PI, FRAC_PI_2};

/// The fast method is for |x| below this.
///
/// There |n| < 2¹⁷ (see [`sin_fast`]), and n, from a product rounded by a
/// factor of up to 1 + 2⁻²⁵, is off the nearest integer by little enough that
/// |r| ≤ 0.79.
pub(crate) const FAST: f32 = 131_072.0;

/// sin x for |x| < 2¹⁷; meaningless beyond.
#[inline(always)]
pub(crate) fn sin_fast(x: f32) -> f32 {
    let (quadrant, r) = reduce(x.abs());
    // Sine is odd, and so is this, to the sign of zero.
    let sign = x.to_bits() & 0x8000_0000;
    f32::from_bits(sin_poly(quadrant, r).to_bits() ^ sign)
}

/// cos x for |x| < 2¹⁷; meaningless beyond.
#[inline(always)]
pub(crate) fn cos_fast(x: f32) -> f32 {
    let (quadrant, r) = reduce(x.abs());
    sin_poly(quadrant.wrapping_add(1), r)
}

/// x = n·π/2 + r: returns n in the low bits, and r.
#[inline(always)]
fn reduce(x: f32) -> (u32, f32) {
    let k = x.mul_add(FRAC_2_PI, ROUND);
    let n = k - ROUND;
    // π/2 as the sum of three floats. The first step is exact: x and n·FRAC_PI_2
    // are multiples of 2⁻²⁴ and differ by less than 1. The third is
    // far too small to cancel what the second leaves, as no float below 2¹⁷ is
    // that close to a multiple of π/2.
    let r = n.mul_add(-FRAC_PI_2, x);
    let r = n.mul_add(4.371139e-8, r);
    let r = n.mul_add(1.7151245e-15, r);
    (k.to_bits(), r)
}

/// sin(quadrant·π/2 + r) for |r| ≤ 0.79.
///
/// Both polynomials minimise the relative error, 2^-27.2 and 2^-30.9.
#[inline(always)]
fn sin_poly(quadrant: u32, r: f32) -> f32 {
    let r2 = r * r;
    let sin = (r2 * r).mul_add(poly(r2, [-0.16666654, 0.008332133, -0.00019511458]), r);
    let cos = r2.mul_add(poly(r2, [-0.5, 0.041666646, -0.0013887278, 2.4428788e-5]), 1.0);
    let value = if quadrant & 1 == 0 { sin } else { cos };
    f32::from_bits(value.to_bits() ^ (quadrant & 2) << 30)
}

/// The reduction for finite x ≥ 2¹⁷.
#[inline(never)]
fn reduce_large(x: f32) -> (u32, f32) {
    /// The first 248 bits of 2/π, after eight zeros.
    const FRAC_2_PI: [u128; 2] =
        [0x00a2_f983_6e4e_4415_29fc_2757_d1f5_34dd, 0xc0db_6295_993c_4390_41fe_5163_abde_bbc5];
    // x = m·2^(e − 150) with a 24-bit integer m. Drop from 2/π the bits that,
    // times x, are multiples of 4; of the others keep 128. Their product with m
    // is then x·2/π modulo 4, in units of 2⁻¹²⁶, and at most 2²⁴ of these wrong.
    // The drop is of the first e − 144 bits: none at e = 144, that is x = 2¹⁷.
    let e = x.to_bits() >> 23;
    let m = x.to_bits() & 0x007f_ffff | 0x0080_0000;
    let drop = e - 144;
    let window = FRAC_2_PI[0] << drop | FRAC_2_PI[1] >> 1 >> (127 - drop);
    let turns = window.wrapping_mul(m.into());
    let quadrant = turns.wrapping_add(1 << 125) >> 126;
    let fraction = turns.wrapping_sub(quadrant << 126) as i128;
    let r = fraction as f64 * (std::f64::consts::FRAC_PI_2 / (1u128 << 126) as f64);
    (quadrant as u32, r as f32)
}

/// sin x. Error below 1.56 ulp.
#[inline(always)]
pub(crate) fn sin(x: f32) -> f32 {
    if x.abs() < FAST {
        sin_fast(x)
    } else if x.is_finite() {
        let (quadrant, r) = reduce_large(x.abs());
        sin_poly(quadrant, r) * x.signum()
    } else {
        f32::NAN
    }
}

/// cos x. Error below 1.56 ulp.
#[inline(always)]
pub(crate) fn cos(x: f32) -> f32 {
    if x.abs() < FAST {
        cos_fast(x)
    } else if x.is_finite() {
        let (quadrant, r) = reduce_large(x.abs());
        sin_poly(quadrant.wrapping_add(1), r)
    } else {
        f32::NAN
    }
}
