//! Callbacks: what happens between the steps of the loop.
//!
//! The loop announces what it is about to do and what it has just done. A [`Callback`] answers with a [`Flow`]: go on, or
//! [`cancel`] one of the stages that are running. A stage that has begun always ends: its `after_` event reaches every
//! callback, whatever was cancelled or went wrong inside. If several callbacks break something off, the gravest counts: an
//! error, or else the outermost stage.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;

use downhill_nn::Call;

use crate::error::Error;
use crate::state::State;

/// What a callback answers: `ControlFlow::Continue(())` to go on.
pub type Flow = ControlFlow<Cancel>;

/// A part of the training that has a beginning and an end, and that can be cancelled. Each is inside one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// All epochs.
    Fit,
    /// A pass over the training set and one over the validation set.
    Epoch,
    /// A pass over the training set.
    Train,
    /// A pass over the validation set.
    Validate,
    /// A batch, of either set.
    Batch,
    /// The backward pass of a batch.
    Backward,
    /// The optimizer's step.
    Step,
}

/// Why the loop does not go on.
#[derive(Debug)]
pub enum Cancel {
    /// This stage is over; what is around it goes on.
    Stage(Stage),
    /// Something went wrong: the training ends with this error.
    Failed(Error),
}

impl From<Error> for Cancel {
    fn from(error: Error) -> Self {
        Cancel::Failed(error)
    }
}

/// The answer that ends `stage`. fastai's `CancelFitException` and its like.
pub fn cancel(stage: Stage) -> Flow {
    ControlFlow::Break(Cancel::Stage(stage))
}

/// The answer of a callback that did something that may go wrong.
pub fn flow(result: Result<(), impl Into<Error>>) -> Flow {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Cancel::Failed(error.into())),
    }
}

/// A function that looks at the layers of a model while they run.
pub type LayerHook = Arc<dyn Fn(&Call<'_, f32>) + Send + Sync>;

/// Something that is told of every event of the loop. fastai's `Callback`, with its events.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use downhill_learner::{Callback, Flow, Stage, State, cancel};
///
/// /// Ends the training after so many batches.
/// struct ShortTraining(usize);
///
/// impl Callback for ShortTraining {
///     fn after_step(&mut self, state: &mut State) -> Flow {
///         if state.train_iter + 1 >= self.0 { cancel(Stage::Fit) } else { ControlFlow::Continue(()) }
///     }
/// }
/// ```
#[allow(unused_variables)]
pub trait Callback: Any + Send {
    /// The name in messages.
    fn name(&self) -> &'static str {
        let name = std::any::type_name::<Self>();
        let name = name.split('<').next().unwrap_or(name);
        name.rsplit("::").next().unwrap_or(name)
    }

    /// Callbacks of a lower order are called first; the recorder has order 50.
    fn order(&self) -> i32 {
        0
    }

    /// Whether this is called during [`lr_find`](crate::Learner::lr_find) too: a callback that changes how the model
    /// trains should be, one that saves or stops should not.
    fn in_lr_find(&self) -> bool {
        true
    }

    /// What is to look at the layers in the next forward pass, if anything.
    fn layer_hook(&self) -> Option<LayerHook> {
        None
    }

    /// What a later process needs to go on from here, for a checkpoint. Taken between two batches of training.
    fn save_state(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Goes on from what [`save_state`](Self::save_state) gave; called after [`before_fit`](Self::before_fit).
    ///
    /// # Errors
    /// If the bytes are nothing that this callback saved.
    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        Ok(())
    }

    /// The training begins.
    fn before_fit(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// An epoch begins.
    fn before_epoch(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// The pass over the training set begins.
    fn before_train(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// The pass over the validation set begins.
    fn before_validate(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// There is a batch: `xb` and `yb`.
    fn before_batch(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// There are predictions: `pred`.
    fn after_pred(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// There is a loss: `loss`, and `loss_grad`, from which the backward pass starts.
    fn after_loss(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// The backward pass begins. Training only.
    fn before_backward(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// There are gradients. Training only.
    fn after_backward(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// The optimizer is about to step. Training only.
    fn before_step(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// The optimizer has stepped. Training only.
    fn after_step(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// A batch is done with.
    fn after_batch(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// The pass over the training set is done with.
    fn after_train(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// The pass over the validation set is done with.
    fn after_validate(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// An epoch is done with.
    fn after_epoch(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
    /// The training is done with.
    fn after_fit(&mut self, state: &mut State) -> Flow {
        ControlFlow::Continue(())
    }
}

/// What the loop announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Before(Stage),
    AfterPred,
    AfterLoss,
    After(Stage),
}

impl Event {
    /// Tells `callback`.
    pub(crate) fn tell(self, callback: &mut dyn Callback, state: &mut State) -> Flow {
        match self {
            Event::Before(Stage::Fit) => callback.before_fit(state),
            Event::Before(Stage::Epoch) => callback.before_epoch(state),
            Event::Before(Stage::Train) => callback.before_train(state),
            Event::Before(Stage::Validate) => callback.before_validate(state),
            Event::Before(Stage::Batch) => callback.before_batch(state),
            Event::Before(Stage::Backward) => callback.before_backward(state),
            Event::Before(Stage::Step) => callback.before_step(state),
            Event::AfterPred => callback.after_pred(state),
            Event::AfterLoss => callback.after_loss(state),
            Event::After(Stage::Step) => callback.after_step(state),
            Event::After(Stage::Backward) => callback.after_backward(state),
            Event::After(Stage::Batch) => callback.after_batch(state),
            Event::After(Stage::Validate) => callback.after_validate(state),
            Event::After(Stage::Train) => callback.after_train(state),
            Event::After(Stage::Epoch) => callback.after_epoch(state),
            Event::After(Stage::Fit) => callback.after_fit(state),
        }
    }
}
