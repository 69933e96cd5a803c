//! Matrix products.

use downhill_autograd::{Var, linear};
use downhill_tensor::Tensor;
use proptest::prelude::*;

use crate::property::properties;
use downhill_autograd::strategies::{Case, any_value, broadcast_from, tensor};

properties! {
    matmul_vectors checks "matmul":
        length().prop_flat_map(|k| operands(vec![k], vec![k])),
        |x, ()| x[0].matmul(&x[1]);
    matmul checks "matmul":
        mkn().prop_flat_map(|(m, k, n)| operands(vec![m, k], vec![k, n])),
        |x, ()| x[0].matmul(&x[1]);
    matmul_row checks "matmul":
        (batch(), mkn()).prop_flat_map(|(batch, (_, k, n))| operands(vec![k], with(batch, k, n))),
        |x, ()| x[0].matmul(&x[1]);
    matmul_column checks "matmul":
        (batch(), mkn()).prop_flat_map(|(batch, (m, k, _))| operands(with(batch, m, k), vec![k])),
        |x, ()| x[0].matmul(&x[1]);
    matmul_batched checks "matmul":
        (batch(), mkn())
            .prop_flat_map(|(batch, mkn)| (broadcast_from(batch.clone()), broadcast_from(batch), Just(mkn)))
            .prop_flat_map(|(a, b, (m, k, n))| operands(with(a, m, k), with(b, k, n))),
        |x, ()| x[0].matmul(&x[1]);
    matmul_with_its_transpose checks "matmul":
        mkn().prop_flat_map(|(m, k, _)| tensor(vec![m, k], &any_value())).prop_map(|x| (vec![x], ())),
        |x, ()| x[0].matmul(&x[0].t());
    linear_no_bias checks "linear":
        (rows(), mkn()).prop_flat_map(|(rows, (_, k, n))| operands(behind(rows, k), vec![n, k])),
        |x, ()| linear(&x[0], &x[1], None);
    linear_bias checks "linear":
        (rows(), mkn()).prop_flat_map(|(rows, (_, k, n))| {
            (operands(behind(rows, k), vec![n, k]), tensor(vec![n], &any_value()))
                .prop_map(|((mut xs, ()), bias)| {
                    xs.push(bias);
                    (xs, ())
                })
        }),
        |x, ()| linear(&x[0], &x[1], Some(&x[2]));
}

/// Lengths of matrix axes; zero now and then.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 0..=0_usize, 20 => 1..=4_usize]
}

fn mkn() -> impl Strategy<Value = (usize, usize, usize)> {
    (length(), length(), length())
}

/// Up to two batch axes.
fn batch() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1 => 0..=0_usize, 20 => 1..=3_usize], 0..=2)
}

/// The axes of a linear layer's input before its last one.
fn rows() -> impl Strategy<Value = Vec<usize>> {
    batch()
}

fn with(mut batch: Vec<usize>, rows: usize, cols: usize) -> Vec<usize> {
    batch.extend([rows, cols]);
    batch
}

fn behind(mut rows: Vec<usize>, features: usize) -> Vec<usize> {
    rows.push(features);
    rows
}

fn operands(a: Vec<usize>, b: Vec<usize>) -> impl Strategy<Value = Case<()>> {
    (tensor(a, &any_value()), tensor(b, &any_value())).prop_map(|(a, b)| (vec![a, b], ()))
}

/// The fused layer is what it abbreviates.
#[test]
fn linear_is_a_product_and_a_sum() {
    let mut rng = downhill_tensor::Rng::new(1);
    let mut randn = |shape: &[usize]| Var::parameter(Tensor::<f64>::randn(shape, &mut rng));
    let (x, w, b) = (randn(&[2, 5, 3]), randn(&[4, 3]), randn(&[4]));
    let gradients = |out: Var<f64>| downhill_autograd::grad(&[&out.sin()], &[&x, &w, &b]);
    let (fused, spelled) = (gradients(linear(&x, &w, Some(&b))), gradients(x.matmul(&w.t()) + &b));
    for (fused, spelled) in fused.iter().zip(&spelled) {
        let tolerance = downhill_tensor::testing::Tolerance { absolute: 1e-13, relative: 1e-13 };
        downhill_tensor::testing::assert_close(fused.as_ref().unwrap(), spelled.as_ref().unwrap(), tolerance);
    }
}

/// The sizes of a real layer, beyond a kernel's block sizes and edges, against the definition written out.
#[test]
fn gradients_of_a_large_product() {
    let mut rng = downhill_tensor::Rng::new(2);
    let mut randn = |shape: &[usize]| Tensor::<f64>::randn(shape, &mut rng);
    let (a, b, g) = (randn(&[67, 129]), randn(&[129, 35]), randn(&[67, 35]));
    let (x, y) = (Var::parameter(a.clone()), Var::parameter(b.clone()));
    x.matmul(&y).backward_with(g.clone());
    let dot = |n: usize, term: &dyn Fn(usize) -> f64| (0..n).map(term).sum::<f64>();
    let grad_a = Tensor::from_fn(&[67, 129], |i| dot(35, &|j| g.get(&[i[0], j]) * b.get(&[i[1], j])));
    let grad_b = Tensor::from_fn(&[129, 35], |i| dot(67, &|j| a.get(&[j, i[0]]) * g.get(&[j, i[1]])));
    let tolerance = downhill_tensor::testing::Tolerance { absolute: 0.0, relative: 1e-13 };
    downhill_tensor::testing::assert_close(&x.grad().unwrap(), &grad_a, tolerance);
    downhill_tensor::testing::assert_close(&y.grad().unwrap(), &grad_b, tolerance);
}
