//! A callback of one's own, and those that come with the library:
//! `cargo run --release -p downhill --example custom_callback`.
#![forbid(unsafe_code)]

use std::ops::ControlFlow;

use downhill::learner::{EarlyStopping, Result};
use downhill::prelude::*;

/// Tells the length of the gradient now and then.
struct GradientNorm {
    every: usize,
}

impl Callback for GradientNorm {
    fn after_backward(&mut self, state: &mut State) -> Flow {
        if state.train_iter.is_multiple_of(self.every) {
            let squares = |p: Var| p.grad().map_or(0.0, |g| (&g * &g).sum(..).item());
            let norm = state.model.parameters().into_iter().map(squares).sum::<f32>().sqrt();
            println!("batch {}: the gradient is {norm:.4} long", state.train_iter);
        }
        ControlFlow::Continue(())
    }
}

fn main() -> Result<()> {
    let rng = &mut Rng::new(42);
    let mut loader = |n| {
        let x = Tensor::<f32>::randn(&[n, 4], rng);
        let y = x.sum_keepdim(1).gt(0.0).to::<i64>();
        TensorDataset::new(x, y).map(|dset| DataLoader::new(dset).bs(32).shuffle(true))
    };
    let dls = DataLoaders::new(loader(512)?, loader(128)?);
    let mut learn = Learner::new(dls, Linear::new(4, 1, &mut Rng::new(1)))
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        .metrics(("half", |_: &Tensor, y: &Tensor<i64>| y.sum(..).item() as f64 / y.numel() as f64))
        .cbs(GradientNorm { every: 16 })
        .cbs(EarlyStopping::new(3));
    learn.fit_one_cycle(5, 0.1)
}
