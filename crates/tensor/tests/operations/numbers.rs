//! Elementwise functions at the values where their definitions are tested hardest: signs of zeros, NaN, wrapping, rounding.

use downhill_tensor::Tensor;

/// Arguments where rounding, signs and quotients have their corners.
const CORNERS: [f64; 17] = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    0.49999999999999994,
    7.0,
    -7.0,
    3.0,
    1e300,
    -4503599627370497.5,
    5e-324,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// Asserts equality to the bit, but for the bits of NaN.
#[track_caller]
fn assert_bits(got: f64, expected: f64, what: &str) {
    let same = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
    assert!(same, "{what}: got {got:e}, expected {expected:e}");
}

#[test]
fn whole_numbers_and_signs() {
    type Case = (&'static str, fn(&Tensor<f64>) -> Tensor<f64>, fn(f64) -> f64);
    let cases: [Case; 6] = [
        ("floor", Tensor::floor, f64::floor),
        ("ceil", Tensor::ceil, f64::ceil),
        ("trunc", Tensor::trunc, f64::trunc),
        ("round", Tensor::round, |x| {
            // Half to even, by hand.
            let down = x.floor();
            let up = x - down > 0.5 || (x - down == 0.5 && down % 2.0 != 0.0);
            (down + f64::from(u8::from(up))).copysign(x)
        }),
        ("fract", Tensor::fract, |x| x - x.trunc()),
        ("sign", Tensor::sign, |x| {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                0.0
            }
        }),
    ];
    for (name, op, f) in cases {
        for (y, x) in op(&Tensor::from(CORNERS)).iter().zip(CORNERS) {
            assert_bits(y, f(x), &format!("{name} of {x:e}"));
        }
        let single = Tensor::from(CORNERS).to::<f32>();
        for (y, x) in op(&single.to()).to::<f32>().iter().zip(single.iter()) {
            let narrow: f32 = match name {
                "floor" => Tensor::from([x]).floor(),
                "ceil" => Tensor::from([x]).ceil(),
                "trunc" => Tensor::from([x]).trunc(),
                "round" => Tensor::from([x]).round(),
                "fract" => Tensor::from([x]).fract(),
                _ => Tensor::from([x]).sign(),
            }
            .item();
            assert_bits(narrow.into(), y.into(), &format!("{name} of {x:e} in f32"));
        }
    }
    assert_eq!(Tensor::from([i64::MIN, -5, 0, 5]).abs().to_vec(), [i64::MIN, 5, 0, 5]);
    assert_eq!(Tensor::from([0_u8, 200]).sign().to_vec(), [0, 1]);
    assert_eq!((-Tensor::from([0_u8, 1, 255])).to_vec(), [0, 255, 1]);
    assert_eq!((10 - Tensor::from([1_i64, 2])).to_vec(), [9, 8]);
    assert_eq!((2 * Tensor::from([200_u8])).to_vec(), [144]);
}

/// The definition: the whole number below the quotient, and what is left, of the divisor's sign.
#[test]
fn quotients_and_remainders() {
    for a in -9..=9_i64 {
        for b in (-4..=4_i64).filter(|&b| b != 0) {
            let (q, r) = (Tensor::from([a]).floor_divide(b).item(), Tensor::from([a]).remainder(b).item());
            assert!(q * b + r == a && r.abs() < b.abs() && r * b >= 0, "{a} by {b}: {q}, {r}");
            let (a, b) = (a as f64 / 4.0, b as f64 / 4.0);
            let (x, y) = (Tensor::from([a]), Tensor::scalar(b));
            assert_eq!((x.floor_divide(&y).item(), x.remainder(&y).item()), (q as f64, r as f64 / 4.0));
        }
    }
    assert_eq!(Tensor::from([i64::MIN]).floor_divide(-1).item(), i64::MIN);
    assert_eq!(Tensor::from([i64::MIN]).remainder(-1).item(), 0);
    assert_eq!(Tensor::from([200_u8]).floor_divide(7).item(), 28);
    // What PyTorch answers.
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (a, b, quotient, remainder) in [
        (0.0, 3.0, 0.0, 0.0),
        (-0.0, 3.0, -0.0, -0.0),
        (-0.0, -2.0, 0.0, -0.0),
        (inf, 3.0, nan, nan),
        (5.0, inf, 0.0, 5.0),
        (-5.0, inf, -1.0, inf),
        (1.0, 0.0, inf, nan),
        (7.0, -inf, -1.0, -inf),
        (-7.0, -inf, 0.0, -7.0),
        (1.0, nan, nan, nan),
    ] {
        assert_bits(Tensor::from([a]).floor_divide(b).item(), quotient, &format!("{a} // {b}"));
        assert_bits(Tensor::from([a]).remainder(b).item(), remainder, &format!("{a} % {b}"));
    }
}

#[test]
fn bits_and_truth() {
    let (a, b) = (Tensor::from([[false], [true]]), Tensor::from([false, true]));
    assert_eq!((&a & &b).to_vec(), [false, false, false, true]);
    assert_eq!((&a | &b).to_vec(), [false, true, true, true]);
    assert_eq!((&a ^ &b).to_vec(), [false, true, true, false]);
    assert_eq!((!&a).to_vec(), [true, false]);
    assert_eq!((!(a & true) | b).to_vec(), [true, true, false, true]);
    let x = Tensor::from([0b1100, -1_i64]);
    assert_eq!((&x & 0b1010).to_vec(), [0b1000, 0b1010]);
    assert_eq!((&x ^ &x).to_vec(), [0, 0]);
    assert_eq!((!x).to_vec(), [-13, 0]);
    assert_eq!((!Tensor::from([0xf0_u8]) | 0x80).to_vec(), [0x8f]);
}

#[test]
fn closeness() {
    let x = Tensor::from([1.0, f64::INFINITY, -0.0]);
    assert!(x.equal(&x) && x.allclose(&x, 0.0, 0.0) && x.equal(&Tensor::from([1.0, f64::INFINITY, 0.0])));
    assert!(
        !x.equal(&x.reshape(&[3, 1])) && !x.allclose(&Tensor::from([1.1, f64::INFINITY, 0.0]), 0.05, 0.0)
    );
    assert!(Tensor::from([1.0]).allclose(&Tensor::from([1.1]), 0.0, 0.11));
    assert!(!Tensor::from([1.0]).allclose(&Tensor::from([f64::INFINITY]), 1.0, 1.0));
    assert!(!Tensor::from([f64::NAN]).allclose(&Tensor::from([f64::NAN]), 1.0, 1.0));
    assert!(!Tensor::from([f64::NAN]).equal(&Tensor::from([f64::NAN])));
    assert!(Tensor::<f32>::zeros(&[0]).equal(&Tensor::zeros(&[0])));
}
