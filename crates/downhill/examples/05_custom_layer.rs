//! A layer of one's own: `cargo run --release -p downhill --example 05_custom_layer`
#![forbid(unsafe_code)]

use downhill::autograd::{Tolerance, gradcheck};
use downhill::prelude::*;
use downhill::tensor::Float;

/// `x + scale · relu(linear(x))`: what is learnt is the difference from doing nothing.
///
/// The fields are the layer's children, and that is all that there is to a module. A variable is a parameter. The element
/// type is a parameter of the layer for one reason: so that its gradients can be checked, which needs `f64`.
#[derive(Module)]
struct Residual<T: Float = f32> {
    inner: Linear<T>,
    scale: Var<T>,
}

impl<T: Float> Residual<T> {
    fn new(features: usize, rng: &mut Rng) -> Self {
        Residual {
            inner: Linear::new(features, features, rng),
            scale: Var::parameter(Tensor::ones(&[features])),
        }
    }
}

impl<T: Float> Forward<T> for Residual<T> {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        // By `forward_as` the inner layer has a name for hooks and in the summary.
        x + &self.scale * self.inner.forward_as("inner", x).relu()
    }
}

fn main() -> Result<(), downhill::nn::Error> {
    let rng = &mut Rng::new(42);
    let net: Sequential = sequential![Residual::new(4, rng), Residual::new(4, rng), Linear::new(4, 1, rng)];
    let table = summary(&net, &[64, 4]);
    println!("{table}");
    assert!(table.contains("Total params: 53"));

    // Parameters are found by the names of fields, in their order.
    let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..3], ["0.inner.weight", "0.inner.bias", "0.scale"]);
    assert_eq!(names.len(), 8);

    // It trains.
    let x = Tensor::<f32>::randn(&[256, 4], rng);
    let y = x.narrow(1, 0, 1).relu() - x.narrow(1, 1, 1).relu();
    let mut opt = Adam::new(net.parameters(), 0.01);
    let mut losses = Vec::new();
    for _ in 0..200 {
        let loss = mse_loss(&net.forward(&Var::new(x.clone())), &y, Reduction::Mean);
        loss.backward();
        opt.step();
        opt.zero_grad();
        losses.push(loss.item());
    }
    println!("the loss fell from {:.4} to {:.6}", losses[0], losses[199]);
    assert!(losses[199] < losses[0] / 100.0);

    // It is saved and loaded.
    let file = std::env::temp_dir().join(format!("downhill-residual-{}.bin", std::process::id()));
    net.state_dict().save(&file)?;
    let copy: Sequential = sequential![Residual::new(4, rng), Residual::new(4, rng), Linear::new(4, 1, rng)];
    copy.load_state_dict(&StateDict::load(&file)?)?;
    std::fs::remove_file(&file).expect("it was just written");
    let output = |net: &Sequential| net.forward(&Var::new(x.clone())).value().to_vec();
    assert_eq!(output(&copy), output(&net));

    // And its gradients are right, by the input and by its own scale.
    let layer = Residual::<f64>::new(3, rng);
    let inputs = [Tensor::randn(&[5, 3], rng), Tensor::randn(&[3], rng)];
    let f = |x: &[Var<f64>]| Residual { inner: layer.inner.clone(), scale: x[1].clone() }.forward(&x[0]);
    gradcheck(f, &inputs, Tolerance::default()).expect("both gradients are right");
    Ok(())
}
