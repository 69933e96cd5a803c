//! The chapter, section by section, in the book's order and with its names.

mod book;
mod by_hand;
mod learner;
mod mnist;
mod optimizer;
mod pixel_similarity;
mod simple_net;

use anyhow::{Context as _, Result};
use downhill::data::MnistSample;
use downhill::prelude::*;

use crate::report::{Printed, Row};

/// What every section is given.
pub(crate) struct Context {
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
        Ok(Context { sample, dls, seeds, tick })
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
    /// Whether the embedded sample is not enough.
    pub(crate) needs_mnist: bool,
    pub(crate) run: fn(&Context) -> Result<Vec<Row>>,
}

pub(crate) const SECTIONS: &[Section] = &[
    Section {
        key: "mnist",
        title: "The digits, from the full MNIST files",
        epochs: 0,
        needs_mnist: true,
        run: mnist::run,
    },
    Section {
        key: "pixel-similarity",
        title: "First try: pixel similarity",
        epochs: 0,
        needs_mnist: false,
        run: pixel_similarity::run,
    },
    Section {
        key: "by-hand",
        title: "An end-to-end example, by hand",
        epochs: 21,
        needs_mnist: false,
        run: by_hand::run,
    },
    Section {
        key: "optimizer",
        title: "Creating an optimizer",
        epochs: 20,
        needs_mnist: false,
        run: optimizer::run,
    },
    Section { key: "learner", title: "Learner.fit", epochs: 10, needs_mnist: false, run: learner::run },
    Section {
        key: "simple-net",
        title: "Adding a nonlinearity",
        epochs: 40,
        needs_mnist: false,
        run: simple_net::run,
    },
];

/// Rows for numbers that the book prints one after the other, compared with the runs of all seeds.
fn rows(section: &str, names: impl Fn(usize) -> String, book: &[Printed], runs: &[Vec<f64>]) -> Vec<Row> {
    let row = |(i, &book): (usize, &Printed)| {
        let ours: Vec<f64> = runs.iter().map(|run| run[i]).collect();
        Row::new(section, names(i), book, &ours)
    };
    book.iter().enumerate().map(row).collect()
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
