//! No worker outlives its iterator. (Alone in its program: it counts the process's threads.)

use std::time::{Duration, Instant};

use downhill_data::{Batch, DataLoader, Dataset, Result};
use downhill_tensor::Tensor;

/// A thousand items that take their time.
struct Slow;

impl Dataset for Slow {
    type X = f32;
    type Y = i64;
    fn len(&self) -> usize {
        1000
    }
    fn batch(&self, idx: &[usize]) -> Result<Batch<f32, i64>> {
        std::thread::sleep(Duration::from_millis(1));
        assert!(!idx[0].is_multiple_of(7), "some panic, too");
        Ok((Tensor::zeros(&[idx.len()]), Tensor::zeros(&[idx.len()])))
    }
}

/// The threads of this process, where the system tells.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Whether there are so many threads, within seconds: the system lists a thread for a moment after it was joined.
fn settles_at(expected: usize) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while threads() != expected && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    threads() == expected
}

#[test]
fn an_iterator_that_is_dropped_early_leaves_no_threads() {
    let dl = DataLoader::new(Slow).bs(1).num_workers(8);
    let before = threads();
    for taken in [0, 1, 2, 5, 30] {
        let mut batches = dl.iter();
        let delivered = batches.by_ref().take(taken).count();
        assert_eq!(delivered, taken);
        if taken > 0 && before > 0 {
            assert!(settles_at(before + 8), "{} threads while {taken} batches were taken", threads());
        }
        drop(batches);
        assert!(settles_at(before), "{} threads after {taken} batches", threads());
    }
    assert_eq!(dl.bs(200).iter().count(), 5);
    assert!(settles_at(before), "{} threads after the last batch", threads());
}
