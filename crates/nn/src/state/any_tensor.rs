//! A tensor whose element type is known at run time only, as in a file.

use std::any::Any;

use downhill_tensor::{DType, Element, Tensor};

/// A tensor of any element type.
///
/// ```
/// use downhill_nn::AnyTensor;
/// use downhill_tensor::{DType, Tensor};
///
/// let tensor = AnyTensor::new(Tensor::from([1_i64, 2]));
/// assert_eq!(tensor.dtype(), DType::I64);
/// assert_eq!(tensor.downcast::<i64>().unwrap().to_vec(), [1, 2]);
/// assert!(tensor.downcast::<f32>().is_none());
/// ```
#[derive(Clone, Debug)]
pub enum AnyTensor {
    /// Of 32-bit floats.
    F32(Tensor<f32>),
    /// Of 64-bit floats.
    F64(Tensor<f64>),
    /// Of bytes.
    U8(Tensor<u8>),
    /// Of 64-bit integers.
    I64(Tensor<i64>),
    /// Of truth values.
    Bool(Tensor<bool>),
}

/// Calls something on the tensor, whatever its type.
macro_rules! each {
    ($any:expr, $tensor:ident => $call:expr) => {
        match $any {
            AnyTensor::F32($tensor) => $call,
            AnyTensor::F64($tensor) => $call,
            AnyTensor::U8($tensor) => $call,
            AnyTensor::I64($tensor) => $call,
            AnyTensor::Bool($tensor) => $call,
        }
    };
}

impl AnyTensor {
    /// The tensor without its type.
    pub fn new<E: Element>(tensor: Tensor<E>) -> Self {
        let any: &dyn Any = &tensor;
        None.or_else(|| any.downcast_ref().cloned().map(AnyTensor::F32))
            .or_else(|| any.downcast_ref().cloned().map(AnyTensor::F64))
            .or_else(|| any.downcast_ref().cloned().map(AnyTensor::U8))
            .or_else(|| any.downcast_ref().cloned().map(AnyTensor::I64))
            .or_else(|| any.downcast_ref().cloned().map(AnyTensor::Bool))
            .expect("there are five element types")
    }

    /// The tensor with its type, if it is `E`.
    pub fn downcast<E: Element>(&self) -> Option<Tensor<E>> {
        each!(self, tensor => (tensor as &dyn Any).downcast_ref().cloned())
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            AnyTensor::F32(_) => DType::F32,
            AnyTensor::F64(_) => DType::F64,
            AnyTensor::U8(_) => DType::U8,
            AnyTensor::I64(_) => DType::I64,
            AnyTensor::Bool(_) => DType::Bool,
        }
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        each!(self, tensor => tensor.shape())
    }
}
