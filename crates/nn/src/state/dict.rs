//! The state of a model by name.

use std::path::{Path, PathBuf};

use downhill_tensor::{Float, Rng};

use super::AnyTensor;
use crate::{Item, Module, walk};

/// Parameters and buffers of a model under PyTorch's names, in the order of definition, and the state of its generators.
/// PyTorch's `state_dict`.
///
/// Tensors are handles and copied on write: a dict in memory costs nothing until the model is trained on.
///
/// ```
/// use downhill_nn::{Linear, Module, StateDict};
/// use downhill_tensor::Rng;
///
/// let (a, b): (Linear, Linear) = (Linear::new(2, 1, &mut Rng::new(0)), Linear::new(2, 1, &mut Rng::new(1)));
/// let path = std::env::temp_dir().join(format!("downhill-state-{}", std::process::id()));
/// a.state_dict().save(&path)?;
/// b.load_state_dict(&StateDict::load(&path)?)?;
/// assert_eq!(a.weight.value().to_vec(), b.weight.value().to_vec());
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), downhill_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StateDict {
    /// The file it was read from, for messages.
    pub(super) path: PathBuf,
    pub(super) tensors: Vec<(String, AnyTensor)>,
    pub(super) generators: Vec<(String, Rng)>,
}

impl Default for StateDict {
    fn default() -> Self {
        StateDict { path: PathBuf::from("state dict"), tensors: Vec::new(), generators: Vec::new() }
    }
}

impl StateDict {
    /// A dict of nothing.
    pub fn new() -> Self {
        StateDict::default()
    }

    pub(crate) fn of<T: Float>(module: &(impl Module<T> + ?Sized)) -> Self {
        let mut dict = StateDict::new();
        walk(module, |place, item| match item {
            Item::Parameter(parameter) => dict.insert(place.path, AnyTensor::new(parameter.value())),
            Item::Buffer(buffer) => dict.insert(place.path, buffer.value()),
            Item::Generator(generator) => dict.generators.push((place.path.to_string(), generator.get())),
            Item::Mode(_) => {}
        });
        dict
    }

    /// The tensors with their names.
    pub fn tensors(&self) -> &[(String, AnyTensor)] {
        &self.tensors
    }

    /// The generators with their names.
    pub fn generators(&self) -> &[(String, Rng)] {
        &self.generators
    }

    /// The tensor called `key`.
    pub fn get(&self, key: &str) -> Option<&AnyTensor> {
        self.tensors.iter().find(|(known, _)| known == key).map(|(_, tensor)| tensor)
    }

    /// Adds a tensor, or replaces the one of this name.
    pub fn insert(&mut self, key: &str, tensor: AnyTensor) {
        match self.tensors.iter_mut().find(|(known, _)| known == key) {
            Some((_, held)) => *held = tensor,
            None => self.tensors.push((key.to_string(), tensor)),
        }
    }

    /// Takes the tensor called `key` away: what is to stay as it is when the rest is loaded into a model, such as a head
    /// for other classes.
    pub fn remove(&mut self, key: &str) -> Option<AnyTensor> {
        let at = self.tensors.iter().position(|(known, _)| known == key)?;
        Some(self.tensors.remove(at).1)
    }

    /// With `path` in messages.
    pub(super) fn named(mut self, path: &Path) -> Self {
        self.path = path.to_owned();
        self
    }
}
