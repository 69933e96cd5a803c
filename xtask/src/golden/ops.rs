//! `ops.json`: single operations in f64, forward and backward.

mod lanes;
mod layers;

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use downhill::autograd::{cat, linear, stack, where_};
use downhill::nn::mnist_loss;
use downhill::tensor::testing::{Tolerance, deviation};
use downhill::tensor::{Axes, Element, Float, Tensor};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Outcome, Store, Tally, Worst, read_json};

type Var = downhill::autograd::Var<f64>;

/// Against the largest absolute value of the expected tensor.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    op: String,
    args: Map<String, Value>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    grads: Vec<String>,
}

/// An input or an output: differentiable, or integers and truth values.
enum Operand {
    Float(Var),
    Integer(Tensor<i64>),
}

pub(super) fn replay(path: &Path, tally: &mut Tally) -> Result<()> {
    let golden: Golden = read_json(path)?;
    let store = Store::beside(path)?;
    for case in &golden.cases {
        tally.case(format!("ops/{}", case.name), || case.replay(&store));
    }
    Ok(())
}

impl Case {
    fn replay(&self, store: &Store) -> Result<Outcome> {
        let key = |kind: &str, name: &str| format!("{}/{kind}{name}", self.name);
        let inputs = self.inputs.iter().map(|name| {
            let key = key("in.", name);
            Ok(if store.is_integer(&key)? {
                Operand::Integer(store.get(&key)?)
            } else {
                Operand::Float(Var::parameter(store.get(&key)?))
            })
        });
        let inputs: Vec<Operand> = inputs.collect::<Result<_>>()?;
        let Some(outputs) = self.apply(&inputs)? else {
            return Ok(Outcome::Skipped(format!("downhill has no {} yet", self.op)));
        };
        ensure!(
            outputs.len() == self.outputs.len(),
            "{} outputs, expected {}",
            outputs.len(),
            self.outputs.len()
        );

        let mut worst = Worst::new();
        let mut loss = Var::new(Tensor::scalar(0.0));
        for (i, (name, output)) in self.outputs.iter().zip(&outputs).enumerate() {
            match output {
                Operand::Float(output) => {
                    compare(&mut worst, &output.value(), &store.get(&key("", name))?);
                    if !self.grads.is_empty() && output.requires_grad() {
                        let cotangent: Tensor<f64> = store.get(&key("", &format!("cot{i}")))?;
                        loss = loss + (output * cotangent).sum(..);
                    }
                }
                Operand::Integer(output) => {
                    compare(&mut worst, &output.to::<f64>(), &store.get::<f64>(&key("", name))?);
                }
            }
        }
        // What does not depend on its inputs has gradients of zero.
        if loss.requires_grad() {
            loss.backward();
        }
        for name in &self.grads {
            let at = self.inputs.iter().position(|input| input == name).context("a gradient of no input")?;
            let Operand::Float(input) = &inputs[at] else { bail!("a gradient of integers") };
            let ours = input.grad().unwrap_or_else(|| Tensor::zeros(&input.shape()));
            compare(&mut worst, &ours, &store.get(&key("grad.", name))?);
        }
        worst.outcome()
    }

    /// The operation's results, or `None` if downhill has no such operation.
    fn apply(&self, inputs: &[Operand]) -> Result<Option<Vec<Operand>>> {
        if let Some(outputs) = self.apply_layer(inputs)? {
            return Ok(Some(outputs));
        }
        if let Some(outputs) = self.apply_lanes(inputs)? {
            return Ok(Some(outputs));
        }
        let float = |i: usize| match inputs.get(i) {
            Some(Operand::Float(var)) => Ok(var),
            Some(Operand::Integer(_)) => bail!("input {i} should hold floats"),
            None => bail!("input {i} is missing"),
        };
        let integer = |i: usize| match inputs.get(i) {
            Some(Operand::Integer(tensor)) => Ok(tensor),
            Some(Operand::Float(_)) => bail!("input {i} should hold integers"),
            None => bail!("input {i} is missing"),
        };
        let all = || (0..inputs.len()).map(|i| float(i).cloned()).collect::<Result<Vec<Var>>>();
        let compared = |f: fn(&Tensor<f64>, Tensor<f64>) -> Tensor<bool>| {
            Ok::<_, anyhow::Error>(Operand::Integer(f(&float(0)?.value(), float(1)?.value()).to()))
        };
        let output = match self.op.as_str() {
            "eq" => compared(Tensor::eq)?,
            "ne" => compared(Tensor::ne)?,
            "lt" => compared(Tensor::lt)?,
            "le" => compared(Tensor::le)?,
            "gt" => compared(Tensor::gt)?,
            "ge" => compared(Tensor::ge)?,
            op => {
                let x = || float(0);
                Operand::Float(match op {
                    "neg" => std::ops::Neg::neg(x()?),
                    "exp" => x()?.exp(),
                    "ln" => x()?.ln(),
                    "sqrt" => x()?.sqrt(),
                    "abs" => x()?.abs(),
                    "square" => x()?.square(),
                    "recip" => x()?.recip(),
                    "sin" => x()?.sin(),
                    "cos" => x()?.cos(),
                    "tanh" => x()?.tanh(),
                    "sigmoid" => x()?.sigmoid(),
                    "relu" => x()?.relu(),
                    "powf" => x()?.powf(self.arg("exponent")?),
                    "clamp" => x()?.clamp(self.arg("min")?, self.arg("max")?),
                    "add" => x()? + float(1)?,
                    "sub" => x()? - float(1)?,
                    "mul" => x()? * float(1)?,
                    "div" => x()? / float(1)?,
                    "maximum" => x()?.maximum(float(1)?),
                    "minimum" => x()?.minimum(float(1)?),
                    "where" => where_(&integer(0)?.to(), float(1)?, float(2)?),
                    "sum" if self.arg("keepdim")? => x()?.sum_keepdim(self.axes()?),
                    "sum" => x()?.sum(self.axes()?),
                    "mean" if self.arg("keepdim")? => x()?.mean_keepdim(self.axes()?),
                    "mean" => x()?.mean(self.axes()?),
                    "reshape" => x()?.reshape(&self.arg::<Vec<isize>>("shape")?),
                    "flatten" => x()?.flatten(self.arg("start_dim")?),
                    "transpose" => x()?.transpose(self.arg("dim0")?, self.arg("dim1")?),
                    "permute" => x()?.permute(&self.arg::<Vec<isize>>("dims")?),
                    "expand" => x()?.expand(&self.arg::<Vec<usize>>("shape")?),
                    "squeeze" => x()?.squeeze(self.arg("dim")?),
                    "unsqueeze" => x()?.unsqueeze(self.arg("dim")?),
                    "narrow" => x()?.narrow(self.arg("dim")?, self.arg("start")?, self.arg("len")?),
                    "cat" => cat(&all()?, self.arg("dim")?),
                    "stack" => stack(&all()?, self.arg("dim")?),
                    "matmul" => x()?.matmul(float(1)?),
                    "matmul_tn" => x()?.transpose(-2, -1).matmul(float(1)?),
                    "matmul_nt" => x()?.matmul(&float(1)?.transpose(-2, -1)),
                    "linear" => linear(x()?, float(1)?, inputs.get(2).map(|_| float(2)).transpose()?),
                    "mnist_loss" => match inputs.get(1) {
                        Some(Operand::Integer(targets)) => mnist_loss(x()?, targets),
                        _ => mnist_loss(x()?, &float(1)?.value()),
                    },
                    _ => return Ok(None),
                })
            }
        };
        Ok(Some(vec![output]))
    }

    /// An argument of the operation.
    fn arg<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value = self.args.get(name).with_context(|| format!("argument {name} is missing"))?;
        T::deserialize(value).with_context(|| format!("argument {name}"))
    }

    /// The axes of a reduction, all of them if `dims` is null.
    fn axes(&self) -> Result<Axes> {
        Ok(match self.arg::<Option<Vec<isize>>>("dims")? {
            Some(dims) => Axes::from(&dims[..]),
            None => Axes::from(..),
        })
    }
}

fn compare<E: Float + Element>(worst: &mut Worst, ours: &Tensor<E>, golden: &Tensor<E>) {
    let deviation = deviation(ours, golden, Tolerance::relative(TOLERANCE));
    worst.see(deviation.relative_error(golden), TOLERANCE);
}
