//! What an optimizer remembers, in a form that serde can save.

use std::borrow::Cow;

use downhill_tensor::{Float, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::groups::ParamGroup;
use crate::hypers::Hypers;

/// Formulas compute with the number of steps as a 64-bit float; this is still one, and more than anyone will make.
const MOST_STEPS: u64 = 1 << (f64::MANTISSA_DIGITS - 1);

/// What an optimizer remembers of one parameter: how often it was moved, and named tensors of its shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: DeserializeOwned"))]
pub struct ParamState<T: Float = f32> {
    /// How many steps have moved the parameter, the current one included.
    pub step: u64,
    /// One number for the rule's own use, 1 at the start.
    pub scalar: f64,
    buffers: Vec<(Cow<'static, str>, Tensor<T>)>,
}

impl<T: Float> Default for ParamState<T> {
    fn default() -> Self {
        ParamState { step: 0, scalar: 1.0, buffers: Vec::new() }
    }
}

impl<T: Float> ParamState<T> {
    /// The tensor called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&Tensor<T>> {
        self.position(name).map(|i| &self.buffers[i].1)
    }

    /// The tensors called `names`. One that is not there yet is made first: zeros of the shape of `like`, in its order
    /// of memory.
    pub fn tensors<const N: usize>(
        &mut self,
        names: [&'static str; N],
        like: &Tensor<T>,
    ) -> [&mut Tensor<T>; N] {
        self.tensors_from(names, like, T::default())
    }

    /// [`tensors`](Self::tensors) that start with another value than zero.
    ///
    /// # Panics
    /// If two names are the same.
    pub fn tensors_from<const N: usize>(
        &mut self,
        names: [&'static str; N],
        like: &Tensor<T>,
        value: T,
    ) -> [&mut Tensor<T>; N] {
        let positions = names.map(|name| {
            self.position(name).unwrap_or_else(|| {
                self.set(name, like.map(|_| value));
                self.buffers.len() - 1
            })
        });
        let found = self.buffers.get_disjoint_mut(positions);
        found
            .unwrap_or_else(|_| panic!("ParamState: two names are the same in {names:?}"))
            .map(|(_, tensor)| tensor)
    }

    /// Keeps `tensor` under `name`.
    pub fn set(&mut self, name: &'static str, tensor: Tensor<T>) {
        match self.position(name) {
            Some(i) => self.buffers[i].1 = tensor,
            None => self.buffers.push((Cow::Borrowed(name), tensor)),
        }
    }

    /// Takes the tensor called `name` out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Tensor<T>> {
        self.position(name).map(|i| self.buffers.remove(i).1)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.buffers.iter().position(|(known, _)| known == name)
    }

    /// Checks that this is the state of the parameter at position `param`, of an optimizer that has all tensors of
    /// `keeps` after its first step and may have those of `may_keep`.
    pub(crate) fn check(
        &self,
        param: usize,
        shape: &[usize],
        keeps: &[&str],
        may_keep: &[&str],
    ) -> Result<(), Error> {
        if self.step > MOST_STEPS {
            return Err(Error::Steps(self.step));
        }
        if !self.scalar.is_finite() {
            return Err(Error::Value {
                param,
                what: format!("expected a finite number, found {}", self.scalar),
            });
        }
        let known = |name: &str| keeps.contains(&name) || may_keep.contains(&name);
        let twice =
            (1..self.buffers.len()).any(|i| self.buffers[..i].iter().any(|b| b.0 == self.buffers[i].0));
        let unknown = self.buffers.iter().any(|(name, _)| !known(name));
        let missing = self.step > 0 && keeps.iter().any(|name| self.get(name).is_none());
        if twice || unknown || missing {
            let found: Vec<&str> = self.buffers.iter().map(|(name, _)| &**name).collect();
            let expected = keeps.iter().chain(may_keep).copied().collect::<Vec<_>>();
            return Err(Error::Buffers { param, expected: expected.join(", "), found: found.join(", ") });
        }
        for (name, tensor) in &self.buffers {
            if tensor.shape() != shape {
                return Err(Error::Shape {
                    param,
                    buffer: name.to_string(),
                    expected: shape.to_vec(),
                    found: tensor.shape().to_vec(),
                });
            }
        }
        Ok(())
    }
}

/// The state of an optimizer between two steps. Everything that a run needs to continue to the bit, but for the
/// parameters themselves and the way in which the optimizer was built.
///
/// Parameters are known by their position. Save it with any of serde's formats; floats must come back as they went.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: DeserializeOwned"))]
pub struct OptimState<T: Float = f32> {
    /// The optimizer's name.
    pub optimizer: String,
    /// How often `step` was called.
    pub steps: u64,
    /// The hyper-parameters of each group.
    pub hypers: Vec<Hypers>,
    /// What is remembered of each parameter, group after group.
    pub params: Vec<ParamState<T>>,
}

impl<T: Float> OptimState<T> {
    /// The state of an optimizer of `groups`.
    pub(crate) fn new(
        optimizer: &str,
        steps: u64,
        groups: &[ParamGroup<T>],
        params: Vec<ParamState<T>>,
    ) -> Self {
        let hypers = groups.iter().map(|group| group.hypers).collect();
        OptimState { optimizer: optimizer.to_string(), steps, hypers, params }
    }

    /// Checks everything but the parameters' own states, whose number it is told.
    pub(crate) fn check(
        &self,
        optimizer: &str,
        groups: &[ParamGroup<T>],
        params: usize,
    ) -> Result<(), Error> {
        if self.optimizer != optimizer {
            return Err(Error::Optimizer { expected: optimizer.to_string(), found: self.optimizer.clone() });
        }
        if self.hypers.len() != groups.len() {
            return Err(Error::Groups { expected: groups.len(), found: self.hypers.len() });
        }
        if self.steps > MOST_STEPS {
            return Err(Error::Steps(self.steps));
        }
        for (group, hypers) in self.hypers.iter().enumerate() {
            hypers.check().map_err(|what| Error::Hypers { group, what })?;
        }
        if self.params.len() != params {
            return Err(Error::Params { expected: params, found: self.params.len() });
        }
        Ok(())
    }
}
