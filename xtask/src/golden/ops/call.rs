//! One call of an operation: its arguments and inputs, and which of them were looked at.

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use downhill::tensor::{Axes, Tensor};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Operand, Var};

pub(super) struct Call<'a> {
    pub(super) op: &'a str,
    args: &'a Map<String, Value>,
    names: &'a [String],
    inputs: &'a [Operand],
    /// How many results the case has.
    outputs: usize,
    read: RefCell<BTreeSet<String>>,
    taken: RefCell<BTreeSet<usize>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        op: &'a str,
        args: &'a Map<String, Value>,
        names: &'a [String],
        inputs: &'a [Operand],
        outputs: usize,
    ) -> Self {
        Call { op, args, names, inputs, outputs, read: RefCell::default(), taken: RefCell::default() }
    }

    /// # Errors
    /// If an argument or an input was never looked at.
    pub(super) fn finish(&self) -> Result<()> {
        let (read, taken) = (self.read.borrow(), self.taken.borrow());
        for (name, value) in self.args {
            ensure!(value.is_null() || read.contains(name), "{}: argument {name} is not supported", self.op);
        }
        for (i, name) in self.names.iter().enumerate() {
            ensure!(taken.contains(&i), "{}: input {name} is not supported", self.op);
        }
        Ok(())
    }

    /// The value of an argument, if there is one and it is not null.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(name.to_string());
        self.args.get(name).filter(|value| !value.is_null())
    }

    /// An argument that may be missing or null.
    pub(super) fn given<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let value = self.value(name).map(T::deserialize).transpose();
        value.with_context(|| format!("argument {name}"))
    }

    /// An argument that must be there.
    pub(super) fn arg<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.given(name)?.with_context(|| format!("argument {name} is missing"))
    }

    /// An argument, or what PyTorch takes for it if it is missing or null.
    pub(super) fn arg_or<T: DeserializeOwned>(&self, name: &str, default: T) -> Result<T> {
        Ok(self.given(name)?.unwrap_or(default))
    }

    /// Of an argument that has two names the one that is used here.
    pub(super) fn name(&self, ours: &'static str, pytorch: &'static str) -> &'static str {
        if self.args.contains_key(pytorch) { pytorch } else { ours }
    }

    /// # Errors
    /// If an argument is given and is not its default, the only value that is supported.
    pub(super) fn only(&self, name: &str, default: impl Into<Value>) -> Result<()> {
        match self.value(name) {
            Some(value) if *value != default.into() => bail!("argument {name}: {value} is not supported"),
            _ => Ok(()),
        }
    }

    /// The number of an axis.
    pub(super) fn dim(&self) -> Result<isize> {
        self.arg("dim")
    }

    pub(super) fn keepdim(&self) -> Result<bool> {
        self.arg_or("keepdim", false)
    }

    /// The numbers of the axes in `dims` or `dim`, a list or a number; none if both are missing or null.
    pub(super) fn dims(&self) -> Result<Option<Vec<isize>>> {
        let (dims, dim) = (self.value("dims"), self.value("dim"));
        let Some(value) = dims.or(dim) else { return Ok(None) };
        match value.as_i64() {
            Some(dim) => Ok(Some(vec![dim as isize])),
            None => Vec::deserialize(value).map(Some).context("argument dims"),
        }
    }

    /// [`dims`](Self::dims), or all.
    pub(super) fn axes(&self) -> Result<Axes> {
        Ok(self.dims()?.map_or(Axes::from(..), |dims| Axes::from(&dims[..])))
    }

    /// An argument that is one number for rows and columns, or two.
    pub(super) fn pair(&self, name: &str) -> Result<Option<[usize; 2]>> {
        match self.value(name) {
            Some(Value::Array(_)) => self.given(name),
            Some(_) => Ok(Some([self.arg(name)?; 2])),
            None => Ok(None),
        }
    }

    /// Input number `i`.
    pub(super) fn input(&self, i: usize) -> Result<&'a Operand> {
        self.taken.borrow_mut().insert(i);
        self.inputs.get(i).with_context(|| format!("input {i} is missing"))
    }

    /// Input number `i`, of floats.
    pub(super) fn float(&self, i: usize) -> Result<&'a Var> {
        match self.input(i)? {
            Operand::Float(var) => Ok(var),
            Operand::Integer(_) => bail!("input {} should hold floats", self.names[i]),
        }
    }

    /// Input number `i`, of integers.
    pub(super) fn integer(&self, i: usize) -> Result<&'a Tensor<i64>> {
        match self.input(i)? {
            Operand::Integer(tensor) => Ok(tensor),
            Operand::Float(_) => bail!("input {} should hold integers", self.names[i]),
        }
    }

    /// The first input, of floats.
    pub(super) fn x(&self) -> Result<&'a Var> {
        self.float(0)
    }

    /// All inputs, of floats.
    pub(super) fn all(&self) -> Result<Vec<Var>> {
        (0..self.inputs.len()).map(|i| self.float(i).cloned()).collect()
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The input of floats that has one of these names, if there is one.
    pub(super) fn named(&self, names: &[&str]) -> Result<Option<&'a Var>> {
        let at = self.names.iter().position(|name| names.contains(&name.as_str()));
        at.map(|at| self.float(at)).transpose()
    }

    /// Those of the results that `returns` names; without it as many as the case has.
    pub(super) fn parts(&self, all: Vec<(&str, Operand)>) -> Result<Option<Vec<Operand>>> {
        let Some(returns) = self.given::<Vec<String>>("returns")? else {
            return Ok(Some(all.into_iter().take(self.outputs).map(|(_, part)| part).collect()));
        };
        let part = |wanted: &String| {
            let part = all.iter().find(|(name, _)| name == wanted);
            part.map(|(_, part)| part.clone()).with_context(|| format!("argument returns: {wanted}"))
        };
        returns.iter().map(part).collect::<Result<_>>().map(Some)
    }
}
