//! `ops.json` and its like: single operations in f64, forward and backward.
//!
//! Cases are read by their format. An argument or an input that the replay does not know is an error that names it: a case
//! that asks for more than is computed must not pass by chance.

mod call;
mod elementwise;
mod images;
mod lanes;
mod losses;
mod norms;
mod views;

use std::path::Path;

use anyhow::{Result, bail, ensure};
use downhill::autograd::{GradOptions, grad_with};
use downhill::tensor::testing::{Tolerance, deviation};
use downhill::tensor::{Element, Float, Tensor};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Outcome, Store, Tally, Worst, read_json};
use call::Call;

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
    #[serde(default)]
    args: Map<String, Value>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    grads: Vec<String>,
}

/// An input or an output: differentiable, or integers and truth values.
#[derive(Clone)]
enum Operand {
    Float(Var),
    Integer(Tensor<i64>),
}

impl From<Var> for Operand {
    fn from(var: Var) -> Self {
        Operand::Float(var)
    }
}

impl From<Tensor<i64>> for Operand {
    fn from(tensor: Tensor<i64>) -> Self {
        Operand::Integer(tensor)
    }
}

pub(super) fn replay(path: &Path, tally: &mut Tally) -> Result<()> {
    let golden: Golden = read_json(path)?;
    let store = Store::beside(path)?;
    let file = path.file_stem().unwrap_or_default().to_string_lossy();
    for case in &golden.cases {
        tally.case(format!("{file}/{}", case.name), || case.replay(&store));
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
                let var = Var::new(store.get(&key)?);
                var.requires_grad_(self.grads.contains(name));
                Operand::Float(var)
            })
        });
        let inputs: Vec<Operand> = inputs.collect::<Result<_>>()?;
        let call = Call::new(&self.op, &self.args, &self.inputs, &inputs, self.outputs.len());
        let Some(outputs) = apply(&call)? else {
            return Ok(Outcome::Skipped(format!("downhill has no {} yet", self.op)));
        };
        call.finish()?;
        ensure!(
            outputs.len() == self.outputs.len(),
            "{} outputs, expected {}",
            outputs.len(),
            self.outputs.len()
        );

        let mut worst = Worst::new();
        let (mut roots, mut cotangents) = (Vec::new(), Vec::new());
        for (i, (name, output)) in self.outputs.iter().zip(&outputs).enumerate() {
            match output {
                Operand::Float(output) => {
                    compare(&mut worst, &output.value(), &store.get(&key("", name))?);
                    if output.requires_grad() {
                        roots.push(output);
                        cotangents.push(store.get::<f64>(&key("", &format!("cot{i}")))?);
                    }
                }
                Operand::Integer(output) => {
                    compare(&mut worst, &output.to::<f64>(), &store.get::<f64>(&key("", name))?);
                }
            }
        }
        let wanted = self.grads.iter().map(|name| {
            let at = self.inputs.iter().position(|input| input == name);
            match at.map(|at| &inputs[at]) {
                Some(Operand::Float(var)) => Ok(var),
                Some(Operand::Integer(_)) => bail!("{name} is of integers and has no gradient"),
                None => bail!("there is no input {name} to have a gradient"),
            }
        });
        let wanted: Vec<&Var> = wanted.collect::<Result<_>>()?;
        // What does not depend on its inputs has gradients of zero.
        let ours = if roots.is_empty() {
            vec![None; wanted.len()]
        } else {
            grad_with(&roots, &wanted, &GradOptions::default().cotangents(cotangents))
        };
        for ((name, input), ours) in self.grads.iter().zip(&wanted).zip(ours) {
            let ours = ours.map_or_else(|| Tensor::zeros(&input.shape()), Var::into_value);
            compare(&mut worst, &ours, &store.get(&key("grad.", name))?);
        }
        worst.outcome()
    }
}

/// The operation's results, or `None` if downhill has no such operation.
fn apply(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    let groups = [elementwise::apply, views::apply, lanes::apply, images::apply, norms::apply, losses::apply];
    for group in groups {
        if let Some(outputs) = group(call)? {
            return Ok(Some(outputs));
        }
    }
    Ok(None)
}

/// One result.
fn one(output: impl Into<Operand>) -> Result<Option<Vec<Operand>>> {
    Ok(Some(vec![output.into()]))
}

fn compare<E: Float + Element>(worst: &mut Worst, ours: &Tensor<E>, golden: &Tensor<E>) {
    let deviation = deviation(ours, golden, Tolerance::relative(TOLERANCE));
    worst.see(deviation.relative_error(golden), TOLERANCE);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What becomes of a call with these arguments and inputs.
    fn outcome(op: &str, args: Value, inputs: &[(&str, Operand)]) -> Result<Option<Vec<Operand>>> {
        let names: Vec<String> = inputs.iter().map(|(name, _)| name.to_string()).collect();
        let operands: Vec<Operand> = inputs.iter().map(|(_, operand)| operand.clone()).collect();
        let Value::Object(args) = args else { panic!("arguments have names") };
        let call = Call::new(op, &args, &names, &operands, 1);
        let outputs = apply(&call)?;
        call.finish()?;
        Ok(outputs)
    }

    fn x() -> Operand {
        Operand::Float(Var::new(Tensor::from([[1.0, 2.0], [3.0, 4.0]])))
    }

    fn error(op: &str, args: Value, inputs: &[(&str, Operand)]) -> String {
        let Err(error) = outcome(op, args, inputs) else { panic!("{op} should not have been understood") };
        format!("{error:#}")
    }

    #[test]
    fn arguments_that_are_not_known_are_errors() {
        assert!(outcome("softmax", json!({"dim": 1}), &[("x", x())]).unwrap().is_some());
        assert_eq!(
            error("softmax", json!({"dim": 1, "temperature": 2}), &[("x", x())]),
            "softmax: argument temperature is not supported"
        );
        assert_eq!(error("softmax", json!({}), &[("x", x())]), "argument dim is missing");
        assert_eq!(
            error("relu", json!({}), &[("x", x()), ("slope", x())]),
            "relu: input slope is not supported"
        );
        assert_eq!(
            error("div", json!({"rounding_mode": "floor"}), &[("a", x()), ("b", x())]),
            "argument rounding_mode: \"floor\" is not supported"
        );
        assert!(error("sum", json!({"dims": "all"}), &[("x", x())]).starts_with("argument dims"));
        assert!(
            outcome("no_such_operation", json!({}), &[("x", x())]).is_ok_and(|outputs| outputs.is_none())
        );
    }

    /// Null stands for the default, of arguments that there are and of those that there are not.
    #[test]
    fn null_is_the_default() {
        let args = json!({"dims": null, "keepdim": null, "correction": null, "out": null});
        let Some(outputs) = outcome("var", args, &[("x", x())]).unwrap() else { panic!("var is known") };
        let [Operand::Float(y)] = &outputs[..] else { panic!("one result") };
        assert!((y.item() - 5.0 / 3.0).abs() < 1e-15);
    }
}
