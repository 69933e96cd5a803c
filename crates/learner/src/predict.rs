//! Predictions of a trained model.

use std::fs;
use std::path::Path;

use downhill_autograd::{Var, no_grad};
use downhill_data::DataLoader;
use downhill_nn::{AnyTensor, Forward, Mode, Module, StateDict, checked};
use downhill_tensor::{Element, Tensor, cat};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::learner::Learner;
use crate::snapshot::modes;

/// What makes predictions of a model's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// The output is the prediction. It is decoded to itself.
    #[default]
    None,
    /// Each number is a logit. A probability above one half is decoded to 1.
    Sigmoid,
    /// Each row has a logit for each class. It is decoded to the class of the largest.
    Softmax,
}

impl Activation {
    /// What fits a loss of this library.
    pub(crate) fn of_loss(name: &str) -> Self {
        match name {
            "cross_entropy" => Activation::Softmax,
            "mnist_loss" | "bce_with_logits" => Activation::Sigmoid,
            _ => Activation::None,
        }
    }

    /// The predictions of this output.
    pub fn apply(self, output: Tensor) -> Tensor {
        match self {
            Activation::None => output,
            Activation::Sigmoid => output.sigmoid(),
            Activation::Softmax => output.softmax(-1),
        }
    }

    /// What these predictions say.
    pub fn decode(self, preds: &Tensor) -> Tensor {
        match self {
            Activation::None => preds.clone(),
            Activation::Sigmoid => preds.gt(0.5).to(),
            Activation::Softmax => preds.argmax(-1).to(),
        }
    }
}

/// Predictions for a data set. fastai's `get_preds`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preds<Y: Element> {
    /// The predictions: what the [`Activation`] makes of the model's output.
    pub preds: Tensor,
    /// The targets.
    pub targets: Tensor<Y>,
    /// What the predictions say: classes as numbers, see [`Activation::decode`].
    pub decoded: Tensor,
    /// The loss of each item, if it was asked for.
    pub losses: Option<Tensor>,
}

/// The prediction for one item. fastai's `predict`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Prediction {
    /// The name of the class, if the classes have names.
    pub label: Option<String>,
    /// What the prediction says: the number of the class, see [`Activation::decode`].
    pub decoded: Tensor,
    /// The prediction: probabilities, say.
    pub pred: Tensor,
}

/// What is needed to predict: a model, an activation, and the names of classes.
pub struct Predictor<M> {
    model: M,
    settings: Settings,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Settings {
    activation: Activation,
    vocab: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Exported {
    settings: Settings,
    #[serde(with = "checked::bytes")]
    model: Vec<u8>,
}

/// Reads what [`Learner::export`](crate::Learner::export) wrote, into a model of the same structure. fastai's
/// `load_learner`; a model's structure is code, and so it is not in the file.
///
/// # Errors
/// What the operating system reports, or that the file is damaged or of another model.
pub fn load_learner<M: Forward>(path: impl AsRef<Path>, model: M) -> Result<Predictor<M>> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let Exported { settings, model: state } = checked::decode(path, &bytes)?;
    model.load_state_dict(&StateDict::from_bytes(&state)?)?;
    Ok(Predictor { model, settings })
}

impl<M: Forward> Predictor<M> {
    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The names of the classes.
    pub fn vocab(&self) -> &[String] {
        &self.settings.vocab
    }

    /// The predictions for a batch, in evaluation; the model is left in its modes.
    ///
    /// # Panics
    /// If the model does not take such a batch.
    pub fn predict_batch(&self, xb: &Tensor) -> Tensor {
        self.settings.batch(&self.model, xb)
    }

    /// The prediction for one item: what the data set has at one index of axis 0.
    ///
    /// # Panics
    /// If the model does not take such an item.
    pub fn predict(&self, item: &Tensor) -> Prediction {
        self.settings.item(&self.model, item)
    }
}

impl Settings {
    fn batch(&self, model: &dyn Forward, xb: &Tensor) -> Tensor {
        let _modes = Evaluation::of(model);
        no_grad(|| self.activation.apply(model.forward(&Var::new(xb.clone())).into_value()))
    }

    fn item(&self, model: &dyn Forward, item: &Tensor) -> Prediction {
        let preds = self.batch(model, &item.unsqueeze(0));
        let decoded = self.activation.decode(&preds).select(0, 0);
        let class = (self.activation != Activation::None && decoded.numel() == 1)
            .then(|| decoded.to_vec()[0] as usize);
        let label = class.and_then(|class| self.vocab.get(class).cloned());
        Prediction { label, decoded, pred: preds.select(0, 0) }
    }
}

/// A model whose state is put back when this is dropped.
pub(crate) struct Snapshotted<'a> {
    model: &'a dyn Forward,
    state: StateDict,
}

impl<'a> Snapshotted<'a> {
    pub(crate) fn of(model: &'a dyn Forward) -> Self {
        Snapshotted { model, state: model.state_dict() }
    }
}

impl Drop for Snapshotted<'_> {
    fn drop(&mut self) {
        self.model.load_state_dict(&self.state).expect("it is this model's state");
    }
}

/// A model in evaluation, until this is dropped and every layer is as it was.
pub(crate) struct Evaluation(Vec<(Mode, bool)>);

impl Evaluation {
    pub(crate) fn of(model: &(impl Module + ?Sized)) -> Self {
        let before = modes(model);
        model.eval();
        Evaluation(before)
    }
}

impl Drop for Evaluation {
    fn drop(&mut self) {
        self.0.iter().for_each(|(mode, training)| mode.set(*training));
    }
}

impl<Y: Element> Learner<Y> {
    fn predicting(&self) -> Settings {
        Settings { activation: self.settings.activation(), vocab: self.settings.looks.vocab.clone() }
    }

    /// The predictions for a batch, in evaluation.
    pub(crate) fn predictions(&self, xb: &Tensor) -> Tensor {
        self.predicting().batch(self.model(), xb)
    }

    /// Writes what is needed to predict: the model's state, the activation and the names of the classes. [`load_learner`]
    /// reads it. fastai's `export`.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn export(&self, path: impl AsRef<Path>) -> Result<()> {
        let exported = Exported { settings: self.predicting(), model: self.model().state_dict().to_bytes()? };
        Ok(checked::save(path, &exported)?)
    }

    /// Predictions for the validation set. fastai's `get_preds`.
    ///
    /// # Errors
    /// What the data loader reports, and [`downhill_data::Error::NoBatches`] if it is empty.
    ///
    /// # Panics
    /// If shapes do not fit.
    pub fn get_preds(&self) -> Result<Preds<Y>> {
        self.get_preds_of(&self.dls().valid, false)
    }

    /// Predictions for the items of `dl`, with the loss of each if `with_loss`. The loader is left where it is.
    ///
    /// # Errors
    /// What the data loader reports, and [`downhill_data::Error::NoBatches`] if it is empty.
    ///
    /// # Panics
    /// If shapes do not fit, or if losses are asked for and no loss was set.
    pub fn get_preds_of(&self, dl: &DataLoader<f32, Y>, with_loss: bool) -> Result<Preds<Y>> {
        self.preds_of_epoch(dl, dl.position().epoch, with_loss)
    }

    fn preds_of_epoch(&self, dl: &DataLoader<f32, Y>, epoch: u64, with_loss: bool) -> Result<Preds<Y>> {
        let _modes = Evaluation::of(self.model());
        let activation = self.settings.activation();
        let (mut preds, mut targets, mut losses) = (Vec::new(), Vec::new(), Vec::new());
        for batch in dl.epoch(epoch) {
            let (xb, yb) = batch?;
            let output = no_grad(|| self.model().forward(&Var::new(xb)).into_value());
            if with_loss {
                losses.extend((0..yb.size(0)).map(|i| self.item_loss(&output, &yb, i)));
            }
            preds.push(activation.apply(output));
            targets.push(yb);
        }
        if preds.is_empty() {
            return Err(downhill_data::Error::NoBatches { items: dl.n(), bs: dl.batch_size() }.into());
        }
        let preds = cat(&preds, 0);
        let losses = with_loss.then(|| {
            let n = losses.len();
            Tensor::from_vec(losses, &[n])
        });
        Ok(Preds { decoded: activation.decode(&preds), preds, targets: cat(&targets, 0), losses })
    }

    /// The loss of one item: that of a batch of it alone.
    fn item_loss(&self, output: &Tensor, yb: &Tensor<Y>, i: usize) -> f32 {
        let targets = AnyTensor::new(yb.narrow(0, i, 1));
        no_grad(|| self.core.state.loss_of(&Var::new(output.narrow(0, i, 1)), &targets).item())
    }

    /// The prediction for one item: what the data set has at one index of axis 0, as the loader hands it out. fastai's
    /// `predict`.
    ///
    /// # Panics
    /// If the model does not take such an item.
    pub fn predict(&self, item: &Tensor) -> Prediction {
        self.predicting().item(self.model(), item)
    }

    /// Predictions that are averaged over `n` epochs of `augmented`, a loader of the validation set with the transforms of
    /// training, and mixed with those of the validation set itself, which count `beta`. fastai's `tta`, whose defaults are
    /// 4 and 0.25.
    ///
    /// # Errors
    /// What the data loaders report, and [`downhill_data::Error::NoBatches`] if one is empty.
    ///
    /// # Panics
    /// If shapes do not fit, `n` is zero, or the targets of `augmented` are others or in another order: it must not be
    /// shuffled.
    #[track_caller]
    pub fn tta(&self, augmented: &DataLoader<f32, Y>, n: usize, beta: f32) -> Result<Preds<Y>> {
        assert!(n > 0, "tta: n must be positive");
        let plain = self.get_preds()?;
        let mut sum = plain.preds.zeros_like();
        for epoch in 0..n as u64 {
            let Preds { preds, targets, .. } = self.preds_of_epoch(augmented, epoch, false)?;
            let same = targets.shape() == plain.targets.shape() && targets.iter().eq(plain.targets.iter());
            assert!(same, "tta: the targets are not those of the validation set, in its order");
            sum = sum + preds;
        }
        let preds = sum * ((1.0 - beta) / n as f32) + &plain.preds * beta;
        Ok(Preds { decoded: self.settings.activation().decode(&preds), preds, ..plain })
    }
}
