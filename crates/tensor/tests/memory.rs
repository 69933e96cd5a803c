//! Memory is recycled: after its first round, a repeated computation takes no buffer from the system.

use std::sync::atomic::{AtomicBool, Ordering};

use allocation_counter::{AllocationInfo, measure};
use downhill_tensor::{Conv2dOptions, Pool2dOptions, Rng, Tensor, cat};

/// What handles of tensors, views and plans may take at a time: no buffer of the tests is as small.
const HANDLES: u64 = 1 << 12;

/// What the rounds compute on.
struct Operands {
    x: Tensor,
    w: Tensor,
    rows: Vec<usize>,
    images: Tensor,
    kernels: Tensor,
    long: Tensor,
}

impl Operands {
    fn new() -> Self {
        let rng = &mut Rng::new(0);
        Operands {
            x: Tensor::randn(&[1024, 512], rng),
            w: Tensor::randn(&[512, 512], rng),
            rows: (0..512).map(|i| i * 37 % 1024).collect(),
            images: Tensor::randn(&[8, 16, 20, 20], rng),
            kernels: Tensor::randn(&[32, 16, 3, 3], rng),
            long: Tensor::randn(&[1 << 18], rng),
        }
    }

    /// A training step's kinds of work, on a megabyte a tensor.
    fn round(&self) -> f32 {
        self.products() + self.convolutions() + self.along_axes()
    }

    fn products(&self) -> f32 {
        let batch = self.x.index_select(0, &self.rows);
        let y = batch.matmul(&self.w) + &self.w.mean(0);
        let z = (y.sigmoid() - &batch.sum_keepdim(1)).transpose(0, 1).contiguous();
        let both = cat(&[z.clone(), z * 2.0], 0);
        both.gt(0.0).where_(&both, both.map(|x| -x)).sum(..).item()
    }

    fn convolutions(&self) -> f32 {
        let options = Conv2dOptions::default().padding(1);
        let y = self.images.conv2d(&self.kernels, None, &options);
        let dx = y.conv2d_input(&self.kernels, [20, 20], &options);
        let dw = self.images.conv2d_weight(&y, [3, 3], &options);
        let pooled = y.max_pool2d(&Pool2dOptions::new(2)).0;
        dx.sum(..).item() + dw.sum(..).item() + pooled.sum(..).item()
    }

    fn along_axes(&self) -> f32 {
        let (first, last) = (self.x.softmax(0), self.x.log_softmax(1).cumsum(0));
        let ordered = self.x.sort(1, true).0 + self.x.sort(0, false).0;
        let best = self.x.topk(5, 1, true).1;
        let mut picked = self.x.zeros_like();
        picked.scatter_add_(1, &best, &self.x.narrow(1, 0, 5)).index_add_(0, &self.rows, &self.w);
        let long = self.long.sum(..).item() + self.long.prod(..).item() + self.long.logsumexp(0).item();
        let extreme = self.long.max().item() + self.long.sort(0, false).0.get(&[7]);
        let padded = picked.pad(&[1, 2, 3, 4], 0.5).std(0, 1);
        (first + last + ordered).sum(..).item() + padded.sum(..).item() + long + extreme
    }
}

/// The allocations of `rounds` rounds on every thread of a pool. Each thread counts its own: the first one computes, the
/// others help while they wait for it.
fn measured(pool: &rayon::ThreadPool, operands: &Operands, rounds: usize) -> Vec<AllocationInfo> {
    let done = AtomicBool::new(false);
    pool.broadcast(|thread| {
        measure(|| {
            if thread.index() == 0 {
                let first = operands.round();
                (1..rounds).for_each(|_| assert_eq!(operands.round(), first));
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

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn only_handles_are_allocated_after_the_first_round() {
    let (one, operands) = (pool(1), Operands::new());
    let first = measured(&one, &operands, 1);
    assert!(first[0].bytes_max > 1 << 20, "the measurement sees buffers: {first:?}");
    for pool in [one, pool(2)] {
        // With a second thread more may be in use at once than ever before, and the threads themselves need something.
        measured(&pool, &operands, 5);
        for later in measured(&pool, &operands, 10) {
            assert!(later.bytes_max < HANDLES, "on {} threads: {later:?}", pool.current_num_threads());
            assert!(later.bytes_current.abs() < HANDLES as i64, "something piles up: {later:?}");
        }
    }
}
