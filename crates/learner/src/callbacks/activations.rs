//! What the layers put out while the model trains.

use std::sync::{Arc, Mutex, PoisonError};

use downhill_nn::ActivationStats;

use crate::callback::{Callback, Flow, LayerHook};
use crate::state::State;

/// The statistics of one layer, batch by batch.
#[derive(Clone, Debug)]
pub struct LayerStats {
    /// The layer's name.
    pub path: String,
    /// The layer's type.
    pub type_name: &'static str,
    /// For each batch looked at, what came out.
    pub stats: Vec<ActivationStats>,
}

/// Records mean, spread, share near zero and distribution of what each innermost layer puts out, batch by batch of
/// training. fastai's `ActivationStats`.
#[derive(Clone, Debug)]
pub struct ActivationRecorder {
    every: usize,
    looking: bool,
    layers: Arc<Mutex<Vec<LayerStats>>>,
}

impl Default for ActivationRecorder {
    fn default() -> Self {
        ActivationRecorder::new(1)
    }
}

impl ActivationRecorder {
    /// Looks at every `n`-th batch.
    ///
    /// # Panics
    /// If `n` is zero.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        assert!(n > 0, "ActivationRecorder: every must be positive");
        ActivationRecorder { every: n, looking: false, layers: Arc::default() }
    }

    /// What was seen in the last training, layer by layer in the order of the calls.
    pub fn layers(&self) -> Vec<LayerStats> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Callback for ActivationRecorder {
    fn order(&self) -> i32 {
        -20
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn layer_hook(&self) -> Option<LayerHook> {
        if !self.looking {
            return None;
        }
        let layers = self.layers.clone();
        Some(Arc::new(move |call| {
            if !call.is_leaf {
                return;
            }
            let mut layers = layers.lock().unwrap_or_else(PoisonError::into_inner);
            let stats = ActivationStats::of(&call.output.value());
            match layers.iter_mut().find(|layer| layer.path == call.path) {
                Some(layer) => layer.stats.push(stats),
                None => layers.push(LayerStats {
                    path: call.path.to_string(),
                    type_name: call.type_name,
                    stats: vec![stats],
                }),
            }
        }))
    }

    fn before_fit(&mut self, _: &mut State) -> Flow {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Flow::Continue(())
    }

    fn before_batch(&mut self, state: &mut State) -> Flow {
        self.looking = state.training && state.train_iter.is_multiple_of(self.every);
        Flow::Continue(())
    }

    fn after_pred(&mut self, _: &mut State) -> Flow {
        self.looking = false;
        Flow::Continue(())
    }
}
