//! A table of vectors.

use downhill_autograd::{Var, embedding};
use downhill_tensor::{Float, Rng, Tensor};

use crate::Module;

/// A table with a vector for each of a number of things. `torch.nn.Embedding`.
///
/// Its input are integers, so it is no [`Forward`](crate::Forward) layer: a model that starts with it calls it itself.
///
/// # Shapes
/// `weight [num_embeddings, embedding_dim]`; indices `[..]`, output `[.., embedding_dim]`.
///
/// ```
/// use downhill_nn::Embedding;
/// use downhill_tensor::{Rng, Tensor};
///
/// let embedding: Embedding = Embedding::new(10, 3, &mut Rng::new(42));
/// assert_eq!(*embedding.forward(&Tensor::from([[1, 2], [2, 9]])).shape(), [2, 2, 3]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Embedding<T: Float = f32> {
    /// One row for each thing.
    pub weight: Var<T>,
}

impl<T: Float> Embedding<T> {
    /// A table with PyTorch's initialisation: standard normal.
    pub fn new(num_embeddings: usize, embedding_dim: usize, rng: &mut Rng) -> Self {
        Embedding { weight: Var::parameter(Tensor::randn(&[num_embeddings, embedding_dim], rng)) }
    }

    /// The vectors of the things that `index` names.
    ///
    /// # Panics
    /// If an index is not one of the table's rows.
    #[track_caller]
    pub fn forward(&self, index: &Tensor<i64>) -> Var<T> {
        embedding(index, &self.weight)
    }
}
