//! The losses while the model trains.

use std::path::PathBuf;

use crate::callback::{Callback, Flow, Stage, flow};
use crate::plot::{Curves, save, sparkline};
use crate::state::State;

/// Draws the losses anew after each epoch. fastai's `ShowGraphCallback`.
///
/// With a file, training and validation loss so far, on an axis that reaches to the training's end. The file is replaced
/// as a whole, so that a viewer that watches it shows the curves as they grow. Without one, a line of text with both
/// curves, below the table's.
#[derive(Clone, Debug, Default)]
pub struct ShowGraph {
    path: Option<PathBuf>,
}

impl ShowGraph {
    /// Draws to a PNG or SVG file below the Learner's folder. [`ShowGraph::default`] prints.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        ShowGraph { path: Some(path.into()) }
    }
}

impl Callback for ShowGraph {
    /// Behind the table, as in fastai.
    fn order(&self) -> i32 {
        65
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        let recorder = &state.recorder;
        if state.stopping == Some(Stage::Fit) {
            return Flow::Continue(());
        }
        let Some(path) = &self.path else {
            if state.logging {
                let valid = recorder.column("valid_loss").unwrap_or_default();
                let [train, valid] = [&recorder.losses, &valid].map(|losses| sparkline(losses, 30));
                println!("{:8}  train {train}  valid {valid}", "");
            }
            return Flow::Continue(());
        };
        let mut panel = recorder.loss_panel(0, true);
        let per_epoch = recorder.iters.first().copied().unwrap_or(0);
        let left = state.n_epoch.saturating_sub(state.epoch + 1) * per_epoch;
        panel.x_range = Some([0.0, (recorder.losses.len() + left) as f64]);
        flow(save(&Curves(vec![panel]), &state.path.join(path)))
    }
}
