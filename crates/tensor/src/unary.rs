//! Functions of one element, each with its in-place twin.

use crate::element::{Element, Float, Number};
use crate::tensor::Tensor;

macro_rules! unary {
    ($bound:ident: $($(#[$doc:meta])* $name:ident, $twin:ident => $f:expr;)*) => {
        impl<E: $bound> Tensor<E> {$(
            $(#[$doc])*
            pub fn $name(&self) -> Self {
                self.map($f)
            }

            #[doc = concat!("[`", stringify!($name), "`](Self::", stringify!($name), "), in place.")]
            pub fn $twin(&mut self) -> &mut Self {
                self.map_($f)
            }
        )*}
    };
}

unary! { Number:
    /// The absolute value of each element.
    abs, abs_ => Number::abs;
    /// Each element times itself.
    square, square_ => |x: E| x.mul(x);
    /// -1, 0 or 1, as each element is negative, zero or positive; 0 for NaN, as in PyTorch.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([-2.5, 0.0, 7.0_f32]).sign().to_vec(), [-1.0, 0.0, 1.0]);
    /// assert_eq!(Tensor::from([-3, 0, 5_i64]).sign().to_vec(), [-1, 0, 1]);
    /// ```
    sign, sign_ => Number::sign;
}

unary! { Float:
    /// e to the power of each element.
    exp, exp_ => E::exp;
    /// e to the power of each element, minus one; PyTorch's `expm1`.
    exp_m1, exp_m1_ => E::exp_m1;
    /// The natural logarithm of each element; PyTorch's `log`.
    ln, ln_ => E::ln;
    /// The natural logarithm of one plus each element; PyTorch's `log1p`.
    ln_1p, ln_1p_ => E::ln_1p;
    /// The logarithm to base 2 of each element.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([0.25, 1.0, 1024.0_f32]).log2().to_vec(), [-2.0, 0.0, 10.0]);
    /// ```
    log2, log2_ => E::log2;
    /// The logarithm to base 10 of each element.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([0.1, 1.0, 1000.0_f64]).log10().to_vec(), [-1.0, 0.0, 3.0]);
    /// ```
    log10, log10_ => E::log10;
    /// The square root of each element.
    sqrt, sqrt_ => E::sqrt;
    /// One divided by the square root of each element.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([4.0, 0.25_f32]).rsqrt().to_vec(), [0.5, 2.0]);
    /// ```
    rsqrt, rsqrt_ => |x: E| E::ONE / x.sqrt();
    /// One divided by each element; PyTorch's `reciprocal`.
    recip, recip_ => |x: E| E::ONE / x;
    /// The largest whole number that is not above each element.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([-1.5, 0.5, 2.5_f32]);
    /// assert_eq!(x.floor().to_vec(), [-2.0, 0.0, 2.0]);
    /// assert_eq!(x.ceil().to_vec(), [-1.0, 1.0, 3.0]);
    /// assert_eq!(x.trunc().to_vec(), [-1.0, 0.0, 2.0]);
    /// assert_eq!(x.round().to_vec(), [-2.0, 0.0, 2.0]); // halves go to the even neighbour
    /// assert_eq!(x.fract().to_vec(), [-0.5, 0.5, 0.5]);
    /// ```
    floor, floor_ => E::floor;
    /// The smallest whole number that is not below each element.
    ceil, ceil_ => E::ceil;
    /// The whole number nearest to each element, of two equally near ones the even one.
    round, round_ => E::round;
    /// Each element without its fraction.
    trunc, trunc_ => E::trunc;
    /// The fraction of each element, of the same sign; PyTorch's `frac`.
    fract, fract_ => |x: E| x - x.trunc();
    /// The hyperbolic tangent of each element.
    tanh, tanh_ => E::tanh;
    /// `1 / (1 + exp(-x))` for each element.
    sigmoid, sigmoid_ => E::sigmoid;
    /// `ln(1 + exp(x))` for each element, a smooth `max(x, 0)`.
    softplus, softplus_ => E::softplus;
    /// The error function of each element.
    erf, erf_ => E::erf;
    /// `x · Φ(x)` for each element, with the normal distribution `Φ(x) = (1 + erf(x / √2)) / 2`. PyTorch's exact `gelu`,
    /// not the one by tanh.
    gelu, gelu_ => gelu;
    /// `x · sigmoid(x)` for each element.
    silu, silu_ => |x: E| x * x.sigmoid();
}

#[inline(always)]
fn gelu<E: Float>(x: E) -> E {
    E::from_f64(0.5) * x * (E::ONE + (x * E::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

impl<E: Float> Tensor<E> {
    /// The sine of each element, in radians.
    pub fn sin(&self) -> Self {
        if self.is_near() { self.map(E::sin_near) } else { self.map(E::sin) }
    }

    /// [`sin`](Self::sin), in place.
    pub fn sin_(&mut self) -> &mut Self {
        if self.is_near() { self.map_(E::sin_near) } else { self.map_(E::sin) }
    }

    /// The cosine of each element, in radians.
    pub fn cos(&self) -> Self {
        if self.is_near() { self.map(E::cos_near) } else { self.map(E::cos) }
    }

    /// [`cos`](Self::cos), in place.
    pub fn cos_(&mut self) -> &mut Self {
        if self.is_near() { self.map_(E::cos_near) } else { self.map_(E::cos) }
    }

    /// Whether sine and cosine of all elements need no long reduction, which is one element's at a time.
    fn is_near(&self) -> bool {
        self.map(|x| x.abs() < E::NEAR).all(..).item()
    }
}

impl<E: Number> Tensor<E> {
    /// `-x` for each element, in place.
    pub fn neg_(&mut self) -> &mut Self {
        self.map_(Number::neg)
    }
}

impl<E: Float> Tensor<E> {
    /// Each element to the power of `exponent`.
    pub fn powf(&self, exponent: E) -> Self {
        self.map(|x| x.powf(exponent))
    }

    /// [`powf`](Self::powf), in place.
    pub fn powf_(&mut self, exponent: E) -> &mut Self {
        self.map_(|x| x.powf(exponent))
    }

    /// Each element where it is positive, `negative_slope` times it where it is not.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!(Tensor::from([-2.0, 3.0_f32]).leaky_relu(0.5).to_vec(), [-1.0, 3.0]);
    /// ```
    pub fn leaky_relu(&self, negative_slope: E) -> Self {
        self.map(|x| if x > E::default() { x } else { x * negative_slope })
    }

    /// Whether each element is NaN.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([1.0, f32::NAN, f32::INFINITY]);
    /// assert_eq!(x.isnan().to_vec(), [false, true, false]);
    /// assert_eq!(x.isinf().to_vec(), [false, false, true]);
    /// assert_eq!(x.isfinite().to_vec(), [true, false, false]);
    /// ```
    #[allow(clippy::eq_op)] // NaN is the one value that differs from itself
    pub fn isnan(&self) -> Tensor<bool> {
        self.map(|x| x != x)
    }

    /// Whether each element is infinite, of either sign.
    pub fn isinf(&self) -> Tensor<bool> {
        let infinity = E::from_f64(f64::INFINITY);
        self.map(|x| x.abs() == infinity)
    }

    /// Whether each element is neither NaN nor infinite.
    pub fn isfinite(&self) -> Tensor<bool> {
        let infinity = E::from_f64(f64::INFINITY);
        self.map(|x| x.abs() < infinity)
    }
}

impl<E: Element> Tensor<E> {
    /// `max(x, 0)` for each element; NaN stays NaN.
    pub fn relu(&self) -> Self {
        self.map(|x| if x < E::default() { E::default() } else { x })
    }

    /// [`relu`](Self::relu), in place.
    pub fn relu_(&mut self) -> &mut Self {
        self.map_(|x| if x < E::default() { E::default() } else { x })
    }

    /// Each element limited to `[min, max]`; NaN stays NaN. As in PyTorch, `max` wins if it is below `min`.
    pub fn clamp(&self, min: E, max: E) -> Self {
        self.map(|x| limited(x, min, max))
    }

    /// [`clamp`](Self::clamp), in place.
    pub fn clamp_(&mut self, min: E, max: E) -> &mut Self {
        self.map_(|x| limited(x, min, max))
    }
}

#[inline(always)]
fn limited<E: Element>(x: E, min: E, max: E) -> E {
    let x = if x < min { min } else { x };
    if x > max { max } else { x }
}
