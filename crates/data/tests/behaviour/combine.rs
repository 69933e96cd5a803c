//! Datasets made of datasets, and samplers.

use std::sync::atomic::{AtomicUsize, Ordering};

use downhill_data::{
    Batch, Cached, Concat, DataLoader, Dataset, DistributedSampler, Error, Map, RandomSampler, Result,
    Sampler, SequentialSampler, Subset, TensorDataset, WeightedRandomSampler, random_split,
};
use downhill_tensor::{Rng, Tensor};

/// Items `[first + i, 0]` with target `first + i`.
fn numbers(first: i64, n: usize) -> TensorDataset<i64, i64> {
    let y = Tensor::<i64>::arange(n) + first;
    let x = Tensor::from_fn(&[n, 2], |i| if i[1] == 0 { first + i[0] as i64 } else { 0 });
    TensorDataset::new(x, y).unwrap()
}

fn targets(dset: &impl Dataset<X = i64, Y = i64>, idx: &[usize]) -> Vec<i64> {
    let (x, y) = dset.batch(idx).unwrap();
    assert_eq!((x.shape(), x.select(1, 0).to_vec()), (&[idx.len(), 2][..], y.to_vec()));
    y.to_vec()
}

#[test]
fn a_subset_of_a_subset_is_one_of_the_whole() {
    let dset = Subset::new(numbers(0, 10), vec![9, 1, 5, 5]).unwrap();
    assert_eq!(targets(&dset, &[3, 0, 1]), [5, 9, 1]);
    let dset = Subset::new(dset, vec![1, 0]).unwrap();
    assert_eq!((dset.len(), targets(&dset, &[0, 1]), dset.indices()), (2, vec![1, 9], &[1, 0][..]));
    assert!(matches!(dset.batch(&[2]), Err(Error::Index { index: 2, len: 2 })));
    assert!(matches!(Subset::new(numbers(0, 3), vec![0, 3]), Err(Error::Index { index: 3, len: 3 })));
}

#[test]
fn random_parts_have_every_item_once() {
    let parts = random_split(numbers(0, 100), &[70, 0, 30], 5).unwrap();
    let lengths: Vec<_> = parts.iter().map(Dataset::len).collect();
    assert_eq!(lengths, [70, 0, 30]);
    let mut all: Vec<_> = parts.iter().flat_map(|part| part.indices().to_vec()).collect();
    assert!(!all.is_sorted());
    all.sort();
    assert!(all.into_iter().eq(0..100));
    let again = random_split(numbers(0, 100), &[70, 0, 30], 5).unwrap();
    assert_eq!(again[0].indices(), parts[0].indices());
    let other = random_split(numbers(0, 100), &[70, 0, 30], 6).unwrap();
    assert_ne!(other[0].indices(), parts[0].indices());
    for lengths in [&[70, 29][..], &[], &[usize::MAX, 101]] {
        let error = random_split(numbers(0, 100), lengths, 5).unwrap_err();
        assert!(error.to_string().contains("add up to 100"), "{error}");
    }
}

#[test]
fn a_batch_across_several_datasets_is_in_the_order_asked_for() {
    let all = Concat::new([numbers(0, 3), numbers(100, 0), numbers(200, 4)]).and(numbers(300, 2));
    assert_eq!(all.len(), 9);
    let whole: Vec<i64> = targets(&all, &(0..9).collect::<Vec<_>>());
    assert_eq!(whole, [0, 1, 2, 200, 201, 202, 203, 300, 301]);
    let mut rng = Rng::new(8);
    for n in 1..30 {
        let idx: Vec<usize> = (0..n).map(|_| rng.below(9)).collect();
        let expected: Vec<i64> = idx.iter().map(|&i| whole[i]).collect();
        assert_eq!(targets(&all, &idx), expected);
    }
    assert_eq!(targets(&all, &[]), []);
    assert!(matches!(all.batch(&[9]), Err(Error::Index { index: 9, len: 9 })));
    let none: Concat<i64, i64> = Concat::new([] as [TensorDataset<i64, i64>; 0]);
    assert_eq!((none.len(), none.batch(&[]).unwrap().0.numel()), (0, 0));
    // A loader goes over it like over any other.
    let items: Vec<i64> =
        DataLoader::new(all).bs(4).epoch(0).flat_map(|batch| batch.unwrap().1.to_vec()).collect();
    assert_eq!(items, whole);
}

#[test]
fn datasets_of_other_shapes_cannot_share_a_batch() {
    let other = TensorDataset::new(Tensor::<i64>::zeros(&[2, 3]), Tensor::<i64>::zeros(&[2])).unwrap();
    let both = Concat::new([numbers(0, 2), other]);
    assert!(both.batch(&[0, 1]).is_ok() && both.batch(&[3, 2]).is_ok());
    let message = both.batch(&[0, 3]).unwrap_err().to_string();
    assert_eq!(message, "dataset: item 3: expected x of shape [2], found [3]");
}

#[test]
fn a_map_may_change_the_types() {
    let dset = Map::new(numbers(0, 5), |(x, y)| Ok((x.to::<f32>(), y.eq(2))));
    let (x, y) = dset.batch(&[1, 2]).unwrap();
    assert_eq!((x.to_vec(), y.to_vec()), (vec![1.0, 0.0, 2.0, 0.0], vec![false, true]));
    let failing = Map::new(numbers(0, 5), |_| -> Result<Batch<i64, i64>> { Err(Error::other("map", "no")) });
    assert_eq!(failing.batch(&[0]).unwrap_err().to_string(), "map: no");
}

/// Counts how often an item was asked for; the first time, number 3 cannot be had.
struct Counting(TensorDataset<i64, i64>, AtomicUsize);

impl Dataset for Counting {
    type X = i64;
    type Y = i64;
    fn len(&self) -> usize {
        self.0.len()
    }
    fn batch(&self, idx: &[usize]) -> Result<Batch<i64, i64>> {
        let before = self.1.fetch_add(idx.len(), Ordering::Relaxed);
        if before == 0 && idx.contains(&3) {
            return Err(Error::other("item 3", "not yet"));
        }
        self.0.batch(idx)
    }
}

#[test]
fn a_cached_item_is_asked_for_once() {
    let dset = Cached::new(Counting(numbers(0, 10), AtomicUsize::new(0)));
    assert!(dset.batch(&[2, 3]).is_err());
    assert_eq!(dset.cached(), 0, "an error is not kept");
    assert_eq!(targets(&dset, &[2, 3, 2]), [2, 3, 2]);
    assert_eq!(targets(&dset, &[9, 3, 2]), [9, 3, 2]);
    assert_eq!((dset.cached(), dset.len()), (3, 10));
    assert_eq!(targets(&dset, &[]), []);
    let items: Vec<i64> = (0..2)
        .flat_map(|e| {
            DataLoader::new(Cached::new(numbers(0, 10))).shuffle(true).num_workers(2).bs(3).epoch(e)
        })
        .flat_map(|batch| batch.unwrap().1.to_vec())
        .collect();
    assert_eq!((items.len(), items.iter().sum::<i64>()), (20, 90));
}

fn draw(sampler: &impl Sampler, n: usize, seed: u64) -> Vec<usize> {
    let indices = sampler.indices(n, &mut Rng::new(seed)).unwrap();
    assert_eq!(indices.len(), sampler.len(n));
    indices
}

#[test]
fn weighted_draws_are_in_proportion() {
    let weights = vec![1.0, 0.0, 2.0, 5.0];
    let sampler = WeightedRandomSampler::new(weights.clone(), 80_000, true).unwrap();
    let mut counts = [0; 4];
    draw(&sampler, 4, 1).into_iter().for_each(|i| counts[i] += 1);
    for (count, weight) in counts.iter().zip(&weights) {
        // Five standard deviations.
        let p = weight / 8.0;
        let deviation = (80_000.0 * p * (1.0 - p)).sqrt();
        assert!((f64::from(*count) - 80_000.0 * p).abs() <= 5.0 * deviation, "{counts:?}");
    }
    assert_eq!(draw(&sampler, 4, 1), draw(&sampler, 4, 1));
    assert_ne!(draw(&sampler, 4, 1), draw(&sampler, 4, 2));
}

#[test]
fn without_replacement_no_item_comes_twice() {
    let sampler = WeightedRandomSampler::new(vec![1.0, 0.0, 2.0, 5.0], 2, false).unwrap();
    let mut pairs = [[0; 4]; 4];
    for seed in 0..20_000 {
        let [a, b] = draw(&sampler, 4, seed)[..] else { panic!("two draws") };
        assert!(a != b && a != 1 && b != 1);
        pairs[a][b] += 1;
    }
    // First one by weight, then another by weight among the rest.
    for (a, b, p) in
        [(0, 2, 1.0 / 8.0 * 2.0 / 7.0), (3, 2, 5.0 / 8.0 * 2.0 / 3.0), (2, 3, 2.0 / 8.0 * 5.0 / 6.0)]
    {
        let deviation = (20_000.0 * p * (1.0_f64 - p)).sqrt();
        assert!((f64::from(pairs[a][b]) - 20_000.0 * p).abs() <= 5.0 * deviation, "{pairs:?}");
    }
}

#[test]
fn weights_that_nothing_can_be_drawn_with_are_refused() {
    for (weights, n, replacement) in [
        (vec![1.0, -1.0], 1, true),
        (vec![f64::NAN], 1, true),
        (vec![f64::INFINITY, 1.0], 1, false),
        (vec![f64::MAX, f64::MAX], 1, true),
        (vec![0.0, 0.0], 1, true),
        (vec![], 1, true),
        (vec![1.0, 0.0], 2, false),
    ] {
        let error = WeightedRandomSampler::new(weights.clone(), n, replacement).unwrap_err();
        assert!(matches!(error, Error::Weights { .. }), "{weights:?}");
    }
    assert!(WeightedRandomSampler::new(vec![], 0, true).is_ok());
}

#[test]
fn all_ranks_together_see_every_item() {
    for (n, world) in [(10, 1), (10, 2), (10, 3), (3, 8), (0, 4), (16, 4)] {
        for drop_last in [false, true] {
            let share =
                |rank| draw(&DistributedSampler::new(RandomSampler, rank, world).drop_last(drop_last), n, 7);
            let shares: Vec<_> = (0..world).map(share).collect();
            let each = if drop_last { n / world } else { n.div_ceil(world) };
            assert!(shares.iter().all(|share| share.len() == each));
            let mut items = shares.concat();
            items.sort();
            items.dedup();
            assert_eq!(items.len(), if drop_last { each * world } else { n }, "{n} items, {world} ranks");
        }
    }
    let share = draw(&DistributedSampler::new(SequentialSampler, 1, 2), 5, 0);
    assert_eq!(share, [1, 3, 0]);
}

#[test]
#[should_panic(expected = "DistributedSampler: rank must be below world: rank 2, world 2")]
fn a_rank_outside_of_the_world_panics() {
    let _ = DistributedSampler::new(RandomSampler, 2, 2);
}
