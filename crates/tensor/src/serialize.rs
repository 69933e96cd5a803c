//! Tensors through serde, as shape and elements in row-major order.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::element::Element;
use crate::layout::{Dims, MAX_RANK};
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
        // A product that wraps around could by chance equal the number of elements.
        if Dims::new(&shape).checked_count(size_of::<E>()) != Some(data.len()) {
            return Err(D::Error::custom(format!("{} elements for shape {shape:?}", data.len())));
        }
        Ok(Tensor::from_vec(data, &shape))
    }
}
