//! State dicts in files of our own.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::Path;

use downhill_tensor::{DType, Rng};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use super::{AnyTensor, StateDict, checked};
use crate::error::{Error, Result};

/// A state dict as it is written. Strings and bytes are borrowed from the file's content: a length that the file does not
/// have is found out before memory is taken for it.
#[derive(Serialize, Deserialize)]
struct State<'a> {
    #[serde(borrow)]
    tensors: Vec<Entry<'a>>,
    #[serde(borrow)]
    generators: Vec<(&'a str, Rng)>,
}

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    key: &'a str,
    dtype: &'a str,
    shape: Vec<usize>,
    #[serde(borrow)]
    data: Bytes<'a>,
}

/// Bytes as one piece, where serde would take them one by one.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Bytes<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Bytes<'de>, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

impl StateDict {
    /// Writes the dict to a file of our own, whole or not at all.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        downhill_tensor::file::write(path, &self.encode(path)?).map_err(Error::io(path))
    }

    /// The dict as a file of our own holds it.
    ///
    /// # Errors
    /// None that can be met; the format has no limits.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.encode(&self.path)
    }

    fn encode(&self, path: &Path) -> Result<Vec<u8>> {
        let content: Vec<Vec<u8>> = self.tensors.iter().map(|(_, tensor)| tensor.to_le_bytes()).collect();
        let tensors = self.tensors.iter().zip(&content).map(|((key, tensor), data)| Entry {
            key,
            dtype: name(tensor.dtype()),
            shape: tensor.shape().to_vec(),
            data: Bytes(data),
        });
        let generators = self.generators.iter().map(|(key, rng)| (&**key, rng.clone())).collect();
        checked::encode(path, &State { tensors: tensors.collect(), generators })
    }

    /// The dict in a file of our own.
    ///
    /// # Errors
    /// What the operating system reports, or that the file is damaged, of another version or not such a file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        StateDict::decode(path, &fs::read(path).map_err(Error::io(path))?)
    }

    /// The dict that [`to_bytes`](Self::to_bytes) made bytes of.
    ///
    /// # Errors
    /// That the bytes are damaged, of another version or no such dict.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        StateDict::decode(Path::new("bytes"), bytes)
    }

    fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let state: State<'_> = checked::decode(path, bytes)?;
        let mut dict = StateDict::new().named(path);
        let mut keys = HashSet::new();
        let unique = |key, keys: &mut HashSet<_>| {
            let new = keys.insert(key);
            if new { Ok(()) } else { Err(Error::tensor(path, key, "a key of its own", "the key once more")) }
        };
        for Entry { key, dtype, shape, data } in state.tensors {
            unique(key, &mut keys)?;
            let Some(dtype) = DTYPES.into_iter().find(|&known| name(known) == dtype) else {
                return Err(Error::tensor(path, key, "an element type", format!("{dtype:?}")));
            };
            let Some(tensor) = AnyTensor::from_le_bytes(dtype, &shape, data.0) else {
                let found = format!("{} bytes", data.0.len());
                return Err(Error::tensor(path, key, format!("{dtype} of shape {shape:?}"), found));
            };
            dict.tensors.push((key.to_string(), tensor));
        }
        for (key, rng) in state.generators {
            unique(key, &mut keys)?;
            dict.generators.push((key.to_string(), rng));
        }
        Ok(dict)
    }
}

const DTYPES: [DType; 5] = [DType::F32, DType::F64, DType::U8, DType::I64, DType::Bool];

fn name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "f32",
        DType::F64 => "f64",
        DType::U8 => "u8",
        DType::I64 => "i64",
        DType::Bool => "bool",
    }
}
