//! What a backward pass does to the graph and to the variables in it. All numbers are small integers, so that every
//! comparison is exact.

use downhill_autograd::{Var, from_op, grad, is_grad_enabled, linear, no_grad, where_};
use downhill_tensor::Tensor;

fn parameter<const N: usize>(values: [f64; N]) -> Var<f64> {
    Var::parameter(Tensor::from(values))
}

fn gradient(var: &Var<f64>) -> Vec<f64> {
    var.grad().expect("a gradient arrived").to_vec()
}

#[test]
fn gradients_accumulate() {
    let x = parameter([1.0, -3.0]);
    let loss = || x.square().sum(..);
    assert!(x.grad().is_none());
    for pass in 1..=3 {
        loss().backward();
        assert_eq!(gradient(&x), [2.0 * f64::from(pass), -6.0 * f64::from(pass)]);
    }
    x.zero_grad_();
    assert_eq!(gradient(&x), [0.0, 0.0]);
    loss().backward();
    assert_eq!(gradient(&x), [2.0, -6.0]);
    x.set_grad(None);
    assert!(x.grad().is_none());
    x.zero_grad_();
    assert!(x.grad().is_none());
    x.set_grad(Some(Tensor::from([10.0, 20.0])));
    loss().backward();
    assert_eq!(gradient(&x), [12.0, 14.0]);
}

#[test]
fn a_gradient_that_was_read_does_not_change() {
    let x = parameter([2.0]);
    x.square().sum(..).backward();
    let before = x.grad().unwrap();
    x.square().sum(..).backward();
    assert_eq!((before.item(), gradient(&x)), (4.0, vec![8.0]));
    x.zero_grad_();
    assert_eq!((before.item(), gradient(&x)), (4.0, vec![0.0]));
}

#[test]
fn parameters_of_one_sum_have_gradients_of_their_own() {
    // Both gradients are the incoming one itself.
    let (a, b) = (parameter([1.0]), parameter([2.0]));
    (&a + &b).sum(..).backward();
    a.zero_grad_();
    assert_eq!((gradient(&a), gradient(&b)), (vec![0.0], vec![1.0]));
    (&a + &b).sum(..).backward();
    assert_eq!((gradient(&a), gradient(&b)), (vec![1.0], vec![2.0]));
}

#[test]
fn a_variable_used_twice() {
    let x = parameter([3.0]);
    (&x * &x).sum(..).backward();
    assert_eq!(gradient(&x), [6.0]);
    x.set_grad(None);
    (&x + &x).sum(..).backward();
    assert_eq!(gradient(&x), [2.0]);
    x.set_grad(None);
    (&x - &x).sum(..).backward();
    assert_eq!(gradient(&x), [0.0]);
    x.set_grad(None);
    where_(&Tensor::from([true]), &x, &x).sum(..).backward();
    assert_eq!(gradient(&x), [1.0]);
}

#[test]
fn a_diamond() {
    // y = (2 x + 1) (2 x - 3), the shared part in the middle: y' = 8 x - 4.
    let x = parameter([5.0]);
    let shared = &x * 2.0;
    let y = (&shared + 1.0) * (&shared - 3.0);
    y.sum(..).backward();
    assert_eq!(gradient(&x), [36.0]);
}

#[test]
fn shared_subgraphs_are_walked_once() {
    // x doubles fifty times: there are 2^50 paths through fifty nodes.
    let x = parameter([1.0]);
    let y = (0..50).fold(x.clone(), |y, _| &y + &y);
    y.sum(..).backward();
    assert_eq!(gradient(&x), [f64::from(2.0_f32).powi(50)]);
}

#[test]
fn a_node_waits_for_all_of_its_gradients() {
    // A short and a long way from the result to the shared node.
    let x = parameter([1.0]);
    let shared = &x * 3.0;
    let long = (0..10).fold(shared.clone(), |y, _| y + 1.0);
    (long * &shared).sum(..).backward();
    // (3 x + 10) · 3 x, derived: 18 x + 30.
    assert_eq!(gradient(&x), [48.0]);
}

#[test]
fn an_unused_branch_gets_nothing() {
    let (x, y) = (parameter([1.0]), parameter([1.0]));
    let unused = (&x * &y).exp();
    (&x * 2.0).sum(..).backward();
    assert_eq!(gradient(&x), [2.0]);
    assert!(y.grad().is_none() && unused.grad().is_none());
}

#[test]
fn interior_results_keep_no_gradient() {
    let x = parameter([1.0]);
    let y = &x * 2.0;
    let loss = y.sum(..);
    loss.backward();
    assert!(y.grad().is_none() && loss.grad().is_none());
}

#[test]
fn a_parameter_is_its_own_graph() {
    let x = Var::parameter(Tensor::scalar(4.0));
    x.backward();
    x.backward();
    assert_eq!(x.grad().unwrap().item(), 2.0);
}

#[test]
fn one_element_of_any_rank_is_a_scalar() {
    let x = parameter([2.0]);
    let y = x.square().reshape(&[1, 1, 1]);
    y.backward();
    assert_eq!(gradient(&x), [4.0]);
}

#[test]
fn backward_with_a_cotangent() {
    let x = parameter([1.0, 2.0, 3.0]);
    x.square().backward_with(Tensor::from([1.0, 10.0, -1.0]));
    assert_eq!(gradient(&x), [2.0, 40.0, -6.0]);
}

#[test]
fn retaining_the_graph() {
    let x = parameter([3.0]);
    let loss = x.square().sum(..);
    loss.backward_retain_graph();
    loss.backward_retain_graph();
    assert_eq!(gradient(&x), [12.0]);
    loss.backward();
    assert_eq!(gradient(&x), [18.0]);
}

#[test]
fn grad_leaves_grad_alone() {
    let (x, unrelated) = (parameter([3.0]), parameter([1.0]));
    x.set_grad(Some(Tensor::from([7.0])));
    let middle = x.square();
    let loss = (&middle * 5.0).sum(..);
    let found = grad(&[&loss], &[&x, &middle, &loss, &unrelated, &x]);
    let found: Vec<_> = found.into_iter().map(|g| g.map(|g| g.to_vec())).collect();
    assert_eq!(found, [Some(vec![30.0]), Some(vec![5.0]), Some(vec![1.0]), None, Some(vec![30.0])]);
    assert_eq!(gradient(&x), [7.0]);
    assert!(unrelated.grad().is_none() && middle.grad().is_none());
}

#[test]
fn grad_of_several_outputs_is_that_of_their_sum() {
    let (x, y) = (parameter([1.0, 2.0]), parameter([3.0]));
    let shared = &x * 10.0;
    let found = grad(&[&(&shared + 1.0), &(&shared * &y), &y, &y], &[&x, &y]);
    assert_eq!(found[0].as_ref().unwrap().to_vec(), [40.0, 40.0]);
    assert_eq!(found[1].as_ref().unwrap().to_vec(), [32.0]);
}

#[test]
fn a_constant_gets_none() {
    let (x, c) = (parameter([1.0]), Var::new(Tensor::from([2.0])));
    let loss = (&x * &c).sum(..);
    let found = grad(&[&loss], &[&c, &x]);
    assert!(found[0].is_none() && found[1].is_some() && c.grad().is_none());
}

#[test]
fn backward_is_the_same_under_no_grad() {
    let x = parameter([3.0]);
    let loss = x.square().sum(..);
    no_grad(|| loss.backward());
    assert_eq!(gradient(&x), [6.0]);
    // And backward itself leaves recording on.
    assert!(is_grad_enabled());
}

#[test]
fn nothing_is_recorded_under_no_grad() {
    let x = parameter([3.0]);
    let y = no_grad(|| x.square());
    assert!(!y.requires_grad() && y.is_leaf() && y.op() == "leaf");
    assert_eq!(y.value().to_vec(), [9.0]);
    let made = no_grad(|| Var::parameter(Tensor::from([1.0])));
    assert!(made.requires_grad());
    assert!(!(&Var::new(Tensor::from([1.0])) * 2.0).requires_grad());
}

#[test]
fn detach_cuts_the_graph() {
    let x = parameter([3.0]);
    let y = x.square();
    let detached = y.detach();
    assert!(!detached.requires_grad() && detached.is_leaf() && !detached.same(&y) && y.same(&y.clone()));
    (&x * &detached).sum(..).backward();
    assert_eq!(gradient(&x), [9.0]);
    // Its value is not the other's.
    detached.update_(|value| _ = value.zero_());
    assert_eq!((y.item(), detached.item()), (9.0, 0.0));
}

#[test]
fn requires_grad_counts_from_then_on() {
    let (x, frozen) = (parameter([3.0]), Var::new(Tensor::from([5.0])));
    let before = (&x * &frozen).sum(..);
    frozen.requires_grad_(true);
    x.requires_grad_(false);
    let after = (&x * &frozen).sum(..);
    // Recorded when x was the parameter, then when the other one was.
    before.backward();
    assert_eq!(gradient(&x), [5.0]);
    assert!(frozen.grad().is_none());
    after.backward();
    assert_eq!((gradient(&x), gradient(&frozen)), (vec![5.0], vec![3.0]));
}

/// A backward function is told which inputs need a gradient, and what it computes for the others is ignored.
#[test]
fn needs_are_right() {
    for needs in [[true, false, true], [false, true, false], [true, true, true]] {
        let inputs = needs.map(|needed| {
            let x = Var::new(Tensor::from([1.0_f64]));
            x.requires_grad_(needed);
            x
        });
        let y = from_op("probe", &inputs.each_ref(), Tensor::from([1.0]), move |grad, told| {
            assert_eq!(told, needs);
            vec![Some(grad.clone()), Some(grad.clone()), Some(grad)]
        });
        y.sum(..).backward();
        assert_eq!(inputs.each_ref().map(|x| x.grad().is_some()), needs);
    }
}

#[test]
fn an_operation_of_ones_own() {
    let (x, y) = (parameter([2.0, 3.0]), parameter([5.0, 7.0]));
    let dot = |a: &Var<f64>, b: &Var<f64>| {
        let (u, v) = (a.value(), b.value());
        let value = (&u * &v).sum(..);
        from_op("dot", &[a, b], value, move |g, needs| {
            vec![needs[0].then(|| &v * &g), needs[1].then(|| &u * &g)]
        })
    };
    let loss = dot(&(&x * 2.0), &y) * 10.0;
    loss.backward();
    assert_eq!((gradient(&x), gradient(&y)), (vec![100.0, 140.0], vec![40.0, 60.0]));
    assert_eq!(no_grad(|| dot(&x, &y)).op(), "leaf");
    assert_eq!(dot(&x, &y).op(), "dot");
    // None is zero, and does not hold up what comes through other ways.
    let nothing = from_op("nothing", &[&x], Tensor::from([0.0, 0.0]), |_, _| vec![None]);
    x.set_grad(None);
    (&nothing + &x).sum(..).backward();
    assert_eq!(gradient(&x), [1.0, 1.0]);
}

/// What an operation saved is what it saw, whatever happens to the parameter before the backward pass.
#[test]
fn saved_values_are_snapshots() {
    type Loss = fn(&Var<f64>, &Var<f64>) -> Var<f64>;
    let losses: [(Loss, [f64; 2]); 7] = [
        (|x, y| x * y, [5.0, 2.0]),
        (|x, y| x.square() + y.square(), [4.0, 10.0]),
        (|x, y| y / x, [-1.25, 0.5]),
        (|x, y| x.maximum(y), [0.0, 1.0]),
        (|x, y| x.matmul(y), [5.0, 2.0]),
        (|x, y| linear(x, &y.reshape(&[1, 1]), None), [5.0, 2.0]),
        (|x, y| x.powf(3.0) + y.clamp(4.0, 6.0), [12.0, 1.0]),
    ];
    for (i, (loss, [dx, dy])) in losses.into_iter().enumerate() {
        let (x, y) = (parameter([2.0]), parameter([5.0]));
        let loss = loss(&x, &y).sum(..);
        let value = loss.item();
        x.update_(|value| _ = value.fill_(100.0));
        y.update_(|value| _ = value.fill_(-100.0));
        loss.backward();
        assert_eq!((gradient(&x), gradient(&y)), (vec![dx], vec![dy]), "loss {i}");
        assert_eq!((loss.item(), x.item(), y.item()), (value, 100.0, -100.0));
    }
}

#[test]
fn a_value_that_was_read_does_not_change() {
    let x = parameter([1.0]);
    let before = x.value();
    x.update_(|value| _ = value.add_(1.0));
    assert_eq!((before.item(), x.item()), (1.0, 2.0));
}

/// The optimizer's step writes where the parameter was, since the graph has let go of it.
#[test]
fn a_step_after_backward_is_in_place() {
    let address = |x: &Var<f64>| x.value().as_slice().unwrap().as_ptr();
    let (w, b) = (Var::parameter(Tensor::ones(&[3, 2])), Var::parameter(Tensor::ones(&[3])));
    let x = Var::new(Tensor::ones(&[4, 2]));
    let before = (address(&w), address(&b));
    for _ in 0..3 {
        // The loss and the prediction outlive the step, as they do in a training loop.
        let prediction = linear(&x, &w, Some(&b)).relu();
        let loss = (&prediction * &prediction + w.square().sum(..)).mean(..);
        loss.backward();
        for p in [&w, &b] {
            let held = p.value();
            drop(held);
            p.step_(|value, grad| _ = value.add_scaled_(grad, -0.125));
            p.zero_grad_();
        }
        assert_eq!((address(&w), address(&b)), before);
        assert!(loss.item() > 0.0);
    }
    assert_ne!(w.value().to_vec(), [1.0; 6]);
}

/// Gradients, too, are added up in place.
#[test]
fn accumulation_is_in_place() {
    let x = Var::parameter(Tensor::<f64>::ones(&[5]));
    let address = || x.grad().unwrap().as_slice().unwrap().as_ptr();
    x.square().sum(..).backward();
    let before = address();
    for _ in 0..3 {
        x.square().sum(..).backward();
        assert_eq!(address(), before);
    }
    x.zero_grad_();
    assert_eq!((address(), gradient(&x)), (before, vec![0.0; 5]));
}

#[test]
fn a_step_without_a_gradient_does_nothing() {
    let x = parameter([1.0]);
    x.step_(|_, _| panic!("there is no gradient"));
    assert_eq!(x.item(), 1.0);
}

#[test]
fn into_value_takes_what_nobody_else_needs() {
    let x = Var::new(Tensor::from([1.0, 2.0_f64]));
    let address = x.value().as_slice().unwrap().as_ptr();
    let mut value = x.into_value();
    value.add_(1.0);
    assert_eq!(value.as_slice().unwrap().as_ptr(), address);
    // Of a shared one, the other handle keeps its value.
    let x = parameter([1.0]);
    let mut value = x.clone().into_value();
    value.zero_();
    assert_eq!(x.item(), 1.0);
}

#[test]
fn printing() {
    let x = parameter([1.0]);
    assert_eq!(x.to_string(), "tensor([1.], dtype=f64, requires_grad=True)");
    assert!((&x * 2.0).to_string().ends_with(", grad_fn=mul_scalar)"));
    assert_eq!(x.detach().to_string(), x.value().to_string());
}
