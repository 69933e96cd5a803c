//! The training loop. All of it is [`Core::run`] to [`Core::one_batch`]; [`Core::around`] is what makes a stage of it.

use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;

use downhill_autograd::{Var, no_grad};
use downhill_nn::{AnyTensor, Forward, HookGuard, Module, forward_hook};
use downhill_tensor::Tensor;

use crate::callback::{Callback, Cancel, Event, Flow, Stage, flow};
use crate::error::{Error, Result};
use crate::loaders::{AnyLoader, AnyLoaders};
use crate::state::State;

/// What a [`Learner`](crate::Learner) is but for the type of its targets.
pub(crate) struct Core {
    pub(crate) dls: Arc<dyn AnyLoaders>,
    pub(crate) state: State,
    pub(crate) cbs: Vec<Entry>,
    /// What stands in `xb` and `yb` when there is no batch.
    pub(crate) empty: (Tensor, AnyTensor),
}

/// A callback, and whether it is there for one training only.
pub(crate) struct Entry {
    pub(crate) cb: Box<dyn Callback>,
    pub(crate) once: bool,
    /// Whether it is not told of anything: it has no part in looking for a learning rate.
    pub(crate) asleep: bool,
}

/// Where a training begins: at zero, unless it goes on from a checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Start {
    pub(crate) epoch: usize,
    pub(crate) iter: usize,
}

impl Core {
    /// Trains from `start` to the end.
    pub(crate) fn run(&mut self, start: Start, resume: &mut dyn FnMut(&mut Core) -> Result<()>) -> Flow {
        // What a training that was broken off had in hand is not this one's.
        self.state.opt().zero_grad();
        self.state.checkpoints.clear();
        self.around(Stage::Fit, |this| {
            flow(resume(this))?;
            for epoch in start.epoch..this.state.n_epoch {
                this.state.epoch = epoch;
                let first = if epoch == start.epoch { start.iter } else { 0 };
                this.before_train(first);
                this.around(Stage::Epoch, |this| {
                    this.train_epoch(first)?;
                    this.validate_epoch()
                })?;
                flow(this.checkpoint(epoch + 1, 0))?;
            }
            Continue(())
        })
    }

    /// The place before batch `first` of the training set.
    pub(crate) fn before_train(&mut self, first: usize) {
        let n_iter = self.dls.train().len();
        (self.state.training, self.state.iter, self.state.n_iter) = (true, first, n_iter);
    }

    /// One pass over the training set, from batch `first` on.
    fn train_epoch(&mut self, first: usize) -> Flow {
        self.state.model.train();
        let dls = self.dls.clone();
        self.state.loader_epoch = dls.train().position().epoch;
        self.around(Stage::Train, |this| this.all_batches(dls.train(), first))
    }

    /// One pass over the validation set.
    pub(crate) fn validate_epoch(&mut self) -> Flow {
        self.state.model.eval();
        let dls = self.dls.clone();
        self.state.training = false;
        no_grad(|| self.around(Stage::Validate, |this| this.all_batches(dls.valid(), 0)))
    }

    fn all_batches(&mut self, dl: &dyn AnyLoader, first: usize) -> Flow {
        self.state.n_iter = dl.len();
        for (i, batch) in dl.batches().enumerate() {
            self.state.iter = first + i;
            match batch {
                Ok(batch) => (self.state.xb, self.state.yb) = batch,
                Err(error) => return Break(Cancel::Failed(error.into())),
            }
            let outcome = self.around(Stage::Batch, Self::one_batch);
            self.state.train_iter += usize::from(self.state.training);
            self.state.clear_batch(&self.empty);
            outcome?;
            if self.state.training {
                flow(self.checkpoint(self.state.epoch, self.state.iter + 1))?;
            }
        }
        Continue(())
    }

    fn one_batch(&mut self) -> Flow {
        self.state.pred = Some(self.forward());
        self.tell(Event::AfterPred)?;
        let State { pred, yb, .. } = &self.state;
        let loss = self.state.loss_of(pred.as_ref().expect("callbacks leave the predictions"), yb);
        self.state.loss_grad = self.state.training.then(|| loss.clone());
        self.state.loss = Some(loss);
        self.tell(Event::AfterLoss)?;
        if !self.state.training {
            return Continue(());
        }
        self.around(Stage::Backward, |this| {
            this.state.loss_grad.take().expect("callbacks leave the loss").backward();
            Continue(())
        })?;
        self.around(Stage::Step, |this| {
            this.state.opt().step();
            Continue(())
        })?;
        self.state.opt().zero_grad();
        Continue(())
    }

    /// The model's output for the batch. The layers are shown to the callbacks that ask for it.
    fn forward(&self) -> Var {
        let awake = self.cbs.iter().filter(|entry| !entry.asleep);
        let hooks = awake.filter_map(|entry| entry.cb.layer_hook());
        let _guards: Vec<HookGuard> = hooks.map(|hook| forward_hook::<f32>(move |call| hook(call))).collect();
        self.state.model.forward_as("", &Var::new(self.state.xb.clone()))
    }

    /// A stage: its `before_` event, `f`, and its `after_` event whatever came before. What cancels the stage ends here.
    pub(crate) fn around(&mut self, stage: Stage, f: impl FnOnce(&mut Self) -> Flow) -> Flow {
        let mut flow = self.tell(Event::Before(stage));
        if flow.is_continue() {
            flow = f(self);
        }
        let outer = self.state.stopping;
        self.state.stopping = match &flow {
            Continue(()) => None,
            Break(Cancel::Stage(stage)) => Some(*stage),
            Break(Cancel::Failed(_)) => Some(Stage::Fit),
        };
        let caught = |flow: Flow| match flow {
            Break(Cancel::Stage(cancelled)) if cancelled == stage => Continue(()),
            flow => flow,
        };
        let after = self.tell(Event::After(stage));
        self.state.stopping = outer;
        graver(caught(flow), caught(after))
    }

    /// Tells every callback of `event`. The first that does not go on is the last to be told, but for the end of a stage,
    /// of which all are told.
    pub(crate) fn tell(&mut self, event: Event) -> Flow {
        let mut answer = Continue(());
        for entry in self.cbs.iter_mut().filter(|entry| !entry.asleep) {
            answer = graver(answer, event.tell(&mut *entry.cb, &mut self.state));
            if answer.is_break() && !matches!(event, Event::After(_)) {
                break;
            }
        }
        answer
    }

    /// Adds a callback behind those of its order and lower ones.
    pub(crate) fn add(&mut self, cb: Box<dyn Callback>, once: bool) {
        let at = self.cbs.partition_point(|entry| entry.cb.order() <= cb.order());
        self.cbs.insert(at, Entry { cb, once, asleep: false });
    }
}

/// The graver of two answers: a failure before the end of a stage, and that before the end of a stage inside it. Of equals,
/// the first.
fn graver(one: Flow, other: Flow) -> Flow {
    let rank = |flow: &Flow| match flow {
        Break(Cancel::Failed(_)) => 0,
        Break(Cancel::Stage(stage)) => 1 + *stage as usize,
        Continue(()) => usize::MAX,
    };
    if rank(&other) < rank(&one) { other } else { one }
}

/// The result of what was run at the outermost level.
pub(crate) fn finished(flow: Flow) -> Result<()> {
    match flow {
        Continue(()) => Ok(()),
        Break(Cancel::Failed(error)) => Err(error),
        Break(Cancel::Stage(stage)) => Err(Error::NotRunning(stage)),
    }
}
