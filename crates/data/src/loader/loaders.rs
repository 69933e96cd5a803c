//! Two loaders that belong together.

use downhill_tensor::Element;

use super::DataLoader;

/// A loader to train on and one to validate on: fastai's `dls`.
///
/// ```
/// use downhill_data::{DataLoader, DataLoaders, TensorDataset};
/// use downhill_tensor::Tensor;
///
/// let dset = |n| TensorDataset::new(Tensor::<f32>::zeros(&[n, 784]), Tensor::<i64>::zeros(&[n, 1]));
/// let dls = DataLoaders::new(
///     DataLoader::new(dset(1000)?).bs(256).shuffle(true),
///     DataLoader::new(dset(100)?).bs(256),
/// );
/// assert_eq!((dls.train.len(), dls.valid.len()), (4, 1));
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DataLoaders<X: Element, Y: Element> {
    /// The batches that the model learns from.
    pub train: DataLoader<X, Y>,
    /// The batches that it is measured on.
    pub valid: DataLoader<X, Y>,
}

impl<X: Element, Y: Element> DataLoaders<X, Y> {
    /// The two loaders.
    pub fn new(train: DataLoader<X, Y>, valid: DataLoader<X, Y>) -> Self {
        DataLoaders { train, valid }
    }
}
