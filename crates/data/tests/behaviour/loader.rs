//! Data loaders: what an epoch contains, in which order, and that nothing else has a say in it.

use downhill_data::{Batches, DataLoader, DataLoaders, Dataset, Error, Result, TensorDataset};
use downhill_tensor::{Rng, Tensor};

/// A loader of the numbers below `n`, each paired with itself.
fn numbers(n: usize) -> DataLoader<i64, i64> {
    let numbers = Tensor::<i64>::arange(n);
    DataLoader::new(TensorDataset::new(numbers.clone(), numbers).unwrap())
}

/// The numbers of every batch.
fn collect(batches: Batches<i64, i64>) -> Vec<Vec<i64>> {
    let expected = batches.len();
    let numbers: Vec<Vec<i64>> = batches
        .map(|batch| {
            let (x, y) = batch.unwrap();
            assert_eq!(x.to_vec(), y.to_vec());
            x.to_vec()
        })
        .collect();
    assert_eq!(numbers.len(), expected);
    numbers
}

#[test]
fn an_epoch_has_every_item_once_in_batches_of_bs() {
    let mut rng = Rng::new(1);
    for trial in 0..200 {
        let (n, bs, shuffle) = (rng.below(50), 1 + rng.below(60), rng.below(2) == 0);
        let dl = numbers(n).bs(bs).shuffle(shuffle).seed(trial);
        let batches = collect(dl.epoch(rng.next_u64()));
        assert_eq!((dl.len(), dl.n(), dl.batch_size()), (batches.len(), n, bs));
        assert_eq!(dl.is_empty(), n == 0);
        for (i, batch) in batches.iter().enumerate() {
            let expected = if i + 1 < batches.len() { bs } else { n - i * bs };
            assert_eq!(batch.len(), expected, "batch {i}, n {n}, bs {bs}");
        }
        let mut items = batches.concat();
        if shuffle {
            items.sort();
        }
        assert!(items.iter().copied().eq(0..n as i64), "n {n}, bs {bs}: {items:?}");
    }
}

#[test]
fn drop_last_leaves_whole_batches_of_the_same_order() {
    let mut rng = Rng::new(2);
    for _ in 0..100 {
        let (n, bs, shuffle) = (rng.below(50), 1 + rng.below(20), rng.below(2) == 0);
        let dl = numbers(n).bs(bs).shuffle(shuffle);
        let mut expected = collect(dl.epoch(5));
        expected.retain(|batch| batch.len() == bs);
        let dl = dl.drop_last(true);
        assert_eq!(dl.len(), expected.len());
        assert_eq!(collect(dl.epoch(5)), expected, "n {n}, bs {bs}");
    }
}

#[test]
fn the_order_is_that_of_the_named_stream() {
    let items = collect(numbers(100).bs(7).shuffle(true).seed(42).epoch(3)).concat();
    let expected = Rng::new(42).fork("shuffle").fork_index(3).permutation(100);
    assert!(items.into_iter().eq(expected.into_iter().map(|i| i as i64)));
}

#[test]
fn the_order_depends_on_seed_and_epoch_alone() {
    let dl = numbers(40).bs(6).shuffle(true).seed(9);
    let third = collect(dl.epoch(3));
    let _ = (dl.iter(), dl.first(), dl.epoch(7).count());
    assert_eq!(collect(dl.epoch(3)), third);
    assert_eq!(collect(numbers(40).seed(9).shuffle(true).bs(6).epoch(3)), third);
    assert_eq!(collect(dl.clone().bs(11).epoch(3)).concat(), third.concat(), "nor on bs");
    assert_ne!(collect(dl.epoch(4)), third);
    assert_ne!(collect(dl.epoch(u64::MAX)), third);
    assert_ne!(collect(dl.seed(10).epoch(3)), third);
}

#[test]
fn every_iteration_is_the_next_epoch() {
    let dl = numbers(30).bs(8).shuffle(true);
    for e in 0..4 {
        let mut items = Vec::new();
        for batch in &dl {
            items.push(batch.unwrap().0.to_vec());
        }
        assert_eq!(items, collect(dl.epoch(e)));
    }
    // One that is given up counts, too.
    dl.iter().next();
    assert_eq!(collect(dl.iter()), collect(dl.epoch(5)));
}

#[test]
fn first_looks_ahead_without_moving() {
    let dl = numbers(30).bs(8).shuffle(true);
    for e in 0..3 {
        let (peeked, again) = (dl.first().unwrap().0.to_vec(), dl.first().unwrap().0.to_vec());
        assert_eq!(peeked, again);
        let batches = collect(dl.iter());
        assert_eq!(batches[0], peeked);
        assert_eq!(batches, collect(dl.epoch(e)));
    }
}

#[test]
fn a_clone_goes_on_where_its_original_is() {
    let dl = numbers(30).bs(8).shuffle(true);
    dl.iter();
    let clone = dl.clone();
    assert_eq!(collect(clone.iter()), collect(dl.epoch(1)));
    assert_eq!(collect(dl.iter()), collect(dl.epoch(1)), "counted apart");
}

#[test]
fn the_last_batch_is_smaller() {
    let dset = TensorDataset::new(Tensor::<f32>::zeros(&[10, 4, 5]), Tensor::<i64>::zeros(&[10, 1])).unwrap();
    let shapes: Vec<_> = DataLoader::new(dset)
        .bs(4)
        .epoch(0)
        .map(|batch| batch.map(|(x, y)| (x.shape().to_vec(), y.shape().to_vec())).unwrap())
        .collect();
    let of = |n| (vec![n, 4, 5], vec![n, 1]);
    assert_eq!(shapes, [of(4), of(4), of(2)]);
}

#[test]
fn defaults_are_those_of_fastai() {
    let dl = numbers(100);
    assert_eq!(collect(dl.iter()), [(0..64).collect::<Vec<i64>>(), (64..100).collect()]);
}

#[test]
fn an_empty_loader_has_no_first_batch() {
    for (dl, items) in [(numbers(0), 0), (numbers(5).bs(6).drop_last(true), 5)] {
        assert!(dl.is_empty() && collect(dl.epoch(0)).is_empty());
        let error = dl.first().unwrap_err();
        assert!(matches!(error, Error::NoBatches { items: n, .. } if n == items), "{error:?}");
    }
}

#[test]
fn bs_may_exceed_the_dataset() {
    for bs in [6, usize::MAX] {
        assert_eq!(collect(numbers(5).bs(bs).epoch(0)), [[0, 1, 2, 3, 4]]);
    }
}

#[test]
#[should_panic(expected = "DataLoader: bs must be positive")]
fn bs_zero_panics() {
    let _ = numbers(5).bs(0);
}

#[test]
fn used_up_batches_stay_used_up() {
    let mut batches = numbers(3).bs(2).epoch(0);
    assert_eq!((batches.by_ref().count(), batches.len()), (2, 0));
    assert!(batches.next().is_none() && batches.next().is_none());
}

/// Ten items, of which number 5 cannot be had.
struct Hole;

impl Dataset for Hole {
    type X = u8;
    type Y = u8;
    fn len(&self) -> usize {
        10
    }
    fn batch(&self, idx: &[usize]) -> Result<(Tensor<u8>, Tensor<u8>)> {
        match idx.iter().find(|&&i| i == 5) {
            Some(&index) => Err(Error::Index { index, len: 10 }),
            None => Ok((Tensor::zeros(&[idx.len()]), Tensor::zeros(&[idx.len()]))),
        }
    }
}

#[test]
fn an_error_takes_the_place_of_its_batch() {
    let delivered: Vec<bool> = DataLoader::new(Hole).bs(2).epoch(0).map(|batch| batch.is_ok()).collect();
    assert_eq!(delivered, [true, true, false, true, true]);
    assert!(DataLoader::new(Hole).bs(6).first().is_err());
}

#[test]
fn loaders_cross_threads() {
    let dls = DataLoaders::new(numbers(10).bs(3).shuffle(true), numbers(4));
    let first: Vec<_> = std::thread::scope(|s| {
        let handles: Vec<_> = (0..4).map(|_| s.spawn(|| collect(dls.train.iter()))).collect();
        handles.into_iter().map(|h| h.join().unwrap()).collect()
    });
    for e in 0..4 {
        assert!(first.contains(&collect(dls.train.epoch(e))), "each thread had an epoch of its own");
    }
}
