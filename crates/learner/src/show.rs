//! Items and predictions to be looked at.

use downhill_data::{DataLoader, Sheet};
use downhill_tensor::{Element, Tensor};

use crate::error::Result;
use crate::learner::Learner;
use crate::plot::short;

/// How items and their classes are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looks {
    pub(crate) vocab: Vec<String>,
    /// The shape of an item as a picture, if that is not its own.
    pub(crate) item_shape: Option<Vec<usize>>,
}

impl Looks {
    /// The name of a class.
    pub(crate) fn class(&self, class: usize) -> String {
        self.vocab.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// Each item's target, or what its prediction says, in words: the class; the classes that are set, where there is a
    /// number for each; else the numbers.
    pub(crate) fn labels<E: Element>(&self, values: &Tensor<E>) -> Vec<String> {
        let label = |item: Tensor<E>| {
            let numbers: Vec<f64> = item.iter().map(|x| x.to_f64()).collect();
            match numbers[..] {
                [class] if class >= 0.0 && class.fract() == 0.0 => self.class(class as usize),
                _ if numbers.len() > 1 && numbers.len() == self.vocab.len() => {
                    let set = numbers.iter().zip(&self.vocab).filter(|(number, _)| **number > 0.5);
                    set.map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(";")
                }
                _ => numbers.into_iter().map(short).collect::<Vec<_>>().join(", "),
            }
        };
        values.unbind(0).map(label).collect()
    }

    /// The items as images with numbers from 0 to 1.
    pub(crate) fn pictures(&self, x: &Tensor) -> Tensor {
        let own = &x.shape()[1..];
        let shape = match (&self.item_shape, own) {
            (Some(shape), _) => shape.clone(),
            (None, &[n]) if n.isqrt() * n.isqrt() == n => vec![n.isqrt(); 2],
            _ => own.to_vec(),
        };
        let shape: Vec<isize> = [&[x.size(0)], &shape[..]].concat().into_iter().map(|n| n as isize).collect();
        let x = x.reshape(&shape);
        let (low, high) =
            x.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        // Normalised images have lost the scale that they had.
        if low < high && (low < 0.0 || high > 1.0) { (x - low) / (high - low) } else { x }
    }
}

impl<Y: Element> Learner<Y> {
    /// Sets the shape of an item as a picture, for [`show_batch`](Self::show_batch) and its like: `[28, 28]` for rows of
    /// 784, `[3, 32, 32]` for rows of 3072. Unless told, it is the item's own, and a row of a square number of pixels is a
    /// square.
    #[must_use]
    pub fn item_shape(mut self, shape: &[usize]) -> Self {
        self.settings.looks.item_shape = Some(shape.to_vec());
        self
    }

    /// The first items of the training batch that comes next, at most nine, as pictures with their targets. fastai's
    /// `show_batch`.
    ///
    /// Numbers count from 0 to 1; if some do not (of normalised images, say), from the smallest to the largest.
    ///
    /// # Errors
    /// What the data loader reports, and [`downhill_data::Error::NoBatches`] if it is empty.
    ///
    /// # Panics
    /// If the items are no images, as [`Sheet::new`].
    #[track_caller]
    pub fn show_batch(&self) -> Result<Sheet> {
        let (xb, yb) = self.dls().train.first()?;
        let n = xb.size(0).min(9);
        let looks = &self.settings.looks;
        Ok(Sheet::new(&looks.pictures(&xb.narrow(0, 0, n)), &looks.labels(&yb.narrow(0, 0, n))))
    }

    /// The first items of the validation set, at most nine, as pictures, each with its target and below with what the
    /// model says: in green where they agree, else in red. fastai's `show_results`.
    ///
    /// # Errors
    /// As [`show_batch`](Self::show_batch).
    ///
    /// # Panics
    /// As [`show_batch`](Self::show_batch), or if shapes do not fit.
    #[track_caller]
    pub fn show_results(&self) -> Result<Sheet> {
        self.show_results_of(&self.dls().valid, 9)
    }

    /// [`show_results`](Self::show_results) for at most `max_n` items of the batch of `dl` that comes next.
    ///
    /// # Errors
    /// As [`show_batch`](Self::show_batch).
    ///
    /// # Panics
    /// As [`show_results`](Self::show_results).
    #[track_caller]
    pub fn show_results_of(&self, dl: &DataLoader<f32, Y>, max_n: usize) -> Result<Sheet> {
        let (xb, yb) = dl.first()?;
        let n = xb.size(0).min(max_n);
        let (xb, looks) = (xb.narrow(0, 0, n), &self.settings.looks);
        let decoded = self.settings.activation().decode(&self.predictions(&xb));
        let (actual, predicted) = (looks.labels(&yb.narrow(0, 0, n)), looks.labels(&decoded));
        let right: Vec<bool> =
            actual.iter().zip(&predicted).map(|(actual, predicted)| actual == predicted).collect();
        let labels: Vec<String> = actual
            .iter()
            .zip(&predicted)
            .map(|(actual, predicted)| format!("{actual}\n{predicted}"))
            .collect();
        Ok(Sheet::new(&looks.pictures(&xb), &labels).title("Actual/Prediction").right(&right))
    }
}
