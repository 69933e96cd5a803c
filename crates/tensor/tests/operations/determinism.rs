//! The same bits whatever the thread count.

use downhill_tensor::testing::bits_hash;
use downhill_tensor::{Float, Rng, Tensor};

/// Runs `f` on 1, 2, 3 and 8 threads and asserts that the hashes agree; answers with them.
fn same_on_any_threads(f: impl Fn() -> Vec<u64> + Sync) -> Vec<u64> {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        pool.install(|| {
            assert_eq!(rayon::current_num_threads(), threads);
            f()
        })
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(on(threads), one, "hashes on {threads} threads and on one");
    }
    one
}

fn random<E: Float>(shape: &[usize], name: &str) -> Tensor<E> {
    Tensor::randn(shape, &mut Rng::new(11).fork(name))
}

fn elementwise<E: Float>() {
    let shape = [501, 307];
    let (a, b, row) =
        (random::<E>(&shape, "a"), random::<E>(&[307, 501], "b").t(), random::<E>(&[307], "row"));
    same_on_any_threads(|| {
        let mut y = (&a * &row + &b).exp().ln().tanh() / E::from_f64(3.0) - &row;
        y.add_scaled_(&b, E::from_f64(0.1)).mul_(&row);
        let z = y.gt(E::default()).where_(y.sigmoid(), y.square());
        vec![bits_hash(&y), bits_hash(&z), bits_hash(&z.maximum(&a).powf(E::from_f64(1.5)))]
    });
}

#[test]
fn elementwise_chains() {
    elementwise::<f32>();
    elementwise::<f64>();
}

fn sums<E: Float>() {
    let shapes = [[2, 300_001], [300_001, 2], [701, 809], [120_000, 20], [20, 120_000], [1, 500_000]];
    for shape in shapes {
        let t = random::<E>(&shape, "t");
        let wide = random::<E>(&[shape[0], 2 * shape[1]], "wide").slice(1, 0, 2 * shape[1], 2);
        same_on_any_threads(|| {
            let forms =
                [t.clone(), t.t(), wide.clone(), wide.t(), t.narrow(0, 1 % shape[0], 1).expand(&shape)];
            let sums = |t: &Tensor<E>| {
                [t.sum(..), t.sum(0), t.sum(1), t.mean(0), t.sum_to(&[t.shape()[0], 1])]
                    .map(|s| bits_hash(&s))
            };
            forms.iter().flat_map(sums).collect()
        });
    }
    let t = random::<E>(&[61, 53, 97], "three axes");
    same_on_any_threads(|| {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let sums = |order: &[isize; 3]| {
            let t = t.permute(order);
            [t.sum(0), t.sum(1), t.sum(2), t.sum([0, 1]), t.sum([0, 2]), t.sum([1, 2])].map(|s| bits_hash(&s))
        };
        orders.iter().flat_map(sums).collect()
    });
}

#[test]
fn sums_in_f32() {
    sums::<f32>();
}

#[test]
fn sums_in_f64() {
    sums::<f64>();
}

fn products<E: Float>() {
    for [m, k, n] in [[131, 784, 30], [64, 513, 257], [1000, 50, 1], [1, 4000, 300], [257, 259, 263]] {
        let (a, b) = (random::<E>(&[m, k], "a"), random::<E>(&[k, n], "b"));
        let (at, bt) = (a.t().contiguous(), b.t().contiguous());
        let batch = random::<E>(&[3, m, k], "batch");
        same_on_any_threads(|| {
            [a.matmul(&b), at.t().matmul(&b), a.matmul(&bt.t()), b.t().matmul(&a.t()), batch.matmul(&b)]
                .iter()
                .map(bits_hash)
                .collect()
        });
    }
}

#[test]
fn products_in_f32() {
    products::<f32>();
}

#[test]
fn products_in_f64() {
    products::<f64>();
}

#[test]
fn the_hash_tells_tensors_apart() {
    let hashes = same_on_any_threads(|| {
        vec![
            bits_hash(&Tensor::from([1.0_f32, 2.0])),
            bits_hash(&Tensor::from([2.0_f32, 1.0])),
            bits_hash(&Tensor::from([[1.0_f32, 2.0]])),
            bits_hash(&Tensor::from([1.0_f32, 2.0 + f32::EPSILON * 2.0])),
            bits_hash(&Tensor::from([i64::MAX])),
            bits_hash(&Tensor::from([i64::MAX - 1])),
            bits_hash(&Tensor::from([0.0_f32])),
            bits_hash(&Tensor::from([-0.0_f32])),
        ]
    });
    for (i, a) in hashes.iter().enumerate() {
        assert!(!hashes[..i].contains(a), "hash {i} is not new");
    }
    // Views hash like copies.
    let t = Tensor::<f32>::arange(6).reshape(&[2, 3]);
    assert_eq!(bits_hash(&t.t()), bits_hash(&t.t().contiguous()));
}
