//! Single elements, joins, indices and masks.

use downhill_tensor::testing::{Tolerance, assert_close};
use downhill_tensor::{Tensor, cat, stack};

use crate::t;

#[test]
fn elements_and_joins() {
    let x = t(&[2, 3]);
    panics! {
        "item: expected one element, got shape [2, 3]" <- x.item();
        "item: expected one element, got shape [0]" <- t(&[0]).item();
        "get: index [2, 0] is outside of shape [2, 3]" <- x.get(&[2, 0]);
        "get: index [0] is outside of shape [2, 3]" <- x.get(&[0]);
        "size: axis -3 is out of range for a tensor of 2 axes" <- x.size(-3);
        "index_select: index 2 is outside of axis 0 of shape [2, 3]" <- x.index_select(0, &[0, 2]);
        "index_select: axis 2 is out of range for a tensor of 2 axes" <- x.index_select(2, &[]);
        "cat: no tensors" <- cat::<f32>(&[], 0);
        "cat: axis 0 is out of range for a tensor of 0 axes" <- cat(&[t(&[])], 0);
        "cat: shapes differ off axis 0: first [2, 3], other [2, 4]" <- cat(&[x.clone(), t(&[2, 4])], 0);
        "cat: shapes differ off axis 1: first [2, 3], other [2]" <- cat(&[x.clone(), t(&[2])], 1);
        "stack: no tensors" <- stack::<f32>(&[], 0);
        "stack: shapes differ: first [2, 3], other [3, 2]" <- stack(&[x.clone(), t(&[3, 2])], 0);
        "stack: axis 3 is out of range for a tensor of 3 axes" <- stack(std::slice::from_ref(&x), 3);
        "stack: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- stack(&[t(&[1; 6])], 0);
        "repeat: fewer numbers than axes: shape [2, 3], times [2]" <- x.repeat(&[2]);
        "repeat: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- x.repeat(&[1; 7]);
        "compare: shapes differ: actual [2, 3], expected [3, 2]" <- assert_close(&x, &x.t(), Tolerance::EXACT);
        "at [1]: got 2e0, expected 3e0, error 1e0, allowed 5e-1"
            <- assert_close(&Tensor::from([1.0, 2.0_f32]), &Tensor::from([1.0, 3.0]), Tolerance::absolute(0.5));
    }
}

#[test]
fn indices_and_counting() {
    let (x, index) = (t(&[2, 3]), Tensor::from([[0, 3_i64]]));
    let mut y = x.clone();
    panics! {
        "gather: index 3 is outside of axis 1 of shape [2, 3]" <- x.gather(1, &index);
        "gather: index -1 is outside of axis 0 of shape [2, 3]" <- x.gather(0, &Tensor::from([[-1_i64]]));
        "gather: axis 2 is out of range for a tensor of 2 axes" <- x.gather(2, &index);
        "gather: index exceeds the tensor off axis 1: tensor [2, 3], index [2]" <- x.gather(1, &Tensor::from([0, 1_i64]));
        "gather: index exceeds the tensor off axis 1: tensor [2, 3], index [3, 1]"
            <- x.gather(1, &Tensor::zeros(&[3, 1]));
        "scatter_add_: index 3 is outside of axis 1 of shape [2, 3]"
            <- y.scatter_add_(1, &index, &t(&[1, 2])).numel();
        "scatter_add_: shapes differ: index [1, 2], source [2, 1]"
            <- y.scatter_add_(1, &index, &t(&[2, 1])).numel();
        "index_add_: index 2 is outside of axis 0 of shape [2, 3]" <- y.index_add_(0, &[2], &t(&[1, 3])).numel();
        "index_add_: shapes differ: expected [1, 3], source [3]" <- y.index_add_(0, &[0], &t(&[3])).numel();
        "scatter_: index 3 is outside of axis 1 of shape [2, 3]" <- y.scatter_(1, &index, &t(&[1, 2])).numel();
        "scatter_: shapes differ: index [1, 2], source [2, 1]" <- y.scatter_(1, &index, &t(&[2, 1])).numel();
        "scatter_: axis 2 is out of range for a tensor of 2 axes" <- y.scatter_(2, &index, &t(&[1, 2])).numel();
        "masked_select: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.masked_select(&t(&[2]).gt(0.0));
        "masked_fill: shapes do not broadcast: lhs [2, 3], rhs [2]"
            <- x.masked_fill(&t(&[2]).gt(0.0), 1.0);
        "masked_fill_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]"
            <- y.masked_fill_(&t(&[2]).gt(0.0), 1.0).numel();
        "flip: axis 2 is out of range for a tensor of 2 axes" <- x.flip(&[2]);
        "roll: axis -3 is out of range for a tensor of 2 axes" <- x.roll(1, -3);
        "split: parts of no indices of axis 1 of shape [2, 3]" <- x.split(0, 1);
        "split: axis 2 is out of range for a tensor of 2 axes" <- x.split(1, 2);
        "chunk: no parts of axis 1 of shape [2, 3]" <- x.chunk(0, 1);
        "pad: padding [1] for shape [2, 3]" <- x.pad(&[1], 0.0);
        "pad: padding [0, 0, 0, 0, 0, 1] for shape [2, 3]" <- x.pad(&[0, 0, 0, 0, 0, 1], 0.0);
        "pad: padding [18446744073709551615, 0] is too large" <- x.pad(&[usize::MAX, 0], 0.0);
    }
}
