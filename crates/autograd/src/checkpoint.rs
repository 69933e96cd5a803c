//! Trading time for memory: computing a part of the graph twice.

use downhill_tensor::{Float, Tensor};

use crate::mode::{enable_grad, is_grad_enabled, no_grad};
use crate::place::Place;
use crate::record::{Backward, Record, Saved, watched};
use crate::var::Var;

/// `f(inputs)`, without keeping what its operations save for the backward pass, which computes it again instead.
/// `torch.utils.checkpoint`.
///
/// Memory for what happens within `f` is taken only while the backward pass is in it: with checkpoints around each of
/// n layers, for one layer's intermediate results instead of for those of all. The price is a second forward pass.
///
/// Gradients are the same to the bit. Variables that `f` uses besides its inputs, such as a layer's parameters, get theirs
/// as well, and so do intermediate results from outside. Checkpoints may be nested; within [`no_grad`] this is just
/// `f(inputs)`. Second derivatives go through it.
///
/// # Randomness
/// `f` must compute the same both times. Generators of random numbers are values here, and as an `Fn` the function cannot
/// draw from one that it owns: let it clone or fork one, `let mut rng = rng.fork("dropout");`, which gives the same
/// numbers again. What it may not do is draw from a generator behind a lock. The second result is compared with the
/// first, bit by bit, so a difference is found and not believed.
///
/// # Panics
/// During the backward pass: if `f` computes another value than before, or if a variable that it uses was updated
/// meanwhile.
///
/// ```
/// use downhill_autograd::{Var, checkpoint};
/// use downhill_tensor::Tensor;
///
/// let w = Var::parameter(Tensor::from([2.0_f32]));
/// let x = Var::new(Tensor::from([3.0]));
/// let layer = { let w = w.clone(); move |x: &[Var]| (&x[0] * &w).tanh().square() };
/// checkpoint(layer, &[&x]).sum(..).backward();
/// let y = 6.0_f32.tanh();
/// assert!((w.grad().unwrap().item() - 2.0 * y * (1.0 - y * y) * 3.0).abs() < 1e-6);
/// ```
#[track_caller]
pub fn checkpoint<T: Float>(
    f: impl Fn(&[Var<T>]) -> Var<T> + Send + Sync + 'static,
    inputs: &[&Var<T>],
) -> Var<T> {
    let given: Vec<Var<T>> = inputs.iter().map(|&v| v.clone()).collect();
    if !is_grad_enabled() {
        return f(&given);
    }
    let (result, mut captured) = watched(|| no_grad(|| f(&given)));
    if result.requires_grad() {
        // Nothing was recorded, so this is a variable from outside.
        captured.push(result.clone());
    }
    captured.retain(|var| !given.iter().any(|input| input.same(var)));
    let value = result.into_value();
    let count = given.len();
    let inputs = [given, captured].concat();
    let needs: Vec<bool> = inputs.iter().map(Var::requires_grad).collect();
    if !needs.contains(&true) {
        return Var::new(value);
    }
    let saved = inputs.iter().map(Var::save).collect();
    let inputs = inputs.iter().map(Var::place).collect();
    let first = value.clone();
    Var::result("checkpoint", value, Checkpoint { f, inputs, count, needs, saved, first })
}

struct Checkpoint<T: Float, F> {
    f: F,
    /// What was given to `f`, and then what it uses besides.
    inputs: Vec<Place<T>>,
    /// How many were given.
    count: usize,
    needs: Vec<bool>,
    /// The inputs' values.
    saved: Vec<Saved<T>>,
    /// What `f` computed the first time.
    first: Tensor<T>,
}

impl<T: Float, F> Record<T> for Checkpoint<T, F>
where
    F: Fn(&[Var<T>]) -> Var<T> + Send + Sync,
{
    fn inputs(&self) -> &[Place<T>] {
        &self.inputs
    }

    fn needs(&self) -> &[bool] {
        &self.needs
    }

    fn backward(&self, _: Backward<'_, T>, _: &mut dyn FnMut(Option<Var<T>>)) {
        unreachable!("recompute takes the gradient on");
    }

    fn recompute(&self) -> Option<Var<T>> {
        let unchanged = self.saved.iter().all(Saved::is_unchanged);
        assert!(unchanged, "checkpoint: a parameter was updated between the two computations");
        let again = enable_grad(|| {
            let given: Vec<Var<T>> = self.saved[..self.count].iter().map(Saved::var).collect();
            (self.f)(&given)
        });
        let (first, second) = (&self.first, again.value());
        let equal = |(a, b): (T, T)| a == b || (a.to_f64().is_nan() && b.to_f64().is_nan());
        let same = first.shape() == second.shape() && first.iter().zip(second.iter()).all(equal);
        assert!(same, "checkpoint: the function computed another value the second time; is it random?");
        Some(again)
    }
}
