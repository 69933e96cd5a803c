//! Functions of one element.
//!
//! A derivative is written once, for anything that can calculate: on floats it becomes the body of one fused loop over
//! gradient and saved value, on variables a piece of graph that can be differentiated again.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::ops::{Add, Div, Mul, Neg, Sub};

use downhill_tensor::{Float, Tensor};

use crate::mode::is_grad_enabled;
use crate::record::Saved;
use crate::var::Var;

/// What a derivative's formula may use.
trait Calculus:
    Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// `c - self`.
    fn complement(self, c: f64) -> Self;
    /// `self · c`.
    fn scaled(self, c: f64) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn exp(self) -> Self;
    fn erf(self) -> Self;
    fn sigmoid(self) -> Self;
    fn powf(self, exponent: f64) -> Self;
    /// -1, 0 or 1. A constant: its own derivative is zero wherever it exists.
    fn sign(self) -> Self;
    /// Zero where `at` is zero or negative, `self` elsewhere: also where it is NaN, which is not to be hidden.
    fn zero_up_to_zero(self, at: &Self) -> Self;
    /// `self` where `at` is positive, `other` elsewhere.
    fn where_positive_else(self, at: &Self, other: Self) -> Self;
    /// `self` where `at` lies between the bounds or on them, zero elsewhere.
    fn where_between(self, at: &Self, low: f64, high: f64) -> Self;
}

/// The gradient of a function of one element, from the incoming gradient and what was saved: the function's input or
/// its output.
trait Formula: Copy + Send + Sync + 'static {
    fn gradient<C: Calculus>(&self, g: C, saved: C) -> C;
}

enum Saves {
    Input,
    Output,
}

enum Kept<T: Float> {
    Input(Saved<T>),
    Output(Tensor<T>),
}

impl<T: Float> Var<T> {
    fn unary(&self, op: &'static str, value: Tensor<T>, saves: Saves, formula: impl Formula) -> Var<T> {
        let y = value.clone();
        Var::record(op, [self], value, || {
            let kept = match saves {
                Saves::Input => Kept::Input(self.save()),
                Saves::Output => Kept::Output(y),
            };
            move |d| {
                let saved = match &kept {
                    Kept::Input(x) => x.var(),
                    Kept::Output(y) => d.out(y),
                };
                if is_grad_enabled() {
                    return [Some(formula.gradient(d.grad, saved))];
                }
                let gradient = move |g: T, s: T| formula.gradient(Number(g), Number(s)).0;
                [Some(Var::new(d.grad.into_value().into_zip(op, &saved.value(), gradient)))]
            }
        })
    }
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident saves $saves:ident: |$g:ident, $s:ident| $gradient:expr;)*) => {
        impl<T: Float> Var<T> {$(
            $(#[$doc])*
            pub fn $name(&self) -> Var<T> {
                #[derive(Clone, Copy)]
                struct Derivative;
                impl Formula for Derivative {
                    #[inline(always)]
                    fn gradient<C: Calculus>(&self, $g: C, $s: C) -> C {
                        $gradient
                    }
                }
                self.unary(stringify!($name), self.value().$name(), Saves::$saves, Derivative)
            }
        )*}
    };
}

unary! {
    /// e to the power of each element.
    exp saves Output: |g, y| g * y;
    /// The natural logarithm of each element; PyTorch's `log`.
    ln saves Input: |g, x| g / x;
    /// The square root of each element.
    sqrt saves Output: |g, y| g / y.scaled(2.0);
    /// The absolute value of each element; the gradient at zero is zero.
    abs saves Input: |g, x| g * x.sign();
    /// Each element times itself.
    square saves Input: |g, x| g * x.scaled(2.0);
    /// One divided by each element; PyTorch's `reciprocal`.
    recip saves Output: |g, y| -g * y.clone() * y;
    /// The sine of each element, in radians.
    sin saves Input: |g, x| g * x.cos();
    /// The cosine of each element, in radians.
    cos saves Input: |g, x| -g * x.sin();
    /// The hyperbolic tangent of each element.
    tanh saves Output: |g, y| g * (y.clone() * y).complement(1.0);
    /// `1 / (1 + exp(-x))` for each element.
    sigmoid saves Output: |g, y| g * y.clone() * y.complement(1.0);
    /// `max(x, 0)` for each element; the gradient at zero is zero.
    relu saves Output: |g, y| g.zero_up_to_zero(&y);
    /// The error function of each element.
    erf saves Input: |g, x| g * (-(x.clone() * x)).exp().scaled(FRAC_2_SQRT_PI);
    /// `x · Φ(x)` for each element, with the normal distribution `Φ(x) = (1 + erf(x / √2)) / 2`; the gradient is
    /// `g · (Φ(x) + x · Φ'(x))`. PyTorch's exact `gelu`, not the one by tanh.
    gelu saves Input: |g, x| {
        let below = (-x.clone().scaled(FRAC_1_SQRT_2).erf()).complement(1.0).scaled(0.5);
        let density = (x.clone() * x.clone()).scaled(-0.5).exp().scaled(0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
        g * (below + x * density)
    };
    /// `x · sigmoid(x)` for each element, also called swish; the gradient is `g · s · (1 + x · (1 - s))` with
    /// `s = sigmoid(x)`.
    silu saves Input: |g, x| {
        let s = x.clone().sigmoid();
        g * s.clone() * (-(x * s.complement(1.0))).complement(1.0)
    };
    /// `ln(1 + exp(x))` for each element, without overflow.
    softplus saves Input: |g, x| g * x.sigmoid();
}

impl<T: Float> Var<T> {
    /// Each element to the power of `exponent`.
    pub fn powf(&self, exponent: T) -> Var<T> {
        #[derive(Clone, Copy)]
        struct Derivative(f64);
        impl Formula for Derivative {
            fn gradient<C: Calculus>(&self, g: C, x: C) -> C {
                if self.0 == 0.0 {
                    // Not 0 · x⁻¹, which is NaN at zero.
                    return g.scaled(0.0);
                }
                g * x.powf(self.0 - 1.0).scaled(self.0)
            }
        }
        self.unary("powf", self.value().powf(exponent), Saves::Input, Derivative(exponent.to_f64()))
    }

    /// Each element where it is positive, `negative_slope` times it where it is not; the gradient likewise.
    pub fn leaky_relu(&self, negative_slope: T) -> Var<T> {
        #[derive(Clone, Copy)]
        struct Derivative(f64);
        impl Formula for Derivative {
            #[inline(always)]
            fn gradient<C: Calculus>(&self, g: C, x: C) -> C {
                let sloped = g.clone().scaled(self.0);
                g.where_positive_else(&x, sloped)
            }
        }
        let value = self.value().leaky_relu(negative_slope);
        self.unary("leaky_relu", value, Saves::Input, Derivative(negative_slope.to_f64()))
    }

    /// Each element limited to `[min, max]`; the gradient passes on the bounds and between them.
    pub fn clamp(&self, min: T, max: T) -> Var<T> {
        #[derive(Clone, Copy)]
        struct Derivative(f64, f64);
        impl Formula for Derivative {
            #[inline(always)]
            fn gradient<C: Calculus>(&self, g: C, x: C) -> C {
                g.where_between(&x, self.0, self.1)
            }
        }
        let derivative = Derivative(min.to_f64(), max.to_f64());
        self.unary("clamp", self.value().clamp(min, max), Saves::Input, derivative)
    }
}

/// A float that calculates. (A wrapper, because an implementation for every `T: Float` and one for `Var` might overlap
/// for all that the compiler may assume.)
#[derive(Clone, Copy)]
struct Number<T>(T);

macro_rules! number_operator {
    ($($trait:ident $method:ident $op:tt),*) => {$(
        impl<T: Float> $trait for Number<T> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, rhs: Self) -> Self {
                Number(self.0 $op rhs.0)
            }
        }
    )*};
}

number_operator!(Add add +, Sub sub -, Mul mul *, Div div /);

impl<T: Float> Neg for Number<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Number(-self.0)
    }
}

impl<T: Float> Calculus for Number<T> {
    #[inline(always)]
    fn complement(self, c: f64) -> Self {
        Number(T::from_f64(c) - self.0)
    }
    #[inline(always)]
    fn scaled(self, c: f64) -> Self {
        Number(self.0 * T::from_f64(c))
    }
    #[inline(always)]
    fn sin(self) -> Self {
        Number(self.0.sin())
    }
    #[inline(always)]
    fn cos(self) -> Self {
        Number(self.0.cos())
    }
    #[inline(always)]
    fn exp(self) -> Self {
        Number(self.0.exp())
    }
    #[inline(always)]
    fn erf(self) -> Self {
        Number(self.0.erf())
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Number(self.0.sigmoid())
    }
    #[inline(always)]
    fn powf(self, exponent: f64) -> Self {
        Number(self.0.powf(T::from_f64(exponent)))
    }
    #[inline(always)]
    fn sign(self) -> Self {
        Number(sign(self.0))
    }
    #[inline(always)]
    fn zero_up_to_zero(self, at: &Self) -> Self {
        Number(if at.0 <= T::default() { T::default() } else { self.0 })
    }
    #[inline(always)]
    fn where_positive_else(self, at: &Self, other: Self) -> Self {
        if at.0 > T::default() { self } else { other }
    }
    #[inline(always)]
    fn where_between(self, at: &Self, low: f64, high: f64) -> Self {
        Number(if at.0 >= T::from_f64(low) && at.0 <= T::from_f64(high) { self.0 } else { T::default() })
    }
}

impl<T: Float> Calculus for Var<T> {
    fn complement(self, c: f64) -> Self {
        self.rsub(T::from_f64(c))
    }
    fn scaled(self, c: f64) -> Self {
        self * T::from_f64(c)
    }
    fn sin(self) -> Self {
        Var::sin(&self)
    }
    fn cos(self) -> Self {
        Var::cos(&self)
    }
    fn exp(self) -> Self {
        Var::exp(&self)
    }
    fn erf(self) -> Self {
        Var::erf(&self)
    }
    fn sigmoid(self) -> Self {
        Var::sigmoid(&self)
    }
    fn powf(self, exponent: f64) -> Self {
        Var::powf(&self, T::from_f64(exponent))
    }
    fn sign(self) -> Self {
        Var::new(self.value().map(sign))
    }
    fn zero_up_to_zero(self, at: &Self) -> Self {
        crate::ops::where_(&at.value().le(T::default()), T::default(), self)
    }
    fn where_positive_else(self, at: &Self, other: Self) -> Self {
        crate::ops::where_(&at.value().gt(T::default()), self, other)
    }
    fn where_between(self, at: &Self, low: f64, high: f64) -> Self {
        let (low, high) = (T::from_f64(low), T::from_f64(high));
        crate::ops::where_(&at.value().map(|x| x >= low && x <= high), self, T::default())
    }
}

#[inline(always)]
fn sign<T: Float>(x: T) -> T {
    let zero = T::default();
    if x > zero {
        T::ONE
    } else if x < zero {
        -T::ONE
    } else {
        // Zero for zero, NaN for NaN.
        x
    }
}
