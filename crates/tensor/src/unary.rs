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
}

impl<E: Float> Tensor<E> {
    /// Each element to the power of `exponent`.
    pub fn powf(&self, exponent: E) -> Self {
        self.map(|x| x.powf(exponent))
    }
}

impl<E: Element> Tensor<E> {
    /// `max(x, 0)` for each element; NaN stays NaN.
    pub fn relu(&self) -> Self {
        let zero = E::default();
        self.map(|x| if x < zero { zero } else { x })
    }

    /// Each element limited to `[min, max]`; NaN stays NaN. As in PyTorch, `max` wins if it is below `min`.
    pub fn clamp(&self, min: E, max: E) -> Self {
        self.map(|x| {
            let x = if x < min { min } else { x };
            if x > max { max } else { x }
        })
    }
}
