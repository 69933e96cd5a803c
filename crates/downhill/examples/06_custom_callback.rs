//! A callback of one's own beside those that come with the library:
//! `cargo run --release -p downhill --example 06_custom_callback`
#![forbid(unsafe_code)]

use std::ops::ControlFlow;

use downhill::learner::{EarlyStopping, GradientClip, Result};
use downhill::prelude::*;

/// Notes how long the gradient is, batch by batch, and ends an epoch when it has become short.
#[derive(Default)]
struct GradientNorm {
    norms: Vec<f32>,
    short: f32,
    cut: usize,
}

impl Callback for GradientNorm {
    /// Callbacks are called in the order of their numbers. Gradients are clipped with number 11, before the step.
    fn order(&self) -> i32 {
        20
    }

    fn before_step(&mut self, state: &mut State) -> Flow {
        let squares = |p: Var| p.grad().map_or(0.0, |g| g.square().sum(..).item());
        let norm = state.model.parameters().into_iter().map(squares).sum::<f32>().sqrt();
        self.norms.push(norm);
        if norm < self.short {
            // Batch and epoch come to their end: the `after_` events are told, and nothing is trained in between.
            self.cut += 1;
            return cancel(Stage::Train);
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
        // Any function of predictions and targets is a metric.
        .metrics(("half", |_: &Tensor, y: &Tensor<i64>| y.sum(..).item() as f64 / y.numel() as f64))
        .cbs(GradientClip::new(0.1))
        .cbs(EarlyStopping::new(3))
        .cbs(GradientNorm { short: 0.05, ..GradientNorm::default() });
    learn.fit_one_cycle(10, 0.1)?;

    let gradients = learn.cb::<GradientNorm>().expect("it was added");
    println!("{} gradients; {} epochs were cut short", gradients.norms.len(), gradients.cut);
    assert!(gradients.norms.iter().all(|&norm| norm < 0.1001), "they were clipped before");
    assert!(gradients.cut > 0 && gradients.norms.len() < 10 * 16);
    // An epoch that was cut short is validated all the same.
    let accuracy = learn.recorder().column("batch_accuracy").expect("it is a metric");
    assert!(accuracy.last().is_some_and(|&last| last > 0.95));
    Ok(())
}
