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

    /// The rows of axis 0 with these indices. `torch.index_select`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    #[track_caller]
    pub fn index_select(&self, rows: &[usize]) -> AnyTensor {
        match self {
            AnyTensor::F32(tensor) => AnyTensor::F32(tensor.index_select(0, rows)),
            AnyTensor::F64(tensor) => AnyTensor::F64(tensor.index_select(0, rows)),
            AnyTensor::U8(tensor) => AnyTensor::U8(tensor.index_select(0, rows)),
            AnyTensor::I64(tensor) => AnyTensor::I64(tensor.index_select(0, rows)),
            AnyTensor::Bool(tensor) => AnyTensor::Bool(tensor.index_select(0, rows)),
        }
    }

    /// The same numbers as another type, if that loses nothing: `f32` as `f64`, and every type as itself.
    pub(super) fn widened(&self, dtype: DType) -> Option<AnyTensor> {
        match (self, dtype) {
            (AnyTensor::F32(tensor), DType::F64) => Some(AnyTensor::F64(tensor.to())),
            _ => (self.dtype() == dtype).then(|| self.clone()),
        }
    }

    /// Type and shape for messages: `f32 [64, 3, 7, 7]`.
    pub(super) fn description(&self) -> String {
        format!("{} {:?}", self.dtype(), self.shape())
    }

    /// The elements in row-major order, little-endian.
    pub(super) fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            AnyTensor::F32(tensor) => tensor.iter().flat_map(f32::to_le_bytes).collect(),
            AnyTensor::F64(tensor) => tensor.iter().flat_map(f64::to_le_bytes).collect(),
            AnyTensor::U8(tensor) => tensor.to_vec(),
            AnyTensor::I64(tensor) => tensor.iter().flat_map(i64::to_le_bytes).collect(),
            AnyTensor::Bool(tensor) => tensor.iter().map(u8::from).collect(),
        }
    }

    /// The tensor that [`to_le_bytes`](Self::to_le_bytes) made bytes of. `None` if there are more or fewer bytes than the
    /// shape needs, the shape is none that a tensor can have, or a truth value is neither 0 nor 1.
    pub(super) fn from_le_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Option<AnyTensor> {
        Some(match dtype {
            DType::F32 => AnyTensor::F32(tensor(shape, bytes, f32::from_le_bytes)?),
            DType::F64 => AnyTensor::F64(tensor(shape, bytes, f64::from_le_bytes)?),
            DType::I64 => AnyTensor::I64(tensor(shape, bytes, i64::from_le_bytes)?),
            DType::U8 => AnyTensor::U8(tensor(shape, bytes, |[byte]| byte)?),
            DType::Bool => {
                let valid = bytes.iter().all(|&byte| byte <= 1);
                AnyTensor::Bool(valid.then(|| tensor(shape, bytes, |[byte]| byte == 1))??)
            }
        })
    }
}

/// The tensor whose elements `read` finds in every `N` bytes.
pub(super) fn tensor<E: Element, const N: usize>(
    shape: &[usize],
    bytes: &[u8],
    read: impl Fn([u8; N]) -> E,
) -> Option<Tensor<E>> {
    let (elements, rest) = bytes.as_chunks::<N>();
    let data = rest.is_empty().then(|| elements.iter().map(|&bytes| read(bytes)).collect())?;
    Tensor::try_from_vec(data, shape)
}
