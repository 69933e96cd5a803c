//! Hooks: what they see, what they may change, and when they go.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use downhill_autograd::{GradHook, GradOptions, Var, enable_grad, grad, grad_with};
use downhill_tensor::Tensor;

fn parameter(value: f64) -> Var<f64> {
    Var::parameter(Tensor::scalar(value))
}

type Seen = Arc<Mutex<Vec<(&'static str, f64)>>>;

/// Notes the gradients of `var` under a name.
fn watch(var: &Var<f64>, name: &'static str, seen: &Seen) {
    let seen = seen.clone();
    var.register_hook(move |grad| {
        seen.lock().unwrap().push((name, grad.item()));
        None
    });
}

#[test]
fn every_node_is_seen_once_from_the_result_on() {
    let seen = Seen::default();
    let x = parameter(3.0);
    let y = &x * &x;
    let z = &y * 2.0 + &x;
    for (var, name) in [(&x, "x"), (&y, "y"), (&z, "z")] {
        watch(var, name, &seen);
    }
    z.backward();
    // x is used three times; what arrives is the sum.
    assert_eq!(*seen.lock().unwrap(), [("z", 1.0), ("y", 2.0), ("x", 13.0)]);
}

#[test]
fn a_parameter_shows_each_pass_alone() {
    let seen = Seen::default();
    let x = parameter(3.0);
    watch(&x, "x", &seen);
    for _ in 0..2 {
        (&x * 5.0).backward();
    }
    assert_eq!(*seen.lock().unwrap(), [("x", 5.0), ("x", 5.0)]);
    assert_eq!(x.grad().unwrap().item(), 10.0);
}

#[test]
fn hooks_run_in_the_order_of_registration() {
    let x = parameter(1.0);
    x.register_hook(|g| Some(g * 10.0));
    x.register_hook(|g| Some(g + 1.0));
    (&x * 2.0).backward();
    assert_eq!(x.grad().unwrap().item(), 21.0);
}

#[test]
fn a_replaced_gradient_flows_on() {
    let x = parameter(3.0);
    let y = &x * &x;
    y.register_hook(|g| Some(g * 100.0));
    let found = grad(&[&(&y * 2.0)], &[&x, &y]);
    assert_eq!(found.into_iter().map(|g| g.unwrap().item()).collect::<Vec<_>>(), [1200.0, 200.0]);
    let y = &x * &x;
    y.register_hook(|g| Some(g * 0.0));
    (&y * 2.0 + &x).backward();
    assert_eq!(x.grad().unwrap().item(), 1.0);
}

#[test]
fn a_removed_hook_does_not_run() {
    let x = parameter(1.0);
    let first = x.register_hook(|g| Some(g * 10.0));
    let _kept_though_dropped = x.register_hook(|g| Some(g * 3.0));
    first.remove();
    (&x * 2.0).backward();
    assert_eq!(x.grad().unwrap().item(), 6.0);
}

/// With `create_graph` a hook's result is differentiated as well.
#[test]
fn hooks_are_part_of_a_recorded_pass() {
    let x = parameter(3.0);
    x.register_hook(|g| Some(g * g));
    // (3 x²)², which is 36 x³ when derived.
    let slope =
        grad_with(&[&x.powf(3.0)], &[&x], &GradOptions::default().create_graph(true)).remove(0).unwrap();
    let seen = Seen::default();
    assert_eq!(slope.item(), 27.0 * 27.0);
    watch(&slope, "slope", &seen);
    let y = parameter(3.0);
    let plain = (&y * &y * 3.0).square();
    plain.backward();
    let second = grad(&[&slope], &[&x]).remove(0).unwrap().item();
    // The hook on x squares once more.
    assert_eq!(second, y.grad().unwrap().item() * y.grad().unwrap().item());
    assert_eq!(seen.lock().unwrap().len(), 1);
}

/// Counts in `drops` when it goes away.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counting(var: &Var<f64>, drops: &Arc<AtomicUsize>) -> GradHook<f64> {
    let counted = Counted(drops.clone());
    var.register_hook(move |_| {
        let _ = &counted;
        None
    })
}

#[test]
fn hooks_go_with_their_variable() {
    let drops = Arc::default();
    let x = parameter(1.0);
    let handle = counting(&x, &drops);
    drop(x);
    assert_eq!(drops.load(SeqCst), 1);
    // Nothing is left to remove it from.
    handle.remove();
    let x = parameter(1.0);
    counting(&x, &drops).remove();
    assert_eq!(drops.load(SeqCst), 2);
}

/// A hook on a result that owns the result would be a circle; consuming the graph opens it.
#[test]
fn hooks_of_a_consumed_graph_go() {
    let drops = Arc::default();
    let x = parameter(1.0);
    let y = &x * 2.0;
    counting(&y, &drops);
    let own = y.clone();
    y.register_hook(move |g| Some(g * own.item()));
    y.backward();
    assert_eq!((drops.load(SeqCst), x.grad().unwrap().item()), (1, 4.0));
}

#[test]
fn a_hook_may_register_and_remove_hooks() {
    let x = parameter(1.0);
    let other = parameter(1.0);
    let on_other = other.clone();
    x.register_hook(move |_| {
        on_other.register_hook(|g| Some(g * 2.0)).remove();
        // A backward pass within a backward pass, which itself records nothing.
        enable_grad(|| &on_other * 3.0).backward();
        None
    });
    let again = Mutex::new(Some(x.register_hook(|g| Some(g * 7.0))));
    x.register_hook(move |_| {
        if let Some(hook) = again.lock().unwrap().take() {
            hook.remove();
        }
        None
    });
    // What a pass has begun with it ends with.
    (&x * 1.0).backward();
    (&x * 1.0).backward();
    assert_eq!((x.grad().unwrap().item(), other.grad().unwrap().item()), (8.0, 6.0));
}

#[test]
#[should_panic(expected = "hook on leaf: shapes differ: gradient [2], replaced [1]")]
fn a_hook_that_changes_the_shape() {
    let x = Var::parameter(Tensor::from([1.0, 2.0]));
    x.register_hook(|g| Some(g.narrow(0, 0, 1)));
    (&x * 2.0).sum(..).backward();
}

#[test]
#[should_panic(expected = "register_hook: the variable does not require a gradient")]
fn a_hook_on_a_constant() {
    Var::new(Tensor::scalar(1.0_f64)).register_hook(|_| None);
}
