//! Callbacks about gradients.

use downhill_nn::Module;
use downhill_optim::{clip_grad_norm_, clip_grad_value_};

use crate::callback::{Callback, Flow, Stage, cancel, flow};
use crate::error::Error;
use crate::state::State;

/// Scales the gradients so that their norm is at most a number. fastai's `GradientClip`.
#[derive(Clone, Copy, Debug)]
pub struct GradientClip {
    limit: f64,
    by_value: bool,
}

impl GradientClip {
    /// The norm of all gradients is at most `max_norm`: [`clip_grad_norm_`]. fastai's is 1 unless told.
    pub fn new(max_norm: f64) -> Self {
        GradientClip { limit: max_norm, by_value: false }
    }

    /// Each number is at most `clip_value` from zero: [`clip_grad_value_`].
    pub fn by_value(clip_value: f64) -> Self {
        GradientClip { limit: clip_value, by_value: true }
    }
}

impl Callback for GradientClip {
    /// Behind [`GradientAccumulation`]: what is clipped is what the step sees.
    fn order(&self) -> i32 {
        11
    }

    fn before_step(&mut self, state: &mut State) -> Flow {
        let parameters = state.model.parameters();
        if self.by_value {
            clip_grad_value_(&parameters, self.limit);
        } else {
            clip_grad_norm_(&parameters, self.limit);
        }
        Flow::Continue(())
    }
}

/// Steps once for several batches, whose gradients are added up: as if the batches were larger. fastai's
/// `GradientAccumulation`.
#[derive(Clone, Copy, Debug)]
pub struct GradientAccumulation {
    n_acc: usize,
    count: usize,
}

impl GradientAccumulation {
    /// Steps once at least `n_acc` items were seen. fastai's is 32 unless told.
    ///
    /// # Panics
    /// If `n_acc` is zero.
    #[track_caller]
    pub fn new(n_acc: usize) -> Self {
        assert!(n_acc > 0, "GradientAccumulation: n_acc must be positive");
        GradientAccumulation { n_acc, count: 0 }
    }
}

impl Callback for GradientAccumulation {
    fn order(&self) -> i32 {
        6
    }

    fn save_state(&self) -> Vec<u8> {
        (self.count as u64).to_le_bytes().to_vec()
    }

    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        let bytes = bytes.try_into().map_err(|_| format!("expected 8 bytes, found {}", bytes.len()))?;
        self.count = u64::from_le_bytes(bytes) as usize;
        Ok(())
    }

    fn before_fit(&mut self, _: &mut State) -> Flow {
        self.count = 0;
        Flow::Continue(())
    }

    /// Behind all that make the loss what it is.
    fn before_backward(&mut self, state: &mut State) -> Flow {
        let share = state.bs() as f32 / self.n_acc as f32;
        state.loss_grad = state.loss_grad.take().map(|loss| loss * share);
        Flow::Continue(())
    }

    fn before_step(&mut self, state: &mut State) -> Flow {
        self.count += state.bs();
        if self.count < self.n_acc {
            // The gradients stay.
            return cancel(Stage::Batch);
        }
        self.count = 0;
        Flow::Continue(())
    }
}

/// Ends the training with an error if after the first backward pass a parameter that should train has no gradient: the
/// model does not use it, or cuts the graph before it. The error names the parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct MissingGradients {
    checked: bool,
}

impl MissingGradients {
    /// The guard.
    pub fn new() -> Self {
        MissingGradients::default()
    }
}

impl Callback for MissingGradients {
    fn before_fit(&mut self, _: &mut State) -> Flow {
        self.checked = false;
        Flow::Continue(())
    }

    fn after_backward(&mut self, state: &mut State) -> Flow {
        if std::mem::replace(&mut self.checked, true) {
            return Flow::Continue(());
        }
        let without = state.model.named_parameters().into_iter();
        let without: Vec<String> =
            without.filter(|(_, p)| p.requires_grad() && p.grad().is_none()).map(|(name, _)| name).collect();
        if without.is_empty() {
            return Flow::Continue(());
        }
        let message = format!("parameters without a gradient after the first batch: {}", without.join(", "));
        flow(Err::<(), _>(Error::Callback { callback: "MissingGradients", message }))
    }
}
