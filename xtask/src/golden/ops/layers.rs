//! Activations, indexing, convolution, pooling and normalisation.

use anyhow::{Context as _, Result, bail, ensure};
use downhill::autograd::{BatchNormOptions, RunningStats, batch_norm, conv2d, embedding};
use downhill::tensor::{Conv2dOptions, Pool2dOptions, Tensor};
use serde_json::Value;

use super::{Case, Operand, Var};

/// `[start, end, step]`, each null for the default, negative numbers counted from the back.
type Slice = [Option<isize>; 3];

impl Case {
    /// The operation's results, or `None` if it is not one of these.
    pub(super) fn apply_layer(&self, inputs: &[Operand]) -> Result<Option<Vec<Operand>>> {
        if self.op == "batch_norm" {
            return self.batch_norm(inputs).map(Some);
        }
        let x = || floats(inputs).next().context("an input of floats is missing");
        let weight = || floats(inputs).nth(1).context("a second input of floats is missing");
        let index = || {
            let integers = inputs.iter().find_map(|input| match input {
                Operand::Integer(tensor) => Some(tensor),
                Operand::Float(_) => None,
            });
            integers.context("an input of integers is missing")
        };
        let y = match self.op.as_str() {
            "erf" => x()?.erf(),
            "gelu" => x()?.gelu(),
            "silu" => x()?.silu(),
            "softplus" => x()?.softplus(),
            "leaky_relu" => x()?.leaky_relu(self.arg("negative_slope")?),
            "slice_step" => sliced(x()?, &self.arg::<Vec<Slice>>("slices")?)?,
            "index_select" => {
                let index = index()?.iter().map(usize::try_from).collect::<Result<Vec<_>, _>>()?;
                x()?.index_select(self.arg("dim")?, &index)
            }
            "gather" => x()?.gather(self.arg("dim")?, index()?),
            "embedding" => embedding(index()?, x()?),
            "masked_fill" => x()?.masked_fill(&index()?.to(), self.arg("value")?),
            "pad2d" => x()?.pad(&self.arg::<Vec<usize>>("pad_lrtb")?, 0.0),
            "conv2d" => {
                let options = Conv2dOptions::default()
                    .stride(self.pair("stride")?.unwrap_or([1; 2]))
                    .padding(self.pair("padding")?.unwrap_or([0; 2]))
                    .dilation(self.pair("dilation")?.unwrap_or([1; 2]))
                    .groups(if self.args.contains_key("groups") { self.arg("groups")? } else { 1 });
                conv2d(x()?, weight()?, floats(inputs).nth(2), &options)
            }
            "max_pool2d" => x()?.max_pool2d(&self.pooling()?),
            "avg_pool2d" => x()?.avg_pool2d(&self.pooling()?),
            "adaptive_avg_pool2d" => x()?.adaptive_avg_pool2d(self.output()?),
            "adaptive_max_pool2d" => x()?.adaptive_max_pool2d(self.output()?),
            "layer_norm" => {
                let shape: Vec<usize> = self.arg("normalized_shape")?;
                let (w, b) = (self.named(inputs, "w"), self.named(inputs, "b"));
                x()?.layer_norm(&shape, w, b, self.arg("eps")?)
            }
            "group_norm" => {
                let (w, b) = (self.named(inputs, "w"), self.named(inputs, "b"));
                x()?.group_norm(self.arg("groups")?, w, b, self.arg("eps")?)
            }
            _ => return Ok(None),
        };
        Ok(Some(vec![Operand::Float(y)]))
    }

    /// The parts that `returns` names: by default all three.
    fn batch_norm(&self, inputs: &[Operand]) -> Result<Vec<Operand>> {
        let named = |name: &str| self.named(inputs, name);
        let x = named("x").context("input x is missing")?;
        let stats =
            |name: &str| named(name).map(Var::value).with_context(|| format!("input {name} is missing"));
        let running = RunningStats { mean: stats("running_mean")?, var: stats("running_var")? };
        let options = BatchNormOptions {
            training: self.arg("training")?,
            momentum: self.arg("momentum")?,
            eps: self.arg("eps")?,
        };
        let (y, running) = batch_norm(x, named("w"), named("b"), &running, &options);
        let constant = |value: &Tensor<f64>| Operand::Float(Var::new(value.clone()));
        Ok(vec![Operand::Float(y), constant(&running.mean), constant(&running.var)])
    }

    /// The input called `name`, if there is one and it holds floats.
    fn named<'a>(&self, inputs: &'a [Operand], name: &str) -> Option<&'a Var> {
        let at = self.inputs.iter().position(|input| input == name)?;
        match &inputs[at] {
            Operand::Float(var) => Some(var),
            Operand::Integer(_) => None,
        }
    }

    /// An argument that is one number for rows and columns, or two; none if it is missing or null.
    fn pair(&self, name: &str) -> Result<Option<[usize; 2]>> {
        match self.args.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(_)) => Ok(Some(self.arg(name)?)),
            Some(_) => Ok(Some([self.arg(name)?; 2])),
        }
    }

    fn output(&self) -> Result<[usize; 2]> {
        self.pair("output")?.context("argument output is missing")
    }

    fn pooling(&self) -> Result<Pool2dOptions> {
        let kernel = self.pair("kernel")?.context("argument kernel is missing")?;
        let include = !self.args.contains_key("count_include_pad") || self.arg("count_include_pad")?;
        Ok(Pool2dOptions::new(kernel)
            .stride(self.pair("stride")?.unwrap_or(kernel))
            .padding(self.pair("padding")?.unwrap_or([0; 2]))
            .count_include_pad(include))
    }
}

fn floats(inputs: &[Operand]) -> impl Iterator<Item = &Var> {
    inputs.iter().filter_map(|input| match input {
        Operand::Float(var) => Some(var),
        Operand::Integer(_) => None,
    })
}

fn sliced(x: &Var, slices: &[Slice]) -> Result<Var> {
    ensure!(slices.len() <= x.shape().len(), "{} slices for shape {:?}", slices.len(), x.shape());
    let mut y = x.clone();
    for (dim, &[start, end, step]) in slices.iter().enumerate() {
        let len = x.shape()[dim] as isize;
        let resolved = |at: isize| (if at < 0 { at + len } else { at }).clamp(0, len) as usize;
        let Ok(step @ 1..) = usize::try_from(step.unwrap_or(1)) else { bail!("a step is not positive") };
        let (start, end) = (resolved(start.unwrap_or(0)), resolved(end.unwrap_or(len)));
        y = y.slice(dim as isize, start, end.max(start), step);
    }
    Ok(y)
}
