//! The five element types, and what can be computed with each.
//!
//! The traits are sealed: a kernel may rely on knowing every implementation. [`Element`] can be stored and
//! moved, [`Number`] can be added and multiplied, [`Float`] has the functions of analysis, and [`Bits`] are what
//! `& | ^ !` combine.

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::kernels::{Gemm, math, trig};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for u8 {}
    impl Sealed for i64 {}
    impl Sealed for bool {}
}

/// The name of an element type, for messages and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit floating point, the type models train in.
    F32,
    /// 64-bit floating point, the type gradients are checked in.
    F64,
    /// Unsigned bytes, the type images are stored in.
    U8,
    /// Signed 64-bit integers, the type of labels and indices.
    I64,
    /// Truth values, the type comparisons answer in.
    Bool,
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::U8 => "u8",
            DType::I64 => "i64",
            DType::Bool => "bool",
        })
    }
}

/// A type that a [`Tensor`](crate::Tensor) can hold: `f32`, `f64`, `u8`, `i64` or `bool`.
pub trait Element:
    sealed::Sealed + Copy + Default + PartialEq + PartialOrd + fmt::Debug + Send + Sync + 'static
{
    /// The type's name.
    const DTYPE: DType;
    /// One, or true.
    const ONE: Self;
    /// The type in which elements are summed: `i64` for integers and truth values (as in PyTorch), the type
    /// itself for floats.
    type Sum: Number;

    /// The value as a summand.
    fn to_sum(self) -> Self::Sum;
    /// The value as a 64-bit float; truth values are 0 and 1.
    fn to_f64(self) -> f64;
    /// The nearest value of this type: integers saturate and drop the fraction, `bool` asks for non-zero.
    fn from_f64(x: f64) -> Self;
    /// The value as a 64-bit integer; floats saturate and drop the fraction.
    fn to_i64(self) -> i64;
    /// The nearest value of this type.
    fn from_i64(x: i64) -> Self;
}

/// An element one can calculate with. Integers wrap on overflow, as in PyTorch.
pub trait Number: Element {
    /// `self + rhs`.
    fn add(self, rhs: Self) -> Self;
    /// `self - rhs`.
    fn sub(self, rhs: Self) -> Self;
    /// `self * rhs`.
    fn mul(self, rhs: Self) -> Self;
    /// `-self`.
    fn neg(self) -> Self;
    /// The absolute value; of the smallest integer, itself.
    fn abs(self) -> Self;
    /// -1, 0 or 1, as `self` is negative, zero or positive; 0 for NaN.
    fn sign(self) -> Self;
    /// The largest whole number that is not above the quotient `self / rhs`.
    ///
    /// # Panics
    /// If `rhs` is the integer zero.
    fn floor_divide(self, rhs: Self) -> Self;
    /// What [`floor_divide`](Self::floor_divide) leaves: of the sign of `rhs`, and smaller than it.
    ///
    /// # Panics
    /// If `rhs` is the integer zero.
    fn remainder(self, rhs: Self) -> Self;
}

/// An element that is a truth value or a whole number in binary: `bool`, `u8` or `i64`.
pub trait Bits: Element {
    /// `self & rhs`.
    fn and(self, rhs: Self) -> Self;
    /// `self | rhs`.
    fn or(self, rhs: Self) -> Self;
    /// `self ^ rhs`.
    fn xor(self, rhs: Self) -> Self;
    /// `!self`.
    fn not(self) -> Self;
}

/// A floating-point element: `f32` or `f64`.
///
/// The functions of `f32` are our own, with these errors in units in the last place, over all arguments: `exp` 0.95,
/// `exp_m1` 1.27, `ln` 1.00, `log2` 1.76, `log10` 1.60, `ln_1p` 1.64, `tanh` 1.35, `sigmoid` 1.75, `softplus` 1.87,
/// `erf` 1.09, `sin` and `cos` 1.56. They have the same bits on every platform; `powf` (and `norm_p`, which is made of
/// it) is the platform's. Those of `f64` are the platform's.
pub trait Float:
    Number<Sum = Self>
    + Gemm
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Below this absolute value sine and cosine need no long reduction.
    #[doc(hidden)]
    const NEAR: Self;
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// e to the power of `self`.
    fn exp(self) -> Self;
    /// e to the power of `self`, minus one.
    fn exp_m1(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// The logarithm to base 2.
    fn log2(self) -> Self;
    /// The logarithm to base 10.
    fn log10(self) -> Self;
    /// The natural logarithm of one plus `self`.
    fn ln_1p(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The largest whole number that is not above `self`.
    fn floor(self) -> Self;
    /// The smallest whole number that is not below `self`.
    fn ceil(self) -> Self;
    /// The nearest whole number, of two equally near ones the even one.
    fn round(self) -> Self;
    /// `self` without its fraction.
    fn trunc(self) -> Self;
    /// The sine of `self` radians.
    fn sin(self) -> Self;
    /// The cosine of `self` radians.
    fn cos(self) -> Self;
    /// [`sin`](Self::sin) for a number below [`NEAR`](Self::NEAR), which a loop vectorises.
    #[doc(hidden)]
    fn sin_near(self) -> Self;
    /// [`cos`](Self::cos), likewise.
    #[doc(hidden)]
    fn cos_near(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// `1 / (1 + exp(-self))`, without overflow at either end.
    fn sigmoid(self) -> Self;
    /// `ln(1 + exp(self))`, without overflow.
    fn softplus(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// `self` to the power of `exponent`.
    fn powf(self, exponent: Self) -> Self;
}

macro_rules! element {
    ($t:ty, $dtype:ident, $one:expr, sum: $sum:ty, from_i64: $from_i64:expr) => {
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            const ONE: Self = $one;
            type Sum = $sum;
            #[inline(always)]
            fn to_sum(self) -> $sum {
                self as $sum
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                self as i64
            }
            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                $from_i64(x)
            }
        }
    };
}

element!(f32, F32, 1.0, sum: f32, from_i64: |x| x as f32);
element!(f64, F64, 1.0, sum: f64, from_i64: |x| x as f64);
element!(u8, U8, 1, sum: i64, from_i64: |x: i64| x.clamp(0, 255) as u8);
element!(i64, I64, 1, sum: i64, from_i64: |x| x);

impl Element for bool {
    const DTYPE: DType = DType::Bool;
    const ONE: Self = true;
    type Sum = i64;
    #[inline(always)]
    fn to_sum(self) -> i64 {
        self as i64
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self as u8 as f64
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x != 0.0
    }
    #[inline(always)]
    fn to_i64(self) -> i64 {
        self as i64
    }
    #[inline(always)]
    fn from_i64(x: i64) -> Self {
        x != 0
    }
}

macro_rules! wrapping {
    ($t:ty) => {
        impl Number for $t {
            #[inline(always)]
            fn add(self, rhs: Self) -> Self {
                self.wrapping_add(rhs)
            }
            #[inline(always)]
            fn sub(self, rhs: Self) -> Self {
                self.wrapping_sub(rhs)
            }
            #[inline(always)]
            fn mul(self, rhs: Self) -> Self {
                self.wrapping_mul(rhs)
            }
            #[inline(always)]
            fn neg(self) -> Self {
                self.wrapping_neg()
            }
            #[inline(always)]
            fn abs(self) -> Self {
                if self < <$t>::default() { self.wrapping_neg() } else { self }
            }
            #[inline(always)]
            fn sign(self) -> Self {
                let zero = <$t>::default();
                <$t>::from(self > zero).wrapping_sub((self < zero).into())
            }
            #[inline(always)]
            fn floor_divide(self, rhs: Self) -> Self {
                let quotient = self.wrapping_div(rhs);
                let below =
                    self.wrapping_rem(rhs) != 0 && (self < <$t>::default()) != (rhs < <$t>::default());
                quotient.wrapping_sub(below.into())
            }
            #[inline(always)]
            fn remainder(self, rhs: Self) -> Self {
                let rest = self.wrapping_rem(rhs);
                let off = rest != 0 && (rest < <$t>::default()) != (rhs < <$t>::default());
                if off { rest.wrapping_add(rhs) } else { rest }
            }
        }
    };
}

wrapping!(u8);
wrapping!(i64);

macro_rules! bits {
    ($($t:ty),*) => {$(
        impl Bits for $t {
            #[inline(always)]
            fn and(self, rhs: Self) -> Self {
                self & rhs
            }
            #[inline(always)]
            fn or(self, rhs: Self) -> Self {
                self | rhs
            }
            #[inline(always)]
            fn xor(self, rhs: Self) -> Self {
                self ^ rhs
            }
            #[inline(always)]
            fn not(self) -> Self {
                !self
            }
        }
    )*};
}

bits!(bool, u8, i64);

macro_rules! float {
    ($t:ident: $($name:ident = $f:path),*) => {
        impl Number for $t {
            #[inline(always)]
            fn add(self, rhs: Self) -> Self {
                self + rhs
            }
            #[inline(always)]
            fn sub(self, rhs: Self) -> Self {
                self - rhs
            }
            #[inline(always)]
            fn mul(self, rhs: Self) -> Self {
                self * rhs
            }
            #[inline(always)]
            fn neg(self) -> Self {
                -self
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn sign(self) -> Self {
                f32::from(i8::from(self > 0.0) - i8::from(self < 0.0)).into()
            }
            #[inline(always)]
            fn floor_divide(self, rhs: Self) -> Self {
                let rest = self % rhs;
                let below = rest != 0.0 && (rest < 0.0) != (rhs < 0.0);
                // Without the rest the quotient is whole, but for rounding.
                let quotient = (self - rest) / rhs - if below { 1.0 } else { 0.0 };
                if rhs == 0.0 {
                    self / rhs
                } else if quotient == 0.0 {
                    quotient.copysign(self / rhs)
                } else {
                    quotient.round_ties_even()
                }
            }
            #[inline(always)]
            fn remainder(self, rhs: Self) -> Self {
                let rest = self % rhs;
                if rest != 0.0 && (rest < 0.0) != (rhs < 0.0) { rest + rhs } else { rest }
            }
        }

        impl Float for $t {
            const NEAR: Self = trig::FAST as $t;
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                $t::mul_add(self, a, b)
            }
            #[inline(always)]
            fn powf(self, exponent: Self) -> Self {
                $t::powf(self, exponent)
            }
            $(#[inline(always)]
            fn $name(self) -> Self {
                $f(self)
            })*
        }
    };
}

// Our own functions where they can be vectorised; they have the same bits on every instruction set.
float!(f32: sqrt = f32::sqrt, floor = f32::floor, ceil = f32::ceil, round = f32::round_ties_even,
    trunc = f32::trunc, log2 = math::log2, log10 = math::log10, exp = math::exp, exp_m1 = math::exp_m1, ln = math::ln,
    ln_1p = math::ln_1p, sin = trig::sin, cos = trig::cos, sin_near = trig::sin_fast,
    cos_near = trig::cos_fast, tanh = math::tanh, sigmoid = math::sigmoid,
    softplus = math::softplus, erf = math::erf);
float!(f64: sqrt = f64::sqrt, floor = f64::floor, ceil = f64::ceil, round = f64::round_ties_even,
    trunc = f64::trunc, log2 = f64::log2, log10 = f64::log10, exp = f64::exp, exp_m1 = f64::exp_m1, ln = f64::ln,
    ln_1p = f64::ln_1p, sin = f64::sin, cos = f64::cos, sin_near = f64::sin, cos_near = f64::cos, tanh = f64::tanh, sigmoid = sigmoid,
    softplus = softplus, erf = libm::erf);

fn sigmoid(x: f64) -> f64 {
    // exp of a number that is never positive cannot overflow; both branches are the same quotient.
    let e = (-x.abs()).exp();
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

fn softplus(x: f64) -> f64 {
    // Likewise; and NaN stays NaN, which max(x, 0) alone would lose.
    (if x < 0.0 { 0.0 } else { x }) + (-x.abs()).exp().ln_1p()
}
