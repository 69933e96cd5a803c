//! Comparisons: elementwise, broadcasting, answering in truth values.

use crate::element::Element;
use crate::tensor::Tensor;

macro_rules! comparison {
    ($($name:ident $op:tt $text:literal),*) => {
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

comparison!(eq == "==", ne != "!=", lt < "<", le <= "<=", gt > ">", ge >= ">=");
