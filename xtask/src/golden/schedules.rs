//! `schedules.json`: values of fastai's schedules at given positions, and of PyTorch's schedulers step by step. What a
//! schedule is and from where to where it goes is in its name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use downhill::optim::schedule::{
    OneCycle, Schedule, cosine_annealing_lr, exponential_lr, flat_cos, linear_lr, step_lr,
};
use serde::Deserialize;

use super::{Outcome, Tally, Worst, read_json};

/// Against the largest absolute value of the schedule.
const TOLERANCE: f64 = 1e-9;

/// Where PyTorch's schedulers start.
const TORCH_LR: f64 = 0.1;

#[derive(Deserialize)]
struct Golden {
    pos: Vec<f64>,
    values: BTreeMap<String, Vec<f64>>,
}

pub(super) fn replay(path: &Path, tally: &mut Tally) -> Result<()> {
    let golden: Golden = read_json(path)?;
    for (name, values) in &golden.values {
        tally.case(format!("schedules/{name}"), || compare(name, &golden.pos, values));
    }
    Ok(())
}

fn compare(name: &str, pos: &[f64], values: &[f64]) -> Result<Outcome> {
    let ours: Vec<f64> = match name.strip_prefix("torch.") {
        Some(name) => {
            let lr = pytorch(name)?;
            (0..values.len() as u64).map(lr).collect()
        }
        None => {
            let schedule = fastai(name)?;
            pos.iter().map(|&pos| schedule.at(pos)).collect()
        }
    };
    ensure!(ours.len() == values.len(), "{} values for {} positions", values.len(), ours.len());
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let mut worst = Worst::new();
    for (ours, golden) in ours.iter().zip(values) {
        let error = (ours - golden).abs();
        worst.see(if error == 0.0 { 0.0 } else { error / largest }, TOLERANCE);
    }
    worst.outcome()
}

fn number<X: std::str::FromStr>(name: &str, text: &str) -> Result<X>
where
    X::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().with_context(|| format!("schedule {name}: {text:?} is no number"))
}

/// `KIND_START_to_END`, where a polynomial's power is part of its kind, or one of the policies, with fastai's defaults.
fn fastai(name: &str) -> Result<Schedule> {
    if let Some(lr) = name.strip_prefix("one_cycle_lr_max") {
        return Ok(OneCycle::default().lr(number(name, lr)?));
    }
    if name == "one_cycle_mom" {
        return Ok(OneCycle::default().mom());
    }
    if let Some(lr) = name.strip_prefix("flat_cos_lr") {
        return Ok(flat_cos(number(name, lr)?, 0.75, 1e5));
    }
    let parts = name.split_once('_').and_then(|(kind, ends)| Some((kind, ends.split_once("_to_")?)));
    let (kind, (start, end)) = parts.with_context(|| format!("unknown schedule {name}"))?;
    let (start, end) = (number(name, start)?, number(name, end)?);
    Ok(match (kind, kind.strip_prefix("poly")) {
        ("lin", _) => Schedule::lin(start, end),
        ("cos", _) => Schedule::cos(start, end),
        ("no", _) => Schedule::no(start),
        ("exp", _) => Schedule::exp(start, end),
        (_, Some(power)) => Schedule::poly(start, end, number(name, power)?),
        _ => bail!("unknown schedule {name}"),
    })
}

/// `NAME(ARGUMENTS)`, as a function of the steps done.
fn pytorch(name: &str) -> Result<Box<dyn Fn(u64) -> f64>> {
    let call = name.split_once('(').and_then(|(kind, rest)| Some((kind, rest.strip_suffix(')')?)));
    let (kind, args) = call.with_context(|| format!("unknown schedule torch.{name}"))?;
    let args: Vec<&str> =
        args.split(',').map(|arg| arg.split_once('=').map_or(arg, |(_, value)| value).trim()).collect();
    Ok(match (kind, &args[..]) {
        ("step_lr", [step_size, gamma]) => {
            let (step_size, gamma) = (number(name, step_size)?, number(name, gamma)?);
            ensure!(step_size > 0, "schedule torch.{name}: steps of no size");
            Box::new(move |step| step_lr(TORCH_LR, step_size, gamma, step))
        }
        ("exponential", [gamma]) => {
            let gamma = number(name, gamma)?;
            Box::new(move |step| exponential_lr(TORCH_LR, gamma, step))
        }
        ("cosine", [t_max, rest @ ..]) if rest.len() <= 1 => {
            let t_max = number(name, t_max)?;
            let eta_min = rest.first().map_or(Ok(0.0), |eta_min| number(name, eta_min))?;
            ensure!(t_max > 0, "schedule torch.{name}: no steps");
            Box::new(move |step| cosine_annealing_lr(TORCH_LR, t_max, eta_min, step))
        }
        ("linear", [start_factor, end_factor, total_iters]) => {
            let (start, end) = (number(name, start_factor)?, number(name, end_factor)?);
            let total_iters = number(name, total_iters)?;
            ensure!(total_iters > 0, "schedule torch.{name}: no steps");
            Box::new(move |step| linear_lr(TORCH_LR, start, end, total_iters, step))
        }
        _ => bail!("unknown schedule torch.{name}"),
    })
}
