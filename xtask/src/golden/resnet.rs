//! `resnet18.json`: a residual network with fastai's head on real digits, in f64: evaluation, and ten steps of fastai's
//! Adam. Its weights follow from a formula and a salt.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use downhill::autograd::Var;
use downhill::data::MnistSample;
use downhill::nn::{
    AnyTensor, Forward, Item, Module, VisionModel, create_vision_model, cross_entropy, norm_bias_params,
    resnet18, walk,
};
use downhill::optim::{Adam, Groups, Hyper, Optimizer};
use downhill::tensor::{Rng, Tensor, cat};
use serde::Deserialize;

use super::{Outcome, Tally, Worst, read_json};

/// Relative, in every step.
const TOLERANCE: f64 = 1e-8;

#[derive(Deserialize)]
struct Golden {
    salt: String,
    bs: usize,
    parameters: BTreeMap<String, Vec<usize>>,
    buffers: Vec<String>,
    eval_logits_first8: Vec<Vec<f64>>,
    eval_loss: f64,
    train_logits_first8: Vec<Vec<f64>>,
    grad_norms_step0: BTreeMap<String, f64>,
    running_mean_sum_step0: BTreeMap<String, f64>,
    running_var_sum_step0: BTreeMap<String, f64>,
    steps: Vec<Step>,
    param_norms_after10: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Step {
    lr: f64,
    mom: f64,
    loss: f64,
}

type Model = VisionModel<f64>;

pub(super) fn replay(path: &Path, tally: &mut Tally) -> Result<()> {
    let golden: Golden = read_json(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let digits = Digits::new(golden.bs)?;
    let model = golden.model()?;
    tally.case(format!("{name}/eval"), || golden.eval(&model, &digits));
    let groups = Groups::from(model.param_groups()).without_decay(&norm_bias_params(&model, true));
    let mut opt = Adam::fastai(groups, 0.0);
    let mut losses = Vec::new();
    tally.case(format!("{name}/first step"), || {
        let worst = golden.first_step(&model, &digits, &mut losses)?;
        golden.step(&mut opt, 0)?;
        worst.outcome()
    });
    tally.case(format!("{name}/all steps"), || golden.all_steps(&model, &digits, &mut opt, &mut losses));
    Ok(())
}

impl Golden {
    /// The model with the file's weights, and without dropout.
    fn model(&self) -> Result<Model> {
        let classes = self.parameters.get("1.8.weight").and_then(|shape| shape.first());
        let classes = *classes.context("there is no parameter 1.8.weight")?;
        let rng = &mut Rng::new(0);
        let model: Model = create_vision_model(resnet18(classes, rng), 3, classes, rng);
        let named = model.named_parameters();
        ensure!(
            named.len() == self.parameters.len(),
            "{} parameters, expected {}",
            named.len(),
            self.parameters.len()
        );
        for (name, parameter) in &named {
            let shape =
                self.parameters.get(name).with_context(|| format!("parameter {name} is not in the file"))?;
            ensure!(*parameter.shape() == **shape, "{name} is {:?}, expected {shape:?}", parameter.shape());
            let value = weights(&self.salt, name, shape);
            parameter.update_(|p| {
                p.zip_("golden", &value, |_, new| new);
            });
        }
        let buffers: Vec<String> = model.named_buffers().into_iter().map(|(name, _)| name).collect();
        ensure!(buffers == self.buffers, "buffers are {buffers:?}, expected {:?}", self.buffers);
        Ok(model)
    }

    /// Logits and loss of the untrained model in evaluation.
    fn eval(&self, model: &Model, digits: &Digits) -> Result<Outcome> {
        let (x, y) = digits.batch(0);
        model.eval();
        let logits = downhill::autograd::no_grad(|| model.forward(&x));
        let mut worst = Worst::new();
        compare_rows(&mut worst, &logits, &self.eval_logits_first8)?;
        relative(&mut worst, cross_entropy(&logits, &y).item(), self.eval_loss);
        worst.outcome()
    }

    /// The backward pass of the first step: logits, gradients and statistics.
    fn first_step(&self, model: &Model, digits: &Digits, losses: &mut Vec<f64>) -> Result<Worst> {
        let (x, y) = digits.batch(0);
        training_without_dropout(model);
        let logits = model.forward(&x);
        let loss = cross_entropy(&logits, &y);
        loss.backward();
        losses.push(loss.item());
        let mut worst = Worst::new();
        compare_rows(&mut worst, &logits, &self.train_logits_first8)?;
        let gradient = |p: &Var<f64>| p.grad().map_or(f64::NAN, |grad| norm(&grad));
        let norms = model.named_parameters().into_iter().map(|(name, p)| (name, gradient(&p)));
        compare_named(&mut worst, norms, &self.grad_norms_step0)?;
        let sums = |suffix: &'static str| {
            let buffers = model.named_buffers().into_iter().filter(move |(name, _)| name.ends_with(suffix));
            buffers.map(|(name, buffer)| {
                let AnyTensor::F64(value) = buffer.value() else { return (name, f64::NAN) };
                (name, value.sum(..).item())
            })
        };
        compare_named(&mut worst, sums("running_mean"), &self.running_mean_sum_step0)?;
        compare_named(&mut worst, sums("running_var"), &self.running_var_sum_step0)?;
        Ok(worst)
    }

    /// The optimizer's part of a step.
    fn step(&self, opt: &mut Adam<f64>, step: usize) -> Result<()> {
        let Step { lr, mom, .. } = self.steps.get(step).context("the file has no steps")?;
        opt.set_hyper(Hyper::Lr, (*lr).into());
        opt.set_hyper(Hyper::Mom, (*mom).into());
        opt.step();
        opt.zero_grad();
        Ok(())
    }

    /// The steps after the first: all losses, and what became of the parameters.
    fn all_steps(
        &self,
        model: &Model,
        digits: &Digits,
        opt: &mut Adam<f64>,
        losses: &mut Vec<f64>,
    ) -> Result<Outcome> {
        training_without_dropout(model);
        for step in 1..self.steps.len() {
            let (x, y) = digits.batch(step);
            let loss = cross_entropy(&model.forward(&x), &y);
            loss.backward();
            losses.push(loss.item());
            self.step(opt, step)?;
        }
        ensure!(losses.len() == self.steps.len(), "{} losses, expected {}", losses.len(), self.steps.len());
        let mut worst = Worst::new();
        for (loss, step) in losses.iter().zip(&self.steps) {
            relative(&mut worst, *loss, step.loss);
        }
        let norms = model.named_parameters().into_iter().map(|(name, p)| (name, norm(&p.value())));
        compare_named(&mut worst, norms, &self.param_norms_after10)?;
        worst.outcome()
    }
}

fn training_without_dropout(model: &Model) {
    walk(model, |place, item| {
        if let Item::Mode(mode) = item {
            mode.set(place.layer != "Dropout");
        }
    });
}

fn norm(x: &Tensor<f64>) -> f64 {
    x.norm(..).item()
}

fn relative(worst: &mut Worst, ours: f64, golden: f64) {
    worst.see((ours - golden).abs() / golden.abs(), TOLERANCE);
}

fn compare_rows(worst: &mut Worst, logits: &Var<f64>, golden: &[Vec<f64>]) -> Result<()> {
    let (shape, logits) = (logits.shape(), logits.value());
    let fits = golden.len() <= shape[0] && golden.iter().all(|row| row.len() == shape[1]);
    ensure!(fits && !golden.is_empty(), "{} rows of logits for shape {shape:?}", golden.len());
    let largest = golden.iter().flatten().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    for (i, row) in golden.iter().enumerate() {
        for (j, golden) in row.iter().enumerate() {
            worst.see((logits.get(&[i, j]) - golden).abs() / largest, TOLERANCE);
        }
    }
    Ok(())
}

/// Every name must be there, on both sides.
fn compare_named(
    worst: &mut Worst,
    ours: impl Iterator<Item = (String, f64)>,
    golden: &BTreeMap<String, f64>,
) -> Result<()> {
    let mut seen = 0;
    for (name, ours) in ours {
        let golden = golden.get(&name).with_context(|| format!("{name} is not in the file"))?;
        relative(worst, ours, *golden);
        seen += 1;
    }
    ensure!(seen == golden.len(), "{seen} values, expected {}", golden.len());
    Ok(())
}

/// The sample's training set: all threes, then all sevens.
struct Digits {
    images: Tensor<u8>,
    threes: usize,
    bs: usize,
}

impl Digits {
    fn new(bs: usize) -> Result<Self> {
        let sample = MnistSample::from_dir(crate::root().join("data/mnist_sample"))?;
        let (threes, sevens) = (sample.train.threes, sample.train.sevens);
        let count = threes.size(0);
        Ok(Digits { images: cat(&[threes, sevens], 0), threes: count, bs })
    }

    /// Batch `b`: images `j · 193 + b`, grey as three equal colours, with 0 for a three and 1 for a seven.
    fn batch(&self, b: usize) -> (Var<f64>, Tensor<i64>) {
        let indices: Vec<usize> = (0..self.bs).map(|j| (j * 193 + b) % self.images.size(0)).collect();
        // Divided in f32, as a loader does.
        let grey = (self.images.index_select(0, &indices).to::<f32>() / 255.0).to::<f64>();
        let (bs, h, w) = (self.bs, grey.size(1), grey.size(2));
        let labels = indices.iter().map(|&i| i64::from(i >= self.threes)).collect();
        (Var::new(grey.unsqueeze(1).expand(&[bs, 3, h, w])), Tensor::from_vec(labels, &[bs]))
    }
}

/// The formula of the golden files' README.
fn weights(salt: &str, name: &str, shape: &[usize]) -> Tensor<f64> {
    let hash = salt
        .bytes()
        .chain(name.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let fan_in: usize = shape.iter().skip(1).product();
    let mut i = 0;
    Tensor::from_fn(shape, |_| {
        i += 1;
        let mut z = hash.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(i));
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let u = 2.0 * (z >> 40) as f64 / f64::from(1 << 24) - 1.0;
        let value = match shape.len() {
            0 | 1 if name.ends_with("weight") => 1.0 + 0.1 * u,
            0 | 1 => 0.1 * u,
            _ => u * (3.0 / fan_in as f64).sqrt(),
        };
        f64::from(value as f32)
    })
}
