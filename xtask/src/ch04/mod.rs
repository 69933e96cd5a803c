//! The chapter, section by section, in the book's order and with its names.

mod book;
mod by_hand;
mod data_loader;
mod figures;
mod gradients;
mod jargon;
mod learner;
mod mnist_loss;
mod optimizer;
mod pixel_similarity;
mod pixels;
mod resnet18;
mod roller_coaster;
mod simple_net;
mod ten_digits;
mod tensors;
mod universal_approximation;

use anyhow::{Context as _, Result};
use downhill::data::MnistSample;
use downhill::prelude::*;

use crate::report::{Findings, Printed, Torch};
use figures::{accuracy_curve, curve, digits, pictures};

/// What every section is given.
pub(crate) struct Context {
    /// Whether the full MNIST files are there.
    pub(crate) full: bool,
    pub(crate) sample: MnistSample,
    pub(crate) dls: DataLoaders<f32, i64>,
    /// Each random result is computed once for each of these.
    pub(crate) seeds: Vec<u64>,
    /// A mistake to make, to see that it is noticed.
    pub(crate) fault: Option<Fault>,
    /// Called after each epoch of training, for the progress bar.
    pub(crate) tick: Box<dyn Fn()>,
}

impl Context {
    /// The threes and sevens, of the full MNIST files or embedded, loaded as the chapter loads them: all threes, then all
    /// sevens, without shuffling.
    pub(crate) fn new(
        full: bool,
        seeds: Vec<u64>,
        fault: Option<Fault>,
        tick: Box<dyn Fn()>,
    ) -> Result<Self> {
        let sample = if full {
            MnistSample::from_mnist(crate::download::folder()).context("loading the full MNIST files")?
        } else {
            embedded()?
        };
        let mut dls = data_loaders(&sample, 256)?;
        dls.train = dls.train.shuffle(fault == Some(Fault::Shuffle));
        Ok(Context { full, sample, dls, seeds, fault, tick })
    }

    /// Whether this mistake is to be made.
    fn injects(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// The chapter's `validate_epoch(model)`.
    fn validate_epoch(&self, model: &dyn Fn(&Var) -> Var) -> Result<f64> {
        let accs = batch_accuracies(&self.dls.valid, model)?;
        Ok(if self.injects(Fault::BySize) { mean_by_size(&accs) } else { mean(&accs) })
    }

    /// A result for each seed.
    fn for_each_seed<R>(&self, run: impl Fn(&mut Rng) -> Result<R>) -> Result<Vec<R>> {
        self.seeds.iter().map(|&seed| run(&mut Rng::new(seed))).collect()
    }
}

/// A mistake that one could make, made on purpose: `cargo xtask ci` sees that each turns a row red.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    /// The training set is shuffled.
    Shuffle,
    /// Adam has PyTorch's eps instead of fastai's.
    Eps,
    /// A batch's accuracy counts by its size.
    BySize,
    /// The mean seven is one of a thousand sevens.
    Mean,
}

/// The sample in the repository.
fn embedded() -> Result<MnistSample> {
    MnistSample::from_dir(crate::root().join("data/mnist_sample")).context("loading the embedded sample")
}

/// `DataLoaders(dl, valid_dl)`.
pub(crate) fn data_loaders(sample: &MnistSample, bs: usize) -> Result<DataLoaders<f32, i64>> {
    let dset = TensorDataset::new(sample.train.x(), sample.train.y())?;
    let valid_dset = TensorDataset::new(sample.valid.x(), sample.valid.y())?;
    Ok(DataLoaders::new(DataLoader::new(dset).bs(bs), DataLoader::new(valid_dset).bs(bs)))
}

/// A part of the chapter that can be run.
pub(crate) struct Section {
    /// As on the command line.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    /// How often it ticks for each seed.
    pub(crate) epochs: u64,
    /// Whether it can do nothing without the full MNIST files.
    pub(crate) needs_mnist: bool,
    pub(crate) run: fn(&Context, &mut Findings) -> Result<()>,
}

impl Section {
    /// The file with its code, from the repository's root.
    pub(crate) fn code(&self) -> String {
        format!("xtask/src/ch04/{}.rs", self.key.replace('-', "_"))
    }
}

const fn section(
    key: &'static str,
    title: &'static str,
    epochs: u64,
    run: fn(&Context, &mut Findings) -> Result<()>,
) -> Section {
    Section { key, title, epochs, needs_mnist: false, run }
}

pub(crate) const SECTIONS: &[Section] = &[
    section("pixels", "Pixels: the foundations of computer vision", 0, pixels::run),
    section("tensors", "NumPy arrays and PyTorch tensors", 0, tensors::run),
    section("pixel-similarity", "First try: pixel similarity", 0, pixel_similarity::run),
    section("gradients", "Calculating gradients", 0, gradients::run),
    section("roller-coaster", "An end-to-end SGD example", 0, roller_coaster::run),
    section("mnist-loss", "The MNIST loss function", 0, mnist_loss::run),
    section("data-loader", "SGD and mini-batches", 0, data_loader::run),
    section("by-hand", "Putting it all together", 21, by_hand::run),
    section("optimizer", "Creating an optimizer", 40, optimizer::run),
    section("learner", "Learner.fit", 10, learner::run),
    section("simple-net", "Adding a nonlinearity", 40, simple_net::run),
    section(
        "universal-approximation",
        "Any function, with one hidden layer",
        0,
        universal_approximation::run,
    ),
    section("resnet18", "Going deeper", 1, resnet18::run),
    section("jargon", "Jargon recap: activations and parameters", 0, jargon::run),
    Section {
        needs_mnist: true,
        ..section("ten-digits", "Beyond the chapter: all ten digits", 0, ten_digits::run)
    },
];

/// Rows for numbers that the book prints one after the other, compared with the runs of all seeds; the last one also with
/// PyTorch's.
#[track_caller]
fn rows(
    out: &mut Findings,
    names: impl Fn(usize) -> String,
    book: &[Printed],
    runs: &[Vec<f64>],
    torch: Torch,
) {
    for (i, &printed) in book.iter().enumerate() {
        let last = i + 1 == book.len();
        out.runs(names(i), printed, &column(runs, i), last.then_some(torch));
    }
}

/// The numbers at one place of every run.
fn column(runs: &[Vec<f64>], at: usize) -> Vec<f64> {
    runs.iter().map(|run| run[at]).collect()
}

/// A shape as PyTorch prints it.
fn size(shape: &[usize]) -> String {
    format!("torch.Size({shape:?})")
}

/// The chapter's `init_params`.
fn init_params(size: &[usize], rng: &mut Rng) -> Var {
    Var::parameter(Tensor::randn(size, rng))
}

/// The chapter's `validate_epoch`: the mean of the batches' accuracies, each counting the same.
pub(crate) fn validate_epoch(valid_dl: &DataLoader<f32, i64>, model: &dyn Fn(&Var) -> Var) -> Result<f64> {
    Ok(mean(&batch_accuracies(valid_dl, model)?))
}

/// The accuracy and the size of each batch.
fn batch_accuracies(
    valid_dl: &DataLoader<f32, i64>,
    model: &dyn Fn(&Var) -> Var,
) -> Result<Vec<(f64, usize)>> {
    let mut accs = Vec::new();
    for batch in valid_dl {
        let (xb, yb) = batch?;
        let preds = no_grad(|| model(&Var::new(xb)));
        accs.push((batch_accuracy(&preds.value(), &yb), yb.size(0)));
    }
    Ok(accs)
}

fn mean(accs: &[(f64, usize)]) -> f64 {
    accs.iter().map(|(acc, _)| acc).sum::<f64>() / accs.len() as f64
}

fn mean_by_size(accs: &[(f64, usize)]) -> f64 {
    let items: usize = accs.iter().map(|(_, size)| size).sum();
    accs.iter().map(|(acc, size)| acc * *size as f64).sum::<f64>() / items as f64
}

/// The chapter's `calc_grad`: the loss of a batch, and its gradient in every parameter.
pub(crate) fn calc_grad(xb: Tensor, yb: &Tensor<i64>, model: &dyn Fn(&Var) -> Var) -> f32 {
    let preds = model(&Var::new(xb));
    let loss = mnist_loss(&preds, yb);
    loss.backward();
    loss.item()
}
