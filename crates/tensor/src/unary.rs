//! Functions of one element.

use crate::element::{Element, Float};
use crate::tensor::Tensor;

macro_rules! unary {
    ($($name:ident: $doc:literal, $f:expr;)*) => {
        impl<E: Float> Tensor<E> {$(
            #[doc = $doc]
            pub fn $name(&self) -> Self {
                self.map($f)
            }
        )*}
    };
}

unary! {
    exp: "e to the power of each element.", E::exp;
    exp_m1: "e to the power of each element, minus one; PyTorch's `expm1`.", E::exp_m1;
    ln: "The natural logarithm of each element; PyTorch's `log`.", E::ln;
    ln_1p: "The natural logarithm of one plus each element; PyTorch's `log1p`.", E::ln_1p;
    sqrt: "The square root of each element.", E::sqrt;
    abs: "The absolute value of each element.", E::abs;
    square: "Each element times itself.", |x: E| x * x;
    recip: "One divided by each element; PyTorch's `reciprocal`.", |x: E| E::ONE / x;
    sin: "The sine of each element, in radians.", E::sin;
    cos: "The cosine of each element, in radians.", E::cos;
    tanh: "The hyperbolic tangent of each element.", E::tanh;
    sigmoid: "`1 / (1 + exp(-x))` for each element.", E::sigmoid;
    softplus: "`ln(1 + exp(x))` for each element, a smooth `max(x, 0)`.", E::softplus;
    erf: "The error function of each element.", E::erf;
    gelu: "`x · Φ(x)` for each element, with the normal distribution `Φ(x) = (1 + erf(x / √2)) / 2`. PyTorch's exact \
        `gelu`, not the one by tanh.", gelu;
    silu: "`x · sigmoid(x)` for each element.", |x: E| x * x.sigmoid();
}

#[inline(always)]
fn gelu<E: Float>(x: E) -> E {
    E::from_f64(0.5) * x * (E::ONE + (x * E::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

/// The in-place twins, where PyTorch has one.
macro_rules! in_place {
    ($($name:ident: $of:literal, $f:expr;)*) => {
        impl<E: Float> Tensor<E> {$(
            #[doc = concat!("`", $of, "` of each element, in place.")]
            pub fn $name(&mut self) -> &mut Self {
                self.map_($f)
            }
        )*}
    };
}

in_place! {
    exp_: "exp", E::exp;
    ln_: "ln", E::ln;
    sqrt_: "sqrt", E::sqrt;
    abs_: "abs", E::abs;
    square_: "square", |x: E| x * x;
    recip_: "recip", |x: E| E::ONE / x;
    sin_: "sin", E::sin;
    cos_: "cos", E::cos;
    tanh_: "tanh", E::tanh;
    sigmoid_: "sigmoid", E::sigmoid;
    neg_: "neg", |x: E| -x;
}

impl<E: Float> Tensor<E> {
    /// Each element to the power of `exponent`.
    pub fn powf(&self, exponent: E) -> Self {
        self.map(|x| x.powf(exponent))
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
}

impl<E: Element> Tensor<E> {
    /// `max(x, 0)` for each element; NaN stays NaN.
    pub fn relu(&self) -> Self {
        let zero = E::default();
        self.map(|x| if x < zero { zero } else { x })
    }

    /// [`relu`](Self::relu) in place.
    pub fn relu_(&mut self) -> &mut Self {
        let zero = E::default();
        self.map_(|x| if x < zero { zero } else { x })
    }

    /// [`clamp`](Self::clamp) in place.
    pub fn clamp_(&mut self, min: E, max: E) -> &mut Self {
        self.map_(|x| {
            let x = if x < min { min } else { x };
            if x > max { max } else { x }
        })
    }

    /// Each element limited to `[min, max]`; NaN stays NaN. As in PyTorch, `max` wins if it is below `min`.
    pub fn clamp(&self, min: E, max: E) -> Self {
        self.map(|x| {
            let x = if x < min { min } else { x };
            if x > max { max } else { x }
        })
    }
}
