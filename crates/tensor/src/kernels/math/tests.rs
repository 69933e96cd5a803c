//! The elementary functions against f64, on every instruction set.

use rayon::prelude::*;

use super::super::isa::{Isa, simd_on};
use super::super::trig;
use super::*;

struct Function {
    name: &'static str,
    /// Over a slice, on an instruction set.
    ours: fn(Isa, &mut [f32], &[f32]),
    exact: fn(f64) -> f64,
    /// The bound promised in the docs.
    ulp: f64,
}

macro_rules! function {
    ($f:path, $exact:expr, $ulp:expr) => {
        Function {
            name: stringify!($f),
            ours: |isa, out, x| {
                simd_on(
                    isa,
                    #[inline(always)]
                    || {
                        for (o, &x) in out.iter_mut().zip(x) {
                            *o = $f(x);
                        }
                    },
                );
            },
            exact: $exact,
            ulp: $ulp,
        }
    };
}

const FUNCTIONS: [Function; 12] = [
    function!(exp, f64::exp, 0.95),
    function!(exp_m1, f64::exp_m1, 1.27),
    function!(tanh, f64::tanh, 1.35),
    function!(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 1.75),
    function!(ln, f64::ln, 1.00),
    function!(log2, f64::log2, 1.76),
    function!(log10, f64::log10, 1.60),
    function!(ln_1p, f64::ln_1p, 1.64),
    function!(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), 1.87),
    function!(erf, libm::erf, 1.09),
    function!(trig::sin, f64::sin, 1.56),
    function!(trig::cos, f64::cos, 1.56),
];

fn available() -> impl Iterator<Item = Isa> {
    [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|&isa| isa <= Isa::best())
}

/// The distance of `y` from `exact` in units in the last place of `exact` as an f32, or 0 if that is the nearest f32.
/// Infinite where they differ in a sign of zero, or in being NaN.
fn error(y: f32, exact: f64) -> f64 {
    if y.to_bits() == (exact as f32).to_bits() || y.is_nan() && exact.is_nan() {
        return 0.0;
    }
    if exact.is_nan() || y.is_nan() || exact == 0.0 {
        return f64::INFINITY;
    }
    // 2¹²⁸ takes the place of infinity: half a unit below it is where rounding to the nearest float overflows.
    let clamp = |x: f64| x.clamp(-(2.0_f64.powi(128)), 2.0_f64.powi(128));
    let exact = clamp(exact);
    let exponent = ((exact.to_bits() >> 52) as i32 & 0x7ff) - 1023;
    (clamp(y.into()) - exact).abs() * 2.0_f64.powi(23 - exponent.clamp(-126, 127))
}

/// The largest error of `f` on `x`, and where. All instruction sets given must agree to the bit.
fn worst(f: &Function, x: &[f32], isas: &[Isa]) -> (f64, f32) {
    let (mut y, mut other) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    (f.ours)(isas[0], &mut y, x);
    for &isa in &isas[1..] {
        (f.ours)(isa, &mut other, x);
        for ((x, a), b) in x.iter().zip(&y).zip(&other) {
            // The bits of a NaN are not promised.
            let same = a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
            assert!(same, "{}({x:e}) is {a:e} on {:?}, {b:e} on {isa:?}", f.name, isas[0]);
        }
    }
    let errors = x.iter().zip(&y).map(|(&x, &y)| (error(y, (f.exact)(x.into())), x));
    errors.fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a })
}

#[test]
fn a_sample_of_all_floats_and_the_special_ones() {
    // A step that shares no factor with 2³² visits all exponents and all kinds of mantissas.
    let mut x: Vec<f32> = (0..1 << 19).map(|i: u32| f32::from_bits(i.wrapping_mul(8191 * 1021))).collect();
    for special in [0.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, f32::NAN, 1.0, 88.72, 103.97, 87.33] {
        for neighbour in -3..=3 {
            let bits = f32::to_bits(special).wrapping_add_signed(neighbour);
            x.extend([f32::from_bits(bits), -f32::from_bits(bits)]);
        }
    }
    let isas: Vec<Isa> = available().collect();
    for f in &FUNCTIONS {
        let (ulp, at) = worst(f, &x, &isas);
        assert!(ulp < f.ulp, "{}: {ulp} ulp at {at:e}", f.name);
    }
}

/// All 2³² floats: `cargo test --release -p downhill-tensor exhaustive -- --ignored --nocapture`. It measures the errors
/// that the docs state.
#[test]
#[ignore = "takes minutes"]
fn exhaustive() {
    const CHUNK: u32 = 1 << 16;
    // The portable code may call a library for each fused multiply-add; the sample above has to do for it.
    let isas: Vec<Isa> = available().filter(|&isa| isa != Isa::Portable || isa == Isa::best()).collect();
    for f in &FUNCTIONS {
        let chunk = |i: u32| {
            let x: Vec<f32> = (0..CHUNK).map(|j| f32::from_bits(i * CHUNK + j)).collect();
            worst(f, &x, &isas)
        };
        let larger = |a: (f64, f32), b: (f64, f32)| if b.0 > a.0 { b } else { a };
        let (ulp, at) = (0..1 << 16).into_par_iter().map(chunk).reduce(|| (0.0, 0.0), larger);
        println!("{:10} {ulp:.4} ulp at {at:e}", f.name);
        assert!(ulp < f.ulp, "{}: {ulp} ulp at {at:e}", f.name);
    }
}
