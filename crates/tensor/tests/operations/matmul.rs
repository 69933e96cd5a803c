//! Matrix products against a naive loop in f64.

use crate::common::{Naive, broadcast_shape, build, indices, memory, small};
use downhill_tensor::testing::{Tolerance, assert_close};
use downhill_tensor::{Float, Rng, Tensor};
use proptest::prelude::*;

/// The naive product of operands with at least two axes.
fn product(a: &Naive<f64>, b: &Naive<f64>) -> Naive<f64> {
    let (ra, rb) = (a.shape.len(), b.shape.len());
    let (m, k, n) = (a.shape[ra - 2], a.shape[ra - 1], b.shape[rb - 1]);
    let mut shape = broadcast_shape(&a.shape[..ra - 2], &b.shape[..rb - 2]);
    let batch = shape.len();
    shape.extend([m, n]);
    // The element of a batch: broadcasting leaves the last two axes alone.
    let at = |x: &Naive<f64>, index: &[usize], i: usize, j: usize| {
        let skip = batch - (x.shape.len() - 2);
        let mut own: Vec<usize> =
            index[skip..batch].iter().zip(&x.shape).map(|(&i, &d)| if d == 1 { 0 } else { i }).collect();
        own.extend([i, j]);
        x.get(&own)
    };
    Naive::from_fn(&shape, |c| (0..k).map(|p| at(a, c, c[batch], p) * at(b, c, p, c[batch + 1])).sum())
}

/// Checks `a · b` of small integers, which is exact in f32 too; vectors gain their axis and lose it.
fn check(a: (Tensor<f64>, Naive<f64>), b: (Tensor<f64>, Naive<f64>)) {
    let (va, vb) = (a.1.shape.len() == 1, b.1.shape.len() == 1);
    let na = if va { a.1.reshape(&[1, a.1.shape[0]]) } else { a.1 };
    let nb = if vb { b.1.reshape(&[b.1.shape[0], 1]) } else { b.1 };
    let c = product(&na, &nb);
    let mut shape = c.shape.clone();
    if vb {
        shape.pop();
    }
    if va {
        shape.remove(c.shape.len() - 2);
    }
    let expected = c.reshape(&shape);
    crate::common::assert_same(&a.0.matmul(&b.0), &expected);
    // `map` keeps strides of dense operands only, so these are the f32 twins of dense and expanded ones.
    let (a32, b32) = (a.0.to::<f32>(), b.0.to::<f32>());
    crate::common::assert_same(&a32.matmul(&b32), &expected.map(|x| x as f32));
}

proptest! {
    #[test]
    fn small_products_of_any_rank_and_memory(
        [m, k, n] in [0..6_usize, 0..6_usize, 0..6_usize], batch in prop::collection::vec(0..4_usize, 0..=2),
        thin in any::<[u8; 2]>(), ranks in [1..=4_usize, 1..=4_usize], memories in prop::collection::vec(memory(), 2),
    ) {
        // An operand of rank r has the last r - 2 batch axes, some of length one.
        let own = |rank: usize, ones: u8, [rows, columns]: [usize; 2], vector: usize| {
            if rank == 1 {
                return vec![vector];
            }
            let rank = rank.min(batch.len() + 2);
            let axes = batch[batch.len() + 2 - rank..].iter().enumerate();
            let mut shape: Vec<usize> = axes.map(|(i, &d)| if ones >> i & 1 == 1 { 1 } else { d }).collect();
            shape.extend([rows, columns]);
            shape
        };
        let a = build(&own(ranks[0], thin[0], [m, k], k), &memories[0], small(1));
        let b = build(&own(ranks[1], thin[1], [k, n], k), &memories[1], small(2));
        check(a, b);
    }

    #[test]
    fn f32_operands_of_any_strides(
        [m, k, n] in [1..20_usize, 1..20_usize, 1..20_usize], memories in prop::collection::vec(memory(), 2),
    ) {
        let (a, na) = build(&[m, k], &memories[0], |i| small(1)(i) as f32);
        let (b, nb) = build(&[k, n], &memories[1], |i| small(2)(i) as f32);
        let expected = product(&na.map(f64::from), &nb.map(f64::from));
        crate::common::assert_same(&a.matmul(&b), &expected.map(|x| x as f32));
    }
}

#[test]
fn every_small_size() {
    let sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33];
    for m in sizes {
        for k in sizes {
            for n in sizes {
                let a = build(&[m, k], &[], small(m));
                let b = build(&[k, n], &[], small(n));
                let expected = product(&a.1, &b.1);
                assert_eq!(a.0.matmul(&b.0).to_vec(), expected.data, "f64 {m} {k} {n}");
                let (a, b) = (a.0.to::<f32>(), b.0.to::<f32>());
                let expected = expected.map(|x| x as f32).data;
                assert_eq!(a.matmul(&b).to_vec(), expected, "f32 {m} {k} {n}");
                assert_eq!(b.t().matmul(&a.t()).t().to_vec(), expected, "f32 transposed {m} {k} {n}");
                let turned = a.t().contiguous().t();
                assert_eq!(turned.matmul(&b).to_vec(), expected, "f32 column-major lhs {m} {k} {n}");
            }
        }
    }
}

#[test]
fn an_empty_inner_axis_gives_zeros_and_not_stale_memory() {
    drop(Tensor::<f32>::full(&[3, 5], f32::NAN));
    let c = Tensor::<f32>::zeros(&[3, 0]).matmul(&Tensor::zeros(&[0, 5]));
    assert_eq!((c.shape(), c.to_vec()), (&[3, 5][..], vec![0.0; 15]));
    let c = Tensor::<f64>::zeros(&[2, 3, 0]).matmul(&Tensor::zeros(&[0]));
    assert_eq!((c.shape(), c.to_vec()), (&[2, 3][..], vec![0.0; 6]));
    assert_eq!(Tensor::<f64>::zeros(&[0]).matmul(&Tensor::zeros(&[0])).item(), 0.0);
}

fn large<E: Float>(tolerance: f64) {
    let rng = &mut Rng::new(5);
    // On several threads, with rows that no task size divides.
    for [m, k, n] in
        [[131, 784, 30], [64, 65, 257], [300, 7, 301], [1, 5000, 3], [65, 513, 64], [1000, 300, 1]]
    {
        let (a, b) = (Tensor::<E>::randn(&[m, k], rng), Tensor::<E>::randn(&[k, n], rng));
        let wide: (Tensor<f64>, Tensor<f64>) = (a.to(), b.to());
        let [xs, ys] = [wide.0.to_vec(), wide.1.to_vec()];
        let expected = Tensor::from_fn(&[m, n], |c| {
            let sum: f64 = (0..k).map(|p| xs[c[0] * k + p] * ys[p * n + c[1]]).sum();
            E::from_f64(sum)
        });
        let tolerance = Tolerance::relative(tolerance);
        assert_close(&a.matmul(&b), &expected, tolerance);
        let (at, bt) = (a.t().contiguous(), b.t().contiguous());
        assert_close(&at.t().matmul(&b), &expected, tolerance);
        assert_close(&a.matmul(&bt.t()), &expected, tolerance);
        assert_close(&at.t().matmul(&bt.t()), &expected, tolerance);
        let batched = a.unsqueeze(0).expand(&[2, m, k]).matmul(&b);
        assert_close(&batched.select(0, 1), &expected, tolerance);
    }
}

#[test]
fn large_products_in_f32() {
    large::<f32>(2e-6);
}

#[test]
fn large_products_in_f64() {
    large::<f64>(1e-14);
}

#[test]
fn nan_and_infinity_are_not_swallowed() {
    let zero = Tensor::<f32>::zeros(&[2, 2]);
    let odd = Tensor::from([[f32::NAN, f32::INFINITY], [1.0, 1.0]]);
    assert!(zero.matmul(&odd).iter().all(f32::is_nan), "0 * NaN and 0 * inf are NaN");
}

#[test]
fn the_oracle_itself() {
    let a = Naive { shape: vec![2, 2], data: vec![1.0, 2.0, 3.0, 4.0] };
    assert_eq!(product(&a, &a).data, [7.0, 10.0, 15.0, 22.0]);
    assert_eq!(indices(&[2, 1]), [[0, 0], [1, 0]]);
    assert_eq!(a.permute(&[1, 0]).data, [1.0, 3.0, 2.0, 4.0]);
    assert_eq!(a.slice(1, 1, 2, 1).data, [2.0, 4.0]);
    assert_eq!(a.fold(&[true, false], 0.0, |t, x| t + x).data, [4.0, 6.0]);
}
