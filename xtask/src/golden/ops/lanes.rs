//! Reductions other than sums, extrema, orders, softmax and losses.

use anyhow::{Context as _, Result, bail, ensure};
use downhill::nn::{CrossEntropy, Reduction, bce_with_logits, l1_loss, mse_loss, nll_loss, smooth_l1_loss};
use downhill::tensor::{Axes, Tensor};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Case, Operand, Var};

impl Case {
    /// The operation's results, or `None` if it is not one of these.
    pub(super) fn apply_lanes(&self, inputs: &[Operand]) -> Result<Option<Vec<Operand>>> {
        let outputs = match inputs.first() {
            Some(Operand::Float(x)) => self.of_floats(x, inputs)?,
            Some(Operand::Integer(x)) => self.of_integers(x)?,
            None => None,
        };
        // Of a tuple a case may ask for a part.
        outputs.map(|all| self.parts(all)).transpose()
    }

    fn of_floats(&self, x: &Var, inputs: &[Operand]) -> Result<Option<Vec<Operand>>> {
        let axes = || self.some_axes();
        let correction = || self.arg_or("correction", 1);
        let p = || self.arg_or("p", 2.0);
        let y = match (self.op.as_str(), self.arg_or("keepdim", false)?) {
            ("var", false) => x.var(axes()?, correction()?),
            ("var", true) => x.var_keepdim(axes()?, correction()?),
            ("std", false) => x.std(axes()?, correction()?),
            ("std", true) => x.std_keepdim(axes()?, correction()?),
            ("norm", false) => x.norm_p(p()?, axes()?),
            ("norm", true) => x.norm_p_keepdim(p()?, axes()?),
            ("prod", false) => x.prod(axes()?),
            ("prod", true) => x.prod_keepdim(axes()?),
            ("amax", false) => x.amax(axes()?),
            ("amax", true) => x.amax_keepdim(axes()?),
            ("amin", false) => x.amin(axes()?),
            ("amin", true) => x.amin_keepdim(axes()?),
            ("logsumexp", false) => x.logsumexp(axes()?),
            ("logsumexp", true) => x.logsumexp_keepdim(axes()?),
            ("max", _) if self.dim().is_none() => x.max(),
            ("min", _) if self.dim().is_none() => x.min(),
            ("max", false) => return Ok(Some(pair(x.max_dim(self.arg("dim")?)))),
            ("max", true) => return Ok(Some(pair(x.max_dim_keepdim(self.arg("dim")?)))),
            ("min", false) => return Ok(Some(pair(x.min_dim(self.arg("dim")?)))),
            ("min", true) => return Ok(Some(pair(x.min_dim_keepdim(self.arg("dim")?)))),
            ("sort", _) => {
                return Ok(Some(pair(x.sort(self.arg_or("dim", -1)?, self.arg_or("descending", false)?))));
            }
            ("topk", _) => {
                let (dim, largest) = (self.arg_or("dim", -1)?, self.arg_or("largest", true)?);
                return Ok(Some(pair(x.topk(self.arg("k")?, dim, largest))));
            }
            ("cumsum", _) => x.cumsum(self.arg("dim")?),
            ("softmax", _) => x.softmax(self.arg("dim")?),
            ("log_softmax", _) => x.log_softmax(self.arg("dim")?),
            ("argmax" | "argmin" | "any" | "all", _) => return self.without_gradient(&x.value()),
            _ => return self.loss(x, inputs),
        };
        Ok(Some(vec![Operand::Float(y)]))
    }

    /// What has no gradient, of floats and integers alike.
    fn without_gradient<E: downhill::tensor::Element>(&self, x: &Tensor<E>) -> Result<Option<Vec<Operand>>> {
        let axes = || self.some_axes();
        Ok(Some(vec![Operand::Integer(match (self.op.as_str(), self.arg_or("keepdim", false)?) {
            ("argmax", false) => x.argmax(axes()?),
            ("argmax", true) => x.argmax_keepdim(axes()?),
            ("argmin", false) => x.argmin(axes()?),
            ("argmin", true) => x.argmin_keepdim(axes()?),
            ("any", false) => x.any(axes()?).to(),
            ("any", true) => x.any_keepdim(axes()?).to(),
            ("all", false) => x.all(axes()?).to(),
            ("all", true) => x.all_keepdim(axes()?).to(),
            _ => return Ok(None),
        })]))
    }

    fn of_integers(&self, x: &Tensor<i64>) -> Result<Option<Vec<Operand>>> {
        let axes = || self.some_axes();
        let y = match (self.op.as_str(), self.arg_or("keepdim", false)?) {
            ("prod", false) => x.prod(axes()?),
            ("prod", true) => x.prod_keepdim(axes()?),
            ("amax", false) => x.amax(axes()?),
            ("amax", true) => x.amax_keepdim(axes()?),
            ("amin", false) => x.amin(axes()?),
            ("amin", true) => x.amin_keepdim(axes()?),
            ("max", _) if self.dim().is_none() => x.max(),
            ("min", _) if self.dim().is_none() => x.min(),
            ("max", false) => return Ok(Some(integers(x.max_dim(self.arg("dim")?)))),
            ("max", true) => return Ok(Some(integers(x.max_dim_keepdim(self.arg("dim")?)))),
            ("min", false) => return Ok(Some(integers(x.min_dim(self.arg("dim")?)))),
            ("min", true) => return Ok(Some(integers(x.min_dim_keepdim(self.arg("dim")?)))),
            ("sort", _) => {
                let sorted = x.sort(self.arg_or("dim", -1)?, self.arg_or("descending", false)?);
                return Ok(Some(integers(sorted)));
            }
            ("topk", _) => {
                let (dim, largest) = (self.arg_or("dim", -1)?, self.arg_or("largest", true)?);
                return Ok(Some(integers(x.topk(self.arg("k")?, dim, largest))));
            }
            ("cumsum", _) => x.cumsum(self.arg("dim")?),
            _ => return self.without_gradient(x),
        };
        Ok(Some(vec![Operand::Integer(y)]))
    }

    fn loss(&self, x: &Var, inputs: &[Operand]) -> Result<Option<Vec<Operand>>> {
        let floats = || match inputs.get(1) {
            Some(Operand::Float(targets)) => Ok(targets.value()),
            _ => bail!("input 1 should hold floats"),
        };
        let classes = || match inputs.get(1) {
            Some(Operand::Integer(targets)) => Ok(targets),
            _ => bail!("input 1 should hold integers"),
        };
        // A third input weighs the classes.
        let weight = match inputs.get(2) {
            Some(Operand::Float(weight)) => Some(weight.value()),
            _ => None,
        };
        let reduction = || {
            Ok(match self.arg_or("reduction", "mean".to_string())?.as_str() {
                "mean" => Reduction::Mean,
                "sum" => Reduction::Sum,
                "none" => Reduction::None,
                other => bail!("argument reduction: {other}"),
            })
        };
        let y = match self.op.as_str() {
            "mse_loss" => mse_loss(x, &floats()?, reduction()?),
            "l1_loss" => l1_loss(x, &floats()?, reduction()?),
            "smooth_l1_loss" => smooth_l1_loss(x, &floats()?, self.arg_or("beta", 1.0)?, reduction()?),
            "bce_with_logits" => bce_with_logits(x, &floats()?, reduction()?),
            "nll_loss" => nll_loss(x, classes()?, weight.as_ref(), reduction()?),
            "cross_entropy" | "cross_entropy_smoothing" => CrossEntropy {
                weight,
                ignore_index: self.arg_or("ignore_index", -100)?,
                label_smoothing: self.arg_or("label_smoothing", 0.0)?,
                reduction: reduction()?,
            }
            .loss(x, classes()?),
            _ => return Ok(None),
        };
        Ok(Some(vec![Operand::Float(y)]))
    }

    /// An argument, or what PyTorch takes for it if it is missing or null.
    fn arg_or<T: DeserializeOwned>(&self, name: &str, default: T) -> Result<T> {
        match self.args.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(_) => self.arg(name),
        }
    }

    /// The argument that says which axes are reduced, if there is one.
    fn dim(&self) -> Option<&Value> {
        self.args.get("dims").or(self.args.get("dim")).filter(|dim| !dim.is_null())
    }

    /// A number, a list of numbers, or all axes if it is missing or null.
    fn some_axes(&self) -> Result<Axes> {
        let Some(dim) = self.dim() else { return Ok(Axes::from(..)) };
        let dims = match dim.as_i64() {
            Some(dim) => vec![dim as isize],
            None => Vec::deserialize(dim).context("argument dims")?,
        };
        Ok(Axes::from(&dims[..]))
    }

    /// Those of the results that `returns` names.
    fn parts(&self, all: Vec<Operand>) -> Result<Vec<Operand>> {
        if all.len() == 1 {
            return Ok(all);
        }
        let returns = self.arg_or("returns", vec!["values".to_string(), "indices".to_string()])?;
        ensure!(returns.iter().all(|part| part == "values" || part == "indices"), "argument returns");
        let named = all.into_iter().zip(["values", "indices"]);
        Ok(named.filter(|(_, name)| returns.iter().any(|part| part == name)).map(|(part, _)| part).collect())
    }
}

fn pair((values, indices): (Var, Tensor<i64>)) -> Vec<Operand> {
    vec![Operand::Float(values), Operand::Integer(indices)]
}

fn integers((values, indices): (Tensor<i64>, Tensor<i64>)) -> Vec<Operand> {
    vec![Operand::Integer(values), Operand::Integer(indices)]
}
