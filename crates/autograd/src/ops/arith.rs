//! Arithmetic with broadcasting.

use std::ops::{Add, Div, Mul, Neg, Sub};

use downhill_tensor::{Float, Tensor};

use crate::ops::where_;
use crate::record::is_recorded;
use crate::var::Var;

impl<T: Float> Var<T> {
    /// `a + b`; both gradients are `g`.
    #[track_caller]
    fn plus(&self, rhs: &Var<T>) -> Var<T> {
        let (a, b) = (self.shape(), rhs.shape());
        Var::record("add", [self, rhs], &self.value() + &rhs.value(), || {
            move |d| [d.wanted(0, |g| g.sum_to(&a)), d.wanted(1, |g| g.sum_to(&b))]
        })
    }

    /// `a - b`; the gradients are `g` and `-g`.
    #[track_caller]
    fn minus(&self, rhs: &Var<T>) -> Var<T> {
        let (a, b) = (self.shape(), rhs.shape());
        Var::record("sub", [self, rhs], &self.value() - &rhs.value(), || {
            move |d| [d.wanted(0, |g| g.sum_to(&a)), d.wanted(1, |g| -g.sum_to(&b))]
        })
    }

    /// `a · b`; the gradients are `g · b` and `g · a`.
    #[track_caller]
    fn times(&self, rhs: &Var<T>) -> Var<T> {
        Var::record("mul", [self, rhs], &self.value() * &rhs.value(), || {
            let (a, b) = (self.save(), rhs.save());
            move |d| {
                [
                    d.wanted(0, |g| (g * b.var()).sum_to(a.value().shape())),
                    d.wanted(1, |g| (g * a.var()).sum_to(b.value().shape())),
                ]
            }
        })
    }

    /// `a / b`; the gradients are `g / b` and `-g · (a / b) / b`.
    #[track_caller]
    fn divided_by(&self, rhs: &Var<T>) -> Var<T> {
        let a = self.shape();
        Var::record("div", [self, rhs], &self.value() / &rhs.value(), || {
            let b = rhs.save();
            move |d| {
                [
                    d.wanted(0, |g| (g / b.var()).sum_to(&a)),
                    d.wanted(1, |g| -(g * d.out / b.var()).sum_to(b.value().shape())),
                ]
            }
        })
    }

    /// `a + c` for a constant `c`; the gradient is `g`.
    fn plus_constant(&self, c: T) -> Var<T> {
        Var::record("add_scalar", [self], self.value() + c, || |d| [Some(d.grad)])
    }

    /// `c - self` for a constant `c`; the gradient is `-g`. `torch.rsub`.
    pub fn rsub(&self, c: T) -> Var<T> {
        Var::record("rsub_scalar", [self], self.value().map(|x| c - x), || |d| [Some(-d.grad)])
    }

    /// `a · c` for a constant `c`; the gradient is `g · c`.
    fn times_constant(&self, c: T) -> Var<T> {
        Var::record("mul_scalar", [self], self.value() * c, || move |d| [Some(d.grad * c)])
    }

    /// `a / c` for a constant `c`; the gradient is `g / c`.
    fn divided_by_constant(&self, c: T) -> Var<T> {
        Var::record("div_scalar", [self], self.value() / c, || move |d| [Some(d.grad / c)])
    }

    /// `c / a` for a constant `c`; the gradient is `-g · (c / a) / a`.
    fn divides_constant(&self, c: T) -> Var<T> {
        Var::record("rdiv_scalar", [self], self.value().map(|x| c / x), || {
            let a = self.save();
            move |d| [Some(-(d.grad * d.out / a.var()))]
        })
    }

    /// The larger of corresponding elements; where they are equal both get half of the gradient, and where one is NaN
    /// both get all of it. `torch.maximum`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn maximum(&self, rhs: impl Into<Var<T>>) -> Var<T> {
        let rhs = rhs.into();
        let value = self.value().maximum(rhs.value());
        self.extremum("maximum", &rhs, value, |a, b| a < b)
    }

    /// The smaller of corresponding elements; where they are equal both get half of the gradient, and where one is NaN
    /// both get all of it. `torch.minimum`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn minimum(&self, rhs: impl Into<Var<T>>) -> Var<T> {
        let rhs = rhs.into();
        let value = self.value().minimum(rhs.value());
        self.extremum("minimum", &rhs, value, |a, b| a > b)
    }

    #[track_caller]
    fn extremum(
        &self,
        op: &'static str,
        rhs: &Var<T>,
        value: Tensor<T>,
        loses: impl Fn(T, T) -> bool + Copy + Send + Sync + 'static,
    ) -> Var<T> {
        Var::record(op, [self, rhs], value, || {
            let (a, b) = (self.save(), rhs.save());
            let half = T::from_f64(0.5);
            let share = move |own: T, other: T| match (loses(own, other), own == other) {
                (true, _) => T::default(),
                (_, true) => half,
                _ => T::ONE,
            };
            let part = move |g: &Var<T>, own: &Tensor<T>, other: &Tensor<T>| {
                let share = own.zip(op, other, share);
                // Not only multiplied: the loser gets nothing of an infinite gradient either, and not NaN.
                where_(&share.gt(T::default()), g * &Var::new(share), T::default()).sum_to(own.shape())
            };
            move |d| {
                let (a, b) = (a.value(), b.value());
                [d.wanted(0, |g| part(g, &a, &b)), d.wanted(1, |g| part(g, &b, &a))]
            }
        })
    }
}

/// An operator for all combinations of handles by value and by reference, and for a scalar on the right. Where nothing
/// is recorded, as in an ordinary backward pass, a handle given by value gives its memory to the result.
macro_rules! operator {
    ($trait:ident, $op:ident, $method:ident, |$x:ident, $c:ident| $scalar:expr) => {
        impl<T: Float> $trait<&Var<T>> for &Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $op(self, rhs: &Var<T>) -> Var<T> {
                self.$method(rhs)
            }
        }
        impl<T: Float> $trait<Var<T>> for &Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $op(self, rhs: Var<T>) -> Var<T> {
                self.$method(&rhs)
            }
        }
        impl<T: Float> $trait<&Var<T>> for Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $op(self, rhs: &Var<T>) -> Var<T> {
                if is_recorded([&self, rhs]) {
                    return (&self).$method(rhs);
                }
                Var::new($trait::$op(self.into_value(), &rhs.value()))
            }
        }
        impl<T: Float> $trait<Var<T>> for Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $op(self, rhs: Var<T>) -> Var<T> {
                $trait::$op(self, &rhs)
            }
        }
        impl<T: Float> $trait<Tensor<T>> for Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $op(self, rhs: Tensor<T>) -> Var<T> {
                $trait::$op(self, &Var::new(rhs))
            }
        }
        impl<T: Float> $trait<Tensor<T>> for &Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $op(self, rhs: Tensor<T>) -> Var<T> {
                self.$method(&Var::new(rhs))
            }
        }
        impl<T: Float> $trait<T> for &Var<T> {
            type Output = Var<T>;
            fn $op(self, $c: T) -> Var<T> {
                let $x = self;
                $scalar
            }
        }
        impl<T: Float> $trait<T> for Var<T> {
            type Output = Var<T>;
            fn $op(self, $c: T) -> Var<T> {
                if is_recorded([&self]) {
                    let $x = &self;
                    return $scalar;
                }
                Var::new($trait::$op(self.into_value(), $c))
            }
        }
    };
}

operator!(Add, add, plus, |x, c| x.plus_constant(c));
operator!(Sub, sub, minus, |x, c| x.plus_constant(-c));
operator!(Mul, mul, times, |x, c| x.times_constant(c));
operator!(Div, div, divided_by, |x, c| x.divided_by_constant(c));

impl<T: Float> Neg for &Var<T> {
    type Output = Var<T>;
    fn neg(self) -> Var<T> {
        Var::record("neg", [self], -self.value(), || |d| [Some(-d.grad)])
    }
}

impl<T: Float> Neg for Var<T> {
    type Output = Var<T>;
    fn neg(self) -> Var<T> {
        if is_recorded([&self]) { -&self } else { Var::new(-self.into_value()) }
    }
}

/// A scalar on the left, which Rust wants spelled out for every type.
macro_rules! scalar_on_the_left {
    ($t:ty: $($trait:ident $op:ident |$x:ident, $c:ident| $result:expr;)*) => {$(
        impl $trait<&Var<$t>> for $t {
            type Output = Var<$t>;
            fn $op(self, $x: &Var<$t>) -> Var<$t> {
                let $c = self;
                $result
            }
        }
        impl $trait<Var<$t>> for $t {
            type Output = Var<$t>;
            fn $op(self, rhs: Var<$t>) -> Var<$t> {
                $trait::$op(self, &rhs)
            }
        }
    )*};
    ($($t:ty),*) => {$(
        scalar_on_the_left! { $t:
            Add add |x, c| x.plus_constant(c);
            Sub sub |x, c| x.rsub(c);
            Mul mul |x, c| x.times_constant(c);
            Div div |x, c| x.divides_constant(c);
        }
    )*};
}

scalar_on_the_left!(f32, f64);
