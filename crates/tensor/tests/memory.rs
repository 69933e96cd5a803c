//! Memory is recycled: after its first round, a repeated computation takes no buffer from the system.

use allocation_counter::{AllocationInfo, measure};
use downhill_tensor::{Rng, Tensor, cat};

/// A training step's kinds of work, on a megabyte a tensor.
fn round(x: &Tensor, w: &Tensor, rows: &[usize]) -> f32 {
    let batch = x.index_select(0, rows);
    let y = batch.matmul(w) + &w.mean(0);
    let z = (y.sigmoid() - &batch.sum_keepdim(1)).transpose(0, 1).contiguous();
    let both = cat(&[z.clone(), z * 2.0], 0);
    both.gt(0.0).where_(&both, both.map(|x| -x)).sum(..).item()
}

fn measured() -> (AllocationInfo, AllocationInfo) {
    let rng = &mut Rng::new(0);
    let (x, w) = (Tensor::randn(&[1024, 512], rng), Tensor::randn(&[512, 512], rng));
    let rows: Vec<usize> = (0..512).map(|i| i * 37 % 1024).collect();
    let expected = round(&x, &w, &rows);
    let first = measure(|| {
        // Another size than the round before: this one does take memory.
        round(&x.narrow(0, 0, 700), &w, &rows.iter().map(|i| i % 700).collect::<Vec<_>>()[..300]);
    });
    let later = measure(|| {
        for _ in 0..10 {
            assert_eq!(round(&x, &w, &rows), expected);
        }
    });
    (first, later)
}

#[test]
fn only_handles_are_allocated_after_the_first_round() {
    // In a pool of one thread: the counter sees one thread only, and to hand work to a pool from outside, rayon itself
    // allocates now and then.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (first, later) = pool.install(measured);
    assert!(first.bytes_max > 1 << 19, "the measurement sees a buffer: {first:?}");
    // Handles of a few dozen bytes come and go; no buffer is among them, and nothing piles up.
    assert!(later.bytes_max < 1 << 14, "{later:?}");
    assert_eq!(later.bytes_current, 0, "{later:?}");
}
