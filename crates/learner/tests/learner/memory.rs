//! A training takes its memory in the first steps; later steps recycle it.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use allocation_counter::{AllocationInfo, measure};
use downhill_nn::simple_net;

use super::*;

/// What nodes of the graph, handles of tensors and an epoch's order of 1024 items take at a time. The smallest of the
/// buffers that grow with the model is ten times as large.
const HANDLES: u64 = 1 << 14;

/// The chapter's batches: views of the data if they are in order, gathers if they are shuffled.
fn images(shuffle: bool) -> DataLoader<f32, i64> {
    let (x, y) = batch(1024);
    DataLoader::new(TensorDataset::new(x, y).unwrap()).bs(256).shuffle(shuffle)
}

fn batch(n: usize) -> (Tensor, Tensor<i64>) {
    let x = Tensor::<f32>::randn(&[n, 784], &mut Rng::new(1));
    let y = x.narrow(1, 0, 1).gt(0.0).to::<i64>();
    (x, y)
}

type Make = fn() -> Box<dyn Forward>;

const MODELS: [(&str, Make); 2] = [
    ("linear", || Box::new(Linear::<f32>::new(784, 1, &mut Rng::new(2)))),
    ("net", || Box::new(simple_net::<f32>(&mut Rng::new(2)))),
];

fn step(model: &dyn Forward, opt: &mut Sgd, xb: Tensor, yb: &Tensor<i64>) {
    mnist_loss(&model.forward(&Var::new(xb)), yb).backward();
    opt.step();
    opt.zero_grad();
}

/// An epoch of the loop written by hand.
fn bare(make: Make, dl: DataLoader<f32, i64>) -> Box<dyn FnMut() + Send> {
    let model = make();
    let mut opt = Sgd::new(model.parameters(), 0.1);
    Box::new(move || {
        for batch in &dl {
            let (xb, yb) = batch.unwrap();
            step(&*model, &mut opt, xb, &yb);
        }
    })
}

/// An epoch, validation included, through the Learner.
fn fitted(make: Make, dl: DataLoader<f32, i64>) -> Box<dyn FnMut() + Send> {
    let dls = DataLoaders::new(dl.clone(), dl);
    let mut learn = Learner::new(dls, make())
        .opt_func(Sgd::new)
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        .no_logging();
    Box::new(move || learn.fit(1, 0.1).unwrap())
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// What `epochs` epochs allocate, on each thread of a pool: the first one trains, the others help it while they wait.
fn measured(
    pool: &rayon::ThreadPool,
    epoch: &mut Box<dyn FnMut() + Send>,
    epochs: usize,
) -> Vec<AllocationInfo> {
    let done = AtomicBool::new(false);
    let epoch = Mutex::new(epoch);
    pool.broadcast(|thread| {
        measure(|| {
            if thread.index() == 0 {
                let mut epoch = epoch.lock().unwrap();
                (0..epochs).for_each(|_| epoch());
                done.store(true, Ordering::Release);
            }
            while !done.load(Ordering::Acquire) {
                if rayon::yield_now() != Some(rayon::Yield::Executed) {
                    std::thread::yield_now();
                }
            }
        })
    })
}

/// The pool of buffers is the process's: tests that run beside others would take theirs.
#[test]
fn memory_is_recycled() {
    let mut alone = Command::new(std::env::current_exe().unwrap());
    alone.args(["--ignored", "--test-threads=1", "memory::"]);
    let output = alone.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("2 passed"), "{said}");
}

#[test]
#[ignore = "run alone by memory_is_recycled"]
fn steps_after_the_first_take_no_buffer_from_the_system() {
    // A thread takes buffers for what it packs the first time that it works while the other one does, which may be late.
    for (threads, shuffle, kinds) in [(1, false, 0), (1, true, 0), (2, true, 4)] {
        let pool = pool(threads);
        for (name, make) in MODELS {
            for (how, run) in [("bare", bare as fn(_, _) -> _), ("Learner", fitted)] {
                let case = format!("{name}, {how}, shuffle {shuffle}, {threads} threads");
                let mut epoch = run(make, images(shuffle));
                measured(&pool, &mut epoch, 2);
                let mut took = 0;
                for _ in 0..12 {
                    let later = measured(&pool, &mut epoch, 2);
                    let piles_up = |info: &AllocationInfo| info.bytes_current.unsigned_abs() > 1 << 10;
                    if later.iter().any(|info| info.bytes_max >= HANDLES || piles_up(info)) {
                        took += 1;
                        assert!(took <= kinds, "{case}: {later:?}");
                    }
                }
            }
        }
    }
}

/// What a later step allocates are nodes of the graph and handles: as many, and as large, for a batch of any size.
#[test]
#[ignore = "run alone by memory_is_recycled"]
fn what_a_step_allocates_does_not_depend_on_the_batch() {
    let pool = pool(1);
    for (name, make) in MODELS {
        let of_steps = |n| {
            pool.install(|| {
                let (model, (xb, yb)) = (make(), batch(n));
                let mut opt = Sgd::new(model.parameters(), 0.1);
                let mut steps = || (0..3).for_each(|_| step(&*model, &mut opt, xb.clone(), &yb));
                let (first, later) = (measure(&mut steps), measure(&mut steps));
                assert_eq!(later.bytes_current, 0, "{name}: {later:?}");
                (first, later)
            })
        };
        // Sizes of which the pool has none yet.
        let ((_, small), (first, large)) = (of_steps(40), of_steps(5000));
        assert!(first.bytes_total > large.bytes_total + 20_000, "the measurement sees buffers: {first:?}");
        let key = |info: AllocationInfo| (info.count_total, info.bytes_total, info.bytes_max);
        assert_eq!(key(small), key(large), "{name}");
        assert!(large.bytes_max < 8 << 10, "{name}: {large:?}");
    }
}
