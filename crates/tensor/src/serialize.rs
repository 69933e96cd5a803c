//! Tensors through serde, as shape and elements in row-major order.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::element::Element;
use crate::layout::MAX_RANK;
use crate::tensor::Tensor;

#[derive(Serialize, Deserialize)]
#[serde(rename = "Tensor")]
struct Plain<E> {
    shape: Vec<usize>,
    data: Vec<E>,
}

impl<E: Element + Serialize> Serialize for Tensor<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Plain { shape: self.shape().to_vec(), data: self.to_vec() }.serialize(serializer)
    }
}

impl<'de, E: Element + DeserializeOwned> Deserialize<'de> for Tensor<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Plain { shape, data } = Plain::<E>::deserialize(deserializer)?;
        if shape.len() > MAX_RANK {
            return Err(D::Error::custom(format!("shape {shape:?} has more than {MAX_RANK} axes")));
        }
        let found = format!("{} elements for shape {shape:?}", data.len());
        Tensor::try_from_vec(data, &shape).ok_or_else(|| D::Error::custom(found))
    }
}
