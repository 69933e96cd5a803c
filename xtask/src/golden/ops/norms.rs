//! Normalisation.

use anyhow::{Context as _, Result, ensure};
use downhill::autograd::{BatchNormOptions, RunningStats, batch_norm};

use super::call::Call;
use super::{Operand, Var, one};

pub(super) fn apply(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    let weight = || call.named(&["w", "weight"]);
    let bias = || call.named(&["b", "bias"]);
    let eps = || call.arg_or("eps", 1e-5);
    match call.op {
        "batch_norm" => batch(call),
        "layer_norm" => {
            let shape: Vec<usize> = call.arg("normalized_shape")?;
            one(call.x()?.layer_norm(&shape, weight()?, bias()?, eps()?))
        }
        "group_norm" => {
            let groups = call.arg(call.name("groups", "num_groups"))?;
            one(call.x()?.group_norm(groups, weight()?, bias()?, eps()?))
        }
        _ => Ok(None),
    }
}

fn batch(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    let (x, weight) = (call.x()?, call.named(&["w", "weight"])?);
    let bias = call.named(&["b", "bias"])?;
    let options = BatchNormOptions {
        training: call.arg_or("training", false)?,
        momentum: call.arg_or("momentum", 0.1)?,
        eps: call.arg_or("eps", 1e-5)?,
    };
    let running = match (call.named(&["running_mean"])?, call.named(&["running_var"])?) {
        (Some(mean), Some(var)) => RunningStats { mean: mean.value(), var: var.value() },
        given => {
            ensure!(given.0.is_none() && given.1.is_none(), "one of running_mean and running_var is missing");
            ensure!(options.training, "inputs running_mean and running_var are missing");
            RunningStats::new(*x.shape().get(1).context("input x has no axis of channels")?)
        }
    };
    let (y, running) = batch_norm(x, weight, bias, &running, &options);
    call.parts(vec![
        ("y", y.into()),
        ("running_mean", Var::new(running.mean).into()),
        ("running_var", Var::new(running.var).into()),
    ])
}
