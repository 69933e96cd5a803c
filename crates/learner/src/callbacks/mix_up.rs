//! Training on mixtures of items.

use downhill_tensor::Rng;

use crate::callback::{Callback, Flow};
use crate::state::State;

/// Trains on `l x + (1 - l) x'`, where `x'` is the batch in another order, with the loss `l L(p, y) + (1 - l) L(p, y')`
/// ([Zhang et al.](https://arxiv.org/abs/1710.09412)). `l` is the larger of a draw from Beta(alpha, alpha) and one minus
/// it.
///
/// One `l` is drawn for each batch, as in the paper's own program: a loss is any function here, and need not say what each
/// item contributes. fastai's `MixUp` draws one for each item; so does [`downhill_data::MixUp`], which mixes inputs and
/// targets of two numbers or more.
#[derive(Clone, Copy, Debug)]
pub struct MixUp {
    alpha: f64,
    share: f32,
}

impl MixUp {
    /// The smaller `alpha`, the more often a mixture is nearly all one item; 0.4 is fastai's.
    ///
    /// # Panics
    /// If `alpha` is not above 0 and at most 4.
    #[track_caller]
    pub fn new(alpha: f64) -> Self {
        // Drawing a number takes the longer the larger it is.
        assert!(alpha > 0.0 && alpha <= 4.0, "MixUp: alpha must be above 0 and at most 4, got {alpha}");
        MixUp { alpha, share: 1.0 }
    }

    /// The order of the other items.
    fn others(state: &State) -> Vec<usize> {
        state.rng("MixUp.order").permutation(state.bs())
    }
}

impl Callback for MixUp {
    fn order(&self) -> i32 {
        90
    }

    fn before_batch(&mut self, state: &mut State) -> Flow {
        if state.training {
            self.share = beta(self.alpha, &mut state.rng("MixUp.share")) as f32;
            let other = state.xb.index_select(0, &Self::others(state));
            state.xb = &state.xb * self.share + other * (1.0 - self.share);
        }
        Flow::Continue(())
    }

    fn after_loss(&mut self, state: &mut State) -> Flow {
        if !state.training {
            return Flow::Continue(());
        }
        let (Some(pred), Some(loss)) = (&state.pred, &state.loss) else { return Flow::Continue(()) };
        let targets = state.yb.index_select(&Self::others(state));
        let mixed = loss * self.share + state.loss_of(pred, &targets) * (1.0 - self.share);
        (state.loss, state.loss_grad) = (Some(mixed.clone()), Some(mixed));
        Flow::Continue(())
    }
}

/// The larger of a number from Beta(alpha, alpha) and one minus it (Jöhnk's method, in logarithms).
fn beta(alpha: f64, rng: &mut Rng) -> f64 {
    let mut unit = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    loop {
        let [a, b] = [(1.0 - unit()).ln() / alpha, (1.0 - unit()).ln() / alpha];
        if a.exp() + b.exp() <= 1.0 {
            return 1.0 / (1.0 + (-(a - b).abs()).exp());
        }
    }
}
