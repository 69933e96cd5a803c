//! Where a model is wrong: fastai's `ClassificationInterpretation`.

use std::path::Path;

use downhill_data::{DataLoader, Sheet};
use downhill_tensor::{Element, Tensor, stack};

use crate::error::Result;
use crate::learner::Learner;
use crate::metrics::ConfusionMatrix;
use crate::plot::{Heat, save};
use crate::predict::{Activation, Preds};
use crate::show::Looks;

/// The predictions of a Learner for its validation set, and what can be learnt from them. fastai's
/// `ClassificationInterpretation`.
///
/// ```
/// # use downhill_data::{DataLoader, DataLoaders, TensorDataset};
/// # use downhill_learner::{ClassificationInterpretation, Learner};
/// # use downhill_nn::{Linear, mnist_loss};
/// # use downhill_tensor::{Rng, Tensor};
/// # let dir = tempfile::tempdir().unwrap();
/// # let x = Tensor::<f32>::rand(&[32, 16], &mut Rng::new(1));
/// # let y = x.narrow(1, 0, 1).gt(0.5).to::<i64>();
/// # let dl = DataLoader::new(TensorDataset::new(x, y)?);
/// # let dls = DataLoaders::new(dl.clone(), dl);
/// let model = Linear::new(16, 1, &mut Rng::new(2));
/// let learn = Learner::new(dls, model).loss_func(mnist_loss).vocab(["dark", "bright"]);
/// let interp = ClassificationInterpretation::from_learner(&learn)?;
/// for (actual, predicted, count) in interp.most_confused(1) {
///     println!("{actual} taken for {predicted}: {count} times");
/// }
/// interp.plot_confusion_matrix(dir.path().join("confusion.png"))?;
/// interp.plot_top_losses(9)?.save(dir.path().join("top_losses.png"))?;
/// # Ok::<(), downhill_learner::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClassificationInterpretation<Y: Element = i64> {
    dl: DataLoader<f32, Y>,
    /// The epoch of `dl` in whose order the predictions are.
    epoch: u64,
    preds: Preds<Y>,
    losses: Vec<f64>,
    activation: Activation,
    looks: Looks,
}

/// One item and how wrong its prediction is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TopLoss {
    /// The item's place in the set, in the order of the loader.
    pub index: usize,
    /// Its loss.
    pub loss: f64,
    /// What it is.
    pub actual: String,
    /// What the model says.
    pub predicted: String,
    /// How probable the model holds that; NaN if predictions are no probabilities.
    pub probability: f64,
}

impl<Y: Element> ClassificationInterpretation<Y> {
    /// Predicts for the validation set of `learn`.
    ///
    /// # Errors
    /// What the data loader reports, and [`downhill_data::Error::NoBatches`] if it is empty.
    ///
    /// # Panics
    /// If no loss was set, or shapes do not fit.
    pub fn from_learner(learn: &Learner<Y>) -> Result<Self> {
        Self::from_learner_of(learn, &learn.dls().valid)
    }

    /// [`from_learner`](Self::from_learner) for the items of `dl`: fastai's argument `dl`.
    ///
    /// # Errors
    /// As [`from_learner`](Self::from_learner).
    ///
    /// # Panics
    /// As [`from_learner`](Self::from_learner).
    pub fn from_learner_of(learn: &Learner<Y>, dl: &DataLoader<f32, Y>) -> Result<Self> {
        let preds = learn.get_preds_of(dl, true)?;
        let losses = preds.losses.iter().flat_map(Tensor::iter).map(f64::from).collect();
        let (activation, looks) = (learn.settings.activation(), learn.settings.looks.clone());
        Ok(Self { dl: dl.clone(), epoch: dl.position().epoch, preds, losses, activation, looks })
    }

    /// The predictions, targets and losses.
    pub fn preds(&self) -> &Preds<Y> {
        &self.preds
    }

    /// How often which class was predicted for which.
    ///
    /// # Panics
    /// If predictions are no classes (the Learner's [`activation`](Learner::activation) is none), there is more than one
    /// for an item, or targets are no classes.
    #[track_caller]
    pub fn confusion_matrix(&self) -> ConfusionMatrix {
        assert!(
            self.activation != Activation::None,
            "confusion_matrix: predictions are no classes: the Learner has no activation"
        );
        let mut matrix = ConfusionMatrix::of_classes(&self.preds.decoded.to(), &self.preds.targets.to());
        matrix.grow(self.looks.vocab.len());
        matrix
    }

    /// Plots the [`confusion_matrix`](Self::confusion_matrix) as a PNG or an SVG file.
    ///
    /// # Errors
    /// As [`Recorder::plot_loss`](crate::Recorder::plot_loss).
    ///
    /// # Panics
    /// As [`confusion_matrix`](Self::confusion_matrix).
    #[track_caller]
    pub fn plot_confusion_matrix(&self, path: impl AsRef<Path>) -> Result<()> {
        self.plot_confusion_matrix_with(path, false)
    }

    /// [`plot_confusion_matrix`](Self::plot_confusion_matrix), if `normalize` with each count divided by the number of
    /// items that are of the class.
    ///
    /// # Errors
    /// As [`plot_confusion_matrix`](Self::plot_confusion_matrix).
    ///
    /// # Panics
    /// As [`confusion_matrix`](Self::confusion_matrix).
    #[track_caller]
    pub fn plot_confusion_matrix_with(&self, path: impl AsRef<Path>, normalize: bool) -> Result<()> {
        let matrix = self.confusion_matrix();
        let row = |counts: &Vec<u64>| {
            let all = if normalize { counts.iter().sum::<u64>().max(1) as f64 } else { 1.0 };
            counts.iter().map(|&count| count as f64 / all).collect::<Vec<_>>()
        };
        let values: Vec<Vec<f64>> = matrix.counts().iter().map(row).collect();
        let text = |value: &f64| if normalize { format!("{value:.2}") } else { value.to_string() };
        let names: Vec<String> = (0..values.len()).map(|class| self.looks.class(class)).collect();
        // Large enough for numbers if it can be, and then for the eye, but no picture without end.
        let n = names.len().max(1) as f64;
        let cell = (600.0 / n).clamp(2.0, 60.0).min(3000.0 / n);
        let heat = Heat {
            title: "Confusion matrix".into(),
            x_label: "Predicted",
            y_label: "Actual",
            texts: values.iter().map(|row| row.iter().map(text).collect()).collect(),
            values,
            columns: names.clone(),
            rows: names,
            cell: [cell; 2],
        };
        save(&heat, path.as_ref())
    }

    /// Which class was how often taken for which other, if at least `min_val` times: actual, predicted, count, the largest
    /// counts first. fastai's `most_confused`, whose `min_val` is 1 unless told.
    ///
    /// # Panics
    /// As [`confusion_matrix`](Self::confusion_matrix).
    #[track_caller]
    pub fn most_confused(&self, min_val: u64) -> Vec<(String, String, u64)> {
        let matrix = self.confusion_matrix();
        let mut confused = Vec::new();
        for (actual, row) in matrix.counts().iter().enumerate() {
            for (predicted, &count) in row.iter().enumerate() {
                if actual != predicted && count >= min_val.max(1) {
                    confused.push((self.looks.class(actual), self.looks.class(predicted), count));
                }
            }
        }
        confused.sort_by_key(|item| std::cmp::Reverse(item.2));
        confused
    }

    /// The `k` items of the largest losses, the largest first.
    pub fn top_losses(&self, k: usize) -> Vec<TopLoss> {
        let mut order: Vec<usize> = (0..self.losses.len()).collect();
        order.sort_by(|&a, &b| self.losses[b].total_cmp(&self.losses[a]));
        order.truncate(k);
        if order.is_empty() {
            return Vec::new();
        }
        let actual = self.looks.labels(&self.preds.targets.index_select(0, &order));
        let predicted = self.looks.labels(&self.preds.decoded.index_select(0, &order));
        let items = order.into_iter().zip(actual).zip(predicted);
        let item = |((index, actual), predicted)| TopLoss {
            index,
            loss: self.losses[index],
            actual,
            predicted,
            probability: self.probability(index),
        };
        items.map(item).collect()
    }

    /// How probable the model holds what it says of an item.
    fn probability(&self, index: usize) -> f64 {
        let preds = self.preds.preds.select(0, index);
        let preds = preds.iter().map(f64::from);
        match self.activation {
            Activation::None => f64::NAN,
            // Each number that is not above one half says no.
            Activation::Sigmoid => preds.map(|p| p.max(1.0 - p)).fold(1.0, f64::min),
            Activation::Softmax => preds.fold(0.0, f64::max),
        }
    }

    /// The `k` items of the largest losses as pictures, each with prediction, actual class, loss and probability. fastai's
    /// `plot_top_losses`.
    ///
    /// # Errors
    /// What the data loader reports.
    ///
    /// # Panics
    /// If the items are no images, as [`Sheet::new`].
    #[track_caller]
    pub fn plot_top_losses(&self, k: usize) -> Result<Sheet> {
        let top = self.top_losses(k);
        let label = |item: &TopLoss| {
            let TopLoss { loss, actual, predicted, probability, .. } = item;
            // Long names stand below each other.
            let turn = if predicted.chars().count() + actual.chars().count() > 20 { "/\n" } else { "/" };
            format!("{predicted}{turn}{actual}\n{loss:.2} / {probability:.2}")
        };
        let labels: Vec<String> = top.iter().map(label).collect();
        let pictures = self.looks.pictures(&self.items(&top)?);
        Ok(Sheet::new(&pictures, &labels).title("Prediction/Actual/Loss/Probability"))
    }

    /// The inputs of these items: the loader gives the same ones again.
    fn items(&self, top: &[TopLoss]) -> Result<Tensor> {
        let mut found: Vec<Option<Tensor>> = vec![None; top.len()];
        let mut first = 0;
        for batch in self.dl.epoch(self.epoch) {
            let (xb, _) = batch?;
            let here = first..first + xb.size(0);
            for (item, found) in top.iter().zip(&mut found).filter(|(item, _)| here.contains(&item.index)) {
                *found = Some(xb.select(0, item.index - first));
            }
            first = here.end;
        }
        let found: Vec<Tensor> = found.into_iter().flatten().collect();
        Ok(if found.is_empty() { Tensor::zeros(&[0, 1, 1]) } else { stack(&found, 0) })
    }
}
