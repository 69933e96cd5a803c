//! Truth values and whole numbers, bit by bit: `&`, `|`, `^` and `!`.

use std::ops::{BitAnd, BitOr, BitXor, Not};

use crate::arith::operator;
use crate::element::Bits;
use crate::tensor::Tensor;

operator! {
    BitAnd, bitand, Bits, Bits::and;
    /// Of corresponding elements, broadcast to a common shape, both; of whole numbers bit by bit.
    /// `torch.bitwise_and`, for truth values `torch.logical_and`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// let x = Tensor::from([-2.0, 0.5, 3.0_f32]);
    /// assert_eq!((x.gt(0.0) & x.lt(1.0)).to_vec(), [false, true, false]);
    /// assert_eq!((Tensor::from([6, 5_i64]) & 3).to_vec(), [2, 1]);
    /// ```
}
operator! {
    BitOr, bitor, Bits, Bits::or;
    /// Of corresponding elements, broadcast to a common shape, either or both; of whole numbers bit by bit.
    /// `torch.bitwise_or`, for truth values `torch.logical_or`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
}
operator! {
    BitXor, bitxor, Bits, Bits::xor;
    /// Of corresponding elements, broadcast to a common shape, either but not both; of whole numbers bit by bit.
    /// `torch.bitwise_xor`, for truth values `torch.logical_xor`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
}

impl<E: Bits> Not for &Tensor<E> {
    type Output = Tensor<E>;
    /// The opposite of each truth value; of whole numbers bit by bit. `torch.bitwise_not`, for truth values
    /// `torch.logical_not`.
    ///
    /// ```
    /// # use downhill_tensor::Tensor;
    /// assert_eq!((!Tensor::from([true, false])).to_vec(), [false, true]);
    /// assert_eq!((!Tensor::from([0, 5_i64])).to_vec(), [-1, -6]);
    /// ```
    fn not(self) -> Tensor<E> {
        self.map(Bits::not)
    }
}

impl<E: Bits> Not for Tensor<E> {
    type Output = Tensor<E>;
    fn not(self) -> Tensor<E> {
        self.into_map(Bits::not)
    }
}
