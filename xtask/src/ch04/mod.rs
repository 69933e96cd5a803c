//! The chapter, section by section, in the book's order and with its names.

mod book;
mod by_hand;
mod learner;
mod optimizer;
mod pixel_similarity;
mod pixels;
mod simple_net;

use anyhow::{Context as _, Result};
use downhill::data::MnistSample;
use downhill::prelude::*;

use crate::report::{Figure, Findings, Printed, Torch};

/// What every section is given.
pub(crate) struct Context {
    /// Whether the full MNIST files are there.
    pub(crate) full: bool,
    pub(crate) sample: MnistSample,
    pub(crate) dls: DataLoaders<f32, i64>,
    /// Each random result is computed once for each of these.
    pub(crate) seeds: Vec<u64>,
    /// Called after each epoch of training, for the progress bar.
    pub(crate) tick: Box<dyn Fn()>,
}

impl Context {
    /// The threes and sevens, of the full MNIST files or embedded, loaded as the chapter loads them: all threes, then all
    /// sevens, without shuffling.
    pub(crate) fn new(full: bool, seeds: Vec<u64>, tick: Box<dyn Fn()>) -> Result<Self> {
        let sample = if full {
            MnistSample::from_mnist(crate::download::folder()).context("loading the full MNIST files")?
        } else {
            embedded()?
        };
        let dls = data_loaders(&sample, 256)?;
        Ok(Context { full, sample, dls, seeds, tick })
    }

    /// A result for each seed.
    fn for_each_seed<R>(&self, run: impl Fn(&mut Rng) -> Result<R>) -> Result<Vec<R>> {
        self.seeds.iter().map(|&seed| run(&mut Rng::new(seed))).collect()
    }
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
    /// Whether there is something in it that the embedded sample is not enough for.
    pub(crate) wants_mnist: bool,
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
    Section { key, title, epochs, wants_mnist: false, run }
}

pub(crate) const SECTIONS: &[Section] = &[
    Section {
        wants_mnist: true,
        ..section("pixels", "Pixels: the foundations of computer vision", 0, pixels::run)
    },
    section("pixel-similarity", "First try: pixel similarity", 0, pixel_similarity::run),
    section("by-hand", "Putting it all together", 21, by_hand::run),
    section("optimizer", "Creating an optimizer", 20, optimizer::run),
    section("learner", "Learner.fit", 10, learner::run),
    section("simple-net", "Adding a nonlinearity", 40, simple_net::run),
];

/// Rows for numbers that the book prints one after the other, compared with the runs of all seeds; the last one also with
/// PyTorch's.
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

/// Our accuracies over the book's, from before the first epoch on.
fn accuracy_curve(out: &mut Findings, title: &str, book: &[Printed], runs: Vec<Vec<f64>>) {
    let book = book.iter().map(|printed| printed.value).collect();
    let (title, x, y) = (title.into(), "epoch".into(), "accuracy".into());
    out.figure(Figure::Curves { title, x, y, first_x: 0.0, book, runs });
}

/// The numbers at one place of every run.
fn column(runs: &[Vec<f64>], at: usize) -> Vec<f64> {
    runs.iter().map(|run| run[at]).collect()
}

/// The chapter's `validate_epoch`: the mean of the batches' accuracies, each counting the same.
pub(crate) fn validate_epoch(valid_dl: &DataLoader<f32, i64>, model: &dyn Fn(&Var) -> Var) -> Result<f64> {
    let mut accs = Vec::new();
    for batch in valid_dl {
        let (xb, yb) = batch?;
        let preds = no_grad(|| model(&Var::new(xb)));
        accs.push(batch_accuracy(&preds.value(), &yb));
    }
    Ok(accs.iter().sum::<f64>() / accs.len() as f64)
}

/// The chapter's `calc_grad`: the loss of a batch, and its gradient in every parameter.
pub(crate) fn calc_grad(xb: Tensor, yb: &Tensor<i64>, model: &dyn Fn(&Var) -> Var) -> f32 {
    let preds = model(&Var::new(xb));
    let loss = mnist_loss(&preds, yb);
    loss.backward();
    loss.item()
}
