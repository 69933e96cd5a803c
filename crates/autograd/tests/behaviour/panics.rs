//! A mistake of the caller panics with the documented message, at the caller's line.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use downhill_autograd::{
    BatchNormOptions, RunningStats, batch_norm, conv2d, conv2d_input, conv2d_weight, embedding,
};
use downhill_autograd::{Var, cat, from_op, grad, linear, stack, where_};
use downhill_tensor::{Conv2dOptions, Pool2dOptions, Tensor};

thread_local! {
    /// The file and the message of this thread's last panic.
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// What `f` panics with. The panic must be reported in this file.
#[track_caller]
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().map(ToString::to_string);
            let message = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
            let file = info.location().expect("panics have a location").file().to_string();
            LAST.set(Some((file, message)));
            before(info);
        }));
    });
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err(), "this should have panicked");
    let (file, message) = LAST.take().expect("the hook saw the panic");
    assert!(file.ends_with("tests/behaviour/panics.rs"), "{message:?} is reported in {file}");
    message
}

fn ones(shape: &[usize]) -> Var<f64> {
    Var::parameter(Tensor::ones(shape))
}

#[test]
fn backward_twice() {
    let loss = ones(&[2]).square().sum(..);
    loss.backward();
    let expected =
        "backward: the graph of reshape was consumed by an earlier backward pass; see backward_retain_graph";
    assert_eq!(panic_of(|| loss.backward()), expected);
    assert_eq!(panic_of(|| loss.backward_retain_graph()), expected);
    assert_eq!(panic_of(|| loss.backward_with(Tensor::scalar(1.0))), expected);
    assert_eq!(panic_of(|| grad(&[&loss], &[])), expected);
}

#[test]
fn backward_into_a_consumed_subgraph() {
    let shared = ones(&[]).exp();
    (&shared * 2.0).backward();
    let message = panic_of(|| (&shared * 3.0).backward());
    assert!(message.starts_with("backward: the graph of exp was consumed"), "{message}");
}

#[test]
fn backward_from_many_elements() {
    let y = ones(&[2, 1]) * 2.0;
    let expected = "backward: expected a scalar, got shape [2, 1]; see backward_with";
    assert_eq!(panic_of(|| y.backward()), expected);
    assert_eq!(panic_of(|| y.backward_retain_graph()), expected);
    let message = panic_of(|| y.backward_with(Tensor::ones(&[2])));
    assert_eq!(message, "backward: shapes differ: result [2, 1], cotangent [2]");
    let nothing = ones(&[0]) * 2.0;
    assert_eq!(
        panic_of(|| nothing.backward()),
        "backward: expected a scalar, got shape [0]; see backward_with"
    );
}

#[test]
fn backward_without_parameters() {
    let c = Var::new(Tensor::scalar(1.0_f64));
    let expected = "backward: the result does not depend on any parameter";
    assert_eq!(panic_of(|| c.backward()), expected);
    assert_eq!(panic_of(|| (&c * 2.0).backward()), expected);
    assert_eq!(panic_of(|| ones(&[]).detach().backward()), expected);
    let y = ones(&[]) * 2.0;
    assert_eq!(panic_of(|| grad(&[&y, &c], &[&c])), expected);
}

#[test]
fn changing_what_is_no_leaf() {
    let y = ones(&[]).exp();
    assert_eq!(
        panic_of(|| _ = y.requires_grad_(false)),
        "requires_grad_: expected a leaf, got the result of exp"
    );
    assert_eq!(panic_of(|| y.update_(|_| ())), "update_: expected a leaf, got the result of exp");
    y.set_grad(Some(Tensor::scalar(1.0)));
    assert_eq!(panic_of(|| y.step_(|_, _| ())), "update_: expected a leaf, got the result of exp");
}

#[test]
fn changing_the_shape() {
    let x = ones(&[2]);
    let message = panic_of(|| x.update_(|value| *value = Tensor::zeros(&[3])));
    assert_eq!(message, "update_: shapes differ: before [2], after [3]");
    let x = ones(&[2]);
    let message = panic_of(|| x.set_grad(Some(Tensor::zeros(&[2, 1]))));
    assert_eq!(message, "set_grad: shapes differ: variable [2], gradient [2, 1]");
    assert!(x.grad().is_none());
}

#[test]
fn gradients_of_ones_own_that_do_not_fit() {
    let x = ones(&[2]);
    let with = |gradients: Vec<Option<Tensor<f64>>>| {
        from_op("mine", &[&x], Tensor::scalar(1.0), move |_, _| gradients.clone())
    };
    assert_eq!(panic_of(|| with(vec![]).backward()), "backward of mine: 0 gradients for 1 inputs");
    assert_eq!(panic_of(|| with(vec![None, None]).backward()), "backward of mine: 2 gradients for 1 inputs");
    assert_eq!(
        panic_of(|| with(vec![Some(Tensor::ones(&[3]))]).backward()),
        "backward of mine: shapes differ: input [2], gradient [3]"
    );
    // One that would broadcast is no better.
    assert_eq!(
        panic_of(|| with(vec![Some(Tensor::ones(&[1]))]).backward()),
        "backward of mine: shapes differ: input [2], gradient [1]"
    );
    assert!(x.grad().is_none());
    let message = panic_of(|| from_op("leaf", &[&x], Tensor::scalar(1.0), |_, _| vec![]));
    assert_eq!(message, "from_op: leaf is the name of what no operation made");
}

/// Every operation's shape mistake: which operation the message names, and where it is reported.
#[test]
fn shapes_that_do_not_fit() {
    let (a, b) = (ones(&[2, 3]), ones(&[2, 4]));
    let condition = Tensor::full(&[5], true);
    let none: [Var<f64>; 0] = [];
    let mistakes: [(&str, &dyn Fn() -> Var<f64>); 34] = [
        ("add: ", &|| &a + &b),
        ("add: ", &|| a.clone() + b.clone()),
        ("add: ", &|| &a + b.value()),
        ("sub: ", &|| &a - &b),
        ("mul: ", &|| &a * &b),
        ("div: ", &|| &a / &b),
        ("maximum: ", &|| a.maximum(&b)),
        ("minimum: ", &|| a.minimum(&b)),
        ("where_: ", &|| where_(&condition, &a, &b)),
        ("sum_keepdim: ", &|| a.sum(2)),
        ("sum_keepdim: ", &|| a.sum([0, 0])),
        ("sum_keepdim: ", &|| a.sum_keepdim(-3)),
        ("mean_keepdim: ", &|| a.mean(2)),
        ("mean_keepdim: ", &|| a.mean_keepdim(2)),
        ("sum_to: ", &|| a.sum_to(&[2])),
        ("reshape: ", &|| a.reshape(&[7])),
        ("flatten: ", &|| a.flatten(2)),
        ("transpose: ", &|| a.transpose(0, 2)),
        ("t: ", &|| ones(&[1, 2, 3]).t()),
        ("permute: ", &|| a.permute(&[0, 0])),
        ("expand: ", &|| a.expand(&[3, 3])),
        ("unsqueeze: ", &|| a.unsqueeze(3)),
        ("squeeze: ", &|| a.squeeze(2)),
        ("narrow: ", &|| a.narrow(1, 2, 2)),
        ("narrow: ", &|| a.narrow(2, 0, 1)),
        ("cat: ", &|| cat(&none, 0)),
        ("cat: ", &|| cat(std::slice::from_ref(&a), 2)),
        ("cat: ", &|| cat(&[a.clone(), b.clone()], 0)),
        ("stack: ", &|| stack(&none, 0)),
        ("stack: ", &|| stack(&[a.clone(), b.clone()], 0)),
        ("matmul: ", &|| a.matmul(&b)),
        ("matmul: ", &|| a.matmul(&ones(&[]))),
        ("linear: ", &|| linear(&a, &b, None)),
        ("linear: ", &|| linear(&a, &ones(&[4, 3]), Some(&ones(&[3])))),
    ];
    all_panic(&mistakes);
}

/// Each must panic with a message that starts as given, at the line of the call.
fn all_panic(mistakes: &[(&str, &dyn Fn() -> Var<f64>)]) {
    let mut wrong = vec![];
    for (i, (prefix, mistake)) in mistakes.iter().enumerate() {
        match catch_unwind(AssertUnwindSafe(|| panic_of(mistake))) {
            Ok(message) if message.starts_with(prefix) => {}
            Ok(message) => wrong.push(format!("{i}, {prefix:?}: {message}")),
            Err(error) => wrong.push(format!("{i}, {prefix:?}: {:?}", error.downcast_ref::<String>())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layers_that_do_not_fit() {
    let (a, x, w) = (ones(&[2, 3]), ones(&[2, 4, 5, 6]), ones(&[6, 4, 3, 3]));
    let (index, stats) = (Tensor::from([[3_i64]]), RunningStats::new(4));
    let (o, pool) = (Conv2dOptions::default(), Pool2dOptions::new(7));
    let norm = BatchNormOptions::default();
    let mistakes: [(&str, &dyn Fn() -> Var<f64>); 26] = [
        ("index_select: ", &|| a.index_select(0, &[2])),
        ("index_add_: ", &|| a.index_add(0, &[2], &ones(&[1, 3]))),
        ("gather: ", &|| a.gather(1, &index)),
        ("scatter_add_: ", &|| a.scatter_add(1, &index, &ones(&[1, 1]))),
        ("embedding: index 3 is no row of weight [2, 3]", &|| embedding(&index, &a)),
        ("embedding: expected a weight of two axes, got shape [2, 4, 5, 6]", &|| embedding(&index, &x)),
        ("slice: ", &|| a.slice(0, 0, 3, 1)),
        ("pad: ", &|| a.pad(&[1], 0.0)),
        ("where_: ", &|| a.masked_fill(&Tensor::full(&[2], true), 0.0)),
        ("split: ", &|| a.split(0, 0).remove(0)),
        ("chunk: ", &|| a.chunk(0, 0).remove(0)),
        ("roll: ", &|| a.roll(1, 2)),
        ("flip: ", &|| a.flip(&[2])),
        ("conv2d: ", &|| conv2d(&a, &w, None, &o)),
        ("conv2d: ", &|| conv2d(&x, &w, Some(&a), &o)),
        ("conv2d_input: ", &|| conv2d_input(&x, &w, [5, 6], &o)),
        ("conv2d_weight: ", &|| conv2d_weight(&x, &x, [3, 3], &o)),
        ("max_pool2d: ", &|| x.max_pool2d(&pool)),
        ("avg_pool2d: ", &|| x.avg_pool2d(&pool)),
        ("adaptive_avg_pool2d: ", &|| a.adaptive_avg_pool2d(1)),
        ("adaptive_max_pool2d: ", &|| a.adaptive_max_pool2d(1)),
        ("batch_norm: shapes differ: input [2, 3], running [4]", &|| {
            batch_norm(&a, None, None, &stats, &norm).0
        }),
        ("batch_norm: one value a channel has no variance: input [1, 4]", &|| {
            batch_norm(&ones(&[1, 4]), None, None, &stats, &norm).0
        }),
        ("batch_norm: shapes differ: input [2, 4, 5, 6], weight [2, 3]", &|| {
            batch_norm(&x, Some(&a), None, &stats, &norm).0
        }),
        ("layer_norm: input [2, 3] does not end in [2]", &|| a.layer_norm(&[2], None, None, 1e-5)),
        ("group_norm: 3 groups do not divide the channels: input [2, 4, 5, 6]", &|| {
            x.group_norm(3, None, None, 1e-5)
        }),
    ];
    all_panic(&mistakes);
}
