//! The training loop.

use std::time::Instant;

use downhill_autograd::{Var, no_grad};
use downhill_data::{DataLoader, DataLoaders, Error, Result};
use downhill_nn::{Forward, Module};
use downhill_optim::{Optimizer, Sgd};
use downhill_tensor::{Element, Tensor};

use crate::recorder::Recorder;

type LossFunc<Y> = dyn Fn(&Var, &Tensor<Y>) -> Var + Send + Sync;
type OptFunc = dyn Fn(Vec<Var>, f64) -> Box<dyn Optimizer> + Send + Sync;
type MetricFunc<Y> = dyn Fn(&Tensor, &Tensor<Y>) -> f64 + Send + Sync;

/// Data, model, loss and optimizer, and what came of them. fastai's `Learner`.
///
/// `Y` is the element type of the targets.
pub struct Learner<Y: Element = i64> {
    dls: DataLoaders<f32, Y>,
    model: Box<dyn Forward>,
    loss_func: Option<Box<LossFunc<Y>>>,
    opt_func: Box<OptFunc>,
    metrics: Vec<(String, Box<MetricFunc<Y>>)>,
    recorder: Recorder,
    logging: bool,
}

impl<Y: Element> Learner<Y> {
    /// A learner for `model` on `dls`. It needs a [`loss_func`](Self::loss_func) before it can train; the optimizer is
    /// [`Sgd`] unless [`opt_func`](Self::opt_func) says otherwise.
    pub fn new(dls: DataLoaders<f32, Y>, model: impl Forward + 'static) -> Self {
        Learner {
            dls,
            model: Box::new(model),
            loss_func: None,
            opt_func: Box::new(|params, lr| Box::new(Sgd::new(params, lr))),
            metrics: Vec::new(),
            recorder: Recorder::default(),
            logging: true,
        }
    }

    /// Sets how the optimizer is made, from the parameters and the learning rate: `Sgd::new`.
    #[must_use]
    pub fn opt_func<O: Optimizer + 'static>(
        mut self,
        opt_func: impl Fn(Vec<Var>, f64) -> O + Send + Sync + 'static,
    ) -> Self {
        self.opt_func = Box::new(move |params, lr| Box::new(opt_func(params, lr)));
        self
    }

    /// Sets the loss: a function of predictions and targets.
    #[must_use]
    pub fn loss_func(mut self, loss_func: impl Fn(&Var, &Tensor<Y>) -> Var + Send + Sync + 'static) -> Self {
        self.loss_func = Some(Box::new(loss_func));
        self
    }

    /// Adds a metric: any function of predictions and targets, averaged over the validation set by batch size. Its
    /// column is named after the function.
    #[must_use]
    pub fn metrics<F>(mut self, metric: F) -> Self
    where
        F: Fn(&Tensor, &Tensor<Y>) -> f64 + Send + Sync + 'static,
    {
        // `path::to::batch_accuracy<f32, i64>` without path and parameters.
        let path = std::any::type_name::<F>();
        let path = path.split('<').next().unwrap_or(path);
        let name = path.rsplit("::").next().unwrap_or(path);
        self.metrics.push((name.to_string(), Box::new(metric)));
        self
    }

    /// Keeps the table off the terminal.
    #[must_use]
    pub fn no_logging(mut self) -> Self {
        self.logging = false;
        self
    }

    /// The data.
    pub fn dls(&self) -> &DataLoaders<f32, Y> {
        &self.dls
    }

    /// The model.
    pub fn model(&self) -> &dyn Forward {
        &*self.model
    }

    /// What the last [`fit`](Self::fit) recorded.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Trains for `n_epoch` epochs with learning rate `lr`, and prints a line of the table after each.
    ///
    /// # Errors
    /// What the data loaders report, and [`Error::NoBatches`] if one is empty. What was trained and recorded until then stays.
    ///
    /// # Panics
    /// If no loss was set, or shapes do not fit.
    #[track_caller]
    pub fn fit(&mut self, n_epoch: usize, lr: f64) -> Result<()> {
        let mut opt = (self.opt_func)(self.model.parameters(), lr);
        self.recorder = Recorder::new(self.metrics.iter().map(|(name, _)| name.as_str()));
        self.log(|recorder| recorder.header());
        for epoch in 0..n_epoch {
            let start = Instant::now();
            self.train_epoch(&mut *opt)?;
            let valid = self.validate()?;
            self.recorder.after_epoch(valid, start.elapsed());
            self.log(|recorder| recorder.line(epoch));
        }
        Ok(())
    }

    /// One pass over the training set.
    #[track_caller]
    fn train_epoch(&mut self, opt: &mut dyn Optimizer) -> Result<()> {
        not_empty(&self.dls.train)?;
        for batch in &self.dls.train {
            let (xb, yb) = batch?;
            let preds = self.model.forward(&Var::new(xb));
            let loss = self.loss(&preds, &yb);
            loss.backward();
            self.recorder.after_batch(loss.item().into(), opt.lr());
            opt.step();
            opt.zero_grad();
        }
        Ok(())
    }

    /// One pass over the validation set: its loss, then each metric, averaged over all items.
    ///
    /// # Errors
    /// What the data loader reports, and [`Error::NoBatches`] if it is empty.
    ///
    /// # Panics
    /// If no loss was set, or shapes do not fit.
    #[track_caller]
    pub fn validate(&self) -> Result<Vec<f64>> {
        not_empty(&self.dls.valid)?;
        no_grad(|| {
            let mut totals = vec![0.0; 1 + self.metrics.len()];
            let mut items = 0.0;
            for batch in &self.dls.valid {
                let (xb, yb) = batch?;
                let n = xb.size(0) as f64;
                let preds = self.model.forward(&Var::new(xb));
                totals[0] += n * f64::from(self.loss(&preds, &yb).item());
                let preds = preds.into_value();
                for (total, (_, metric)) in totals[1..].iter_mut().zip(&self.metrics) {
                    *total += n * metric(&preds, &yb);
                }
                items += n;
            }
            Ok(totals.into_iter().map(|total| total / items).collect())
        })
    }

    #[track_caller]
    fn loss(&self, preds: &Var, targets: &Tensor<Y>) -> Var {
        let Some(loss_func) = &self.loss_func else { panic!("Learner: no loss_func was set") };
        loss_func(preds, targets)
    }

    fn log(&self, line: impl Fn(&Recorder) -> String) {
        if self.logging {
            println!("{}", line(&self.recorder));
        }
    }
}

/// An average over no batches would be NaN.
fn not_empty<Y: Element>(dl: &DataLoader<f32, Y>) -> Result<()> {
    if dl.is_empty() { Err(Error::NoBatches { items: dl.n(), bs: dl.batch_size() }) } else { Ok(()) }
}
