//! What runs along axes other than sums, against naive loops over lanes.

use std::cmp::Ordering;

use crate::common::{Naive, assert_same, build, indices, memory, shape, small};
use downhill_tensor::testing::{Tolerance, assert_close};
use downhill_tensor::{Element, Rng, Tensor};
use proptest::prelude::*;

/// The elements along the marked axes, in row-major order, for each index of the shape in which those have length one.
fn lanes<E: Copy>(n: &Naive<E>, marked: &[bool]) -> Naive<usize> {
    let shape: Vec<usize> = n.shape.iter().zip(marked).map(|(&d, &m)| if m { 1 } else { d }).collect();
    let mut count = 0;
    Naive::from_fn(&shape, |_| {
        count += 1;
        count - 1
    })
}

fn reduced<E: Copy, A: Copy>(n: &Naive<E>, marked: &[bool], f: impl Fn(&[E]) -> A) -> Naive<A> {
    let numbers = lanes(n, marked);
    let mut lanes = vec![vec![]; numbers.data.len()];
    for (index, &x) in indices(&n.shape).iter().zip(&n.data) {
        let at: Vec<usize> = index.iter().zip(marked).map(|(&i, &m)| if m { 0 } else { i }).collect();
        lanes[numbers.get(&at)].push(x);
    }
    Naive { shape: numbers.shape, data: lanes.iter().map(|lane| f(lane)).collect() }
}

/// Every lane along axis `dim` replaced by what `f` makes of it.
fn mapped<E: Copy, A: Copy>(n: &Naive<E>, dim: usize, f: impl Fn(&[E]) -> Vec<A>) -> Naive<A> {
    let marked: Vec<bool> = (0..n.shape.len()).map(|i| i == dim).collect();
    let of = |index: &[usize]| {
        let lane: Vec<E> = (0..n.shape[dim])
            .map(|i| {
                let mut index = index.to_vec();
                index[dim] = i;
                n.get(&index)
            })
            .collect();
        f(&lane)
    };
    let len = if n.data.is_empty() { 0 } else { of(&vec![0; n.shape.len()]).len() };
    let mut shape = lanes(n, &marked).shape;
    shape[dim] = len;
    if n.data.is_empty() {
        shape[dim] = n.shape[dim];
    }
    Naive::from_fn(&shape, |index| of(index)[index[dim]])
}

fn dropped<E: Copy>(n: &Naive<E>, marked: &[bool]) -> Naive<E> {
    let shape: Vec<usize> = n.shape.iter().zip(marked).filter(|(_, m)| !**m).map(|(&d, _)| d).collect();
    n.reshape(&shape)
}

fn axes(rank: usize, bits: usize) -> (Vec<isize>, Vec<bool>) {
    let marked: Vec<bool> = (0..rank).map(|i| bits >> i & 1 == 1).collect();
    ((0..rank).filter(|&i| marked[i]).map(|i| i as isize).collect(), marked)
}

fn tensor_of(n: &Naive<f64>) -> Tensor<f64> {
    Tensor::from_slice(&n.data, &n.shape)
}

/// Like `small`, with NaN and both infinities now and then.
fn wild(seed: usize) -> impl Fn(usize) -> f64 {
    let small = small(seed);
    move |i| match (i * 7 + seed) % 23 {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        _ => small(i),
    }
}

fn bits<E: Element>(t: &Tensor<E>) -> Vec<u64> {
    // One NaN is as good as another.
    t.iter().map(|x| if x.to_f64().is_nan() { u64::MAX } else { (x.to_f64() + 0.0).to_bits() }).collect()
}

/// The index of the first best element; NaN is best of all.
fn arg_best<E: Element>(lane: &[E], wanted: Ordering) -> usize {
    let nan = lane.iter().position(|x| x.to_f64().is_nan());
    nan.unwrap_or_else(|| {
        (1..lane.len()).fold(
            0,
            |best, i| {
                if lane[i].partial_cmp(&lane[best]) == Some(wanted) { i } else { best }
            },
        )
    })
}

fn check_extrema<E: Element>(t: &Tensor<E>, n: &Naive<E>, marks: usize) {
    let (axes, marked) = axes(n.shape.len(), marks);
    let lane_len: usize = n.shape.iter().zip(&marked).filter(|(_, m)| **m).map(|(&d, _)| d).product();
    if lane_len == 0 {
        return;
    }
    type Case<'a, E> = (Ordering, Tensor<E>, Tensor<E>);
    let both: [Case<'_, E>; 2] = [
        (Ordering::Greater, t.amax(&axes[..]), t.amax_keepdim(&axes[..])),
        (Ordering::Less, t.amin(&axes[..]), t.amin_keepdim(&axes[..])),
    ];
    for (wanted, ours, ours_keepdim) in both {
        let expected = reduced(n, &marked, |lane| lane[arg_best(lane, wanted)]);
        let to_tensor = |n: &Naive<E>| Tensor::from_slice(&n.data, &n.shape);
        assert_eq!(ours.shape(), dropped(&expected, &marked).shape);
        assert_eq!(ours_keepdim.shape(), expected.shape);
        assert_eq!(bits(&ours), bits(&to_tensor(&expected)));
        assert_eq!(bits(&ours_keepdim), bits(&to_tensor(&expected)));
        if axes.len() != 1 {
            continue;
        }
        let largest = wanted == Ordering::Greater;
        let (values, at) = if largest { t.max_dim(axes[0]) } else { t.min_dim(axes[0]) };
        let arg = if largest { t.argmax(axes[0]) } else { t.argmin(axes[0]) };
        let expected_at = reduced(n, &marked, |lane| arg_best(lane, wanted) as i64);
        assert_same(&at, &dropped(&expected_at, &marked));
        assert_same(&arg, &dropped(&expected_at, &marked));
        assert_eq!(bits(&values), bits(&ours));
        let arg = if largest { t.argmax_keepdim(axes[0]) } else { t.argmin_keepdim(axes[0]) };
        assert_same(&arg, &expected_at);
    }
    if !n.data.is_empty() {
        assert_eq!(t.argmax(..).item() as usize, arg_best(&n.data, Ordering::Greater));
        assert_eq!(t.argmin(..).item() as usize, arg_best(&n.data, Ordering::Less));
        assert_eq!(bits(&t.max()), bits(&Tensor::scalar(n.data[arg_best(&n.data, Ordering::Greater)])));
        assert_eq!(bits(&t.min()), bits(&Tensor::scalar(n.data[arg_best(&n.data, Ordering::Less)])));
    }
}

/// Ascending, with NaN last; stable.
fn sorted(lane: &[f64], descending: bool) -> Vec<(f64, i64)> {
    let mut pairs: Vec<(f64, i64)> = lane.iter().copied().zip(0..).collect();
    let compare = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
    pairs.sort_by(|a, b| if descending { compare(b.0, a.0) } else { compare(a.0, b.0) });
    pairs
}

const CLOSE: Tolerance = Tolerance { absolute: 1e-12, relative: 1e-12 };

proptest! {
    #[test]
    fn extrema(shape in shape(4), memory in memory(), marks in 0..16_usize, seed in 0..50_usize) {
        let (t, n) = build(&shape, &memory, wild(seed));
        check_extrema(&t, &n, marks);
        let (t, n) = build(&shape, &memory, |i| ((i * 37 + seed) % 7) as u8);
        check_extrema(&t, &n, marks);
        let (t, n) = build(&shape, &memory, |i| small(seed)(i) as i64);
        check_extrema(&t, &n, marks);
        let (t, n) = build(&shape, &memory, |i| (i + seed) % 3 == 0);
        check_extrema(&t, &n, marks);
    }

    #[test]
    fn products_and_truth(shape in shape(4), memory in memory(), marks in 0..16_usize) {
        let (axes, marked) = axes(shape.len(), marks);
        let (t, n) = build(&shape, &memory, |i| small(1)(i) as i64);
        let product = reduced(&n, &marked, |lane| lane.iter().fold(1, |p: i64, &x| p.wrapping_mul(x)));
        assert_same(&t.prod_keepdim(&axes[..]), &product);
        assert_same(&t.prod(&axes[..]), &dropped(&product, &marked));
        let floats = reduced(&n, &marked, |lane| lane.iter().map(|&x| x as f64).product());
        assert_close(&t.to::<f64>().prod_keepdim(&axes[..]), &tensor_of(&floats), CLOSE);
        let (t, n) = build(&shape, &memory, |i| i % 3 == 0);
        let (any, all) = (|lane: &[bool]| lane.contains(&true), |lane: &[bool]| !lane.contains(&false));
        assert_same(&t.any_keepdim(&axes[..]), &reduced(&n, &marked, any));
        assert_same(&t.any(&axes[..]), &dropped(&reduced(&n, &marked, any), &marked));
        assert_same(&t.all_keepdim(&axes[..]), &reduced(&n, &marked, all));
        assert_same(&t.all(&axes[..]), &dropped(&reduced(&n, &marked, all), &marked));
        assert_same(&t.to::<f32>().all(&axes[..]), &dropped(&reduced(&n, &marked, all), &marked));
    }

    #[test]
    fn spread_and_norms(shape in shape(4), memory in memory(), marks in 0..16_usize, c in 0..3_usize) {
        let (axes, marked) = axes(shape.len(), marks);
        let (t, n) = build(&shape, &memory, small(1));
        let var = reduced(&n, &marked, |lane| {
            let mean = lane.iter().sum::<f64>() / lane.len() as f64;
            lane.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / lane.len().saturating_sub(c) as f64
        });
        assert_close(&t.var_keepdim(&axes[..], c), &tensor_of(&var), CLOSE);
        assert_close(&t.var(&axes[..], c), &tensor_of(&dropped(&var, &marked)), CLOSE);
        assert_close(&t.std_keepdim(&axes[..], c), &tensor_of(&var.map(f64::sqrt)), CLOSE);
        assert_close(&t.std(&axes[..], c), &tensor_of(&dropped(&var, &marked).map(f64::sqrt)), CLOSE);
        for p in [1.0, 2.0, 3.0, 0.5, -1.0] {
            let norm = reduced(&n, &marked, |lane| {
                lane.iter().fold(0.0, |sum, x: &f64| sum + x.abs().powf(p)).powf(1.0 / p)
            });
            assert_close(&t.norm_p_keepdim(p, &axes[..]), &tensor_of(&norm), CLOSE);
            assert_close(&t.norm_p(p, &axes[..]), &tensor_of(&dropped(&norm, &marked)), CLOSE);
        }
        let lse = reduced(&n, &marked, |lane| lane.iter().map(|x| x.exp()).sum::<f64>().ln());
        assert_close(&t.logsumexp_keepdim(&axes[..]), &tensor_of(&lse), CLOSE);
        assert_close(&t.logsumexp(&axes[..]), &tensor_of(&dropped(&lse, &marked)), CLOSE);
    }

    #[test]
    fn same_shape_along_an_axis(
        shape in prop::collection::vec(crate::common::axis_length(), 1..=4), memory in memory(), axis in 0..4_usize,
    ) {
        let dim = axis % shape.len();
        let (t, n) = build(&shape, &memory, small(1));
        let running = |lane: &[f64]| {
            lane.iter().scan(0.0, |total, x| { *total += x; Some(*total) }).collect::<Vec<f64>>()
        };
        let d = dim as isize - shape.len() as isize;
        assert_same(&t.cumsum(d), &mapped(&n, dim, running));
        let back = |lane: &[f64]| {
            let mut lane = lane.to_vec();
            lane.reverse();
            let mut sums = running(&lane);
            sums.reverse();
            sums
        };
        assert_same(&t.cumsum_reversed(d), &mapped(&n, dim, back));
        assert_same(&t.to::<u8>().cumsum(d), &mapped(&n.map(|x| x as u8 as i64), dim, |lane| {
            lane.iter().scan(0, |total, x| { *total += x; Some(*total) }).collect::<Vec<i64>>()
        }));
        let softmax = mapped(&n, dim, |lane| {
            let total: f64 = lane.iter().map(|x| x.exp()).sum();
            lane.iter().map(|x| x.exp() / total).collect()
        });
        assert_close(&t.softmax(d), &tensor_of(&softmax), CLOSE);
        assert_close(&t.log_softmax(d), &tensor_of(&softmax.map(f64::ln)), CLOSE);
    }

    #[test]
    fn orders(
        shape in prop::collection::vec(crate::common::axis_length(), 1..=4), memory in memory(), axis in 0..4_usize,
        descending in any::<bool>(), k in any::<prop::sample::Index>(),
    ) {
        let dim = axis % shape.len();
        let (t, n) = build(&shape, &memory, wild(3));
        let (values, at) = t.sort(dim as isize, descending);
        let order = |lane: &[f64]| sorted(lane, descending);
        let expected = mapped(&n, dim, |lane| order(lane).iter().map(|p| p.0).collect());
        prop_assert_eq!(values.shape(), &expected.shape[..]);
        prop_assert_eq!(bits(&values), bits(&tensor_of(&expected)));
        assert_same(&at, &mapped(&n, dim, |lane| order(lane).iter().map(|p| p.1).collect()));
        let k = k.index(shape[dim] + 1);
        let (top, top_at) = t.topk(k, dim as isize, descending);
        prop_assert_eq!(bits(&top), bits(&values.narrow(dim as isize, 0, k)));
        prop_assert_eq!(top_at.to_vec(), at.narrow(dim as isize, 0, k).to_vec());
    }
}

/// Shapes for which work is split among threads, and lanes longer than a piece.
#[test]
fn large_tensors_on_every_path() {
    let value = |i: &[usize]| (i.iter().fold(17, |h, &x| h * 31 + x) % 4001) as f64 / 200.0 - 10.0;
    for shape in [[3, 90_001], [90_001, 3], [431, 433], [150_000, 1], [70, 1000]] {
        let whole = Tensor::from_fn(&shape, value);
        for t in [whole.clone(), whole.t(), whole.slice(1, 0, shape[1], 2)] {
            let n = Naive { shape: t.shape().to_vec(), data: t.to_vec() };
            for dim in 0..2 {
                let marked = [dim == 0, dim == 1];
                let d = dim as isize;
                let max = reduced(&n, &marked, |lane| lane.iter().copied().fold(f64::MIN, f64::max));
                assert!(t.amax_keepdim(d).to_vec() == max.data, "amax of {shape:?} along {dim}");
                let at = reduced(&n, &marked, |lane| arg_best(lane, Ordering::Greater) as i64);
                assert!(t.argmax_keepdim(d).to_vec() == at.data, "argmax of {shape:?} along {dim}");
                let lse = reduced(&n, &marked, |lane| lane.iter().map(|x| x.exp()).sum::<f64>().ln());
                assert_close(&t.logsumexp_keepdim(d), &tensor_of(&lse), CLOSE);
                let softmax = t.softmax(d);
                let expected = (&t - &tensor_of(&lse)).exp();
                assert_close(&softmax, &expected, CLOSE);
                assert_close(&t.log_softmax(d), &(&t - &tensor_of(&lse)), CLOSE);
                let total = t.cumsum(d).narrow(d, n.shape[dim] as isize as usize - 1, 1);
                assert_close(&total, &t.sum_keepdim(d), Tolerance::relative(1e-11));
                assert_eq!(t.sort(d, true).0.narrow(d, 0, 1).to_vec(), max.data);
            }
            assert_eq!(t.max().item(), t.iter().fold(f64::MIN, f64::max));
            assert_eq!(t.argmax(..).item() as usize, arg_best(&n.data, Ordering::Greater));
            assert_close(&t.var(.., 1), &t.reshape(&[-1]).var(0, 1), CLOSE);
        }
    }
    // Columns in more than one tile, in one block and in several.
    for shape in [[2, 40, 1000], [1, 200, 700], [300, 30, 20]] {
        let t = Tensor::from_fn(&shape, value);
        let moved = t.permute(&[0, 2, 1]).contiguous();
        assert_eq!(t.amax(1).to_vec(), moved.amax(2).to_vec());
        assert_eq!(t.argmin(1).to_vec(), moved.argmin(2).to_vec());
        assert_close(&t.logsumexp(1), &moved.logsumexp(2), CLOSE);
        assert_close(&t.prod(1), &moved.prod(2), CLOSE);
        // Axes that are apart in memory, and axes in another order.
        assert_eq!(t.amax([0, 2]).to_vec(), moved.amax([0, 1]).to_vec());
        assert_eq!(t.permute(&[2, 0, 1]).amax([1, 2]).to_vec(), moved.amax([0, 2]).to_vec());
    }
}

/// A dense tensor in another order of axes is not copied into row-major order, and its result keeps the order.
#[test]
fn results_keep_the_order_of_memory() {
    let t = Tensor::<f32>::randn(&[4, 5, 6, 7], &mut Rng::new(1)).permute(&[2, 3, 0, 1]);
    for dim in 0..4 {
        assert_eq!(t.softmax(dim).strides(), t.strides());
        assert_eq!(t.cumsum(dim).strides(), t.strides());
        assert_eq!(t.sort(dim, false).0.strides(), t.strides());
    }
    assert_eq!(t.amax(0).strides(), [1, 35, 7]);
}

#[test]
fn scores_far_from_zero_are_stable() {
    let x = Tensor::from([[100.0, -100.0, 99.0_f32], [-100.0, -100.0, -100.0]]);
    let exact = x.to::<f64>();
    let tolerance = Tolerance { absolute: 1e-7, relative: 2e-7 };
    for dim in 0..2 {
        let total = |t: &Tensor<f64>| (t - t.amax_keepdim(dim)).exp().sum_keepdim(dim);
        let softmax = (&exact - exact.amax_keepdim(dim)).exp() / &total(&exact);
        assert_close(&x.softmax(dim), &softmax.to::<f32>(), tolerance);
        let log = &exact - exact.amax_keepdim(dim) - total(&exact).ln();
        assert_close(&x.log_softmax(dim), &log.to::<f32>(), tolerance);
    }
    let infinity = f64::INFINITY;
    let masked = Tensor::from([[1.0, -infinity, 1.0], [-infinity, -infinity, 5.0]]);
    assert_eq!(masked.softmax(1).to_vec(), [0.5, 0.0, 0.5, 0.0, 0.0, 1.0]);
    assert_eq!(masked.log_softmax(1).to_vec()[3..], [-infinity, -infinity, 0.0]);
    assert_eq!(masked.logsumexp(1).to_vec()[1], 5.0);
    assert_eq!(Tensor::from([-infinity, -infinity]).logsumexp(0).item(), -infinity);
    assert_eq!(Tensor::from([infinity, 0.0]).logsumexp(0).item(), infinity);
    assert_eq!(Tensor::from([[infinity], [0.0]]).logsumexp(0).item(), infinity);
    assert!(Tensor::from([-infinity, -infinity]).softmax(0).iter().all(f64::is_nan));
    assert!(Tensor::from([f64::NAN, 0.0]).logsumexp(0).item().is_nan());
}

#[test]
fn reductions_of_nothing() {
    let t = Tensor::<f64>::zeros(&[2, 0, 3]);
    assert_eq!(t.prod(1).to_vec(), [1.0; 6]);
    assert_eq!(t.prod([0, 2]).shape(), [0]);
    assert_eq!(Tensor::<u8>::zeros(&[0]).prod(..).item(), 1_i64);
    assert!(t.var(.., 1).item().is_nan() && t.std(.., 0).item().is_nan());
    assert!(Tensor::from([1.0_f64]).var(0, 1).item().is_nan());
    assert_eq!(t.norm(..).item(), 0.0);
    assert_eq!(t.logsumexp(1).to_vec(), [f64::NEG_INFINITY; 6]);
    assert!(!t.any(..).item() && t.all(..).item());
    assert_eq!(t.amax(0).shape(), [0, 3]);
    assert_eq!(t.max_dim(2).1.shape(), [2, 0]);
    assert_eq!(t.softmax(1).shape(), [2, 0, 3]);
    assert_eq!(t.cumsum(0).shape(), [2, 0, 3]);
    assert_eq!(t.sort(2, true).0.shape(), [2, 0, 3]);
    assert_eq!(t.topk(0, 1, true).0.shape(), [2, 0, 3]);
}

#[test]
fn other_types() {
    assert_eq!(Tensor::from([i64::MAX, 2]).prod(0).item(), i64::MAX.wrapping_mul(2));
    assert_eq!(Tensor::from([200_u8, 200]).prod(0).item(), 40_000_i64);
    assert_eq!(Tensor::from([3_u8, 1, 2]).sort(0, true).0.to_vec(), [3, 2, 1]);
    assert_eq!(Tensor::from([true, false, true]).cumsum(0).to_vec(), [1, 1, 2]);
    assert_eq!(Tensor::from([false, true, true]).argmax(0).item(), 1);
    assert_eq!(Tensor::from([f32::NAN, 1.0]).topk(1, 0, true).1.item(), 0);
    assert_eq!(Tensor::from([f32::NAN, 1.0]).sort(0, false).1.to_vec(), [1, 0]);
    assert_eq!(Tensor::<f32>::scalar(3.0).max().item(), 3.0);
    assert_eq!(Tensor::<f32>::scalar(3.0).argmax(..).item(), 0);
    assert_eq!(Tensor::<f32>::scalar(-3.0).norm(..).item(), 3.0);
    assert_eq!(Tensor::from([f32::NAN]).any(0).to_vec(), Vec::from([true]));
}
