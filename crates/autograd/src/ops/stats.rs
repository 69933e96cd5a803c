//! Variances, products and norms.

use downhill_tensor::{Axes, Float, Tensor};

use crate::mode::is_grad_enabled;
use crate::ops::{view::signed, where_};
use crate::var::Var;

impl<T: Float> Var<T> {
    /// The variance over `axes`, which are gone from the result: `Σ (x - mean)² / (n - correction)`. `torch.var`, whose
    /// correction is 1 unless stated. The gradient is `g · 2 (x - mean) / (n - correction)`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, correction: usize) -> Var<T> {
        let axes = axes.into();
        self.var_keepdim(&axes, correction).without(&axes, &self.shape())
    }

    /// [`var`](Self::var), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn var_keepdim(&self, axes: impl Into<Axes>, correction: usize) -> Var<T> {
        let axes = axes.into();
        let value = self.value().var_keepdim(&axes, correction);
        let divisor = self.freedom(value.numel(), correction);
        Var::record("var", [self], value, || {
            let x = self.save();
            move |d| {
                let x = x.var();
                let deviation = &x - x.mean_keepdim(&axes);
                [Some(deviation * (d.grad * T::from_f64(2.0) / divisor))]
            }
        })
    }

    /// The standard deviation over `axes`, which are gone from the result: the square root of [`var`](Self::var).
    /// `torch.std`. The gradient is `g · (x - mean) / ((n - correction) · std)`, and zero where all elements are equal.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn std(&self, axes: impl Into<Axes>, correction: usize) -> Var<T> {
        let axes = axes.into();
        self.std_keepdim(&axes, correction).without(&axes, &self.shape())
    }

    /// [`std`](Self::std), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn std_keepdim(&self, axes: impl Into<Axes>, correction: usize) -> Var<T> {
        let axes = axes.into();
        let value = self.value().std_keepdim(&axes, correction);
        let divisor = self.freedom(value.numel(), correction);
        Var::record("std", [self], value.clone(), || {
            let x = self.save();
            move |d| {
                let (x, std) = (x.var(), d.out(&value));
                let deviation = &x - x.mean_keepdim(&axes);
                [Some(deviation * (divided_or_zero(&d.grad, &std) / divisor))]
            }
        })
    }

    /// What a variance divides by, if it has so many results.
    fn freedom(&self, results: usize, correction: usize) -> T {
        let terms = self.value().numel() / results.max(1);
        T::from_f64(terms.saturating_sub(correction) as f64)
    }

    /// The product over `axes`, which are gone from the result. `torch.prod`. Each element's gradient is `g` times the
    /// product of all others, also where there are zeros.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn prod(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        self.prod_keepdim(&axes).without(&axes, &self.shape())
    }

    /// [`prod`](Self::prod), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn prod_keepdim(&self, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        let value = self.value().prod_keepdim(&axes);
        Var::record("prod", [self], value.clone(), || {
            let x = self.save();
            move |d| {
                let zero = x.value().eq(T::default());
                if !zero.any(..).item() {
                    let product = d.out(&value);
                    return [Some(d.grad * product / x.var())];
                }
                if is_grad_enabled() {
                    return [Some(&d.grad * products_of_others(&x.var(), &axes))];
                }
                let others = zero.where_(T::ONE, x.value());
                let product = others.prod_keepdim(&axes);
                let zeros = zero.sum_keepdim(&axes);
                // Without another zero than itself, an element's gradient is the product of all that are not zero.
                let alone = zeros.zip("prod", &zero, |zeros, own| zeros == i64::from(own));
                let quotient = product.zip("prod", &others, |product, x| product / x);
                [Some(d.grad * Var::new(alone.where_(quotient, T::default())))]
            }
        })
    }

    /// The Euclidean norm over `axes`, which are gone from the result: `√(Σ x²)`. The gradient is `g · x / norm`, and
    /// zero at zero. `torch.linalg.vector_norm`.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn norm(&self, axes: impl Into<Axes>) -> Var<T> {
        self.norm_p(T::from_f64(2.0), axes)
    }

    /// [`norm`](Self::norm), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn norm_keepdim(&self, axes: impl Into<Axes>) -> Var<T> {
        self.norm_p_keepdim(T::from_f64(2.0), axes)
    }

    /// The `p`-norm over `axes`, which are gone from the result: `(Σ |x|ᵖ)^(1/p)`, for infinite `p` the largest or
    /// smallest absolute value, for 0 the number of elements that are not zero (which has no gradient). The gradient is
    /// `g · sign(x) · |x|ᵖ⁻¹ / normᵖ⁻¹`, and zero where `x` or the norm is.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or if `p` is infinite and there are no elements.
    #[track_caller]
    pub fn norm_p(&self, p: T, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        self.norm_p_keepdim(p, &axes).without(&axes, &self.shape())
    }

    /// [`norm_p`](Self::norm_p), with the reduced axes left in place, of length one.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice, or if `p` is infinite and there are no elements.
    #[track_caller]
    pub fn norm_p_keepdim(&self, p: T, axes: impl Into<Axes>) -> Var<T> {
        let axes = axes.into();
        match p.to_f64() {
            1.0 => return self.abs().sum_keepdim(axes),
            f64::INFINITY => return self.abs().amax_keepdim(axes),
            f64::NEG_INFINITY => return self.abs().amin_keepdim(axes),
            _ => {}
        }
        let value = self.value().norm_p_keepdim(p, axes);
        if p == T::default() {
            return Var::new(value);
        }
        Var::record("norm", [self], value.clone(), || {
            let x = self.save();
            move |d| {
                let (x, norm) = (x.var(), d.out(&value));
                if p.to_f64() == 2.0 {
                    return [Some(x * divided_or_zero(&d.grad, &norm))];
                }
                let exponent = p - T::ONE;
                let power = power_or_zero(&x.abs(), exponent) * x.value().map(sign);
                [Some(power * divided_or_zero(&d.grad, &power_or_zero(&norm, exponent)))]
            }
        })
    }
}

/// For each element the product of all others over `axes`, as a piece of graph without a quotient: from a square for each
/// lane with ones on its diagonal.
fn products_of_others<T: Float>(x: &Var<T>, axes: &Axes) -> Var<T> {
    let shape = x.shape();
    let rank = shape.len();
    // What a reduction leaves of the axes' numbers are the axes that stay; those that go come last and become one.
    let numbers: Vec<usize> = (0..rank).collect();
    let mut order = axes.reduced_shape(&numbers).to_vec();
    let lanes: usize = order.iter().map(|&i| shape[i]).product();
    order.extend((0..rank).filter(|i| !order.contains(i)).collect::<Vec<_>>());
    let order: Vec<isize> = order.into_iter().map(|i| i as isize).collect();
    let ahead = x.permute(&order);
    let len = x.value().numel() / lanes.max(1);
    let square = [lanes, len, len];
    let rows = ahead.reshape(&[lanes as isize, 1, len as isize]).expand(&square);
    let diagonal = Tensor::<T>::eye(len).eq(T::ONE);
    let others = rows.masked_fill(&diagonal, T::ONE).prod(-1).reshape(&signed(&ahead.shape()));
    let mut back = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        back[from as usize] = to as isize;
    }
    others.permute(&back)
}

/// `a / b`, and zero where `b` is.
fn divided_or_zero<T: Float>(a: &Var<T>, b: &Var<T>) -> Var<T> {
    let zero = b.value().eq(T::default());
    // The divisor is replaced first, so that no infinity arises that a derivative would multiply by zero.
    where_(&zero, T::default(), a / where_(&zero, T::ONE, b))
}

/// `x` to a power, and zero where `x` is, whatever the power's sign.
fn power_or_zero<T: Float>(x: &Var<T>, exponent: T) -> Var<T> {
    let zero = x.value().eq(T::default());
    where_(&zero, T::default(), where_(&zero, T::ONE, x).powf(exponent))
}

fn sign<T: Float>(x: T) -> T {
    if x < T::default() { -T::ONE } else { T::ONE }
}
