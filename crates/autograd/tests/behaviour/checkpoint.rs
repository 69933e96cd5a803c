//! Checkpoints: the same gradients in less memory.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use allocation_counter::measure;
use downhill_autograd::{
    GradOptions, Tolerance, Var, checkpoint, grad_with, gradcheck, gradgradcheck, linear, no_grad,
};
use downhill_tensor::{Rng, Tensor};

/// A layer with a parameter of its own and one that all layers share.
#[derive(Clone)]
struct Layer {
    weight: Var,
    shared: Var,
}

impl Layer {
    fn forward(&self, x: &Var) -> Var {
        let y = linear(x, &self.weight, None).tanh() + &self.shared;
        // Several uses of one parameter, so that the order of the sum matters.
        (y * &self.shared).gelu() + x * &self.shared
    }
}

fn layers(n: usize, size: usize) -> Vec<Layer> {
    let rng = &mut Rng::new(5);
    let shared = Var::parameter(Tensor::randn(&[size], rng) * 0.1 + 1.0);
    (0..n)
        .map(|_| Layer {
            weight: Var::parameter(Tensor::randn(&[size, size], rng) * 0.2),
            shared: shared.clone(),
        })
        .collect()
}

/// Runs the layers on an input and returns the gradients of the input and of all parameters.
fn gradients(layers: &[Layer], x: &Tensor, run: impl Fn(&Layer, &Var) -> Var) -> Vec<Vec<u32>> {
    let x = Var::parameter(x.clone());
    let shared = &layers[0].shared;
    // The shared parameter is used before and after the layers as well.
    let y = layers.iter().fold(&x * shared, |y, layer| run(layer, &y));
    ((y - shared).square() * shared).sum(..).backward();
    let mut all = vec![&x, shared];
    all.extend(layers.iter().map(|layer| &layer.weight));
    all.into_iter()
        .map(|var| {
            let bits = var.grad().expect("every variable has a gradient").iter().map(f32::to_bits).collect();
            var.set_grad(None);
            bits
        })
        .collect()
}

fn checkpointed(layer: &Layer, x: &Var) -> Var {
    let layer = layer.clone();
    checkpoint(move |x| layer.forward(&x[0]), &[x])
}

#[test]
fn gradients_are_the_same_to_the_bit() {
    let layers = layers(4, 7);
    let x = Tensor::randn(&[5, 7], &mut Rng::new(1));
    let plain = gradients(&layers, &x, Layer::forward);
    assert_eq!(gradients(&layers, &x, checkpointed), plain);
    // A checkpoint within a checkpoint within a checkpoint.
    let nested = |layer: &Layer, x: &Var| {
        let layer = layer.clone();
        checkpoint(
            move |x| {
                let (inner, own) = (layer.clone(), &x[0] * &layer.shared);
                let doubled = checkpoint(move |x| checkpointed(&inner, &x[0]) * 1.0, &[&own]);
                layer.forward(&doubled)
            },
            &[x],
        )
    };
    let spelled = |layer: &Layer, x: &Var| layer.forward(&(layer.forward(&(x * &layer.shared)) * 1.0));
    assert_eq!(gradients(&layers, &x, nested), gradients(&layers, &x, spelled));
}

#[test]
fn variables_from_outside_get_gradients() {
    let (p, x) = (Var::parameter(Tensor::scalar(3.0)), Var::new(Tensor::scalar(5.0)));
    // An intermediate result, captured; no input requires a gradient.
    let middle = p.square();
    let inside = middle.clone();
    let y = checkpoint(move |x| &x[0] * &inside, &[&x]);
    (&y + &middle).backward();
    assert_eq!(p.grad().unwrap().item(), 36.0);
    assert!(x.grad().is_none());
}

#[test]
fn what_is_returned_may_be_what_was_given() {
    let p = Var::parameter(Tensor::scalar(3.0));
    let y = checkpoint(|x| x[0].clone(), &[&p]);
    assert!(!y.same(&p));
    (y * 2.0).backward();
    let captured = p.clone();
    checkpoint(move |_| captured.clone(), &[]).backward();
    assert_eq!(p.grad().unwrap().item(), 3.0);
}

#[test]
fn an_input_given_twice() {
    let p = Var::parameter(Tensor::scalar(3.0));
    checkpoint(|x| &x[0] * &x[1], &[&p, &p]).backward();
    assert_eq!(p.grad().unwrap().item(), 6.0);
}

#[test]
fn nothing_to_differentiate() {
    let c = Var::new(Tensor::scalar(3.0_f32));
    assert!(!checkpoint(|x| x[0].exp(), &[&c]).requires_grad());
    let p = Var::parameter(Tensor::scalar(3.0_f32));
    assert!(!no_grad(|| checkpoint(|x| x[0].exp(), &[&p])).requires_grad());
    assert!(!checkpoint(|x| x[0].detach(), &[&c]).requires_grad());
}

#[test]
fn the_function_runs_twice_and_not_more() {
    let runs: Arc<AtomicUsize> = Arc::default();
    let count = runs.clone();
    let p = Var::parameter(Tensor::scalar(3.0));
    let y = checkpoint(
        move |x| {
            count.fetch_add(1, SeqCst);
            x[0].exp()
        },
        &[&p],
    );
    assert_eq!(runs.load(SeqCst), 1);
    y.backward_retain_graph();
    assert_eq!(runs.load(SeqCst), 2);
    y.backward();
    assert_eq!(runs.load(SeqCst), 3);
    assert_eq!(p.grad().unwrap().item(), 2.0 * 3.0_f32.exp());
}

#[test]
fn derivatives_agree_with_differences() {
    let f = |x: &[Var<f64>]| {
        let outside = x[1].clone();
        checkpoint(move |x| (&x[0] * &outside).sin() * &x[0], &[&x[0]])
    };
    let xs = [Tensor::from([0.5, -1.5]), Tensor::from([2.0, 0.3])];
    gradcheck(f, &xs, Tolerance::default()).unwrap();
    gradgradcheck(f, &xs, Tolerance::default()).unwrap();
}

#[test]
fn second_derivatives_of_and_through_checkpoints() {
    let x = Var::parameter(Tensor::scalar(2.0));
    let y = checkpoint(|x| x[0].powf(3.0), &[&x]).square();
    let slope = grad_with(&[&y], &[&x], &GradOptions::default().create_graph(true)).remove(0).unwrap();
    assert_eq!(slope.item(), 6.0 * 32.0_f64);
    slope.backward();
    assert_eq!(x.grad().unwrap().item(), 30.0 * 16.0);
}

/// A generator that the function forks gives the same numbers both times.
#[test]
fn forked_random_numbers_are_the_same() {
    let p = Var::parameter(Tensor::<f32>::ones(&[100]));
    let rng = Rng::new(9);
    let y = checkpoint(
        move |x| {
            let mask = Tensor::<f32>::rand(&[100], &mut rng.fork("dropout")).ge(0.5);
            x[0].masked_fill(&mask, 0.0)
        },
        &[&p],
    );
    y.sum(..).backward();
    assert_eq!(p.grad().unwrap().to_vec(), y.value().to_vec());
}

#[test]
#[should_panic(expected = "checkpoint: the function computed another value the second time; is it random?")]
fn random_numbers_that_go_on_are_found() {
    let p = Var::parameter(Tensor::<f32>::ones(&[100]));
    let rng = Mutex::new(Rng::new(9));
    let noise = move |x: &[Var]| &x[0] * Tensor::rand(&[100], &mut rng.lock().unwrap());
    checkpoint(noise, &[&p]).sum(..).backward();
}

#[test]
#[should_panic(expected = "checkpoint: a parameter was updated between the two computations")]
fn a_captured_parameter_that_was_updated() {
    let (p, x) = (Var::parameter(Tensor::scalar(3.0)), Var::new(Tensor::scalar(0.0)));
    let inside = p.clone();
    let y = checkpoint(move |x| &x[0] * &inside, &[&x]);
    p.update_(|value| _ = value.add_(1.0));
    y.backward();
}

#[test]
fn memory_is_lower() {
    let layers = layers(12, 128);
    // 1024 x 128 numbers are half a megabyte; a layer keeps four of them: its input, and what tanh, gelu and a
    // product need.
    let x = Tensor::randn(&[1024, 128], &mut Rng::new(1));
    let peak = |run: fn(&Layer, &Var) -> Var| measure(|| _ = gradients(&layers, &x, run)).bytes_max;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    // Dropped buffers go to a pool, which `measure` takes for used. So the frugal one runs first, and what is measured of
    // the other is what it takes beyond that.
    let (frugal, more) = pool.install(|| (peak(checkpointed), peak(Layer::forward)));
    assert!(frugal > 12 << 19, "the results of twelve layers are kept in both cases: {frugal}");
    assert!(more > frugal, "{more} bytes beyond {frugal}");
}
