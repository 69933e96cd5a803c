//! Where a training went wrong.

use std::sync::{Arc, Mutex, PoisonError};

use downhill_autograd::{Var, no_grad};
use downhill_nn::{Forward, Module, forward_hook};

use crate::callback::{Callback, Flow, flow};
use crate::error::Error;
use crate::predict::Snapshotted;
use crate::state::State;

/// Ends the training with an error when a loss of training is NaN or infinite. The error names epoch and batch, the first
/// layer whose output is not finite, and a parameter that is not. fastai's `TerminateOnNaNCallback`, which stops without a
/// word.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNaN;

impl Callback for TerminateOnNaN {
    fn order(&self) -> i32 {
        -9
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn after_loss(&mut self, state: &mut State) -> Flow {
        let loss = state.loss.as_ref().map_or(0.0, |loss| loss.item());
        if loss.is_finite() || !state.training {
            return Flow::Continue(());
        }
        let mut message = format!("the loss is {loss} in epoch {}, batch {}", state.epoch, state.iter);
        if !state.xb.iter().all(f32::is_finite) {
            message += "; the batch itself is not finite";
        }
        let parameters = state.model.named_parameters().into_iter();
        if let Some((name, _)) = parameters.into_iter().find(|(_, p)| !p.value().iter().all(f32::is_finite)) {
            message += &format!("; parameter {name} is not finite");
        }
        match first_layer(state) {
            Some(layer) => message += &format!("; the first output that is not finite is that of {layer}"),
            None => message += "; the outputs of all layers are finite",
        }
        flow(Err::<(), _>(Error::Callback { callback: "TerminateOnNaN", message }))
    }
}

/// The first layer whose output is not finite, found by running the batch once more. That draws and counts as a batch
/// does, so the model's buffers and generators are put back.
fn first_layer(state: &State) -> Option<String> {
    let _state = Snapshotted::of(&*state.model);
    let found = Arc::new(Mutex::new(None));
    let to = found.clone();
    let hook = forward_hook::<f32>(move |call| {
        let mut found = to.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_none() && !call.output.value().iter().all(f32::is_finite) {
            let name = if call.path.is_empty() { "the model" } else { call.path };
            *found = Some(format!("{name} ({})", call.type_name));
        }
    });
    no_grad(|| state.model.forward_as("", &Var::new(state.xb.clone())));
    drop(hook);
    found.lock().unwrap_or_else(PoisonError::into_inner).take()
}
