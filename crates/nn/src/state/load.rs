//! From a dict into a model.

use std::collections::{HashMap, HashSet};

use downhill_autograd::Var;
use downhill_tensor::{Float, Rng, Tensor};

use super::{AnyTensor, StateDict};
use crate::error::{Error, Mismatch, Misshapen, Result};
use crate::{AnyBuffer, Generator, Item, Module, walk};

/// What will be written into a model once everything has been looked at.
enum Write<T: Float> {
    Parameter(Var<T>, Tensor<T>),
    Buffer(Box<dyn AnyBuffer>, AnyTensor),
    Generator(Generator, Rng),
}

impl<T: Float> Write<T> {
    fn commit(self) {
        match self {
            // In place, so that the elements stay where they lie in memory.
            Write::Parameter(parameter, value) => parameter.update_(|p| {
                p.zip_("load_state_dict", &value, |_, new| new);
            }),
            Write::Buffer(buffer, value) => buffer.set_value(&value),
            Write::Generator(generator, rng) => generator.set(rng),
        }
    }
}

/// Loads all of `dict`, or nothing.
pub(crate) fn strict<T: Float>(module: &(impl Module<T> + ?Sized), dict: &StateDict) -> Result<()> {
    let (writes, mismatch) = compare(module, dict);
    if !mismatch.is_empty() {
        return Err(Error::Mismatch { path: dict.path.clone(), mismatch });
    }
    writes.into_iter().for_each(Write::commit);
    Ok(())
}

/// Loads what fits.
pub(crate) fn lenient<T: Float>(module: &(impl Module<T> + ?Sized), dict: &StateDict) -> Mismatch {
    let (writes, mismatch) = compare(module, dict);
    writes.into_iter().for_each(Write::commit);
    mismatch
}

/// What of `dict` fits, and what does not.
fn compare<T: Float>(module: &(impl Module<T> + ?Sized), dict: &StateDict) -> (Vec<Write<T>>, Mismatch) {
    let tensors: HashMap<&str, &AnyTensor> = dict.tensors.iter().map(|(key, t)| (&**key, t)).collect();
    let generators: HashMap<&str, &Rng> = dict.generators.iter().map(|(key, rng)| (&**key, rng)).collect();
    let mut known: HashSet<String> = HashSet::new();
    let (mut writes, mut mismatch) = (Vec::new(), Mismatch::default());
    walk(module, |place, item| {
        let key = place.path;
        let held = match &item {
            Item::Parameter(parameter) => AnyTensor::new(parameter.value()),
            Item::Buffer(buffer) => buffer.value(),
            Item::Mode(_) => return,
            Item::Generator(generator) => {
                known.insert(key.to_string());
                // A state from another program has none; the model's own goes on.
                if let Some(&rng) = generators.get(key) {
                    writes.push(Write::Generator((*generator).clone(), rng.clone()));
                }
                return;
            }
        };
        known.insert(key.to_string());
        let Some(found) = tensors.get(key) else {
            mismatch.missing.push(key.to_string());
            return;
        };
        let converted = found.widened(held.dtype()).filter(|tensor| tensor.shape() == held.shape());
        let Some(value) = converted else {
            let (key, expected, found) = (key.to_string(), held.description(), found.description());
            mismatch.misshapen.push(Misshapen { key, expected, found });
            return;
        };
        match item {
            Item::Parameter(parameter) => {
                let value = value.downcast().expect("converted to the parameter's type");
                writes.push(Write::Parameter(parameter.clone(), value));
            }
            Item::Buffer(buffer) => writes.push(Write::Buffer(buffer.handle(), value)),
            Item::Mode(_) | Item::Generator(_) => unreachable!("returned above"),
        }
    });
    let of_dict = dict.tensors.iter().map(|(key, _)| key).chain(dict.generators.iter().map(|(key, _)| key));
    mismatch.unexpected = of_dict.filter(|key| !known.contains(*key)).cloned().collect();
    (writes, mismatch)
}
