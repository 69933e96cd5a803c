//! `optim.json`: twelve steps of an optimizer from given parameters, gradients and learning rates, in f64.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use downhill::autograd::Var;
use downhill::optim::{Optimizer, Sgd};
use downhill::tensor::Tensor;
use downhill::tensor::testing::{Tolerance, deviation};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Outcome, Store, Tally, Worst, read_json};

/// Against the largest absolute value of the parameter.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    steps: usize,
    lr: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    args: Map<String, Value>,
}

pub(super) fn replay(path: &Path, tally: &mut Tally) -> Result<()> {
    let golden: Golden = read_json(path)?;
    let store = Store::beside(path)?;
    for case in &golden.cases {
        tally.case(format!("optim/{}", case.name), || golden.replay(case, &store));
    }
    Ok(())
}

impl Golden {
    fn replay(&self, case: &Case, store: &Store) -> Result<Outcome> {
        let params: Vec<Var<f64>> =
            ["p0", "p1"].into_iter().map(|key| Ok(Var::parameter(store.get(key)?))).collect::<Result<_>>()?;
        let Some(mut opt) = case.optimizer(&params)? else {
            return Ok(Outcome::Skipped(format!("downhill has no {} yet", case.name)));
        };
        let mut worst = Worst::new();
        for step in 0..self.steps {
            opt.set_lr(*self.lr.get(step).with_context(|| format!("no lr for step {step}"))?);
            for (i, p) in params.iter().enumerate() {
                p.set_grad(Some(store.get(&format!("g{step}.{i}"))?));
            }
            opt.step();
            opt.zero_grad();
            for (i, p) in params.iter().enumerate() {
                let golden: Tensor<f64> = store.get(&format!("{}/step{step}.p{i}", case.name))?;
                let deviation = deviation(&p.value(), &golden, Tolerance::relative(TOLERANCE));
                worst.see(deviation.relative_error(&golden), TOLERANCE);
            }
        }
        worst.outcome()
    }
}

impl Case {
    /// The optimizer that the case describes, if downhill has it.
    fn optimizer(&self, params: &[Var<f64>]) -> Result<Option<Box<dyn Optimizer<f64>>>> {
        if self.name.split('_').next() != Some("torch.sgd") {
            return Ok(None);
        }
        let mut sgd = Sgd::new(params.to_vec(), 0.0);
        for (name, value) in &self.args {
            let number = || value.as_f64().with_context(|| format!("argument {name}"));
            sgd = match name.as_str() {
                "momentum" => sgd.momentum(number()?),
                "dampening" => sgd.dampening(number()?),
                "weight_decay" => sgd.weight_decay(number()?),
                "nesterov" => sgd.nesterov(value.as_bool().with_context(|| format!("argument {name}"))?),
                _ => bail!("unknown argument {name}"),
            };
        }
        Ok(Some(Box::new(sgd)))
    }
}
