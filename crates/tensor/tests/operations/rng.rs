//! The random number generator: the same numbers for ever, independent forks, and sound distributions.

use downhill_tensor::{Rng, Tensor};

fn draws(mut rng: Rng, n: usize) -> Vec<u64> {
    (0..n).map(|_| rng.next_u64()).collect()
}

#[test]
fn numbers_of_a_seed_never_change() {
    let first = [12_578_764_544_318_200_737, 17_529_487_244_874_322_312, 7_886_285_670_807_131_020];
    assert_eq!(draws(Rng::new(42), 3), first);
    let weights = [14_289_291_391_604_186_748, 10_827_474_200_902_876_696];
    assert_eq!(draws(Rng::new(42).fork("weights"), 2), weights);
    let seventh = [11_317_725_676_582_322_213, 6_123_356_833_955_890_265];
    assert_eq!(draws(Rng::new(42).fork_index(7), 2), seventh);
    assert_eq!(Rng::new(1).permutation(8), [5, 6, 2, 4, 1, 7, 0, 3]);
    let normal = Tensor::<f64>::randn(&[3], &mut Rng::new(42));
    assert_eq!(normal.to_vec(), [0.47798123835102174, 1.3340706102318078, -0.21086668327103028]);
    let uniform = Tensor::<f32>::rand(&[3], &mut Rng::new(42));
    assert_eq!(uniform.to_vec(), [0.22408074, 0.68189615, 0.1463862]);
}

#[test]
fn equal_seeds_agree_and_others_do_not() {
    assert_eq!(draws(Rng::new(5), 100), draws(Rng::new(5), 100));
    assert_ne!(draws(Rng::new(5), 2), draws(Rng::new(6), 2));
    // An f32 model and its f64 twin start alike.
    let wide = Tensor::<f64>::randn(&[100], &mut Rng::new(9));
    assert_eq!(wide.to::<f32>().to_vec(), Tensor::<f32>::randn(&[100], &mut Rng::new(9)).to_vec());
}

#[test]
fn forks_depend_on_seed_and_name_alone() {
    let mut parent = Rng::new(3);
    let before = draws(parent.fork("a"), 10);
    let index = draws(parent.fork_index(1), 10);
    parent.permutation(1000);
    assert_eq!(draws(parent.fork("a"), 10), before, "draws from the parent do not matter");
    assert_eq!(draws(parent.fork_index(1), 10), index);
    let bytes = std::str::from_utf8(&1_u64.to_le_bytes()).unwrap().to_string();
    assert_ne!(draws(parent.fork(&bytes), 10), index, "a name is no index, even of the same bytes");
    // And drawing from a fork leaves the parent as it is.
    let mut untouched = Rng::new(3);
    untouched.permutation(1000);
    assert_eq!(parent, untouched);
}

#[test]
fn forks_are_all_different() {
    let root = Rng::new(3);
    let mut first: Vec<u64> = (0..1000).map(|i| root.fork_index(i).next_u64()).collect();
    first.extend((0..1000).map(|i| root.fork(&format!("layer{i}.weight")).next_u64()));
    first.extend(["", "a", "b", "ab", "ba"].map(|name| root.fork(name).next_u64()));
    first.push(root.fork("a").fork("b").next_u64());
    first.push(root.fork("b").fork("a").next_u64());
    first.push(Rng::new(4).fork("a").next_u64());
    first.extend(draws(root, 1000));
    let n = first.len();
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), n, "two streams share a number");
}

#[test]
fn forks_are_uncorrelated() {
    let n = 20_000;
    let root = Rng::new(8);
    let streams: Vec<Vec<f64>> = [root.clone(), root.fork_index(0), root.fork_index(1), root.fork("x")]
        .into_iter()
        .map(|mut rng| Tensor::<f64>::randn(&[n], &mut rng).to_vec())
        .collect();
    for (i, a) in streams.iter().enumerate() {
        for b in &streams[..i] {
            let correlation = a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() / n as f64;
            assert!(correlation.abs() < 5.0 / (n as f64).sqrt(), "correlation {correlation}");
        }
    }
}

#[test]
fn a_saved_generator_goes_on_where_it_was() {
    let mut rng = Rng::new(42).fork("shuffle");
    for skipped in 0..40 {
        // Odd numbers of 32-bit words as well: they leave a half-used 64-bit word behind.
        Tensor::<f32>::rand(&[skipped % 3], &mut rng);
        let text = serde_json::to_string(&rng).expect("a generator can be written");
        let resumed: Rng = serde_json::from_str(&text).expect("what was written can be read");
        assert_eq!(resumed, rng);
        assert_eq!(draws(resumed.clone(), 50), draws(rng.clone(), 50));
        assert_eq!(draws(resumed.fork("x"), 5), draws(rng.fork("x"), 5));
        rng.next_u64();
    }
}

/// Pearson's statistic against equal chances; its mean is the number of cells less one, its variance twice that.
fn chi_square(counts: &[usize]) -> f64 {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    counts.iter().map(|&c| (c as f64 - expected).powi(2) / expected).sum()
}

#[track_caller]
fn assert_even(counts: &[usize]) {
    let (x, freedom) = (chi_square(counts), counts.len() as f64 - 1.0);
    let bound = 6.0 * (2.0 * freedom).sqrt();
    assert!((x - freedom).abs() < bound.max(freedom), "chi-square {x} at {freedom} degrees: {counts:?}");
}

#[test]
fn permutations_are_permutations_and_fair() {
    let mut rng = Rng::new(12);
    for n in [0, 1, 2, 10, 1000] {
        let mut order = rng.permutation(n);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..n));
    }
    // Every order of four equally often: a biased shuffle fails here.
    let mut counts = [0; 256];
    for _ in 0..48_000 {
        let code = rng.permutation(4).into_iter().fold(0, |code, i| code * 4 + i);
        counts[code] += 1;
    }
    let seen: Vec<usize> = counts.into_iter().filter(|&c| c > 0).collect();
    assert_eq!(seen.len(), 24);
    assert_even(&seen);
}

#[test]
fn below_is_fair() {
    let mut rng = Rng::new(13);
    for n in [1, 2, 3, 7, 100] {
        let mut counts = vec![0; n];
        (0..n * 2000).for_each(|_| counts[rng.below(n)] += 1);
        if n > 1 {
            assert_even(&counts);
        }
    }
    // Close to a power of two from above a plain modulo or high product would favour one half two to one.
    let n = (1 << 63) + (1 << 62);
    let low = (0..3000).filter(|_| rng.below(n) < n / 2).count();
    assert!((1300..1700).contains(&low), "{low} of 3000");
    assert!((0..1000).all(|_| rng.below(usize::MAX) < usize::MAX));
}

#[test]
#[should_panic(expected = "below: there is no number below zero")]
fn below_zero() {
    Rng::new(1).below(0);
}

#[test]
fn randn_is_standard_normal() {
    let n = 200_000;
    let x = Tensor::<f64>::randn(&[n], &mut Rng::new(14));
    let (mean, variance) = (x.mean(..).item(), x.square().mean(..).item());
    assert!(mean.abs() < 0.015, "mean {mean}");
    assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
    let skew = (&x * x.square()).mean(..).item();
    let kurtosis = x.square().square().mean(..).item();
    assert!(skew.abs() < 0.05 && (kurtosis - 3.0).abs() < 0.15, "skew {skew}, kurtosis {kurtosis}");
    let inside = x.abs().lt(1.0).sum(..).item() as f64 / n as f64;
    assert!((inside - 0.6827).abs() < 0.006, "{inside} within one standard deviation");
}

#[test]
fn uniform_numbers_fill_their_range() {
    let rng = &mut Rng::new(15);
    let x = Tensor::<f32>::rand(&[100_000], rng);
    assert!(x.iter().all(|x| (0.0..1.0).contains(&x)));
    let mut counts = vec![0; 50];
    x.iter().for_each(|x| counts[(x * 50.0) as usize] += 1);
    assert_even(&counts);
    let x = Tensor::<f64>::uniform(&[100_000], -3.0, 5.0, rng);
    assert!(x.iter().all(|x| (-3.0..5.0).contains(&x)));
    assert!((x.mean(..).item() - 1.0).abs() < 0.05);
    assert!(x.iter().any(|x| x < -2.99) && x.iter().any(|x| x > 4.99));
}

#[test]
fn rounding_never_reaches_the_upper_bound() {
    // In f32 there are 17 numbers from 1000000 to 1000001, so a thirty-second of all draws would round up.
    let x = Tensor::<f32>::uniform(&[20_000], 1_000_000.0, 1_000_001.0, &mut Rng::new(16));
    assert!(x.iter().all(|x| (1_000_000.0..1_000_001.0).contains(&x)));
    assert_eq!(Tensor::<f32>::uniform(&[3], 2.0, 2.0, &mut Rng::new(16)).to_vec(), [2.0; 3]);
}
