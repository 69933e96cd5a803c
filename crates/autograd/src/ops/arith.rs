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
            let (a, b) = (self.save_for(rhs), rhs.save_for(self));
            move |d| {
                [
                    d.wanted(0, |g| (g * b.var()).sum_to(&a.shape())),
                    d.wanted(1, |g| (g * a.var()).sum_to(&b.shape())),
                ]
            }
        })
    }

    /// `a / b`; the gradients are `g / b` and `-g · (a / b) / b`.
    #[track_caller]
    fn divided_by(&self, rhs: &Var<T>) -> Var<T> {
        let (a, y) = (self.shape(), &self.value() / &rhs.value());
        Var::record("div", [self, rhs], y.clone(), || {
            let (b, y) = (rhs.save(), rhs.requires_grad().then_some(y));
            move |d| {
                let y = || d.out(y.as_ref().expect("saved for the divisor's gradient"));
                [
                    d.wanted(0, |g| (g / b.var()).sum_to(&a)),
                    d.wanted(1, |g| -(g * y() / b.var()).sum_to(&b.shape())),
                ]
            }
        })
    }

    /// `a + c` for a constant `c`; the gradient is `g`.
    fn plus_constant(self, c: T) -> Var<T> {
        self.record_map("add_scalar", |x| x + c, || |d| [Some(d.grad)])
    }

    /// `c - self` for a constant `c`; the gradient is `-g`. `torch.rsub`.
    pub fn rsub(&self, c: T) -> Var<T> {
        self.clone().record_map("rsub_scalar", |x| x.into_map(|x| c - x), || |d| [Some(-d.grad)])
    }

    /// `a · c` for a constant `c`; the gradient is `g · c`.
    fn times_constant(self, c: T) -> Var<T> {
        self.record_map("mul_scalar", |x| x * c, || move |d| [Some(d.grad * c)])
    }

    /// `a / c` for a constant `c`; the gradient is `g / c`.
    fn divided_by_constant(self, c: T) -> Var<T> {
        self.record_map("div_scalar", |x| x / c, || move |d| [Some(d.grad / c)])
    }

    /// `c / a` for a constant `c`; the gradient is `-g · (c / a) / a`.
    fn divides_constant(&self, c: T) -> Var<T> {
        let y = self.value().map(|x| c / x);
        Var::record("rdiv_scalar", [self], y.clone(), || {
            let a = self.save();
            move |d| {
                let y = d.out(&y);
                [Some(-(d.grad * y / a.var()))]
            }
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
                [d.wanted(0, |g| part(g, a, b)), d.wanted(1, |g| part(g, b, a))]
            }
        })
    }
}

/// An operator for all combinations of handles by value and by reference, and for a scalar on the right. A handle given
/// by value gives its memory to the result where nothing is recorded, as in an ordinary backward pass; with a scalar also
/// otherwise.
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
            fn $op(self, c: T) -> Var<T> {
                $trait::$op(self.clone(), c)
            }
        }
        impl<T: Float> $trait<T> for Var<T> {
            type Output = Var<T>;
            fn $op(self, $c: T) -> Var<T> {
                let $x = self;
                $scalar
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
        -self.clone()
    }
}

impl<T: Float> Neg for Var<T> {
    type Output = Var<T>;
    fn neg(self) -> Var<T> {
        self.record_map("neg", |x| -x, || |d| [Some(-d.grad)])
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
            Add add |x, c| x + c;
            Sub sub |x, c| x.rsub(c);
            Mul mul |x, c| x * c;
            Div div |x, c| x.divides_constant(c);
        }
    )*};
}

scalar_on_the_left!(f32, f64);
