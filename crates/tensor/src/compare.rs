//! Comparisons: elementwise, broadcasting, answering in truth values.

use crate::element::{Element, Float};
use crate::tensor::Tensor;

macro_rules! comparison {
    ($($name:ident $op:tt $text:literal;)*) => {
        impl<E: Element> Tensor<E> {$(
            #[doc = concat!("Where `self ", $text, " rhs`, elementwise, both broadcast to a common shape. `torch.",
                stringify!($name), "`.")]
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            pub fn $name(&self, rhs: impl Into<Tensor<E>>) -> Tensor<bool> {
                self.zip(stringify!($name), &rhs.into(), |a, b| a $op b)
            }
        )*}
    };
}

comparison! {
    eq == "==";
    ne != "!=";
    lt < "<";
    le <= "<=";
    gt > ">";
    ge >= ">=";
}

impl<E: Element> Tensor<E> {
    /// Whether `rhs` has the same shape and equal elements. NaN equals nothing. `torch.equal`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([1, 2_i64]);
    /// assert!(x.equal(&Tensor::from([1, 2])));
    /// assert!(!x.equal(&Tensor::from([[1, 2]])));
    /// ```
    pub fn equal(&self, rhs: &Tensor<E>) -> bool {
        self.shape() == rhs.shape() && self.eq(rhs).all(..).item()
    }
}

impl<E: Float> Tensor<E> {
    /// Whether `|self - rhs| <= atol + rtol * |rhs|` for all elements, both broadcast to a common shape. Equal
    /// infinities are close, NaN is close to nothing. `torch.allclose`, which has `rtol` 1e-5 and `atol` 1e-8 unless told.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([0.1_f32 + 0.2, 1.0]);
    /// assert!(x.allclose(&Tensor::from([0.3, 1.0]), 1e-5, 1e-8));
    /// ```
    #[track_caller]
    pub fn allclose(&self, rhs: &Tensor<E>, rtol: f64, atol: f64) -> bool {
        let close = |a: E, b: E| {
            let (a, b) = (a.to_f64(), b.to_f64());
            a == b || (b.is_finite() && (a - b).abs() <= atol + rtol * b.abs())
        };
        self.zip("allclose", rhs, close).all(..).item()
    }
}
