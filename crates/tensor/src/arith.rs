//! Arithmetic with broadcasting: the operators, their in-place twins, and the binary functions.
//!
//! An operator that is given a tensor by value reuses its memory for the result where it can, so a chain such as
//! `(a - &b) * 2.0 + 1.0` takes one buffer.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::element::{Element, Float, Number};
use crate::kernels::buffer::Buffer;
use crate::layout::Layout;
use crate::tensor::Tensor;

/// One operator for tensors by value and by reference, and for a tensor and a scalar.
macro_rules! operator {
    ($trait:ident, $method:ident, $bound:ident, $f:path) => {
        impl<E: $bound> $trait<&Tensor<E>> for &Tensor<E> {
            type Output = Tensor<E>;
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

operator!(Add, add, Number, Number::add);
operator!(Sub, sub, Number, Number::sub);
operator!(Mul, mul, Number, Number::mul);
operator!(Div, div, Float, Div::div);

/// A scalar on the left, which Rust wants spelled out for every type.
macro_rules! scalar_on_the_left {
    ($t:ty: $($trait:ident $method:ident),*) => {$(
        impl $trait<&Tensor<$t>> for $t {
            type Output = Tensor<$t>;
            fn $method(self, rhs: &Tensor<$t>) -> Tensor<$t> {
                rhs.map(|x| $trait::$method(self, x))
            }
        }
        impl $trait<Tensor<$t>> for $t {
            type Output = Tensor<$t>;
            fn $method(self, rhs: Tensor<$t>) -> Tensor<$t> {
                rhs.into_map(|x| $trait::$method(self, x))
            }
        }
    )*};
}

scalar_on_the_left!(f32: Add add, Sub sub, Mul mul, Div div);
scalar_on_the_left!(f64: Add add, Sub sub, Mul mul, Div div);

impl<E: Float> Neg for &Tensor<E> {
    type Output = Tensor<E>;
    fn neg(self) -> Tensor<E> {
        self.map(Neg::neg)
    }
}

impl<E: Float> Neg for Tensor<E> {
    type Output = Tensor<E>;
    fn neg(self) -> Tensor<E> {
        self.into_map(Neg::neg)
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
            self.dense_mut().fill(value);
        } else {
            let dense = self.layout.is_dense();
            let layout = if dense { self.layout.dense_like() } else { Layout::contiguous(self.layout.shape) };
            *self = Tensor::from_buffer(Buffer::filled(layout.len(), value), layout);
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
