//! Arithmetic, reductions, orders and products.

use downhill_tensor::{Pool2dOptions, Tensor, Windows2d};

use crate::t;

#[test]
fn arithmetic() {
    let (x, y) = (t(&[2, 3]), t(&[2]));
    let truth = x.gt(0.0);
    panics! {
        "add: shapes do not broadcast: lhs [2, 3], rhs [2]" <- &x + &y;
        "add: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.clone() + &y;
        "sub: shapes do not broadcast: lhs [2, 3], rhs [2]" <- &x - t(&[2]);
        "mul: shapes do not broadcast: lhs [2, 3], rhs [2]" <- t(&[2, 3]) * t(&[2]);
        "div: shapes do not broadcast: lhs [2], rhs [2, 3]" <- &y / &x;
        "add_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.clone().add_(&y).numel();
        "sub_: rhs does not broadcast to lhs: lhs [3], rhs [2, 3]" <- t(&[3]).sub_(&x).numel();
        "mul_: rhs does not broadcast to lhs: lhs [1, 3], rhs [2, 3]" <- t(&[1, 3]).mul_(&x).numel();
        "div_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.clone().div_(&y).numel();
        "add_scaled_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.clone().add_scaled_(&y, 1.0).numel();
        "copy_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.clone().copy_(&y).numel();
        "maximum: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.maximum(&y);
        "minimum: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.minimum(&y);
        "eq: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.eq(&y);
        "ne: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.ne(&y);
        "lt: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.lt(&y);
        "le: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.le(&y);
        "gt: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.gt(&y);
        "ge: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.ge(&y);
        "bitand: shapes do not broadcast: lhs [2, 3], rhs [2]" <- &truth & y.gt(0.0);
        "bitor: shapes do not broadcast: lhs [2, 3], rhs [2]" <- truth.clone() | &y.gt(0.0);
        "bitxor: shapes do not broadcast: lhs [2, 3], rhs [2]" <- truth.clone() ^ y.gt(0.0);
        "floor_divide: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.floor_divide(&y);
        "floor_divide: an integer is divided by zero: lhs [2], rhs [2]"
            <- Tensor::from([1_i64, 2]).floor_divide(Tensor::from([1, 0]));
        "remainder: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.remainder(&y);
        "remainder: an integer is divided by zero: lhs [1], rhs []" <- Tensor::from([1_u8]).remainder(0);
        "allclose: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.allclose(&y, 0.0, 0.0);
        "zip: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.zip("zip", &y, |x, y| x + y);
        "zip_: rhs does not broadcast to lhs: lhs [2], rhs [2, 3]" <- t(&[2]).zip_("zip_", &x, |y, _| y).numel();
        "into_zip: shapes do not broadcast: lhs [2], rhs [2, 3]" <- t(&[2]).into_zip("into_zip", &x, |y, _| y);
        "fuse: rhs does not broadcast to lhs: lhs [2], rhs [2, 3]" <- Tensor::fuse("fuse", [&y, &x], |[y, _]| y);
        "fuse: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]"
            <- Tensor::fuse("fuse", [&x, &x, &y], |[x, _, _]| x);
        "where_: shapes do not broadcast: condition [2, 3], lhs [], rhs [2]" <- truth.where_(1.0, &y);
    }
}

#[test]
fn reductions() {
    let x = t(&[2, 3]);
    panics! {
        "sum: axis 2 is out of range for a tensor of 2 axes" <- x.sum(2);
        "sum: axis -1 is named twice in [1, -1]" <- x.sum([1, -1]);
        "sum_keepdim: axis -3 is out of range for a tensor of 2 axes" <- x.sum_keepdim(-3);
        "mean: axis 2 is out of range for a tensor of 2 axes" <- x.mean(2);
        "mean_keepdim: axis 0 is named twice in [0, 0]" <- x.mean_keepdim([0, 0]);
        "mean_keepdim: axis 2 is out of range for a tensor of 2 axes" <- x.mean_keepdim(2);
        "prod: axis 2 is out of range for a tensor of 2 axes" <- x.prod(2);
        "prod_keepdim: axis 0 is named twice in [0, 0]" <- x.prod_keepdim([0, 0]);
        "any: axis 2 is out of range for a tensor of 2 axes" <- x.any(2);
        "any_keepdim: axis -3 is out of range for a tensor of 2 axes" <- x.any_keepdim(-3);
        "all: axis 2 is out of range for a tensor of 2 axes" <- x.all(2);
        "all_keepdim: axis -3 is out of range for a tensor of 2 axes" <- x.all_keepdim(-3);
        "count_nonzero: axis 2 is out of range for a tensor of 2 axes" <- x.count_nonzero(2);
        "var: axis -3 is out of range for a tensor of 2 axes" <- x.var(-3, 1);
        "var_keepdim: axis 2 is out of range for a tensor of 2 axes" <- x.var_keepdim(2, 1);
        "std: axis -1 is named twice in [1, -1]" <- x.std([1, -1], 1);
        "std_keepdim: axis 2 is out of range for a tensor of 2 axes" <- x.std_keepdim(2, 1);
        "norm: axis 2 is out of range for a tensor of 2 axes" <- x.norm(2);
        "norm_keepdim: axis 2 is out of range for a tensor of 2 axes" <- x.norm_keepdim(2);
        "norm_p: axis 2 is out of range for a tensor of 2 axes" <- x.norm_p(3.0, 2);
        "norm_p: no elements to choose from in shape [2, 0]" <- t(&[2, 0]).norm_p(f32::INFINITY, 1);
        "norm_p_keepdim: axis 0 is named twice in [0, 0]" <- x.norm_p_keepdim(1.0, [0, 0]);
        "norm_p_keepdim: no elements to choose from in shape [0]" <- t(&[0]).norm_p_keepdim(f32::NEG_INFINITY, 0);
        "logsumexp: axis 2 is out of range for a tensor of 2 axes" <- x.logsumexp(2);
        "logsumexp_keepdim: axis -2 is named twice in [0, -2]" <- x.logsumexp_keepdim([0, -2]);
        "sum_to: shape [2] does not broadcast to [2, 3]" <- x.sum_to(&[2]);
        "sum_to: shape [1, 2, 3] does not broadcast to [2, 3]" <- x.sum_to(&[1, 2, 3]);
        "sum_to: at most 6 axes, got [1, 1, 1, 1, 1, 2, 3]" <- x.sum_to(&[1, 1, 1, 1, 1, 2, 3]);
    }
}

#[test]
fn products() {
    let x = t(&[2, 3]);
    panics! {
        "matmul: inner dimensions differ: lhs [64, 784], rhs [10, 30]" <- t(&[64, 784]).matmul(&t(&[10, 30]));
        "matmul: inner dimensions differ: lhs [3], rhs [2, 3]" <- t(&[3]).matmul(&x);
        "matmul: a scalar has no inner dimension: lhs [], rhs [2, 3]" <- t(&[]).matmul(&x);
        "matmul: a scalar has no inner dimension: lhs [2, 3], rhs []" <- x.matmul(&t(&[]));
        "matmul: batch axes do not broadcast: lhs [2, 1, 1], rhs [3, 1, 1]"
            <- t(&[2, 1, 1]).matmul(&t(&[3, 1, 1]));
        "dot: expected two vectors of one length: lhs [2], rhs [3]" <- t(&[2]).dot(&t(&[3]));
        "dot: expected two vectors of one length: lhs [2, 3], rhs [2, 3]" <- x.dot(&x);
        "outer: expected two vectors: lhs [2], rhs []" <- t(&[2]).outer(&t(&[]));
        "linear: inner dimensions differ: input [2, 3], weight [4, 2]" <- x.linear(&t(&[4, 2]), None);
        "linear: inner dimensions differ: input [], weight [4, 2]" <- t(&[]).linear(&t(&[4, 2]), None);
        "linear: inner dimensions differ: input [2, 3], weight [3]" <- x.linear(&t(&[3]), None);
        "linear: shapes differ: weight [4, 3], bias [3]" <- x.linear(&t(&[4, 3]), Some(&t(&[3])));
        "linear_relu: inner dimensions differ: input [2, 3], weight [4, 2]" <- x.linear_relu(&t(&[4, 2]), None);
        "linear_relu: shapes differ: weight [4, 3], bias [1, 4]" <- x.linear_relu(&t(&[4, 3]), Some(&t(&[1, 4])));
        "addmm_: shapes do not fit: self [2, 3], lhs [2, 4], rhs [3, 3]"
            <- x.clone().addmm_(&t(&[2, 4]), &t(&[3, 3])).numel();
        "addmm_: shapes do not fit: self [2, 3], lhs [2], rhs [2, 3]" <- x.clone().addmm_(&t(&[2]), &x).numel();
    }
}

#[test]
fn extrema_and_orders() {
    let (x, empty) = (t(&[2, 3]), t(&[2, 0]));
    panics! {
        "max: no elements to choose from in shape [2, 0]" <- empty.max();
        "min: no elements to choose from in shape [2, 0]" <- empty.min();
        "max_dim: no elements to choose from in shape [2, 0]" <- empty.max_dim(1);
        "min_dim: axis 2 is out of range for a tensor of 2 axes" <- x.min_dim(2);
        "max_dim_keepdim: axis 2 is out of range for a tensor of 2 axes" <- x.max_dim_keepdim(2);
        "min_dim_keepdim: no elements to choose from in shape [2, 0]" <- empty.min_dim_keepdim(-1);
        "amax: axis 2 is out of range for a tensor of 2 axes" <- x.amax(2);
        "amin: no elements to choose from in shape [2, 0]" <- empty.amin(1);
        "amax_keepdim: no elements to choose from in shape [2, 0]" <- empty.amax_keepdim(1);
        "amin_keepdim: axis 0 is named twice in [0, 0]" <- x.amin_keepdim([0, 0]);
        "argmax: expected one axis or all, got 2 of 3" <- t(&[2, 2, 2]).argmax([0, 1]);
        "argmax: no elements to choose from in shape [0]" <- empty.argmax(..);
        "argmin: axis 2 is out of range for a tensor of 2 axes" <- x.argmin(2);
        "argmax_keepdim: no elements to choose from in shape [2, 0]" <- empty.argmax_keepdim(1);
        "argmin_keepdim: expected one axis or all, got 2 of 3" <- t(&[2, 2, 2]).argmin_keepdim([0, 1]);
        "sort: axis 2 is out of range for a tensor of 2 axes" <- x.sort(2, false);
        "argsort: axis 2 is out of range for a tensor of 2 axes" <- x.argsort(2, false);
        "topk: 4 elements of axis 1 of shape [2, 3]" <- x.topk(4, 1, true);
        "topk: axis 2 is out of range for a tensor of 2 axes" <- x.topk(1, 2, true);
        "cumsum: axis 0 is out of range for a tensor of 0 axes" <- t(&[]).cumsum(0);
        "cumsum_reversed: axis 2 is out of range for a tensor of 2 axes" <- x.cumsum_reversed(2);
        "softmax: axis 2 is out of range for a tensor of 2 axes" <- x.softmax(2);
        "log_softmax: axis -3 is out of range for a tensor of 2 axes" <- x.log_softmax(-3);
        "tril: expected matrices, got shape [3]" <- t(&[3]).tril(0);
        "triu: expected matrices, got shape []" <- t(&[]).triu(0);
    }
}

#[test]
fn windows() {
    let (x, pool) = (t(&[2, 3, 4, 4]), Pool2dOptions::new(2));
    let windows = Windows2d::sliding("sliding", x.shape(), &pool);
    let (y, indices) = x.window_max(&windows);
    panics! {
        "sliding: expected shape [n, c, h, w], got [2, 3]" <- Windows2d::sliding("sliding", &[2, 3], &pool);
        "adaptive: expected shape [n, c, h, w], got [2, 3]" <- Windows2d::adaptive("adaptive", &[2, 3], 1);
        "adaptive: no pixels for output [1, 1]: input [1, 1, 0, 2]"
            <- Windows2d::adaptive("adaptive", &[1, 1, 0, 2], 1);
        "adaptive_max_pool2d: no pixels for output [1, 1]: input [1, 1, 0, 2]"
            <- t(&[1, 1, 0, 2]).adaptive_max_pool2d(1);
        "window_max: windows over images of [4, 4] for shape [2, 3, 4, 5]" <- t(&[2, 3, 4, 5]).window_max(&windows);
        "window_max_backward: windows over images of [2, 2] for shape [2, 3, 4, 4]"
            <- x.window_max_backward(&indices, &windows);
        "window_max_backward: shapes differ: gradient [2, 3, 2, 2], indices [2, 3, 1, 2]"
            <- y.window_max_backward(&indices.narrow(2, 0, 1), &windows);
    }
}
