//! Sums and means against the naive twin and against f64.

use crate::common::{Naive, assert_same, broadcast_shape, broadcastable, build, memory, shape, small};
use downhill_tensor::{Rng, Tensor};
use proptest::prelude::*;

/// The axes that `bits` marks, and whether each is marked.
fn axes(rank: usize, bits: usize) -> (Vec<isize>, Vec<bool>) {
    let marked: Vec<bool> = (0..rank).map(|i| bits >> i & 1 == 1).collect();
    // From the back as well as from the front, and not in order.
    let axes = (0..rank)
        .rev()
        .filter(|&i| marked[i])
        .map(|i| i as isize - if i % 2 == 0 { 0 } else { rank as isize });
    (axes.collect(), marked)
}

/// Without the marked axes.
fn dropped<E: Copy>(n: &Naive<E>, marked: &[bool]) -> Naive<E> {
    let shape: Vec<usize> = n.shape.iter().zip(marked).filter(|(_, m)| !**m).map(|(&d, _)| d).collect();
    n.reshape(&shape)
}

proptest! {
    #[test]
    fn sums_over_any_axes(shape in shape(4), memory in memory(), bits in 0..16_usize) {
        let (axes, marked) = axes(shape.len(), bits);
        let (t, n) = build(&shape, &memory, small(1));
        let expected = n.fold(&marked, 0.0, |total, x| total + x);
        assert_same(&t.sum_keepdim(&axes[..]), &expected);
        assert_same(&t.sum(&axes[..]), &dropped(&expected, &marked));
        let count: usize = shape.iter().zip(&marked).filter(|(_, m)| **m).map(|(&d, _)| d).product();
        if count > 0 {
            let mean = expected.map(|x| x / count as f64);
            assert_same(&t.mean_keepdim(&axes[..]), &mean);
            assert_same(&t.mean(&axes[..]), &dropped(&mean, &marked));
        } else {
            prop_assert!(t.mean(&axes[..]).iter().all(f64::is_nan));
        }
        let (t, n) = build(&shape, &memory, |i| (i * 37 % 256) as u8);
        let expected = n.fold(&marked, 0, |total, x| total + i64::from(x));
        assert_same(&t.sum_keepdim(&axes[..]), &expected);
        let (t, n) = build(&shape, &memory, |i| i % 3 == 0);
        let expected = n.fold(&marked, 0, |total, x| total + i64::from(x));
        assert_same(&t.sum(&axes[..]), &dropped(&expected, &marked));
    }

    #[test]
    fn all_axes_at_once(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, small(1));
        prop_assert_eq!(t.sum(..).rank(), 0);
        prop_assert_eq!(t.sum(..).item(), n.data.iter().sum::<f64>());
        prop_assert_eq!(t.sum_keepdim(..).shape().to_vec(), vec![1; shape.len()]);
        prop_assert_eq!(t.to::<i64>().sum(..).item() as f64, n.data.iter().sum::<f64>());
    }

    #[test]
    fn sum_to_undoes_broadcasting(shapes in broadcastable::<2>(), memory in memory()) {
        let full = broadcast_shape(&shapes[0], &shapes[1]);
        let (t, n) = build(&full, &memory, small(1));
        for to in shapes {
            let added = full.len() - to.len();
            let marked: Vec<bool> =
                (0..full.len()).map(|i| i < added || (to[i - added] == 1 && full[i] != 1)).collect();
            let expected = n.fold(&marked, 0.0, |total, x| total + x).reshape(&to);
            assert_same(&t.sum_to(&to), &expected);
        }
    }

    #[test]
    fn sums_of_dense_tensors_keep_the_order_of_axes(
        shape in prop::collection::vec(2..5_usize, 4), code in 0..24_usize, bits in 0..16_usize,
    ) {
        let (t, _) = build(&shape, &[crate::common::Step::Permute(code)], small(1));
        let (axes, marked) = axes(4, bits);
        let kept: Vec<usize> = (0..4).filter(|&i| !marked[i]).collect();
        let sum = t.sum(&axes[..]);
        for i in 0..kept.len() {
            for j in 0..kept.len() {
                prop_assert_eq!(
                    t.strides()[kept[i]] < t.strides()[kept[j]], sum.strides()[i] < sum.strides()[j]
                );
            }
        }
        prop_assert_eq!(sum.strides().iter().min().copied().unwrap_or(1), 1);
    }
}

/// Integer-valued sums, which are exact in any order, for the layouts that take each path.
fn check_exactly(t: &Tensor<f64>) {
    let (shape, data) = (t.shape().to_vec(), t.to_vec());
    let n = Naive { shape: shape.clone(), data };
    for bits in 0..1 << shape.len() {
        let (axes, marked) = axes(shape.len(), bits);
        let expected = dropped(&n.fold(&marked, 0.0, |total, x| total + x), &marked);
        let sum = t.sum(&axes[..]);
        assert_eq!(sum.shape(), expected.shape);
        assert!(sum.to_vec() == expected.data, "shape {shape:?} strides {:?} axes {axes:?}", t.strides());
        let integers = t.to::<i64>().sum(&axes[..]);
        assert!(
            integers.to_vec() == expected.map(|x| x as i64).data,
            "integers of shape {shape:?} axes {axes:?}"
        );
    }
}

#[test]
fn large_sums_on_every_path() {
    let value = |i: &[usize]| (i.iter().fold(17, |h, &x| h * 31 + x) % 64) as f64 - 20.0;
    // Contiguous rows; rows added onto each other; both with runs longer and shorter than a task.
    for shape in
        [[2, 90_001], [90_001, 2], [431, 433], [70_000, 20], [20, 70_000], [1, 131_073], [131_073, 1]]
    {
        let t = Tensor::from_fn(&shape, value);
        check_exactly(&t);
        check_exactly(&t.t());
        // Every second column: no axis is contiguous, so the reduced elements are copied first.
        let wide = Tensor::from_fn(&[shape[0], 2 * shape[1]], value);
        check_exactly(&wide.slice(1, 1, 2 * shape[1], 2));
        check_exactly(&wide.slice(1, 1, 2 * shape[1], 2).t());
        check_exactly(&t.narrow(0, 0, 1).expand(&shape));
        check_exactly(&t.narrow(1, 0, 1).expand(&shape));
    }
    for shape in [[40, 50, 60], [3, 40_000, 2], [16, 33, 129]] {
        let t = Tensor::from_fn(&shape, value);
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            check_exactly(&t.permute(&order));
            check_exactly(&t.slice(2, 0, shape[2], 2).permute(&order));
            check_exactly(&t.slice(0, 1, shape[0], 2).permute(&order));
        }
    }
}

#[test]
fn row_lengths_around_every_boundary() {
    for n in [
        1, 2, 15, 16, 17, 31, 32, 33, 255, 4095, 4096, 4097, 8191, 8192, 8193, 12_289, 65_535, 65_536, 65_537,
    ] {
        let t = Tensor::from_fn(&[3, n], |i| ((i[0] + i[1]) % 9) as f64);
        for row in 0..3 {
            let expected: f64 = (0..n).map(|j| ((row + j) % 9) as f64).sum();
            assert_eq!(t.sum(1).get(&[row]), expected, "length {n}");
            assert_eq!(t.t().contiguous().sum(0).get(&[row]), expected, "length {n}, columns");
            assert_eq!(t.select(0, row).sum(..).item(), expected, "length {n}, alone");
        }
    }
}

/// The sum of `t` against f64, as a share of the sum of absolute values.
fn relative_error(t: &Tensor<f32>) -> f64 {
    let exact: f64 = t.iter().map(f64::from).sum();
    let scale: f64 = t.iter().map(|x| f64::from(x).abs()).sum();
    (f64::from(t.sum(..).item()) - exact).abs() / scale
}

#[test]
fn large_f32_sums_stay_accurate() {
    let rng = &mut Rng::new(3);
    let t = Tensor::<f32>::rand(&[1 << 20], rng) + 0.5;
    let error = relative_error(&t);
    assert!(error < 2e-7, "contiguous: {error:e}");
    let error = relative_error(&t.reshape(&[1 << 10, 1 << 10]).t());
    assert!(error < 2e-7, "transposed: {error:e}");
    // A plain loop is off by more than any of these bounds.
    let naive = f64::from(t.iter().sum::<f32>());
    let exact: f64 = t.iter().map(f64::from).sum();
    assert!((naive - exact).abs() / exact > 1e-6, "the example is hard enough: {naive} {exact}");

    for (rows, columns) in [(1 << 20, 1), (1 << 17, 8), (1 << 14, 64), (1 << 10, 1 << 10)] {
        let t = t.reshape(&[rows, columns]);
        let exact = t.to::<f64>().sum(0);
        let error =
            t.sum(0).iter().zip(exact.iter()).map(|(a, e)| (f64::from(a) - e).abs() / e).fold(0.0, f64::max);
        assert!(error < 5e-6, "{rows} rows of {columns}: {error:e}");
    }
    let strided = t.slice(0, 0, 1 << 20, 2);
    let error = relative_error(&strided);
    assert!(error < 5e-6, "every second: {error:e}");
}

#[test]
fn empty_sums_are_zero_and_empty_means_nan() {
    let t = Tensor::<f32>::zeros(&[3, 0, 2]);
    assert_eq!(t.sum(1).to_vec(), [0.0; 6]);
    assert_eq!(t.sum(..).item(), 0.0);
    assert_eq!(t.sum(0).shape(), [0, 2]);
    assert_eq!(t.sum_keepdim([0, 1]).shape(), [1, 1, 2]);
    assert!(t.mean(..).item().is_nan());
    assert_eq!(Tensor::<bool>::zeros(&[0, 2]).sum(0).to_vec(), [0; 2]);
    assert_eq!(Tensor::<u8>::zeros(&[0]).sum(..).item(), 0);
    assert_eq!(t.sum_to(&[1, 1]).to_vec(), [0.0]);
    assert_eq!(t.sum_to(&[2]).to_vec(), [0.0; 2]);
}

/// What an expanded axis repeats is multiplied: no length takes time or memory.
#[test]
fn expanded_axes_of_any_length() {
    let n = 1_usize << 60;
    let x = Tensor::scalar(0.75_f32).expand(&[n]);
    assert_eq!((x.sum(..).item(), x.mean(..).item()), (0.75 * n as f32, 0.75));
    assert_eq!(Tensor::scalar(true).expand(&[1 << 30, 1 << 31]).sum(..).item(), 1 << 61);
    assert_eq!(Tensor::from([3_u8, 5]).expand(&[1 << 60, 2]).sum(0).to_vec(), [3_i64 << 60, 5_i64 << 60]);
    let infinite = Tensor::from([f32::INFINITY, f32::NAN, 0.0]).expand(&[1 << 55, 3]).sum(0).to_vec();
    assert!(infinite[0] == f32::INFINITY && infinite[1].is_nan() && infinite[2] == 0.0);
}

/// What cannot be computed without so much memory says so.
#[test]
#[should_panic(expected = "buffer: ")]
fn more_than_the_system_has() {
    Tensor::scalar(0.75_f32).expand(&[1 << 60]).contiguous();
}

#[test]
fn integers_are_summed_as_i64() {
    assert_eq!(Tensor::<u8>::full(&[100_000], 255).sum(..).item(), 25_500_000);
    assert_eq!(Tensor::<bool>::ones(&[300, 400]).sum(1).to_vec(), [400; 300]);
    assert_eq!(Tensor::from([i64::MAX, 1]).sum(..).item(), i64::MIN);
}

#[test]
fn nan_and_infinity_reach_the_sum() {
    let mut t = Tensor::<f32>::ones(&[100, 100]);
    t.copy_(&Tensor::from_fn(&[100, 100], |i| if i == [7, 9] { f32::NAN } else { 1.0 }));
    assert!(t.sum(..).item().is_nan() && t.sum(0).get(&[9]).is_nan() && t.sum(1).get(&[7]).is_nan());
    assert_eq!(t.sum(0).get(&[8]), 100.0);
    assert_eq!(Tensor::from([f32::INFINITY, 1.0]).mean(0).item(), f32::INFINITY);
}
