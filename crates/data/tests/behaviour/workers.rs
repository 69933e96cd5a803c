//! Workers change nothing but the time: the same batches, errors in their place, and an end when they are no longer
//! wanted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use downhill_data::{
    Batch, Brightness, Contrast, DataLoader, Dataset, Error, Flip, IntToFloat, Keys, MixUp, Normalize,
    OneHot, Pad, Position, RandomCrop, RandomErasing, RandomSampler, Rescale, Result, Rotate, TensorDataset,
    Together, Warp, WeightedRandomSampler, Zoom,
};
use downhill_tensor::testing::bits_hash;
use downhill_tensor::{Rng, Tensor};

/// 50 images of 4 x 4 bytes, and their numbers.
fn images() -> TensorDataset<u8, i64> {
    let x = Tensor::from_fn(&[50, 4, 4], |i| (i[0] * 16 + i[1] * 4 + i[2]) as u8);
    TensorDataset::new(x, Tensor::<i64>::arange(50)).unwrap()
}

/// Adds a random number to every item, and another one to the whole batch.
fn noise((x, y): Batch<f32, i64>, keys: &Keys) -> Result<Batch<f32, i64>> {
    let rows = (0..keys.len()).map(|i| Tensor::<f32>::rand(&[1, 1, 1], &mut keys.item(i)));
    let rows: Vec<_> = rows.collect();
    let x = x + downhill_tensor::cat(&rows, 0) + Tensor::rand(&[], &mut keys.batch());
    Ok((x, y))
}

fn noisy() -> DataLoader<f32, i64> {
    DataLoader::new(images()).bs(7).shuffle(true).seed(3).after_batch(IntToFloat).after_batch(noise)
}

fn hashes(batches: impl Iterator<Item = Result<Batch<f32, i64>>>) -> Vec<(u64, u64)> {
    batches.map(|batch| batch.unwrap()).map(|(x, y)| (bits_hash(&x), bits_hash(&y))).collect()
}

#[test]
fn any_number_of_workers_makes_the_same_bytes() {
    let alone = noisy();
    let expected: Vec<_> = (0..3).map(|e| hashes(alone.epoch(e))).collect();
    assert_eq!(expected[0].len(), 8);
    assert_ne!(expected[0], expected[1], "an epoch differs from the next one");
    for workers in [1, 2, 8] {
        for prefetch in [1, 2, 100] {
            let dl = noisy().num_workers(workers).prefetch(prefetch);
            for (e, expected) in expected.iter().enumerate() {
                assert_eq!(hashes(dl.epoch(e as u64)), *expected, "{workers} workers, epoch {e}");
            }
        }
    }
    let weighted = |workers| {
        let sampler = WeightedRandomSampler::new((0..50).map(f64::from).collect(), 70, true).unwrap();
        hashes(noisy().sampler(sampler).num_workers(workers).epoch(1))
    };
    assert_eq!(weighted(2), weighted(0));
}

/// All of the crate's own transforms, one behind the other.
#[test]
fn augmented_batches_are_the_same_bytes() {
    let x = Tensor::from_fn(&[50, 3, 20, 16], |i| (i[0] * 31 + i[1] * 7 + i[2] * 5 + i[3] * 11) as u8);
    let labels = Tensor::from_fn(&[50], |i| i[0] as i64 % 4);
    let dl = |workers| {
        DataLoader::new(TensorDataset::new(x.clone(), labels.clone()).unwrap())
            .bs(8)
            .shuffle(true)
            .seed(7)
            .num_workers(workers)
            .after_batch(IntToFloat)
            .after_batch(RandomCrop::new(18, 14))
            .after_batch(
                Together::of([Flip::new(0.5)]).and(Rotate::new(10.0, 0.75)).and(Zoom::new(1.0, 1.2, 0.5)),
            )
            .after_batch(Together::of([Warp::new(0.2, 0.5)]))
            .after_batch(Brightness::new(0.2, 0.75))
            .after_batch(Contrast::new(0.2, 0.75))
            .after_batch(RandomErasing::new(0.5))
            .after_batch(Rescale::new(12, 12))
            .after_batch(Pad::new(14, 14))
            .after_batch(Normalize::new(&[0.5; 3], &[0.25; 3]))
            .after_batch(OneHot::new(4))
            .after_batch(MixUp::new(0.4, 0.5))
    };
    let hashes = |workers, epoch| -> Vec<(u64, u64)> {
        let batches = dl(workers).epoch(epoch).map(|batch| batch.unwrap());
        batches.map(|(x, y)| (bits_hash(&x), bits_hash(&y))).collect()
    };
    let expected = [0, 1].map(|epoch| hashes(0, epoch));
    assert_eq!(expected[0].len(), 7);
    assert_ne!(expected[0], expected[1]);
    for workers in [1, 2, 8] {
        assert_eq!([0, 1].map(|epoch| hashes(workers, epoch)), expected, "{workers} workers");
    }
}

#[test]
fn what_happens_to_an_item_follows_from_seed_epoch_and_index() {
    let items = |dl: DataLoader<f32, i64>, epoch| {
        let per_item = |(x, y): Batch<f32, i64>, keys: &Keys| {
            let rows: Vec<_> =
                (0..keys.len()).map(|i| Tensor::<f32>::rand(&[1, 1, 1], &mut keys.item(i))).collect();
            Ok((x * 0.0 + downhill_tensor::cat(&rows, 0), y))
        };
        let mut drawn = vec![0.0; 50];
        for batch in dl.after_batch(per_item).epoch(epoch) {
            let (x, y) = batch.unwrap();
            y.iter().enumerate().for_each(|(at, item)| drawn[item as usize] = x.get(&[at, 0, 0]));
        }
        drawn
    };
    let dl = || DataLoader::new(images()).seed(5).after_batch(IntToFloat);
    let expected = items(dl().bs(50), 2);
    assert_eq!(items(dl().bs(7).shuffle(true), 2), expected, "nor batch size nor order matter");
    assert_eq!(items(dl().bs(3).num_workers(2), 2), expected);
    assert_ne!(items(dl().bs(50), 3), expected);
    assert_ne!(items(dl().seed(6).bs(50), 2), expected);
    assert_ne!(
        items(dl().after_batch(noise).bs(50), 2),
        expected,
        "another place in the chain is another stream"
    );
}

#[test]
fn an_item_that_comes_again_is_treated_in_another_way() {
    let dset = TensorDataset::new(Tensor::<u8>::zeros(&[1, 2]), Tensor::<i64>::zeros(&[1])).unwrap();
    let twice = WeightedRandomSampler::new(vec![1.0], 4, true).unwrap();
    let draw = |(x, y): Batch<u8, i64>, keys: &Keys| {
        let rows: Vec<_> = (0..keys.len()).map(|i| keys.item(i).next_u64() as i64).collect();
        Ok((Tensor::from_slice(&rows, &[rows.len(), 1]), {
            drop(x);
            y
        }))
    };
    let dl = DataLoader::new(dset).bs(2).sampler(twice).after_batch(draw);
    let drawn: Vec<i64> = dl.epoch(0).flat_map(|batch| batch.unwrap().0.to_vec()).collect();
    let mut distinct = drawn.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((drawn.len(), distinct.len()), (4, 4));
}

#[test]
fn an_epoch_can_begin_in_the_middle() {
    for workers in [0, 2] {
        let dl = noisy().num_workers(workers);
        let whole = hashes(dl.epoch(4));
        for k in 0..=whole.len() + 1 {
            assert_eq!(hashes(dl.epoch_from(4, k)), whole[k.min(whole.len())..]);
            assert_eq!(hashes(dl.epoch(4).skip(k)), whole[k.min(whole.len())..]);
        }
        dl.resume(Position { epoch: 4, batch: 5 });
        let peeked = dl.first().unwrap().0;
        let rest = hashes(dl.iter());
        assert_eq!((rest.len(), rest[0].0), (3, bits_hash(&peeked)));
        assert_eq!(rest, whole[5..]);
        assert_eq!(dl.position(), Position { epoch: 5, batch: 0 });
    }
}

#[test]
fn a_batch_knows_its_position() {
    let dl = noisy().num_workers(2);
    let mut batches = dl.epoch(9);
    for batch in 0..8 {
        assert_eq!(batches.position(), Position { epoch: 9, batch });
        assert_eq!(batches.size_hint(), (8 - batch, Some(8 - batch)));
        batches.next().unwrap().unwrap();
    }
    assert!(batches.next().is_none());
}

/// Counts the items that were asked for; number 13 panics, number 33 is an error.
struct Traps {
    asked: AtomicUsize,
    panics: bool,
}

impl Dataset for Traps {
    type X = f32;
    type Y = i64;
    fn len(&self) -> usize {
        60
    }
    fn batch(&self, idx: &[usize]) -> Result<Batch<f32, i64>> {
        self.asked.fetch_add(idx.len(), Ordering::Relaxed);
        assert!(!(self.panics && idx.contains(&13)), "thirteen is no item");
        match idx.iter().find(|&&i| i == 33) {
            Some(i) => Err(Error::other(format!("item {i}"), "lost")),
            None => Ok((Tensor::zeros(&[idx.len()]), Tensor::zeros(&[idx.len()]))),
        }
    }
}

#[test]
fn panics_and_errors_arrive_in_their_place_and_name_the_item() {
    for workers in [0, 1, 2, 8] {
        let traps = Traps { asked: AtomicUsize::new(0), panics: true };
        let results: Vec<_> = DataLoader::new(traps).bs(6).num_workers(workers).epoch(0).collect();
        assert_eq!(results.len(), 10);
        for (number, result) in results.into_iter().enumerate() {
            match (number, result) {
                (2, Err(Error::Panic { items, message })) => {
                    assert_eq!((items, message.as_str()), (vec![13], "thirteen is no item"));
                }
                (5, Err(error)) => assert_eq!(error.to_string(), "item 33: lost"),
                (_, result) => assert!(result.is_ok(), "{workers} workers, batch {number}: {result:?}"),
            }
        }
    }
}

#[test]
fn a_panic_that_needs_the_whole_batch_names_all_of_it() {
    let dl = DataLoader::new(images()).bs(4).after_batch(|(x, y): Batch<u8, i64>, keys: &Keys| {
        assert!(keys.len() < 4, "too many");
        Ok((x, y))
    });
    let message = dl.num_workers(1).epoch(0).next().unwrap().unwrap_err().to_string();
    assert_eq!(message, "data loader: items [0, 1, 2, 3]: panicked: too many");
}

#[test]
fn workers_are_only_so_far_ahead() {
    for (workers, prefetch) in [(1, 1), (2, 2), (3, 4)] {
        let traps = Arc::new(Traps { asked: AtomicUsize::new(0), panics: false });
        let dl = DataLoader::new(Arc::clone(&traps)).bs(2).num_workers(workers).prefetch(prefetch);
        let mut batches = dl.epoch(0);
        assert_eq!(traps.asked.load(Ordering::Relaxed), 0, "nothing begins before it is wanted");
        for taken in 1..=10 {
            batches.next().unwrap().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
            let made = traps.asked.load(Ordering::Relaxed) / 2;
            assert!(made <= taken + workers * prefetch, "{made} made, {taken} taken");
            assert!(made >= taken);
        }
    }
}

#[test]
fn first_asks_for_one_batch_only() {
    let traps = Arc::new(Traps { asked: AtomicUsize::new(0), panics: false });
    let dl = DataLoader::new(Arc::clone(&traps)).bs(2).num_workers(4);
    dl.first().unwrap();
    dl.one_batch().unwrap();
    assert_eq!(traps.asked.load(Ordering::Relaxed), 4);
    dl.epoch(0).nth(9).unwrap().unwrap();
    assert!(traps.asked.load(Ordering::Relaxed) <= 4 + 2 * (1 + 8), "nor does nth");
}

/// Waits at the barrier in every batch, so that a batch comes only if another one is made at the same time.
struct Meeting(Barrier);

impl Dataset for Meeting {
    type X = f32;
    type Y = i64;
    fn len(&self) -> usize {
        8
    }
    fn batch(&self, idx: &[usize]) -> Result<Batch<f32, i64>> {
        self.0.wait();
        // Long enough for tensor operations to be shared among threads.
        let x = Tensor::<f32>::randn(&[idx.len(), 100_000], &mut Rng::new(idx[0] as u64)).exp();
        Ok((x, Tensor::zeros(&[idx.len()])))
    }
}

#[test]
fn workers_work_side_by_side() {
    let dl = DataLoader::new(Meeting(Barrier::new(2))).bs(1).num_workers(2);
    assert_eq!(dl.epoch(0).map(|batch| batch.unwrap().0.size(0)).sum::<usize>(), 8);
}

#[test]
fn a_sampler_that_does_not_suit_is_one_error() {
    let sampler = WeightedRandomSampler::new(vec![1.0; 3], 3, false).unwrap();
    let dl = DataLoader::new(images()).sampler(sampler).num_workers(2);
    let results: Vec<_> = dl.epoch(0).collect();
    assert!(matches!(&results[..], [Err(Error::Weights { .. })]), "{results:?}");
    assert!(matches!(dl.first(), Err(Error::Weights { .. })));
    assert_eq!(DataLoader::new(images()).sampler(RandomSampler).first().unwrap().0.size(0), 50);
}

#[test]
fn bytes_become_what_the_division_gives() {
    let bytes = Tensor::from_fn(&[256], |i| i[0] as u8);
    let expected: Vec<f32> = (0..=255_u8).map(|x| f32::from(x) / 255.0).collect();
    assert_eq!(IntToFloat.convert(&bytes).to_vec(), expected);
}
