//! What callbacks see and may change.

use std::path::PathBuf;
use std::sync::Arc;

use downhill_autograd::Var;
use downhill_nn::{AnyTensor, Forward};
use downhill_optim::Optimizer;
use downhill_tensor::{Rng, Tensor};

use crate::callback::Stage;
use crate::checkpoint::Request;
use crate::lr_find::LrFind;
use crate::recorder::Recorder;

/// A loss without the type of its targets.
pub(crate) type AnyLoss = dyn Fn(&Var, &AnyTensor) -> Var + Send + Sync;

/// Where the training is, and everything that it works on. fastai's callbacks find all this in the Learner itself.
#[non_exhaustive]
pub struct State {
    /// The model.
    pub model: Box<dyn Forward>,
    /// The optimizer: there is one from the first training on.
    pub opt: Option<Box<dyn Optimizer>>,
    /// What has been recorded.
    pub recorder: Recorder,
    /// How many epochs the training has.
    pub n_epoch: usize,
    /// The current epoch.
    pub epoch: usize,
    /// How many batches the current pass has.
    pub n_iter: usize,
    /// The current batch of the current pass.
    pub iter: usize,
    /// How many batches have been trained on since the training began.
    pub train_iter: usize,
    /// Whether the current pass trains, or between passes the next one of the epoch.
    pub training: bool,
    /// The inputs of the current batch.
    pub xb: Tensor,
    /// The targets of the current batch.
    pub yb: AnyTensor,
    /// The model's output for the current batch.
    pub pred: Option<Var>,
    /// The loss of the current batch, as it is recorded.
    pub loss: Option<Var>,
    /// The loss from which the backward pass starts.
    pub loss_grad: Option<Var>,
    /// The stage that is being cancelled: in an `after_` event, why the stage did not come to its own end. For a
    /// failure it is [`Stage::Fit`].
    pub stopping: Option<Stage>,
    /// Whether this training goes on from a checkpoint.
    pub resumed: bool,
    /// The folder for what is saved.
    pub path: PathBuf,
    /// The seed of random numbers that callbacks draw.
    pub seed: u64,
    /// Whether epochs are reported to the terminal.
    pub logging: bool,
    /// How many trainings began before this one.
    pub fits: u64,
    /// The epoch of the training loader that this epoch is, for checkpoints.
    pub(crate) loader_epoch: u64,
    /// The checkpoints that callbacks asked for.
    pub(crate) checkpoints: Vec<Request>,
    /// What was found when learning rates were looked for, for a program that is started again.
    pub(crate) finds: Vec<LrFind>,
    pub(crate) loss_func: Option<Arc<AnyLoss>>,
}

impl State {
    pub(crate) fn new(model: Box<dyn Forward>) -> Self {
        State {
            model,
            opt: None,
            recorder: Recorder::default(),
            n_epoch: 0,
            epoch: 0,
            n_iter: 0,
            iter: 0,
            train_iter: 0,
            training: false,
            xb: Tensor::zeros(&[0]),
            yb: AnyTensor::new(Tensor::<i64>::zeros(&[0])),
            pred: None,
            loss: None,
            loss_grad: None,
            stopping: None,
            resumed: false,
            path: PathBuf::from("."),
            seed: 42,
            logging: true,
            fits: 0,
            loader_epoch: 0,
            checkpoints: Vec::new(),
            finds: Vec::new(),
            loss_func: None,
        }
    }

    /// How much of the training is done, from 0 to 1.
    pub fn pct_train(&self) -> f64 {
        // Validation comes behind all batches of an epoch.
        let (done, all) = if self.training {
            (self.epoch * self.n_iter + self.iter, self.n_epoch * self.n_iter)
        } else {
            (self.epoch + 1, self.n_epoch)
        };
        if all == 0 { 0.0 } else { done as f64 / all as f64 }
    }

    /// The optimizer.
    ///
    /// # Panics
    /// If there is none: outside of a training that may be.
    #[track_caller]
    pub fn opt(&mut self) -> &mut dyn Optimizer {
        self.opt.as_deref_mut().expect("State: no optimizer outside of a training")
    }

    /// The loss of `pred` for `targets`.
    ///
    /// # Panics
    /// If the Learner has no loss, or shapes do not fit.
    #[track_caller]
    pub fn loss_of(&self, pred: &Var, targets: &AnyTensor) -> Var {
        let Some(loss_func) = &self.loss_func else { panic!("Learner: no loss_func was set") };
        loss_func(pred, targets)
    }

    /// The random numbers called `name` for the current batch: a function of the seed and the place in the training.
    pub fn rng(&self, name: &str) -> Rng {
        Rng::new(self.seed).fork(name).fork_index(self.fits).fork_index(self.train_iter as u64)
    }

    /// The number of items in the current batch.
    pub fn bs(&self) -> usize {
        self.xb.shape().first().copied().unwrap_or(1)
    }

    /// Forgets the batch.
    pub(crate) fn clear_batch(&mut self, empty: &(Tensor, AnyTensor)) {
        (self.xb, self.yb) = empty.clone();
        (self.pred, self.loss, self.loss_grad) = (None, None, None);
    }
}
