//! The tensors of a golden file.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use downhill::tensor::{Element, MAX_RANK, Tensor};
use safetensors::{Dtype, SafeTensors};

/// A safetensors file in memory.
pub(crate) struct Store(Vec<u8>);

impl Store {
    /// The safetensors file that lies beside a golden JSON file.
    pub(crate) fn beside(json: &Path) -> Result<Self> {
        let path = json.with_extension("safetensors");
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        SafeTensors::deserialize(&bytes).with_context(|| format!("reading {}", path.display()))?;
        Ok(Store(bytes))
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).expect("checked when it was read")
    }

    /// The keys that start with `prefix`, without it, sorted.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let tensors = self.tensors();
        let mut keys: Vec<String> =
            tensors.names().iter().filter_map(|k| k.strip_prefix(prefix)).map(str::to_string).collect();
        keys.sort();
        keys
    }

    /// Whether there is a tensor `key`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.tensors().tensor(key).is_ok()
    }

    /// Whether tensor `key` holds integers.
    pub(crate) fn is_integer(&self, key: &str) -> Result<bool> {
        let view = self.tensors().tensor(key).with_context(|| format!("tensor {key}"))?;
        Ok(view.dtype() == Dtype::I64)
    }

    /// Tensor `key`, converted to `E`.
    pub(crate) fn get<E: Element>(&self, key: &str) -> Result<Tensor<E>> {
        let tensors = self.tensors();
        let view = tensors.tensor(key).with_context(|| format!("tensor {key}"))?;
        ensure!(view.shape().len() <= MAX_RANK, "tensor {key} has more than {MAX_RANK} axes");
        let data: Vec<E> = match view.dtype() {
            Dtype::F32 => numbers(view.data(), f32::from_le_bytes, |x| E::from_f64(x.into())),
            Dtype::F64 => numbers(view.data(), f64::from_le_bytes, E::from_f64),
            Dtype::I64 => numbers(view.data(), i64::from_le_bytes, E::from_i64),
            other => bail!("tensor {key} has type {other:?}; expected F32, F64 or I64"),
        };
        Ok(Tensor::from_vec(data, view.shape()))
    }
}

fn numbers<const N: usize, X, E>(bytes: &[u8], read: fn([u8; N]) -> X, convert: impl Fn(X) -> E) -> Vec<E> {
    let (numbers, _) = bytes.as_chunks::<N>();
    numbers.iter().map(|&bytes| convert(read(bytes))).collect()
}
