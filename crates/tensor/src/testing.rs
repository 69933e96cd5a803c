//! Comparing floats in tests, with a message that says where and by how much.

use std::fmt;

use crate::element::{Element, Float};
use crate::tensor::Tensor;

/// How far a value may be from the expected one: `absolute + relative * scale`, where the scale is the larger of
/// the expected tensor's absolute values.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Allowed difference whatever the values.
    pub absolute: f64,
    /// Allowed difference as a share of the largest expected absolute value.
    pub relative: f64,
}

impl Tolerance {
    /// Not a bit of difference (but NaN equals NaN, and 0 equals -0).
    pub const EXACT: Tolerance = Tolerance { absolute: 0.0, relative: 0.0 };

    /// A share of the largest expected absolute value.
    pub fn relative(relative: f64) -> Self {
        Tolerance { absolute: 0.0, relative }
    }

    /// A plain difference.
    pub fn absolute(absolute: f64) -> Self {
        Tolerance { absolute, relative: 0.0 }
    }
}

/// The worst element of a comparison.
#[derive(Clone, Debug)]
pub struct Deviation {
    /// Its index.
    pub index: Vec<usize>,
    /// Its value.
    pub actual: f64,
    /// What it should have been.
    pub expected: f64,
    /// The absolute difference; infinite if one of the two is NaN or they are different infinities.
    pub error: f64,
    /// The difference that was allowed.
    pub allowed: f64,
}

impl Deviation {
    /// Whether the worst element is still within the tolerance.
    pub fn is_ok(&self) -> bool {
        self.error <= self.allowed
    }

    /// The error as a share of the largest expected absolute value (or itself where that is zero).
    pub fn relative_error(&self, expected: &Tensor<impl Float>) -> f64 {
        let scale = largest(expected);
        if scale > 0.0 { self.error / scale } else { self.error }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Deviation { index, actual, expected, error, allowed } = self;
        write!(f, "at {index:?}: got {actual:e}, expected {expected:e}, error {error:e}, allowed {allowed:e}")
    }
}

/// The element of `actual` furthest from `expected`.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn deviation<E: Float>(actual: &Tensor<E>, expected: &Tensor<E>, tolerance: Tolerance) -> Deviation {
    assert!(
        actual.shape() == expected.shape(),
        "compare: shapes differ: actual {:?}, expected {:?}",
        actual.shape(),
        expected.shape()
    );
    let allowed = tolerance.absolute + tolerance.relative * largest(expected);
    let mut worst = Deviation { index: vec![], actual: 0.0, expected: 0.0, error: 0.0, allowed };
    let mut at = None;
    for (i, (a, e)) in actual.iter().zip(expected.iter()).enumerate() {
        let (a, e) = (a.to_f64(), e.to_f64());
        let same = a == e || (a.is_nan() && e.is_nan());
        let error = if same { 0.0 } else { (a - e).abs() };
        let error = if error.is_nan() { f64::INFINITY } else { error };
        if at.is_none() || error > worst.error {
            (worst.actual, worst.expected, worst.error, at) = (a, e, error, Some(i));
        }
    }
    if let Some(mut at) = at {
        for &d in expected.shape().iter().rev() {
            worst.index.insert(0, at % d);
            at /= d;
        }
    }
    worst
}

fn largest<E: Float>(tensor: &Tensor<E>) -> f64 {
    tensor.iter().map(|x| x.to_f64().abs()).filter(|x| x.is_finite()).fold(0.0, f64::max)
}

/// Panics unless every element of `actual` is within `tolerance` of `expected`; the message names the worst one.
///
/// # Panics
/// If the shapes differ or an element does not agree.
///
/// ```
/// use downhill_tensor::{Tensor, testing::{Tolerance, assert_close}};
///
/// let third = Tensor::from([1.0 / 3.0_f32]);
/// assert_close(&(third * 3.0), &Tensor::from([1.0]), Tolerance::relative(1e-7));
/// ```
#[track_caller]
pub fn assert_close<E: Float>(actual: &Tensor<E>, expected: &Tensor<E>, tolerance: Tolerance) {
    let worst = deviation(actual, expected, tolerance);
    assert!(worst.is_ok(), "{worst}");
}

/// A hash of shape and bits (FNV-1a): equal only if every element is the same to the last bit.
pub fn bits_hash<E: Element>(tensor: &Tensor<E>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |word: u64| {
        for byte in word.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    tensor.shape().iter().for_each(|&d| feed(d as u64));
    // An i64 may not survive the way through f64; a float keeps its bits, NaN payloads aside.
    match E::DTYPE {
        crate::DType::F32 | crate::DType::F64 => tensor.iter().for_each(|x| feed(x.to_f64().to_bits())),
        _ => tensor.iter().for_each(|x| feed(x.to_i64() as u64)),
    }
    hash
}

/// The work of `count` fused multiply-adds that wait for nothing, on one thread: what a processor can do at most. The
/// result means nothing.
pub fn fused_multiply_adds(count: usize) -> f32 {
    crate::kernels::gemm::fused_multiply_adds(count)
}
