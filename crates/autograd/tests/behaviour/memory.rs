//! Long chains, threads, and what is freed when.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

use downhill_autograd::{Var, cat, conv2d, from_op, grad, linear, where_};
use downhill_tensor::{Conv2dOptions, Pool2dOptions, Tensor};
use rayon::prelude::*;

const LONG: usize = 1_000_000;

/// Runs `f` on a thread whose stack would not hold a frame for each node of a long chain, nor for a thousandth of them.
fn with_small_stack(f: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(256 * 1024).spawn(f).unwrap().join().unwrap();
}

fn parameter(value: f64) -> Var<f64> {
    Var::parameter(Tensor::scalar(value))
}

/// `-x`, by a backward function that owns a variable besides its inputs.
fn owning(x: &Var<f64>, owned: Var<f64>) -> Var<f64> {
    let value = x.value().map(|x| -x);
    from_op("owning", &[x], value, move |grad, _| {
        assert!(owned.requires_grad());
        vec![Some(-grad)]
    })
}

#[test]
fn a_long_chain() {
    with_small_stack(|| {
        let x = parameter(0.0);
        let y = (0..LONG).fold(x.clone(), |y, _| y + 1.0);
        assert_eq!(y.item(), LONG as f64);
        y.backward();
        assert_eq!(x.grad().unwrap().item(), 1.0);
    });
}

#[test]
fn a_long_chain_that_is_dropped() {
    with_small_stack(|| drop((0..LONG).fold(parameter(0.0), |y, _| y + 1.0)));
}

#[test]
fn a_long_chain_that_is_retained() {
    with_small_stack(|| {
        let x = parameter(0.0);
        let y = (0..LONG / 4).fold(x.clone(), |y, _| &y * 1.0 + &x);
        y.backward_retain_graph();
        y.backward_retain_graph();
        assert_eq!(x.grad().unwrap().item(), 2.0 * (LONG / 4 + 1) as f64);
        drop(y);
    });
}

#[test]
fn a_long_chain_of_closures_that_own_variables() {
    with_small_stack(|| {
        let x = parameter(1.0);
        let y = (0..LONG).fold(x.clone(), |y, _| owning(&y, y.clone()));
        y.backward();
        assert_eq!(x.grad().unwrap().item(), 1.0);
    });
    // Through the closures only: the input is always the same.
    with_small_stack(|| {
        let x = parameter(1.0);
        let y = (0..LONG / 4).fold(x.clone(), |y, _| owning(&x, y));
        y.backward();
        assert_eq!(x.grad().unwrap().item(), -1.0);
    });
    with_small_stack(|| {
        let x = parameter(1.0);
        drop((0..LONG / 4).fold(x.clone(), |y, _| owning(&x, y)));
    });
}

/// A graph as wide as it is long: every node is used twice, and the sum of all is used once more.
#[test]
fn a_long_ladder() {
    with_small_stack(|| {
        let x = parameter(1.0);
        let (mut y, mut sum) = (x.clone(), x.clone());
        for _ in 0..LONG / 10 {
            y = &y * 1.0;
            sum = sum + &y;
        }
        drop(y);
        sum.backward();
        assert_eq!(x.grad().unwrap().item(), (LONG / 10 + 1) as f64);
    });
}

/// Counts in `drops` when it goes away.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// `x`, with a backward function whose end is counted.
fn counted(x: &Var<f64>, drops: &Arc<AtomicUsize>) -> Var<f64> {
    let counted = Counted(drops.clone());
    from_op("counted", &[x], x.value(), move |grad, _| {
        let _ = &counted;
        vec![Some(grad)]
    })
}

fn three_counted(drops: &Arc<AtomicUsize>) -> (Var<f64>, Var<f64>) {
    let x = parameter(1.0);
    let y = (0..3).fold(x.clone(), |y, _| counted(&y, drops));
    (x, y)
}

#[test]
fn a_graph_that_is_dropped_is_freed() {
    let drops = Arc::default();
    let (_x, y) = three_counted(&drops);
    assert_eq!(drops.load(SeqCst), 0);
    let second_handle = y.clone();
    drop(y);
    assert_eq!(drops.load(SeqCst), 0);
    drop(second_handle);
    assert_eq!(drops.load(SeqCst), 3);
}

#[test]
fn backward_frees_the_graph_though_the_result_lives() {
    let drops = Arc::default();
    let (x, y) = three_counted(&drops);
    y.backward();
    assert_eq!((drops.load(SeqCst), y.item()), (3, 1.0));
    let (x2, y2) = three_counted(&drops);
    grad(&[&y2], &[&x2]);
    assert_eq!(drops.load(SeqCst), 6);
    drop((x, y));
    assert_eq!(drops.load(SeqCst), 6);
}

#[test]
fn backward_retain_graph_keeps_the_graph() {
    let drops = Arc::default();
    let (_x, y) = three_counted(&drops);
    y.backward_retain_graph();
    assert_eq!(drops.load(SeqCst), 0);
    drop(y);
    assert_eq!(drops.load(SeqCst), 3);
}

#[test]
fn an_unused_branch_is_freed_with_its_handle() {
    let drops = Arc::default();
    let (_x, y) = three_counted(&drops);
    let unused = counted(&y, &drops);
    (&y * 2.0).backward();
    // The branch holds y's node, but y has given up its record.
    assert_eq!(drops.load(SeqCst), 3);
    drop(unused);
    assert_eq!(drops.load(SeqCst), 4);
}

#[test]
fn nothing_holds_a_parameter_after_backward() {
    let drops = Arc::default();
    let x = parameter(2.0);
    let y = counted(&x, &drops).square();
    y.backward();
    // In place, since neither graph nor saved values share it.
    let before = x.value().as_slice().unwrap().as_ptr();
    x.update_(|value| _ = value.add_(1.0));
    assert_eq!(x.value().as_slice().unwrap().as_ptr(), before);
}

/// Whether an operation on `x` keeps its value, once the handle on `x` is gone.
fn keeps(op: impl Fn(&Var<f64>) -> Var<f64>, x: Tensor<f64>) -> bool {
    let x = Var::parameter(x) * 1.0;
    let mut value = x.value();
    let y = op(&x);
    drop(x);
    // Writing to shared memory copies it first.
    let before = value.as_slice().unwrap().as_ptr();
    let kept = value.as_mut_slice().as_ptr() != before;
    y.backward_with(Tensor::ones(&y.shape()));
    kept
}

#[test]
fn values_that_no_derivative_needs_are_not_kept() {
    let (c, p) = (Var::new(Tensor::full(&[2, 2], 3.0)), Var::parameter(Tensor::full(&[2, 2], 3.0)));
    let both = Tensor::from([true, false]);
    type Op<'a> = &'a dyn Fn(&Var<f64>) -> Var<f64>;
    let frees: [(&str, Op<'_>); 24] = [
        ("x + 1", &|x| x + 1.0),
        ("x * 2", &|x| x * 2.0),
        ("x / 2", &|x| x / 2.0),
        ("1 - x", &|x| 1.0 - x),
        ("-x", &|x| -x),
        ("x + p", &|x| x + &p),
        ("p - x", &|x| &p - x),
        ("x * c", &|x| x * &c),
        ("x / c", &|x| x / &c),
        ("x @ c", &|x| x.matmul(&c)),
        ("c @ x", &|x| c.matmul(x)),
        ("linear", &|x| linear(x, &c, Some(&p.narrow(0, 0, 1).squeeze(0)))),
        ("relu", &|x| x.relu()),
        ("exp", &|x| x.exp()),
        ("sqrt", &|x| x.sqrt()),
        ("sigmoid", &|x| x.sigmoid()),
        ("softmax", &|x| x.softmax(1)),
        ("log_softmax", &|x| x.log_softmax(1)),
        ("sum", &|x| x.sum(..)),
        ("mean", &|x| x.mean(0)),
        ("cumsum", &|x| x.cumsum(0)),
        ("max_dim", &|x| x.max_dim(1).0),
        ("where_", &|x| where_(&both, x, &p)),
        ("cat", &|x| cat(&[x.clone(), p.clone()], 0)),
    ];
    for (name, op) in frees {
        assert!(!keeps(op, Tensor::from([[1.0, 2.0], [3.0, 4.0]])), "{name}");
    }
    let needed: [(&str, Op<'_>); 8] = [
        ("x * p", &|x| x * &p),
        ("p / x", &|x| &p / x),
        ("x @ p", &|x| x.matmul(&p)),
        ("linear", &|x| linear(x, &p, None)),
        ("square", &|x| x.square()),
        ("sin", &|x| x.sin()),
        ("gelu", &|x| x.gelu()),
        ("std", &|x| x.std(.., 1)),
    ];
    for (name, op) in needed {
        assert!(keeps(op, Tensor::from([[1.0, 2.0], [3.0, 4.0]])), "{name}");
    }
    let (image, weight) = (Tensor::ones(&[1, 1, 4, 4]), Tensor::ones(&[1, 1, 3, 3]));
    let convolution = |w: Var<f64>| move |x: &Var<f64>| conv2d(x, &w, None, &Conv2dOptions::default());
    assert!(!keeps(convolution(Var::new(weight.clone())), image.clone()));
    assert!(keeps(convolution(Var::parameter(weight)), image.clone()));
    assert!(!keeps(|x| x.max_pool2d(&Pool2dOptions::new(2)), image));
}

/// A panic in something that a backward function owned must not stop later graphs from being freed.
#[test]
fn a_panic_while_a_graph_is_dropped() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let x = parameter(1.0);
    let panics = Panics;
    let y = from_op("panics", &[&x], x.value(), move |grad, _| {
        let _ = &panics;
        vec![Some(grad)]
    });
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(y))).unwrap_err();
    let drops = Arc::default();
    drop(three_counted(&drops));
    assert_eq!(drops.load(SeqCst), 3);
}

/// At the end of a thread its thread-local variables go away in an order of their own; a graph in one of them must not
/// need another that is gone already.
#[test]
fn a_graph_in_a_thread_local_variable() {
    thread_local! {
        static KEPT: RefCell<Option<Var<f64>>> = const { RefCell::new(None) };
    }
    let drops: Arc<AtomicUsize> = Arc::default();
    let inside = drops.clone();
    thread::spawn(move || {
        KEPT.set(Some(three_counted(&inside).1));
        // Whatever the crate itself keeps for each thread is now in use.
        drop(three_counted(&inside));
    })
    .join()
    .unwrap();
    assert_eq!(drops.load(SeqCst), 6);
}

#[test]
fn threads_share_parameters() {
    const THREADS: usize = 8;
    const PASSES: usize = 200;
    let (w, b) = (Var::parameter(Tensor::<f64>::ones(&[4, 3])), Var::parameter(Tensor::<f64>::zeros(&[4])));
    let barrier = Arc::new(Barrier::new(THREADS));
    let workers: Vec<_> = (0..THREADS)
        .map(|i| {
            let (w, b, barrier) = (w.clone(), b.clone(), barrier.clone());
            thread::spawn(move || {
                barrier.wait();
                for _ in 0..PASSES {
                    // d/dw = i for every element, d/db = 1.
                    let x = Var::new(Tensor::full(&[1, 3], i as f64));
                    linear(&x, &w, Some(&b)).sum(..).backward();
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let sum = (THREADS * (THREADS - 1) / 2 * PASSES) as f64;
    assert_eq!(w.grad().unwrap().to_vec(), [sum; 12]);
    assert_eq!(b.grad().unwrap().to_vec(), [(THREADS * PASSES) as f64; 4]);
}

/// One thread reads and differentiates while another updates: every graph sees one value and its gradient.
#[test]
fn updates_beside_other_threads() {
    let w = Var::parameter(Tensor::<f64>::ones(&[64]));
    thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..2000 {
                w.update_(|value| _ = value.fill_(f64::from(i)));
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let loss = w.square().sum(..);
                    let value = loss.item();
                    let found = grad(&[&loss], &[&w])[0].as_ref().unwrap().to_vec();
                    assert!(found.iter().all(|&g| g == found[0]), "half an update was seen");
                    assert_eq!(value, 16.0 * found[0] * found[0]);
                }
            });
        }
    });
}

/// Two threads that want the same two parameters in opposite orders.
#[test]
fn no_deadlock() {
    let (a, b) = (parameter(1.0), parameter(2.0));
    thread::scope(|scope| {
        for (x, y) in [(&a, &b), (&b, &a)] {
            scope.spawn(move || {
                for _ in 0..2000 {
                    (x * y).backward();
                    (y / x).backward();
                    x.step_(|value, _| _ = value.mul_(1.0));
                    y.zero_grad_();
                    x.set_grad(y.grad());
                }
            });
        }
    });
    assert_eq!((a.item(), b.item()), (1.0, 2.0));
}

/// A sum of large gradients is shared out among the pool's threads; while one of them waits for the others it may begin
/// with another backward pass to the same parameter.
#[test]
fn no_deadlock_within_a_pool() {
    let w = Var::parameter(Tensor::<f32>::ones(&[1 << 17]));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    pool.install(|| (0..64).into_par_iter().for_each(|_| (&w * 2.0).sum(..).backward()));
    assert!(w.grad().unwrap().iter().all(|g| g == 128.0));
}
