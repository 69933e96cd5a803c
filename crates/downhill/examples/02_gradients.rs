//! Gradients, and the chapter's end-to-end example of gradient descent: a roller coaster's speed over time, by a parabola.
//! `cargo run --release -p downhill --example 02_gradients`
#![forbid(unsafe_code)]

use downhill::prelude::*;

fn main() {
    calculating_gradients();
    descending();
}

fn calculating_gradients() {
    // `requires_grad_()` in the book: a variable whose gradient is wanted.
    let xt = Var::parameter(Tensor::scalar(3.0));
    let yt = xt.square();
    assert_eq!(yt.item(), 9.0);
    yt.backward();
    // The derivative of x² is 2x.
    assert_eq!(xt.grad().unwrap().item(), 6.0);

    // A function of several numbers has a derivative by each.
    let xt = Var::parameter(Tensor::from([3.0, 4.0, 10.0]));
    let f = |x: &Var| x.square().sum(..);
    f(&xt).backward();
    println!("the gradient of the sum of squares: {}", xt.grad().unwrap());
    assert_eq!(xt.grad().unwrap().to_vec(), [6.0, 8.0, 20.0]);

    // Gradients are added to those that are there, until they are set to zero.
    f(&xt).backward();
    assert_eq!(xt.grad().unwrap().to_vec(), [12.0, 16.0, 40.0]);
    xt.zero_grad_();
    assert_eq!(xt.grad().unwrap().to_vec(), [0.0; 3]);

    // What is computed inside of `no_grad` leaves no trace.
    assert!(!no_grad(|| f(&xt)).requires_grad());
}

fn descending() {
    // The speed, measured each second, with noise: it slows down on the way up and gains on the way down.
    let rng = &mut Rng::new(42);
    let time = Tensor::from_fn(&[20], |i| i[0] as f32);
    let speed = Tensor::<f32>::randn(&[20], rng) * 3.0 + (&time - 9.5).square() * 0.75 + 1.0;

    // a t² + b t + c, in which a, b and c are one parameter of three numbers.
    let time = Var::new(time);
    let f = |params: &Var| {
        let [a, b, c] = [0, 1, 2].map(|i| params.narrow(0, i, 1));
        time.square() * a + &time * b + c
    };
    let loss_of = |params: &Var| mse_loss(&f(params), &speed, Reduction::Mean);

    let params = Var::parameter(Tensor::randn(&[3], rng));
    let lr = 1e-5;
    let mut losses = Vec::new();
    for step in 0..20 {
        let loss = loss_of(&params);
        loss.backward();
        // Downhill: against the gradient.
        params.step_(|data, grad| {
            data.sub_(grad * lr);
        });
        params.zero_grad_();
        println!("step {step:2}: loss {:.2}", loss.item());
        losses.push(loss.item());
    }
    assert!(losses.is_sorted_by(|before, after| before > after), "each step leads down");
    assert!(losses[19] < losses[0] / 10.0);
}
