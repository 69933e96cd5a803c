//! A layer of one's own: `cargo run --release -p downhill --example custom_layer`.
#![forbid(unsafe_code)]

use downhill::prelude::*;

/// `x + relu(linear(x))`: what is learnt is the difference from doing nothing.
#[derive(Module)]
struct Residual {
    inner: Linear,
}

impl Forward for Residual {
    fn forward(&self, x: &Var) -> Var {
        x + self.inner.forward_as("inner", x).relu()
    }
}

fn main() {
    let rng = &mut Rng::new(42);
    let net: Sequential = sequential![Residual { inner: Linear::new(4, 4, rng) }, Linear::new(4, 1, rng)];
    for (name, parameter) in net.named_parameters() {
        println!("{name:16} {:?}", parameter.shape());
    }
    println!("{}", net.forward(&Var::new(Tensor::ones(&[2, 4]))));
}
