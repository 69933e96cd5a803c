//! Arithmetic with broadcasting: the operators, their in-place twins, and the binary functions.
//!
//! An operator that is given a tensor by value reuses its memory for the result where it can, so a chain such as
//! `(a - &b) * 2.0 + 1.0` takes one buffer.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::element::{DType, Element, Float, Number};
use crate::tensor::Tensor;

/// One operator for tensors by value and by reference, and for a tensor and a scalar.
macro_rules! operator {
    ($trait:ident, $method:ident, $bound:ident, $f:path; $(#[$doc:meta])*) => {
        impl<E: $bound> $trait<&Tensor<E>> for &Tensor<E> {
            type Output = Tensor<E>;
            $(#[$doc])*
            #[track_caller]
            fn $method(self, rhs: &Tensor<E>) -> Tensor<E> {
                self.zip(stringify!($method), rhs, $f)
            }
        }
        impl<E: $bound> $trait<&Tensor<E>> for Tensor<E> {
            type Output = Tensor<E>;
            #[track_caller]
            fn $method(self, rhs: &Tensor<E>) -> Tensor<E> {
                self.into_zip(stringify!($method), rhs, $f)
            }
        }
        impl<E: $bound> $trait<Tensor<E>> for &Tensor<E> {
            type Output = Tensor<E>;
            #[track_caller]
            fn $method(self, mut rhs: Tensor<E>) -> Tensor<E> {
                if rhs.shape() == self.shape() && rhs.is_reusable() {
                    rhs.zip_(stringify!($method), self, |b, a| $f(a, b));
                    return rhs;
                }
                self.zip(stringify!($method), &rhs, $f)
            }
        }
        impl<E: $bound> $trait<Tensor<E>> for Tensor<E> {
            type Output = Tensor<E>;
            #[track_caller]
            fn $method(self, rhs: Tensor<E>) -> Tensor<E> {
                self.into_zip(stringify!($method), &rhs, $f)
            }
        }
        impl<E: $bound> $trait<E> for &Tensor<E> {
            type Output = Tensor<E>;
            fn $method(self, rhs: E) -> Tensor<E> {
                self.map(|x| $f(x, rhs))
            }
        }
        impl<E: $bound> $trait<E> for Tensor<E> {
            type Output = Tensor<E>;
            fn $method(self, rhs: E) -> Tensor<E> {
                self.into_map(|x| $f(x, rhs))
            }
        }
    };
}

pub(crate) use operator;

operator! {
    Add, add, Number, Number::add;
    /// `self + rhs`, both broadcast to a common shape. Integers wrap.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
}
operator! {
    Sub, sub, Number, Number::sub;
    /// `self - rhs`, both broadcast to a common shape. Integers wrap.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
}
operator! {
    Mul, mul, Number, Number::mul;
    /// `self * rhs`, element by element, both broadcast to a common shape. Integers wrap.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
}
operator! {
    Div, div, Float, Div::div;
    /// `self / rhs`, both broadcast to a common shape. For integers there is [`Tensor::floor_divide`].
    ///
    /// # Panics
    /// If the shapes do not broadcast.
}

/// A scalar on the left, which Rust wants spelled out for every type.
macro_rules! scalar_on_the_left {
    ($t:ty: $($trait:ident $method:ident $f:path),*) => {$(
        impl $trait<&Tensor<$t>> for $t {
            type Output = Tensor<$t>;
            fn $method(self, rhs: &Tensor<$t>) -> Tensor<$t> {
                rhs.map(|x| $f(self, x))
            }
        }
        impl $trait<Tensor<$t>> for $t {
            type Output = Tensor<$t>;
            fn $method(self, rhs: Tensor<$t>) -> Tensor<$t> {
                rhs.into_map(|x| $f(self, x))
            }
        }
    )*};
}

scalar_on_the_left!(f32: Add add Number::add, Sub sub Number::sub, Mul mul Number::mul, Div div Div::div);
scalar_on_the_left!(f64: Add add Number::add, Sub sub Number::sub, Mul mul Number::mul, Div div Div::div);
scalar_on_the_left!(u8: Add add Number::add, Sub sub Number::sub, Mul mul Number::mul);
scalar_on_the_left!(i64: Add add Number::add, Sub sub Number::sub, Mul mul Number::mul);

impl<E: Number> Neg for &Tensor<E> {
    type Output = Tensor<E>;
    fn neg(self) -> Tensor<E> {
        self.map(Number::neg)
    }
}

impl<E: Number> Neg for Tensor<E> {
    type Output = Tensor<E>;
    fn neg(self) -> Tensor<E> {
        self.into_map(Number::neg)
    }
}

impl<E: Number> Tensor<E> {
    /// `self += rhs`, with `rhs` broadcast to the shape of `self`.
    ///
    /// # Panics
    /// If `rhs` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn add_(&mut self, rhs: impl Into<Tensor<E>>) -> &mut Self {
        self.zip_("add_", &rhs.into(), Number::add)
    }

    /// `self -= rhs`, with `rhs` broadcast to the shape of `self`.
    ///
    /// # Panics
    /// If `rhs` does not broadcast to the shape of `self`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let mut weights = Tensor::<f32>::ones(&[2]);
    /// let gradient = Tensor::from_vec(vec![0.5, -0.5], &[2]);
    /// weights.sub_(&gradient * 0.1);
    /// assert_eq!(weights.to_vec(), [0.95, 1.05]);
    /// ```
    #[track_caller]
    pub fn sub_(&mut self, rhs: impl Into<Tensor<E>>) -> &mut Self {
        self.zip_("sub_", &rhs.into(), Number::sub)
    }

    /// `self *= rhs`, with `rhs` broadcast to the shape of `self`.
    ///
    /// # Panics
    /// If `rhs` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn mul_(&mut self, rhs: impl Into<Tensor<E>>) -> &mut Self {
        self.zip_("mul_", &rhs.into(), Number::mul)
    }

    /// The largest whole number that is not above `self / rhs`, both broadcast to a common shape.
    /// `torch.floor_divide`, Python's `//`.
    ///
    /// # Panics
    /// If the shapes do not broadcast, or an integer is divided by zero.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([-7, 7, 8_i64]);
    /// assert_eq!(x.floor_divide(2).to_vec(), [-4, 3, 4]);
    /// assert_eq!(x.remainder(2).to_vec(), [1, 1, 0]);
    /// ```
    #[track_caller]
    pub fn floor_divide(&self, rhs: impl Into<Tensor<E>>) -> Self {
        self.zip("floor_divide", &self.divisor("floor_divide", rhs.into()), Number::floor_divide)
    }

    /// What [`floor_divide`](Self::floor_divide) leaves, `self - rhs * floor(self / rhs)`: between zero and `rhs`.
    /// `torch.remainder`, Python's `%` (but not Rust's, which takes the sign of `self`).
    ///
    /// # Panics
    /// If the shapes do not broadcast, or an integer is divided by zero.
    #[track_caller]
    pub fn remainder(&self, rhs: impl Into<Tensor<E>>) -> Self {
        self.zip("remainder", &self.divisor("remainder", rhs.into()), Number::remainder)
    }

    /// `rhs`, of which no integer is zero.
    #[track_caller]
    fn divisor(&self, op: &str, rhs: Tensor<E>) -> Tensor<E> {
        let divides = !matches!(E::DTYPE, DType::U8 | DType::I64) || rhs.ne(E::default()).all(..).item();
        assert!(
            divides,
            "{op}: an integer is divided by zero: lhs {:?}, rhs {:?}",
            self.shape(),
            rhs.shape()
        );
        rhs
    }
}

impl<E: Float> Tensor<E> {
    /// `self /= rhs`, with `rhs` broadcast to the shape of `self`.
    ///
    /// # Panics
    /// If `rhs` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn div_(&mut self, rhs: impl Into<Tensor<E>>) -> &mut Self {
        self.zip_("div_", &rhs.into(), Div::div)
    }

    /// `self += alpha * rhs`, each element rounded once. PyTorch's `add_(rhs, alpha=alpha)`.
    ///
    /// # Panics
    /// If `rhs` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn add_scaled_(&mut self, rhs: &Tensor<E>, alpha: E) -> &mut Self {
        self.zip_("add_scaled_", rhs, |a, b| b.mul_add(alpha, a))
    }
}

impl<E: Element> Tensor<E> {
    /// The larger of corresponding elements, NaN if either is. `torch.maximum`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    #[allow(clippy::eq_op)] // NaN is the one value that differs from itself
    pub fn maximum(&self, rhs: impl Into<Tensor<E>>) -> Self {
        self.zip("maximum", &rhs.into(), |a, b| if a > b || a != a { a } else { b })
    }

    /// The smaller of corresponding elements, NaN if either is. `torch.minimum`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    #[allow(clippy::eq_op)] // NaN is the one value that differs from itself
    pub fn minimum(&self, rhs: impl Into<Tensor<E>>) -> Self {
        self.zip("minimum", &rhs.into(), |a, b| if a < b || a != a { a } else { b })
    }

    /// Sets every element to `value`.
    pub fn fill_(&mut self, value: E) -> &mut Self {
        if self.is_reusable() {
            self.map_(|_| value);
        } else {
            *self = self.full_like(value);
        }
        self
    }

    /// Sets every element to zero (or false).
    pub fn zero_(&mut self) -> &mut Self {
        self.fill_(E::default())
    }

    /// Copies the elements of `source`, broadcast to the shape of `self`.
    ///
    /// # Panics
    /// If `source` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn copy_(&mut self, source: &Tensor<E>) -> &mut Self {
        self.zip_("copy_", source, |_, b| b)
    }
}
