//! Elementwise operations against the naive twin, in every ownership and memory form.

use crate::common::{Memory, Naive, assert_same, broadcastable, build, memory, shape, small};
use downhill_tensor::{Float, Tensor};
use proptest::prelude::*;

type Pair<E> = (Tensor<E>, Naive<E>);
type Operator<E> = dyn Fn(&Tensor<E>, &Tensor<E>) -> Tensor<E>;

fn operands(shapes: &[Vec<usize>], memories: &[Memory]) -> [Pair<f64>; 2] {
    [build(&shapes[0], &memories[0], small(1)), build(&shapes[1], &memories[1], small(2))]
}

/// `a op b` in every combination of ownership, where an owned operand may be the only handle or not.
fn check_operator<E: Float>(
    (a, na): &Pair<E>,
    (b, nb): &Pair<E>,
    f: impl Fn(E, E) -> E,
    by: [&Operator<E>; 4],
) {
    let expected = na.zip(nb, &f);
    for by in by {
        assert_same(&by(a, b), &expected);
        assert_same(a, na);
        assert_same(b, nb);
    }
}

/// A tensor of the same elements and strides whose storage nobody shares.
fn own<E: Float>(t: &Tensor<E>) -> Tensor<E> {
    t.map(|x| x)
}

macro_rules! check_all_ownerships {
    ($a:expr, $b:expr, $op:tt) => {
        check_operator($a, $b, |x, y| x $op y, [
            &|a, b| a $op b,
            &|a, b| own(a) $op b,
            &|a, b| a $op own(b),
            &|a, b| own(a) $op own(b),
        ]);
        // Owned, but shared with the handle in the pair.
        check_operator($a, $b, |x, y| x $op y, [
            &|a, b| a.clone() $op b,
            &|a, b| a $op b.clone(),
            &|a, b| a.clone() $op b.clone(),
            &|a, b| own(a) $op b.clone(),
        ]);
    };
}

proptest! {
    #[test]
    fn operators_in_every_ownership(shapes in broadcastable::<2>(), memories in prop::collection::vec(memory(), 2)) {
        let [a, b] = operands(&shapes, &memories);
        check_all_ownerships!(&a, &b, +);
        check_all_ownerships!(&a, &b, -);
        check_all_ownerships!(&a, &b, *);
        check_all_ownerships!(&a, &b, /);
    }

    #[test]
    fn scalars_on_either_side(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, small(1));
        assert_same(&(&t + 3.0), &n.map(|x| x + 3.0));
        assert_same(&(t.clone() - 3.0), &n.map(|x| x - 3.0));
        assert_same(&(own(&t) * 3.0), &n.map(|x| x * 3.0));
        assert_same(&(&t / 3.0), &n.map(|x| x / 3.0));
        assert_same(&(3.0 + &t), &n.map(|x| 3.0 + x));
        assert_same(&(3.0 - t.clone()), &n.map(|x| 3.0 - x));
        assert_same(&(3.0 * own(&t)), &n.map(|x| 3.0 * x));
        assert_same(&(3.0 / &t), &n.map(|x| 3.0 / x));
        assert_same(&(1.0_f32 / t.to::<f32>()), &n.map(|x| 1.0 / x as f32));
        assert_same(&-&t, &n.map(|x| -x));
        assert_same(&-own(&t), &n.map(|x| -x));
    }

    #[test]
    fn in_place_twins(full in shape(4), ones in any::<u8>(), memories in prop::collection::vec(memory(), 2), dropped in 0..5_usize) {
        let thin: Vec<usize> = full[dropped % (full.len() + 1)..].iter().enumerate()
            .map(|(i, &d)| if ones >> i & 1 == 1 { 1 } else { d }).collect();
        let [(a, na), (b, nb)] = operands(&[full, thin], &memories);
        type InPlace = fn(&mut Tensor<f64>, &Tensor<f64>);
        type Scalar = fn(f64, f64) -> f64;
        let ops: [(InPlace, Scalar); 6] = [
            (|a, b| { a.add_(b); }, |a, b| a + b),
            (|a, b| { a.sub_(b); }, |a, b| a - b),
            (|a, b| { a.mul_(b); }, |a, b| a * b),
            (|a, b| { a.div_(b); }, |a, b| a / b),
            (|a, b| { a.add_scaled_(b, 0.5); }, |a, b| a + 0.5 * b),
            (|a, b| { a.copy_(b); }, |_, b| b),
        ];
        for (op, f) in ops {
            let expected = Naive { shape: na.shape.clone(), data: na.zip(&nb, f).data };
            for mut t in [a.clone(), own(&a)] {
                op(&mut t, &b);
                assert_same(&t, &expected);
            }
            assert_same(&a, &na);
            assert_same(&b, &nb);
        }
        for mut t in [a.clone(), own(&a)] {
            assert_same(t.map_(|x| x * x), &na.map(|x| x * x));
            assert_same(t.fill_(2.5), &na.map(|_| 2.5));
            assert_same(t.zero_(), &na.map(|_| 0.0));
        }
    }

    #[test]
    fn comparisons_and_extremes(shapes in broadcastable::<2>(), memories in prop::collection::vec(memory(), 2)) {
        let [(a, na), (b, nb)] = operands(&shapes, &memories);
        assert_same(&a.eq(&b), &na.zip(&nb, |x, y| x == y));
        assert_same(&a.ne(&b), &na.zip(&nb, |x, y| x != y));
        assert_same(&a.lt(&b), &na.zip(&nb, |x, y| x < y));
        assert_same(&a.le(&b), &na.zip(&nb, |x, y| x <= y));
        assert_same(&a.gt(&b), &na.zip(&nb, |x, y| x > y));
        assert_same(&a.ge(&b), &na.zip(&nb, |x, y| x >= y));
        assert_same(&a.maximum(&b), &na.zip(&nb, f64::max));
        assert_same(&a.minimum(&b), &na.zip(&nb, f64::min));
        assert_same(&a.eq(3.0), &na.map(|x| x == 3.0));
        assert_same(&a.to::<i64>().ge(b.to::<i64>()), &na.zip(&nb, |x, y| x >= y));
    }

    #[test]
    fn where_takes_three_shapes(shapes in broadcastable::<3>(), memories in prop::collection::vec(memory(), 3)) {
        let [(a, na), (b, nb)] = operands(&shapes[..2], &memories[..2]);
        let (c, nc) = build(&shapes[2], &memories[2], |i| i % 3 == 1);
        let pairs = na.zip(&nb, |x, y| (x, y));
        assert_same(&c.where_(&a, &b), &nc.zip(&pairs, |c, (x, y)| if c { x } else { y }));
        assert_same(&c.where_(1.0, &b), &nc.zip(&nb, |c, y| if c { 1.0 } else { y }));
        assert_same(&c.where_(&a, -1.0), &nc.zip(&na, |c, x| if c { x } else { -1.0 }));
    }

    #[test]
    fn clamp_relu_and_conversions(shape in shape(4), memory in memory()) {
        let (t, n) = build(&shape, &memory, small(1));
        assert_same(&t.relu(), &n.map(|x| x.max(0.0)));
        assert_same(&t.clamp(-2.0, 3.0), &n.map(|x| x.clamp(-2.0, 3.0)));
        assert_same(&t.clamp(3.0, -2.0), &n.map(|_| -2.0));
        assert_same(&t.square(), &n.map(|x| x * x));
        assert_same(&t.to::<f32>(), &n.map(|x| x as f32));
        assert_same(&t.to::<i64>(), &n.map(|x| x as i64));
        assert_same(&t.to::<u8>(), &n.map(|x| x as u8));
        assert_same(&t.to::<bool>(), &n.map(|x| x != 0.0));
        assert_same(&t.gt(0.0).to::<u8>(), &n.map(|x| u8::from(x > 0.0)));
    }

    #[test]
    fn a_chain_on_a_dense_tensor_keeps_its_order_of_axes(
        shape in prop::collection::vec(1..5_usize, 0..=4), code in 0..24_usize, expanded in memory(),
    ) {
        let (t, n) = build(&shape, &[crate::common::Step::Permute(code)], small(1));
        let (b, nb) = build(&shape, &expanded, small(2));
        let chain = (&t * 2.0 + &b).relu().maximum(&b) - 1.0;
        prop_assert_eq!(dense_strides(&chain), dense_strides(&t));
        let zipped = n.zip(&nb, |x, y| (x * 2.0 + y).max(0.0).max(y) - 1.0);
        assert_same(&chain, &zipped);
        // In place as well, on a shared handle too.
        for mut written in [t.clone(), own(&t)] {
            written.add_(&b);
            prop_assert_eq!(dense_strides(&written), dense_strides(&t));
            written = t.clone();
            written.fill_(1.0);
            prop_assert_eq!(dense_strides(&written), dense_strides(&t));
        }
        // The second operand leads where the first cannot.
        let scalar = Tensor::scalar(1.0);
        prop_assert_eq!(dense_strides(&(&scalar - &t)), dense_strides(&t));
        prop_assert_eq!(dense_strides(&t.gt(0.0)), dense_strides(&t));
    }
}

/// The strides of the axes that have a place in memory.
fn dense_strides<E: downhill_tensor::Element>(t: &Tensor<E>) -> Vec<usize> {
    t.strides().iter().zip(t.shape()).filter(|(_, d)| **d > 1).map(|(s, _)| *s).collect()
}

#[test]
fn nan_wins_maximum_and_minimum_from_either_side() {
    let a = Tensor::from([f32::NAN, 1.0, f32::NAN, 1.0]);
    let b = Tensor::from([1.0, f32::NAN, f32::NAN, 2.0]);
    let bits = |t: Tensor<f32>| t.iter().map(f32::is_nan).collect::<Vec<_>>();
    assert_eq!(bits(a.maximum(&b)), [true, true, true, false]);
    assert_eq!(bits(a.minimum(&b)), [true, true, true, false]);
    assert_eq!((a.maximum(&b).get(&[3]), a.minimum(&b).get(&[3])), (2.0, 1.0));
    assert!(a.relu().get(&[0]).is_nan() && a.clamp(0.0, 1.0).get(&[0]).is_nan());
    assert_eq!(a.eq(&a).to_vec(), [false, true, false, true]);
    assert_eq!(a.ne(&a).to_vec(), [true, false, true, false]);
}

#[test]
fn unary_functions() {
    let xs = [-3.0, -0.5, 0.0, 0.5, 1.0, 7.0_f64];
    let t = Tensor::from(xs);
    type Case = (fn(&Tensor<f64>) -> Tensor<f64>, fn(f64) -> f64);
    let cases: [Case; 11] = [
        (Tensor::exp, f64::exp),
        (Tensor::abs, f64::abs),
        (Tensor::square, |x| x * x),
        (Tensor::recip, |x| 1.0 / x),
        (Tensor::sin, f64::sin),
        (Tensor::cos, f64::cos),
        (Tensor::tanh, f64::tanh),
        (Tensor::sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
        (|t| t.powf(3.0), |x| x * x * x),
        (|t| t.abs().ln(), |x| x.abs().ln()),
        (|t| t.abs().sqrt(), |x| x.abs().sqrt()),
    ];
    for (k, (op, f)) in cases.into_iter().enumerate() {
        for (y, x) in op(&t).iter().zip(xs) {
            let close = y == f(x) || (y - f(x)).abs() <= 1e-14 * f(x).abs();
            assert!(close, "function {k} of {x}: got {y:e}, expected {:e}", f(x));
        }
        for (y, x) in op(&t).to::<f32>().iter().zip(op(&t.to::<f32>().to()).iter()) {
            assert!(y == x as f32, "function {k} in f32");
        }
    }
    assert!(Tensor::from([-1.0_f32]).ln().item().is_nan() && Tensor::from([-1.0_f32]).sqrt().item().is_nan());
    assert_eq!(Tensor::from([0.0_f32]).ln().item(), f32::NEG_INFINITY);
}

#[test]
fn sigmoid_neither_overflows_nor_loses_its_tail() {
    let y = Tensor::from([-1000.0, -80.0, 0.0, 80.0, 1000.0, f32::NEG_INFINITY, f32::INFINITY]).sigmoid();
    let expected = (-80.0_f32).exp();
    assert_eq!(y.to_vec(), [0.0, expected, 0.5, 1.0, 1.0, 0.0, 1.0]);
    assert!(Tensor::from([f32::NAN]).sigmoid().item().is_nan());
}

#[test]
fn conversions_saturate_and_round_once() {
    let x = Tensor::from([-1.5, 1.9, 255.9, 300.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
    assert_eq!(x.to::<u8>().to_vec(), [0, 1, 255, 255, 0, 255, 0]);
    assert_eq!(x.to::<i64>().to_vec(), [-1, 1, 255, 300, 0, i64::MAX, i64::MIN]);
    assert_eq!(Tensor::from([0.0, 0.5, f32::NAN]).to::<bool>().to_vec(), [false, true, true]);
    let i = Tensor::from([-1, 0, 255, 256, i64::MAX, i64::MIN]);
    assert_eq!(i.to::<u8>().to_vec(), [0, 0, 255, 255, 255, 0]);
    assert_eq!(i.to::<bool>().to_vec(), [true, false, true, true, true, true]);
    assert_eq!(i.to::<i64>().to_vec(), i.to_vec());
    // By way of f64 this number would be rounded to a tie, and then down.
    let between = (1_i64 << 60) + (1 << 36) + 1;
    assert_eq!(Tensor::from([between]).to::<f32>().item(), between as f32);
    assert_eq!(Tensor::from([true, false]).to::<f32>().to_vec(), [1.0, 0.0]);
    assert_eq!(Tensor::from([true, false]).to::<i64>().to_vec(), [1, 0]);
    assert_eq!(Tensor::from([0_u8, 2]).to::<bool>().to_vec(), [false, true]);
}

#[test]
fn integers_wrap() {
    let a = Tensor::from([250_u8, 5]);
    assert_eq!((&a + 10).to_vec(), [4, 15]);
    assert_eq!((&a - 10).to_vec(), [240, 251]);
    assert_eq!((&a * 2).to_vec(), [244, 10]);
    let mut b = Tensor::from([i64::MAX, i64::MIN]);
    assert_eq!((&b + 1).to_vec(), [i64::MIN, i64::MIN + 1]);
    b.mul_(2).add_(Tensor::from([0, 1_i64]));
    assert_eq!(b.to_vec(), [-2, 1]);
}

#[test]
fn large_operands_in_every_loop_form() {
    // Beyond the size of one parallel task, in runs longer and shorter than a task, with a remainder.
    for (m, n) in [(3, 70_001), (70_001, 3), (301, 303)] {
        let a = Tensor::from_fn(&[m, n], |i| ((i[0] * 7 + i[1]) % 101) as f64);
        let row = Tensor::from_fn(&[n], |i| (i[0] % 13) as f64);
        let column = Tensor::from_fn(&[m, 1], |i| (i[0] % 17) as f64);
        let turned = Tensor::from_fn(&[n, m], |i| (i[0] + i[1]) as f64).t();
        let wide = Tensor::from_fn(&[m, 2 * n], |i| (i[1] % 19) as f64).slice(1, 1, 2 * n, 2);
        let y = &a + &row - &column + &turned * 2.0 + &wide;
        let z = (&column + &row).maximum(turned.gt(5.0).where_(&wide, &a));
        for i in 0..m {
            for j in 0..n {
                let (x, r, c) = (((i * 7 + j) % 101) as f64, (j % 13) as f64, (i % 17) as f64);
                let (t, w) = ((i + j) as f64, ((2 * j + 1) % 19) as f64);
                assert_eq!(y.get(&[i, j]), x + r - c + t * 2.0 + w, "y at {i}, {j}");
                assert_eq!(z.get(&[i, j]), (c + r).max(if t > 5.0 { w } else { x }), "z at {i}, {j}");
            }
        }
        let mut b = turned.clone();
        b.add_(&a).mul_(&row).sub_(&column).map_(|x| x + 1.0);
        for i in 0..m {
            for j in 0..n {
                let (x, r, c) = (((i * 7 + j) % 101) as f64, (j % 13) as f64, (i % 17) as f64);
                assert_eq!(b.get(&[i, j]), ((i + j) as f64 + x) * r - c + 1.0, "b at {i}, {j}");
            }
        }
    }
}

#[test]
fn add_scaled_rounds_once() {
    let (a, b, alpha) = (1.0_f32, 1.0 + f32::EPSILON, 1.0 - f32::EPSILON);
    let mut t = Tensor::from([-a; 40]);
    t.add_scaled_(&Tensor::from([b; 40]), alpha);
    assert_eq!(t.to_vec(), [b.mul_add(alpha, -a); 40]);
    assert_ne!(b.mul_add(alpha, -a), b * alpha - a, "the example tells the two apart");
}
