//! State dicts in safetensors files, which PyTorch's world reads and writes.
//!
//! Files are written by the crate `safetensors` and their headers read by ourselves: that way an error names the tensor,
//! and offsets are held against the file's length before anything is added to them.
//!
//! Generators, which PyTorch's modules do not have, lie in the file's metadata, which PyTorch does not look at.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::Path;

use downhill_tensor::{DType, Rng};
use safetensors::tensor::TensorInfo;
use safetensors::{Dtype, View};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::any_tensor::tensor;
use super::{AnyTensor, StateDict};
use crate::error::{Error, Result};

/// Where generators lie in the metadata: a JSON map of names to states. (One entry and not one for each: metadata are
/// written in no order, and a file's bytes should follow from the model.)
const GENERATORS: &str = "downhill.generators";

impl StateDict {
    /// Writes the dict to a safetensors file, whole or not at all.
    ///
    /// # Errors
    /// What the operating system reports, or that the names alone take 100 MB, which is more than such a file can have.
    ///
    /// ```
    /// use downhill_nn::{Linear, Module, StateDict};
    /// use downhill_tensor::Rng;
    ///
    /// let linear: Linear = Linear::new(2, 1, &mut Rng::new(0));
    /// let path = std::env::temp_dir().join(format!("downhill-safetensors-{}", std::process::id()));
    /// linear.state_dict().save_safetensors(&path)?;
    /// linear.load_state_dict(&StateDict::load_safetensors(&path)?)?;
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), downhill_nn::Error>(())
    /// ```
    pub fn save_safetensors(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        downhill_tensor::file::write(path, &self.encode_safetensors(path)?).map_err(Error::io(path))
    }

    /// The dict as a safetensors file holds it.
    ///
    /// # Errors
    /// That the names alone take 100 MB.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        self.encode_safetensors(&self.path)
    }

    fn encode_safetensors(&self, path: &Path) -> Result<Vec<u8>> {
        let refused =
            |error: &dyn fmt::Display| Error::file(path, "a dict for a safetensors file", error.to_string());
        let mut metadata = HashMap::new();
        if !self.generators.is_empty() {
            let states: serde_json::Map<String, serde_json::Value> = self
                .generators
                .iter()
                .map(|(key, rng)| Ok((key.clone(), serde_json::to_value(rng)?)))
                .collect::<Result<_, serde_json::Error>>()
                .map_err(|error| refused(&error))?;
            metadata.insert(GENERATORS.to_string(), serde_json::Value::from(states).to_string());
        }
        let metadata = (!metadata.is_empty()).then_some(metadata);
        let tensors = self.tensors.iter().map(|(key, tensor)| (key, Written(tensor)));
        safetensors::serialize(tensors, metadata).map_err(|error| refused(&error))
    }

    /// The dict in a safetensors file. Tensors of f16 and bf16 become f32, which holds all their values.
    ///
    /// # Errors
    /// What the operating system reports, or that the file is damaged, no such file, or holds a tensor of a type or shape
    /// that downhill has not.
    pub fn load_safetensors(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        decode(path, &fs::read(path).map_err(Error::io(path))?)
    }

    /// The dict in the bytes of a safetensors file.
    ///
    /// # Errors
    /// That the bytes are damaged, no such file, or hold a tensor of a type or shape that downhill has not.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        decode(Path::new("bytes"), bytes)
    }
}

/// A tensor as the crate wants it.
struct Written<'a>(&'a AnyTensor);

impl View for Written<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::U8 => Dtype::U8,
            DType::I64 => Dtype::I64,
            DType::Bool => Dtype::BOOL,
        }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_le_bytes())
    }

    fn data_len(&self) -> usize {
        self.shape().iter().product::<usize>() * self.dtype().bitsize() / 8
    }
}

fn decode(path: &Path, bytes: &[u8]) -> Result<StateDict> {
    let fail = |expected: &str, found: String| Error::file(path, expected, found);
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(fail("a safetensors file", format!("{} bytes", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    let Some((header, data)) = usize::try_from(length).ok().and_then(|n| rest.split_at_checked(n)) else {
        return Err(fail(&format!("a header of {length} bytes"), format!("{} bytes", rest.len())));
    };
    let mut header: Header =
        serde_json::from_slice(header).map_err(|error| fail("a safetensors header", error.to_string()))?;
    header.check(path, data.len())?;
    let mut dict = StateDict::new().named(path);
    for (key, info) in &header.tensors {
        let (start, end) = info.data_offsets;
        dict.tensors.push((key.clone(), read(path, key, info, &data[start..end])?));
    }
    if let Some(states) = header.metadata.get(GENERATORS) {
        let states = serde_json::from_str(states).map_err(|error| {
            Error::tensor(path, GENERATORS, "the states of generators", error.to_string())
        })?;
        dict.generators = BTreeMap::<String, Rng>::into_iter(states).collect();
    }
    Ok(dict)
}

/// What the header says of a file: its tensors, first in the file's order of keys, then by place.
struct Header {
    metadata: HashMap<String, String>,
    tensors: Vec<(String, TensorInfo)>,
}

impl Header {
    /// Every tensor must lie in the data, and behind another, without gaps. Sorts them by place.
    fn check(&mut self, path: &Path, len: usize) -> Result<()> {
        for (key, info) in &self.tensors {
            let (start, end) = info.data_offsets;
            if start > end || end > len {
                let found = format!("bytes {start} to {end}");
                return Err(Error::tensor(path, key, format!("a place in {len} bytes of data"), found));
            }
        }
        self.tensors.sort_by_key(|(_, info)| info.data_offsets);
        let mut behind = 0;
        for (key, info) in &self.tensors {
            let (start, end) = info.data_offsets;
            if start != behind {
                return Err(Error::tensor(
                    path,
                    key,
                    format!("data from byte {behind} on"),
                    format!("byte {start}"),
                ));
            }
            behind = end;
        }
        if behind != len {
            return Err(Error::file(path, format!("{behind} bytes of data"), format!("{len} bytes")));
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of names to tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header { metadata: HashMap::new(), tensors: Vec::new() };
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format!("{key}: the key once more")));
            }
            let named = |error| A::Error::custom(format!("{key}: {error}"));
            if key == "__metadata__" {
                header.metadata = map.next_value().map_err(named)?;
            } else {
                let info = map.next_value().map_err(named)?;
                header.tensors.push((key, info));
            }
        }
        Ok(header)
    }
}

/// The tensor that `info` says lies in `data`.
fn read(path: &Path, key: &str, info: &TensorInfo, data: &[u8]) -> Result<AnyTensor> {
    let shape = &info.shape[..];
    let read = match info.dtype {
        Dtype::F32 => AnyTensor::from_le_bytes(DType::F32, shape, data),
        Dtype::F64 => AnyTensor::from_le_bytes(DType::F64, shape, data),
        Dtype::I64 => AnyTensor::from_le_bytes(DType::I64, shape, data),
        Dtype::U8 => AnyTensor::from_le_bytes(DType::U8, shape, data),
        Dtype::BOOL => AnyTensor::from_le_bytes(DType::Bool, shape, data),
        Dtype::F16 => tensor(shape, data, |bytes| f32_of_f16(u16::from_le_bytes(bytes))).map(AnyTensor::F32),
        Dtype::BF16 => {
            tensor(shape, data, |bytes| f32_of_bf16(u16::from_le_bytes(bytes))).map(AnyTensor::F32)
        }
        other => {
            let expected = "a tensor of F64, F32, F16, BF16, I64, U8 or BOOL";
            return Err(Error::tensor(path, key, expected, format!("{other:?}")));
        }
    };
    read.ok_or_else(|| {
        let expected = format!("elements for {:?} of shape {shape:?}", info.dtype);
        Error::tensor(path, key, expected, format!("{} bytes", data.len()))
    })
}

/// bf16 is the upper half of an f32.
fn f32_of_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// f16 has a sign, 5 bits of exponent with a bias of 15, and 10 of mantissa.
fn f32_of_f16(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, mantissa) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    match exponent {
        // Zero and what is below the normal range: the mantissa counts steps of 2^-24.
        0 => f32::from_bits(sign | (mantissa as f32 / 16_777_216.0).to_bits()),
        31 => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | mantissa << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_becomes_single_precision_exactly() {
        // Every f16 by its definition.
        for bits in 0..=u16::MAX {
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0_f64 };
            let (e, m) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let expected = match (e, m) {
                (31, 0.0) => sign * f64::INFINITY,
                (31, _) => f64::NAN,
                (0, _) => sign * m * 2.0_f64.powi(-24),
                _ => sign * (1.0 + m / 1024.0) * 2.0_f64.powi(e - 15),
            };
            let found = f64::from(f32_of_f16(bits));
            let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(same, "{bits:04x}: {found:e} instead of {expected:e}");
        }
        assert_eq!(f32_of_bf16(0x3fc0), 1.5);
        assert_eq!(f32_of_bf16(0xc2f7), -123.5);
        assert!(f32_of_bf16(0x7fc0).is_nan());
    }
}
