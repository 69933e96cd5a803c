//! Memory during a backward pass, by a counting allocator. (It counts one thread, hence the pool of one.)

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use allocation_counter::{AllocationInfo, measure};
use downhill_autograd::{Var, from_op};
use downhill_tensor::Tensor;

fn on_one_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(f)
}

/// Building and differentiating a chain.
fn chain(length: usize, shape: &[usize]) -> (AllocationInfo, AllocationInfo) {
    let x = Var::parameter(Tensor::<f32>::full(shape, 0.5));
    let mut y = x.clone();
    let forward = measure(|| {
        for _ in 0..length {
            y = (&y * 0.5).sin();
        }
        y = y.sum(..);
    });
    (forward, measure(|| y.backward()))
}

#[test]
fn backward_takes_no_more_than_a_few_gradients() {
    const BYTES: u64 = 4 << 16;
    let (forward, backward) = on_one_thread(|| chain(50, &[1 << 16]));
    assert!(forward.bytes_max > 50 * BYTES, "what the derivative of each sine needs: {forward:?}");
    assert!(forward.bytes_max < 54 * BYTES, "and nothing of the products: {forward:?}");
    assert!(backward.bytes_max < 4 * BYTES, "{backward:?}");
}

/// No derivative needs what these compute, so it goes in the forward pass already, with its last handle. What relu keeps
/// is its result, and not its input.
#[test]
fn values_that_no_derivative_needs_are_freed_in_the_forward_pass() {
    // Sizes that no other test uses: dropped buffers go to a pool, which is not counted.
    const BYTES: u64 = 4 * 190_001;
    let run = |relu: bool| {
        let x = Var::parameter(Tensor::<f32>::full(&[190_001], 0.5));
        let shift = Var::parameter(Tensor::<f32>::full(&[190_001], 0.25));
        let mut y = x.clone();
        let forward = measure(|| {
            for _ in 0..50 {
                y = 1.0 - (&y * 3.0 + 0.1 - &shift) / 3.0;
                if relu {
                    y = y.relu();
                }
            }
        });
        y.backward_with(Tensor::ones(&[190_001]));
        assert!((x.grad().unwrap().get(&[0]) - 1.0).abs() < 1e-5);
        forward.bytes_max
    };
    let (without, with) = on_one_thread(|| (run(false), run(true)));
    assert!(without < 4 * BYTES, "of 250 results: {without}");
    assert!((46 * BYTES..54 * BYTES).contains(&with), "one of six results is kept: {with}");
}

/// The graph itself, nodes and records: it shrinks from the first step on, and is gone in the end.
#[test]
fn the_graph_is_freed_as_backward_proceeds() {
    let (forward, backward) = on_one_thread(|| chain(50_000, &[]));
    let per_op = forward.bytes_max / 100_000;
    assert!((100..1000).contains(&per_op), "{per_op} bytes an operation");
    assert!(backward.bytes_max < 1 << 16, "{backward:?}");
    assert!(backward.bytes_current < -100_000 * 100, "{backward:?}");
}

/// Halfway, half of what backward functions own is gone.
#[test]
fn records_go_one_by_one() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let drops: Arc<AtomicUsize> = Arc::default();
    let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
    let mut y = Var::parameter(Tensor::scalar(1.0_f32));
    for _ in 0..100 {
        let counted = Counted(drops.clone());
        y = from_op("counted", &[&y], y.value(), move |grad, _| {
            let _ = &counted;
            vec![Some(grad)]
        });
        let (drops, seen) = (drops.clone(), seen.clone());
        y.register_hook(move |_| {
            seen.lock().unwrap().push(drops.load(SeqCst));
            None
        });
    }
    y.backward();
    assert_eq!(*seen.lock().unwrap(), (0..100).collect::<Vec<_>>());
    assert_eq!(drops.load(SeqCst), 100);
}
