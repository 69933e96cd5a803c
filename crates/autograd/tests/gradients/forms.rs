//! That the random tensors are what they claim to be.

use downhill_tensor::Tensor;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use downhill_autograd::strategies::{Form, any_value, forms, lay_out, one, shape};

proptest! {
    /// Laying out changes where the elements are, not what they are, unless an axis repeats.
    #[test]
    fn a_form_keeps_the_values(shape in shape(0..=4), forms in forms()) {
        let values = Tensor::from_fn(&shape, |index| index.iter().fold(1.0, |n, &i| n * 7.0 + i as f64));
        let laid_out = lay_out(&values, &forms);
        prop_assert_eq!(laid_out.shape(), values.shape());
        if forms.iter().any(|form| matches!(form, Form::Expanded { .. })) {
            prop_assert!(laid_out.iter().all(|x| values.iter().any(|y| x == y)));
        } else {
            prop_assert_eq!(laid_out.to_vec(), values.to_vec());
        }
    }
}

/// Without this the gradient properties might run on nothing but contiguous matrices.
#[test]
fn every_kind_of_tensor_occurs() {
    let mut runner = TestRunner::deterministic();
    let cases = one(any_value());
    let tensors: Vec<Tensor<f64>> =
        (0..1000).map(|_| cases.new_tree(&mut runner).unwrap().current().0.remove(0)).collect();
    let count = |what: &str, least: usize, is: &dyn Fn(&Tensor<f64>) -> bool| {
        let count = tensors.iter().filter(|t| is(t)).count();
        assert!(count >= least, "{what}: {count} of 1000");
    };
    for rank in 0..=4 {
        count("rank", 100, &|t| t.rank() == rank);
    }
    let real = |t: &Tensor<f64>, is: &dyn Fn(usize, usize) -> bool| {
        t.numel() > 1 && t.shape().iter().zip(t.strides()).any(|(&d, &s)| d > 1 && is(d, s))
    };
    count("not contiguous", 300, &|t| t.numel() > 1 && !t.is_contiguous());
    count("expanded", 50, &|t| real(t, &|_, stride| stride == 0));
    count("last axis not innermost", 100, &|t| {
        t.rank() > 0 && t.shape()[t.rank() - 1] > 1 && t.strides()[t.rank() - 1] > 1
    });
    count("an axis of one element", 200, &|t| t.shape().contains(&1));
    count("no elements", 10, &|t| t.numel() == 0);
    count("more than ten elements", 100, &|t| t.numel() > 10);
}
