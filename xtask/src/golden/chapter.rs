//! `chapter.json`: training traces on the 3-versus-7 sample, batch by batch, from given initial weights.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use downhill::data::MnistSample;
use downhill::prelude::*;
use downhill::tensor::testing::{Tolerance, deviation};
use serde::Deserialize;

use super::{Outcome, Store, Tally, Worst, read_json};
use crate::ch04::{calc_grad, data_loaders, validate_epoch};

const LOSS: f64 = 1e-5;
/// One image of a batch of the validation set, or of the whole.
const ACCURACY: f64 = 1e-3;
/// Weights at the end, against their largest.
const WEIGHT: f64 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    baseline: Baseline,
    traces: BTreeMap<String, Trace>,
}

#[derive(Deserialize)]
struct Baseline {
    threes: usize,
    sevens: usize,
    valid_threes: usize,
    valid_sevens: usize,
    valid_3_correct: i64,
    valid_7_correct: i64,
    mean3_sum: f64,
    mean7_sum: f64,
}

#[derive(Deserialize)]
struct Trace {
    lr: f64,
    epochs: usize,
    bs: usize,
    validate_epoch: Vec<f64>,
    batch_losses_first_epoch: Vec<f64>,
    batch_losses_last_epoch: Vec<f64>,
}

pub(super) fn replay(path: &Path, tally: &mut Tally) -> Result<()> {
    let golden: Golden = read_json(path)?;
    let store = Store::beside(path)?;
    let sample = MnistSample::from_dir(crate::root().join("data/mnist_sample"))?;
    tally.case("chapter/baseline", || baseline(&golden.baseline, &sample));
    for (name, trace) in &golden.traces {
        tally.case(format!("chapter/{name}"), || replay_trace(name, trace, &store, &sample));
    }
    Ok(())
}

fn baseline(golden: &Baseline, sample: &MnistSample) -> Result<Outcome> {
    let f64s = |t: &Tensor<u8>| t.to::<f64>() / 255.0;
    let (train, valid) = (&sample.train, &sample.valid);
    let (mean3, mean7) = (f64s(&train.threes).mean(0), f64s(&train.sevens).mean(0));
    let distance = |x: &Tensor<f64>, mean: &Tensor<f64>| (x - mean).abs().mean([-1, -2]);
    let threes = |x: &Tensor<u8>| {
        let x = f64s(x);
        distance(&x, &mean3).lt(distance(&x, &mean7)).sum(..).item()
    };
    let mut worst = Worst::new();
    for (ours, golden) in [
        (train.threes.size(0), golden.threes),
        (train.sevens.size(0), golden.sevens),
        (valid.threes.size(0), golden.valid_threes),
        (valid.sevens.size(0), golden.valid_sevens),
    ] {
        ensure!(ours == golden, "{ours} images, expected {golden}");
    }
    let correct_7 = valid.sevens.size(0) as i64 - threes(&valid.sevens);
    worst.see((threes(&valid.threes) - golden.valid_3_correct).abs() as f64, 0.0);
    worst.see((correct_7 - golden.valid_7_correct).abs() as f64, 0.0);
    // The sums were taken in f32.
    worst.see((mean3.sum(..).item() - golden.mean3_sum).abs(), 1e-4);
    worst.see((mean7.sum(..).item() - golden.mean7_sum).abs(), 1e-4);
    worst.outcome()
}

fn replay_trace(name: &str, trace: &Trace, store: &Store, sample: &MnistSample) -> Result<Outcome> {
    ensure!(trace.bs > 0, "bs is zero");
    let init: BTreeMap<String, Tensor> = store
        .keys(&format!("{name}/init."))
        .into_iter()
        .map(|key| Ok((key.clone(), store.get(&format!("{name}/init.{key}"))?)))
        .collect::<Result<_>>()?;
    let params: BTreeMap<String, Var> = init.into_iter().map(|(k, v)| (k, Var::parameter(v))).collect();
    let model = model(&params)?;
    let dls = data_loaders(sample, trace.bs)?;
    let mut opt = Sgd::new(params.values().cloned().collect::<Vec<_>>(), trace.lr);

    let mut accuracies = vec![validate_epoch(&dls.valid, &model)?];
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for epoch in 0..trace.epochs {
        last.clear();
        for batch in &dls.train {
            let (xb, yb) = batch?;
            last.push(f64::from(calc_grad(xb, &yb, &model)));
            opt.step();
            opt.zero_grad();
        }
        if epoch == 0 {
            first = last.clone();
        }
        accuracies.push(validate_epoch(&dls.valid, &model)?);
    }

    let mut worst = Worst::new();
    for (what, ours, golden, tolerance) in [
        ("losses of the first epoch", &first, &trace.batch_losses_first_epoch, LOSS),
        ("losses of the last epoch", &last, &trace.batch_losses_last_epoch, LOSS),
        ("accuracies", &accuracies, &trace.validate_epoch, ACCURACY),
    ] {
        ensure!(ours.len() == golden.len(), "{} {what}, expected {}", ours.len(), golden.len());
        ours.iter().zip(golden).for_each(|(ours, golden)| worst.see((ours - golden).abs(), tolerance));
    }
    for key in store.keys(&format!("{name}/final.")) {
        let golden: Tensor = store.get(&format!("{name}/final.{key}"))?;
        let ours = params.get(&key).with_context(|| format!("final {key} without an initial value"))?.value();
        let deviation = deviation(&ours, &golden, Tolerance::relative(WEIGHT));
        worst.see(deviation.relative_error(&golden), WEIGHT);
    }
    worst.outcome()
}

type Model = dyn Fn(&Var) -> Var;

/// The model that the names of the parameters describe: `weights` and `bias` of the chapter's own linear model,
/// `weight` and `bias` of `nn.Linear`, or the linear layers of a `Sequential` with ReLUs between them.
fn model(params: &BTreeMap<String, Var>) -> Result<Box<Model>> {
    let get = |key: &str| params.get(key).cloned().with_context(|| format!("parameter {key}"));
    if params.contains_key("weights") {
        let (weights, bias) = (get("weights")?, get("bias")?);
        return Ok(Box::new(move |x| x.matmul(&weights) + &bias));
    }
    if params.contains_key("weight") {
        let linear = Linear { weight: get("weight")?, bias: params.get("bias").cloned() };
        return Ok(Box::new(move |x| linear.forward(x)));
    }
    let mut positions: Vec<usize> =
        params.keys().filter_map(|k| k.strip_suffix(".weight")?.parse().ok()).collect();
    positions.sort();
    let expected: Vec<usize> = (0..positions.len()).map(|i| 2 * i).collect();
    if positions.is_empty() || positions != expected {
        bail!("no known model has parameters {:?}", params.keys());
    }
    let mut layers: Vec<Box<dyn Forward>> = Vec::new();
    for i in positions {
        if i > 0 {
            layers.push(Box::new(ReLU));
        }
        let bias = params.get(&format!("{i}.bias")).cloned();
        layers.push(Box::new(Linear { weight: get(&format!("{i}.weight"))?, bias }));
    }
    let net = Sequential(layers);
    Ok(Box::new(move |x| net.forward(x)))
}
