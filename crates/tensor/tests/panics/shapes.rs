//! Creation, views, and shapes that no memory can hold.

use downhill_tensor::{Axes, Dims, Rng, Tensor, cat, stack};

use crate::t;

#[test]
fn creation() {
    panics! {
        "from_vec: 3 values for shape [2, 2]" <- Tensor::from_vec(vec![1.0_f32; 3], &[2, 2]);
        "from_slice: 3 values for shape []" <- Tensor::from_slice(&[1_u8; 3], &[]);
        "from_vec: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- Tensor::from_vec(vec![1.0_f32], &[1; 7]);
        "zeros: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- t(&[1; 7]);
        "Dims::new: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- Dims::new(&[1; 7]);
        "uniform: bounds are not finite: low 0.0, high inf"
            <- Tensor::<f32>::uniform(&[1], 0.0, f64::INFINITY, &mut Rng::new(0));
        "uniform: bounds are not finite: low 0.0, high 1e300"
            <- Tensor::<f32>::uniform(&[1], 0.0, 1e300, &mut Rng::new(0));
        "randint: there is no number from 3 up to 3" <- Tensor::randint(3, 3, &[1], &mut Rng::new(0));
        "arange_step: no steps of 0 lead from 0 to 1" <- Tensor::arange_step(0_i64, 1, 0);
        "arange_step: no steps of -0.5 lead from 0.0 to 1.0" <- Tensor::arange_step(0.0_f32, 1.0, -0.5);
        "arange_step: no steps of 1.0 lead from 0.0 to inf" <- Tensor::arange_step(0.0_f32, f32::INFINITY, 1.0);
        "diag: expected a vector, got shape [2, 2]" <- t(&[2, 2]).diag(0);
        "diag: shape [18446744073709551615, 18446744073709551615] exceeds the address space"
            <- Tensor::<u8>::zeros(&[1]).expand(&[isize::MAX as usize]).diag(isize::MIN);
    }
}

#[test]
fn views() {
    let x = t(&[2, 3]);
    panics! {
        "reshape: shape [2, 2] does not fit the 6 elements of shape [2, 3]" <- x.reshape(&[2, 2]);
        "reshape: shape [-1, 4] does not fit the 6 elements of shape [2, 3]" <- x.reshape(&[-1, 4]);
        "reshape: at most one axis may be -1 and none less, got [-1, -1]" <- x.reshape(&[-1, -1]);
        "reshape: at most one axis may be -1 and none less, got [-2, 3]" <- x.reshape(&[-2, 3]);
        "reshape: axis 1 of [0, -1] could be anything for shape [0, 3]" <- t(&[0, 3]).reshape(&[0, -1]);
        "view: shape [6] needs a copy of shape [3, 2] with strides [1, 3]; use reshape" <- x.t().view(&[6]);
        "view: shape [5] does not fit the 6 elements of shape [2, 3]" <- x.view(&[5]);
        "reshape: at most 6 axes, got [2, 3, 1, 1, 1, 1, 1]" <- x.reshape(&[2, 3, 1, 1, 1, 1, 1]);
        "flatten: axis 2 is out of range for a tensor of 2 axes" <- x.flatten(2);
        "transpose: axis 2 is out of range for a tensor of 2 axes" <- x.transpose(2, 0);
        "transpose: axis -3 is out of range for a tensor of 2 axes" <- x.transpose(0, -3);
        "t: expected a matrix, got shape [3]" <- t(&[3]).t();
        "diagonal: expected a matrix, got shape [3]" <- t(&[3]).diagonal(0);
        "permute: axes [0] for shape [2, 3]" <- x.permute(&[0]);
        "permute: axis -2 is named twice in [0, -2]" <- x.permute(&[0, -2]);
        "permute: axis 2 is out of range for a tensor of 2 axes" <- x.permute(&[0, 2]);
        "narrow: start 1 and length 2 exceed axis 0 of shape [2, 3]" <- x.narrow(0, 1, 2);
        "narrow: start 18446744073709551615 and length 2 exceed axis 0 of shape [2, 3]"
            <- x.narrow(0, usize::MAX, 2);
        "narrow: axis 2 is out of range for a tensor of 2 axes" <- x.narrow(2, 0, 0);
        "slice: 2..1 exceeds axis 1 of shape [2, 3]" <- x.slice(-1, 2, 1, 1);
        "slice: 0..4 exceeds axis 1 of shape [2, 3]" <- x.slice(1, 0, 4, 1);
        "slice: the step must be positive, got 0" <- x.slice(1, 0, 3, 0);
        "select: index 3 is outside of axis 1 of shape [2, 3]" <- x.select(1, 3);
        "select: axis 0 is out of range for a tensor of 0 axes" <- t(&[]).select(0, 0);
        "unbind: axis 2 is out of range for a tensor of 2 axes" <- x.unbind(2);
        "expand: shape [2, 3] does not broadcast to [4, 3]" <- x.expand(&[4, 3]);
        "expand: shape [2, 3] does not broadcast to [3]" <- x.expand(&[3]);
        "expand: at most 6 axes, got [1, 1, 1, 1, 1, 2, 3]" <- x.expand(&[1, 1, 1, 1, 1, 2, 3]);
        "unsqueeze: axis 3 is out of range for a tensor of 3 axes" <- x.unsqueeze(3);
        "unsqueeze: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- t(&[1; 6]).unsqueeze(0);
        "squeeze: axis 2 is out of range for a tensor of 2 axes" <- x.squeeze(2);
    }
}

#[test]
fn shapes_beyond_memory_are_refused_and_not_wrapped() {
    const HALF: usize = 1 << 32;
    let (column, row) = (Tensor::<bool>::ones(&[1, 1]).expand(&[HALF, 1]), t(&[1]).expand(&[HALF]));
    let tall = t(&[1, 1]).expand(&[HALF, 1]);
    panics! {
        "zeros: shape [18446744073709551615, 2] exceeds the address space" <- t(&[usize::MAX, 2]);
        "ones: shape [4294967296, 4294967296] exceeds the address space" <- Tensor::<u8>::ones(&[HALF, HALF]);
        "full: shape [2305843009213693952] exceeds the address space" <- Tensor::full(&[1 << 61], 1.0_f32);
        "from_fn: shape [9223372036854775808] exceeds the address space"
            <- Tensor::from_fn(&[1 << 63], |_| 1_u8);
        "from_vec: shape [4294967296, 4294967296] exceeds the address space"
            <- Tensor::<u8>::from_vec(vec![], &[HALF, HALF]);
        // A part of an empty shape counts as well: a sum over the empty axis would have it.
        "zeros: shape [0, 18446744073709551615, 2] exceeds the address space" <- t(&[0, usize::MAX, 2]);
        "zeros: shape [2305843009213693952] exceeds the address space" <- t(&[1 << 61]);
        "arange: shape [18446744073709551615] exceeds the address space" <- Tensor::<f64>::arange(usize::MAX);
        "arange_step: shape [9223372036854775807] exceeds the address space"
            <- Tensor::arange_step(0, i64::MAX, 1);
        "eye: shape [4294967296, 4294967296] exceeds the address space" <- Tensor::<f32>::eye(HALF);
        "linspace: shape [18446744073709551615] exceeds the address space"
            <- Tensor::<f32>::linspace(0.0, 1.0, usize::MAX);
        "rand: shape [4294967296, 4294967296] exceeds the address space"
            <- Tensor::<f32>::rand(&[HALF, HALF], &mut Rng::new(0));
        "randn: shape [4294967296, 4294967296] exceeds the address space"
            <- Tensor::<f32>::randn(&[HALF, HALF], &mut Rng::new(0));
        "uniform: shape [4294967296, 4294967296] exceeds the address space"
            <- Tensor::<f32>::uniform(&[HALF, HALF], 0.0, 1.0, &mut Rng::new(0));
        "randint: shape [4294967296, 4294967296] exceeds the address space"
            <- Tensor::randint(0, 9, &[HALF, HALF], &mut Rng::new(0));
        "pad: shape [2305843009213693953] exceeds the address space" <- t(&[1]).pad(&[0, 1 << 61], 0.0);
        "repeat: shape [4294967296, 4294967296] exceeds the address space" <- t(&[1]).repeat(&[HALF, HALF]);
        "repeat: shape [2] times [18446744073709551615] exceeds the address space"
            <- t(&[2]).repeat(&[usize::MAX]);
        "diag: shape [4294967296, 4294967296] exceeds the address space" <- row.diag(0);
        "outer: shape [4294967296, 4294967296] exceeds the address space" <- row.outer(&row);
        "expand: shape [4294967296, 4294967296] exceeds the address space" <- t(&[1]).expand(&[HALF, HALF]);
        "reshape: shape [4294967296, 4294967296] exceeds the address space"
            <- t(&[0]).reshape(&[HALF as isize, HALF as isize]);
        "add: shape [4294967296, 4294967296] exceeds the address space" <- &tall + &row;
        "gt: shape [4294967296, 4294967296] exceeds the address space" <- tall.gt(&row);
        "where_: shape [4294967296, 4294967296] exceeds the address space"
            <- column.where_(&row, 1.0);
        "matmul: shape [4294967296, 4294967296] exceeds the address space" <- tall.matmul(&row.unsqueeze(0));
        "cat: shape [2305843009213693952] exceeds the address space"
            <- cat(&[t(&[1]).expand(&[1 << 60]), t(&[1]).expand(&[1 << 60])], 0);
        "stack: shape [2, 1152921504606846976] exceeds the address space"
            <- stack(&[t(&[1]).expand(&[1 << 60]), t(&[1]).expand(&[1 << 60])], 0);
        "index_select: shape [3, 1152921504606846976] exceeds the address space"
            <- t(&[1, 1]).expand(&[1, 1 << 60]).index_select(0, &[0, 0, 0]);
    }
}

#[test]
fn what_follows_from_a_shape_is_refused_in_its_name() {
    panics! {
        "reduced_shape: axis 2 is out of range for a tensor of 2 axes" <- Axes::from(2).reduced_shape(&[2, 3]);
        "reduced_shape: axis -2 is named twice in [0, -2]" <- Axes::from([0, -2]).reduced_shape(&[2, 3]);
    }
}

#[test]
fn a_gigantic_view_costs_nothing() {
    let wide = Tensor::scalar(1.0_f32).expand(&[1 << 30, 1 << 30]);
    assert_eq!(wide.numel(), 1 << 60);
    assert_eq!(wide.get(&[12345, 67890]), 1.0);
    assert_eq!(wide.narrow(0, 5, 2).narrow(1, 1 << 29, 3).sum(..).item(), 6.0);
    assert_eq!(wide.t().select(0, 7).shape(), [1 << 30]);
    assert_eq!(Tensor::<f32>::zeros(&[1 << 30, 0, 1 << 20]).to_vec(), []);
}
