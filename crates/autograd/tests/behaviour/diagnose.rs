//! Anomaly mode, pictures of graphs, and parameters without gradients.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use downhill_autograd::{DetectAnomaly, Var, detect_anomaly, from_op, graph_dot, unused_parameters};
use downhill_tensor::Tensor;

fn message(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("this should have panicked");
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

#[test]
fn the_first_operation_that_produces_infinity_is_named() {
    let x = Var::parameter(Tensor::from([[4.0, 1.0], [0.0, 9.0]]));
    let loss = || (x.sqrt() * 3.0).exp().sum(..);
    let text = message(|| detect_anomaly(|| loss().backward()));
    assert_eq!(
        text,
        "backward of sqrt: the gradient of input 0 is inf at [1, 0]: input [2, 2], result [2, 2]; the result is finite, \
         its gradient is finite"
    );
    // Without the mode the same runs through.
    loss().backward();
    assert_eq!(x.grad().unwrap().get(&[1, 0]), f64::INFINITY);
}

#[test]
fn the_input_and_the_result_are_looked_at() {
    let (a, b) = (Var::parameter(Tensor::from([1.0, 2.0])), Var::parameter(Tensor::from([[0.0], [3.0]])));
    let text = message(|| detect_anomaly(|| (&a / &b).sum(..).backward()));
    assert_eq!(
        text,
        "backward of div: the gradient of input 0 is inf at [0]: input [2], result [2, 2]; the result is inf at [0, 0], \
         its gradient is finite"
    );
    a.requires_grad_(false);
    let text = message(|| detect_anomaly(|| (&a / &b).sum(..).backward()));
    assert!(text.starts_with("backward of div: the gradient of input 1 is -inf at [0, 0]"), "{text}");
}

#[test]
fn operations_of_ones_own_are_looked_at() {
    let x = Var::parameter(Tensor::from([1.0_f32]));
    let y = from_op("mine", &[&x], x.value(), |grad, _| vec![Some(grad * f32::NAN)]);
    let text = message(|| detect_anomaly(|| y.backward()));
    assert!(text.starts_with("backward of mine: the gradient of input 0 is NaN at [0]: input [1]"), "{text}");
}

#[test]
fn cotangents_hooks_and_sums_are_looked_at() {
    let x = Var::parameter(Tensor::from([1.0, 2.0]));
    let expected =
        "backward: the gradient of the result of exp is NaN at [1], shape [2]: no backward function computed";
    let text = message(|| detect_anomaly(|| x.exp().backward_with(Tensor::from([1.0, f64::NAN]))));
    assert!(text.starts_with(expected), "{text}");
    let y = x.exp();
    y.register_hook(|g| Some(g * f64::INFINITY));
    let text = message(|| detect_anomaly(|| y.sum(..).backward()));
    assert!(text.starts_with("backward: the gradient of the result of exp is inf at [0]"), "{text}");
    let huge = Tensor::from([f64::MAX, 0.0]);
    let y = x.exp();
    let text = message(|| {
        detect_anomaly(|| (&y * &Var::new(huge.clone()) + &y * &Var::new(huge)).sum(..).backward());
    });
    assert!(text.starts_with("backward: the gradient of the result of exp is inf at [0]"), "{text}");
}

#[test]
fn the_mode_is_of_one_thread_and_ends() {
    let passes = || {
        let x = Var::parameter(Tensor::scalar(0.0_f64));
        catch_unwind(AssertUnwindSafe(|| x.sqrt().backward())).is_ok()
    };
    let (first, second) = (DetectAnomaly::new(), DetectAnomaly::new());
    assert!(!passes());
    assert!(thread::spawn(passes).join().unwrap());
    drop(first);
    assert!(!passes());
    drop(second);
    assert!(passes());
    // A panic leaves nothing switched on.
    message(|| detect_anomaly(|| panic!("{}", "on purpose")));
    assert!(passes());
}

#[test]
fn finite_gradients_pass() {
    let x = Var::parameter(Tensor::from([1.0, 2.0]));
    detect_anomaly(|| (x.ln() * x.exp()).sum(..).backward());
    assert!(x.grad().is_some());
}

#[test]
fn a_graph_is_drawn() {
    let (w, x) = (Var::parameter(Tensor::<f64>::ones(&[3, 2])), Var::new(Tensor::ones(&[4, 2])));
    let y = x.matmul(&w.t()).relu();
    let loss = (&y * &y).sum(..);
    let text = graph_dot(&[&loss], &[("weight", &w), ("the \"squares\"\n\\", &y)]);
    for (label, times) in [
        ("label=\"weight\\n[3, 2]\", shape=ellipse", 1),
        ("label=\"constant\\n[4, 2]\", shape=ellipse", 1),
        ("label=\"the \\\"squares\\\"\\n\\\\ = relu\\n[4, 3]\", shape=box]", 1),
        ("label=\"matmul\\n[4, 3]\", shape=box]", 1),
        ("label=\"sum\\n[1, 1]\"", 1),
        ("label=\"reshape\\n[]\"", 1),
        ("dashed", 0),
        // transpose 1, matmul 2, relu 1, mul 2, sum 1, reshape 1.
        (" -> ", 8),
    ] {
        assert_eq!(text.matches(label).count(), times, "{label} in {text}");
    }
    assert!(text.starts_with("digraph {\n") && text.ends_with("}\n"), "{text}");
    assert_eq!(text, graph_dot(&[&loss], &[("weight", &w), ("the \"squares\"\n\\", &y)]));
    loss.backward();
    let consumed = graph_dot(&[&loss], &[]);
    assert!(consumed.contains("label=\"reshape\\n[]\", shape=box, style=dashed"), "{consumed}");
    assert_eq!(consumed.matches(" -> ").count(), 0, "{consumed}");
}

#[test]
fn a_long_graph_is_drawn() {
    let draw = || {
        let x = Var::parameter(Tensor::scalar(0.0_f32));
        let y = (0..100_000).fold(x, |y, _| y + 1.0);
        assert_eq!(graph_dot(&[&y], &[]).lines().count(), 100_001 + 100_000 + 3);
    };
    thread::Builder::new().stack_size(256 * 1024).spawn(draw).unwrap().join().unwrap();
}

#[test]
fn parameters_without_gradients_are_found() {
    let names = ["used", "dead", "forgotten", "frozen", "empty"];
    let vars: Vec<Var<f64>> = (0..4).map(|i| Var::parameter(Tensor::from([f64::from(i) - 0.5]))).collect();
    let empty = Var::parameter(Tensor::zeros(&[0]));
    vars[3].requires_grad_(false);
    let all = || names.iter().copied().zip(vars.iter().chain([&empty]));
    assert_eq!(unused_parameters(all()).no_gradient, ["used", "dead", "forgotten", "empty"]);
    (&vars[0] + &vars[1] * 0.0 + &vars[3] + empty.sum(..)).sum(..).backward();
    let found = unused_parameters(all());
    assert_eq!(
        (&found.no_gradient[..], &found.all_zero[..]),
        (&["forgotten".to_string()][..], &["dead".to_string()][..])
    );
    assert!(!found.is_empty());
    vars[2].set_grad(Some(Tensor::from([f64::NAN])));
    vars[1].set_grad(Some(Tensor::from([1e-300])));
    assert!(unused_parameters(all()).is_empty());
}
