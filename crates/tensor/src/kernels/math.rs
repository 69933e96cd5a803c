//! Elementary functions of `f32` that a plain loop vectorises.
//!
//! Every function is a straight line of additions, multiplications, fused
//! multiply-adds, selects and integer operations on the bits. Inlined into a
//! loop that is compiled for AVX2 or AVX-512, it becomes full-width vector
//! code. All of these operations are exactly defined by IEEE 754, so the result
//! has the same bits whichever instructions compute it, at whichever place in
//! the slice. (Two things are not promised: the bits of a NaN, and speed where
//! the target has no FMA, since `mul_add` then calls a library function.)
//!
//! The functions take care of a NaN without asking for one: a comparison with
//! NaN is false, so each select is written with the side that keeps the
//! argument as its `else`.
//!
//! The polynomials come from the crate's `tools/minimax.py`. The errors stated are the
//! largest over all 2³² arguments, in units in the last place of the exact
//! result; this module's ignored test `exhaustive` measures them.

use std::f32::consts::{LN_2, LOG2_E, LOG10_2, LOG10_E};

/// What LN_2 rounds off: ln 2 − LN_2, rounded. With both, n·ln 2 is known to 48
/// bits.
const LN_2_LOW: f32 = -1.9046542e-9;

/// 1.5·2²³. The spacing of floats here is 1, so x + ROUND is x rounded to an
/// integer (ties to even), held in the low bits of the sum; subtracting ROUND
/// gives it back as a float. Good for |x| < 2²².
pub(crate) const ROUND: f32 = 12_582_912.0;

/// The bits of 1.0, that is the exponent bias, at its place.
const ONE: u32 = 1.0f32.to_bits();

/// c₀ + c₁x + c₂x² + …
///
/// By Horner's rule in x², for the even and the odd powers apart. That is one
/// chain of FMAs split into two of half the length, which a processor can work on
/// at the same time; exp and ln need x² anyway.
#[inline(always)]
pub(crate) fn poly<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let x2 = x * x;
    // The sums c[i] + c[i + 2]·x² + c[i + 4]·x⁴ + … for the last i and the one
    // before.
    let (mut odd, mut even) = (c[N - 1], c[N - 2]);
    for &c in c[..N - 2].iter().rev() {
        (odd, even) = (even, odd.mul_add(x2, c));
    }
    odd.mul_add(x, even)
}

/// (eʳ − 1 − r) / r² for |r| ≤ 0.3467, a little more than ½ ln 2.
///
/// Minimises the resulting error relative to eʳ − 1 (2^-25.8).
#[inline(always)]
fn exp_poly(r: f32) -> f32 {
    poly(r, [0.49999997, 0.16666543, 0.0416672, 0.008366538, 0.0013882518])
}

/// Writes x, for |x| up to 128 or so, as n·ln 2 + r with an integer n and
/// |r| ≤ 0.3467. Returns the float whose low bits hold n + `bias`, itself an
/// integer, and eʳ − 1 as the sum of two parts: the first is near r, and exact.
#[inline(always)]
fn split_exp(x: f32, bias: f32) -> (u32, f32, f32) {
    let round = ROUND + bias;
    let k = x.mul_add(LOG2_E, round);
    let n = k - round;
    // r is high + low, where high is exact: the product is so inside the FMA, and
    // the difference is a small multiple of the unit of either.
    let high = n.mul_add(-LN_2, x);
    let low = n * -LN_2_LOW;
    let r = high + low;
    (k.to_bits(), high, (r * r).mul_add(exp_poly(r), low))
}

/// eˣ. Error below 0.95 ulp.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Beyond these the result is 0 or infinite, as it already is at them.
    let x = x.clamp(-104.0, 89.0);
    // 2ⁿ with −150 ≤ n ≤ 128 is not always a float, but the two halves of n are
    // exponents of normal floats: eˣ = eʳ·2^⌊n/2⌋·2^⌈n/2⌉. The product with the
    // first is normal, so a denormal result is rounded but once more. Twice the
    // bias (254) is added to n before it is halved, for the halves to come
    // out biased. What else is in k disappears in the shifts.
    let (k, p, rest) = split_exp(x, 254.0);
    let half = k >> 1;
    let scale = f32::from_bits(half << 23);
    (p + rest).mul_add(scale, scale) * f32::from_bits((k - half) << 23)
}

/// eˣ − 1. Error below 1.27 ulp.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    // At the lower bound the result already rounds to −1.
    let y = x.clamp(-18.0, 89.0);
    // eˣ − 1 = 2ⁿ(eʳ − 1) + (2ⁿ − 1); in halves, as 2¹²⁸ is not a float. Where
    // this cancels, n = ±1, the part that is added first leaves no error.
    let (k, p, rest) = split_exp(y, 126.0);
    let half = f32::from_bits(k << 23);
    let result = 2.0 * rest.mul_add(half, p.mul_add(half, half - 0.5));
    // The sum loses the sign of a zero, and halving the last bit of a denormal.
    if x.abs() < 1e-8 { x } else { result }
}

/// The hyperbolic tangent. Error below 1.35 ulp.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    // Near zero x + x³·p(x²), where p minimises the error relative to tanh over
    // [0, 0.55] (2^-27.8).
    let x2 = x * x;
    let p = poly(x2, [-0.33333316, 0.13332586, -0.05385231, 0.02107168, -0.0062742415]);
    let near = (x * x2).mul_add(p, x);

    // Farther out 1 − 2 / (e^2|x| + 1), where the fraction, with its errors, is
    // less than half of the result. At 10 the result rounds to 1.
    let a = x.abs();
    let a = if a > 10.0 { 10.0 } else { a };
    let (k, p, rest) = split_exp(2.0 * a, 127.0);
    let scale = f32::from_bits(k << 23);
    let far = 1.0 - 2.0 / (p + rest).mul_add(scale, scale + 1.0);

    (if a < 0.55 { near } else { far }).copysign(x)
}

/// The logistic function 1 / (1 + e⁻ˣ). Error below 1.75 ulp.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    // Beyond these the result is 0 or 1, as it already is at them.
    let y = (-x).clamp(-104.0, 104.0);
    // e⁻ˣ can overflow before the result is zero, so numerator and denominator
    // are divided by 2^⌊n/2⌋: 2^−⌊n/2⌋ / (2^−⌊n/2⌋ + eʳ·2^⌈n/2⌉). The halves are
    // made as in exp.
    let (k, p, rest) = split_exp(y, 254.0);
    let half = k >> 1;
    let scale = f32::from_bits((k - half) << 23);
    let one = f32::from_bits(254u32.wrapping_sub(half) << 23);
    // The denominator is one + scale + p·scale. The sum of the powers of two is
    // exact, and so goes first, until n exceeds 23; the product with p may go first
    // once it is large beside `one`.
    let p = p + rest;
    let near = p.mul_add(scale, scale + one);
    let far = p.mul_add(scale, one) + scale;
    one / if x < -8.0 { far } else { near }
}

/// (ln(1 + f) − f) / f² for 2/3 ≤ 1 + f < 4/3.
///
/// Minimises the resulting error relative to ln(1 + f) over |f| ≤ 1/3 (2^-27.4).
#[inline(always)]
fn ln_quotient(f: f32) -> f32 {
    let c = [
        -0.5,
        0.33333215,
        -0.24999797,
        0.20010406,
        -0.16680488,
        0.1400587,
        -0.12184261,
        0.13984436,
        -0.12891684,
    ];
    poly(f, c)
}

/// ln(1 + f) + k·ln 2 for 2/3 ≤ 1 + f < 4/3.
#[inline(always)]
fn ln_poly(f: f32, k: f32) -> f32 {
    let ln = (f * f).mul_add(ln_quotient(f), f);
    k.mul_add(LN_2, k.mul_add(LN_2_LOW, ln))
}

/// The k for which 2/3 ≤ x/2ᵏ < 4/3, in the place of the exponent: as the
/// integer k·2²³, to be subtracted from the bits of x.
///
/// For a positive normal x. The interval is the one around 1 on which the series
/// of ln converges best, and near 1, where ln x needs a small relative error,
/// k = 0.
#[inline(always)]
fn exponent(x: f32) -> u32 {
    const LOW: u32 = (2.0f32 / 3.0).to_bits();
    x.to_bits().wrapping_sub(LOW) & 0xff80_0000
}

/// What [`exponent`] found, as a float, plus `shift`.
#[inline(always)]
fn exponent_value(e: u32, shift: f32) -> f32 {
    ((e as i32) as f32).mul_add(1.0 / 8_388_608.0, shift)
}

/// A positive x as 2ᵏ·(1 + f), with 2/3 ≤ 1 + f < 4/3: f and k.
#[inline(always)]
fn split_ln(x: f32) -> (f32, f32) {
    // A denormal is first multiplied by 2²³.
    let denormal = x < f32::MIN_POSITIVE;
    let y = if denormal { x * 8_388_608.0 } else { x };
    let shift = if denormal { -23.0 } else { 0.0 };
    let e = exponent(y);
    let m = f32::from_bits(y.to_bits().wrapping_sub(e));
    (m - 1.0, exponent_value(e, shift))
}

/// The natural logarithm. Error below 1.00 ulp.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let (f, k) = split_ln(x);
    ln_special(x, ln_poly(f, k))
}

/// ln(1 + f) · `scale`, where `low` is what `scale` rounds off.
///
/// f is exact, so only the part of the logarithm that is not f, a sixth of it at most, is multiplied with an error.
#[inline(always)]
fn ln_scaled(f: f32, scale: f32, low: f32) -> f32 {
    let rest = f * f * ln_quotient(f);
    f.mul_add(scale, rest.mul_add(scale, f * low))
}

/// The logarithm to base 2. Error below 1.76 ulp.
#[inline(always)]
pub(crate) fn log2(x: f32) -> f32 {
    let (f, k) = split_ln(x);
    ln_special(x, k + ln_scaled(f, LOG2_E, 1.925963e-8))
}

/// The logarithm to base 10. Error below 1.60 ulp.
#[inline(always)]
pub(crate) fn log10(x: f32) -> f32 {
    let (f, k) = split_ln(x);
    let log = ln_scaled(f, LOG10_E, -1.010305e-8);
    ln_special(x, k.mul_add(LOG10_2, k.mul_add(-1.4320989e-8, log)))
}

/// ln(1 + x). Error below 1.64 ulp.
#[inline(always)]
pub(crate) fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let e = exponent(u);
    // 1 + f = (1 + x)/2ᵏ: the rounding of u served to find k, but is not in f.
    // k reaches 128, and 2⁻¹²⁸ is denormal: hence 4·2⁻ᵏ and quarters.
    let scale = f32::from_bits(4.0f32.to_bits().wrapping_sub(e));
    let f = (0.25 * x).mul_add(scale, scale.mul_add(0.25, -1.0));
    let result = ln_special(u, ln_poly(f, exponent_value(e, 0.0)));
    // The sum loses the sign of a zero, and the quarter bits of a denormal.
    if x.abs() < 1e-8 { x } else { result }
}

/// ln(1 + eˣ), a smooth max(x, 0). Error below 1.87 ulp.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    // max(x, 0) + ln(1 + t), where t = e^-|x| is at most 1.
    let t = exp(-x.abs());
    let halve = t > 1.0 / 3.0;
    let f = if halve { t.mul_add(0.5, -0.5) } else { t };
    let k = if halve { 1.0 } else { 0.0 };
    ln_poly(f, k) + if x > 0.0 { x } else { 0.0 }
}

/// ln x where the method for positive finite x does not apply, else `result`.
#[inline(always)]
fn ln_special(x: f32, result: f32) -> f32 {
    let special = if x < 0.0 { f32::NAN } else { x };
    let special = if x == 0.0 { f32::NEG_INFINITY } else { special };
    // Positive finite floats have the bits 1 to 0x7f7f_ffff.
    if x.to_bits().wrapping_sub(1) < 0x7f7f_ffff { result } else { special }
}

/// The error function. Error below 1.09 ulp.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    // Near zero x + x·p(x²), where p minimises the error relative to erf over
    // [0, 0.85] (2^-26.4).
    let p = poly(x * x, [0.12837917, -0.37612572, 0.112827174, -0.026802547, 0.005051095, -0.00063151296]);
    let near = x.mul_add(p, x);

    // Farther out 1 − 2^−h(|x|), where h = −log₂(1 − erf) is almost a parabola;
    // its polynomial minimises the error of the result relative to erf over
    // [0.85, 4] (2^-28.6). At 4 the result rounds to 1.
    let a = x.abs();
    let a = if a > 4.0 { 4.0 } else { a };
    let h =
        poly(a, [0.00015074584, 1.6274481, 0.9183027, 0.15079902, -0.03248812, 0.00449811, -0.00029384313]);
    // 2⁻ʰ = 2⁻ⁿ·eʳ
    let k = h + ROUND;
    let n = k - ROUND;
    let r = (n - h) * LN_2;
    let p = (r * r).mul_add(exp_poly(r), r);
    let scale = f32::from_bits(ONE.wrapping_sub(k.to_bits() << 23));
    let far = p.mul_add(-scale, 1.0 - scale);

    if x.abs() < 0.85 { near } else { far.copysign(x) }
}

#[cfg(test)]
mod tests;
