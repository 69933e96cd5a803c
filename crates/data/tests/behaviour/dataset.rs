//! Datasets: a batch has the items that were asked for, in that order, or is an error.

use std::sync::Arc;

use downhill_data::{Dataset, Error, TensorDataset};
use downhill_tensor::{Rng, Tensor};

/// Items `[10 i, 10 i + 1, 10 i + 2]` with target `[i]`.
fn pair(n: usize) -> (Tensor<f32>, Tensor<i64>) {
    (Tensor::from_fn(&[n, 3], |i| (10 * i[0] + i[1]) as f32), Tensor::from_fn(&[n, 1], |i| i[0] as i64))
}

fn check(dset: &impl Dataset<X = f32, Y = i64>, idx: &[usize]) {
    let (x, y) = dset.batch(idx).unwrap();
    assert_eq!((x.shape(), y.shape()), (&[idx.len(), 3][..], &[idx.len(), 1][..]));
    let expected = idx.iter().flat_map(|&i| (0..3).map(move |j| (10 * i + j) as f32));
    assert!(x.iter().eq(expected), "{idx:?}: {x:?}");
    assert!(y.iter().eq(idx.iter().map(|&i| i as i64)), "{idx:?}: {y:?}");
    assert!(x.is_contiguous() && y.is_contiguous());
}

#[test]
fn both_datasets_answer_with_the_items_asked_for() {
    let (x, y) = pair(8);
    let list: Vec<_> = x.unbind(0).zip(y.unbind(0)).collect();
    let transposed = x.t().contiguous().t();
    assert!(!transposed.is_contiguous());
    let tensors = TensorDataset::new(transposed, y).unwrap();
    assert_eq!((tensors.len(), Dataset::len(&list)), (8, 8));
    let mut rng = Rng::new(3);
    for n in 0..20 {
        let random: Vec<usize> = (0..n).map(|_| rng.below(8)).collect();
        let run: Vec<usize> = (n.min(7)..8).collect();
        for idx in [&random, &run] {
            check(&tensors, idx);
            check(&list, idx);
            check(&Arc::new(list.clone()), idx);
        }
    }
    check(&tensors, &[7, 6, 5]);
    check(&list, &[0, 1, 1, 2]);
}

#[test]
fn neighbours_are_a_view() {
    let (x, y) = pair(8);
    let dset = TensorDataset::new(x.clone(), y).unwrap();
    assert!(dset.batch(&[2, 3, 4]).unwrap().0.shares_storage(&x));
    assert!(!dset.batch(&[2, 4, 3]).unwrap().0.shares_storage(&x));
}

#[test]
fn an_index_out_of_range_is_an_error() {
    let (x, y) = pair(4);
    let list: Vec<_> = x.unbind(0).zip(y.unbind(0)).collect();
    let tensors = TensorDataset::new(x, y).unwrap();
    for idx in [&[4][..], &[3, 4], &[0, usize::MAX], &[2, 3, 4, 5]] {
        for error in [tensors.batch(idx).unwrap_err(), list.batch(idx).unwrap_err()] {
            assert!(matches!(error, Error::Index { index: 4.., len: 4 }), "{error:?}");
            assert!(error.to_string().contains("expected an index below 4, found"), "{error}");
        }
    }
}

#[test]
fn tensors_must_pair_up() {
    let (x, scalar) = (Tensor::<f32>::zeros(&[3, 2]), Tensor::scalar(1_i64));
    for y in [Tensor::<i64>::zeros(&[2]), Tensor::zeros(&[4, 3]), Tensor::zeros(&[0]), scalar.clone()] {
        let error = TensorDataset::new(x.clone(), y.clone()).unwrap_err();
        let shapes = format!("found shapes [3, 2] and {:?}", y.shape());
        assert!(matches!(error, Error::Lengths { .. }) && error.to_string().ends_with(&shapes), "{error}");
        assert!(TensorDataset::new(y, x.clone()).is_err());
    }
    assert!(TensorDataset::new(scalar.clone(), scalar).is_err());
}

#[test]
fn items_of_another_shape_are_named() {
    let (x, y) = pair(4);
    let mut list: Vec<_> = x.unbind(0).zip(y.unbind(0)).collect();
    list[2].0 = Tensor::zeros(&[5]);
    assert!(list.batch(&[0, 1, 3]).is_ok());
    let message = list.batch(&[1, 2]).unwrap_err().to_string();
    assert_eq!(message, "dataset: item 2: expected x of shape [3], found [5]");
    list[3].1 = Tensor::scalar(1);
    let message = list.batch(&[3]).unwrap_err().to_string();
    assert_eq!(message, "dataset: item 3: expected y of shape [1], found []");
}

#[test]
fn a_batch_needs_a_free_axis() {
    let list = vec![(Tensor::<f32>::zeros(&[1; 6]), Tensor::scalar(1_i64))];
    let message = list.batch(&[0]).unwrap_err().to_string();
    assert_eq!(message, "dataset: expected items of fewer than 6 axes, found x of shape [1, 1, 1, 1, 1, 1]");
}

#[test]
fn nothing_can_be_asked_of_nothing() {
    let tensors = TensorDataset::new(Tensor::<f32>::zeros(&[0, 3]), Tensor::<i64>::zeros(&[0])).unwrap();
    let list: Vec<(Tensor<f32>, Tensor<i64>)> = Vec::new();
    assert!(tensors.is_empty() && Dataset::is_empty(&list));
    assert_eq!(tensors.batch(&[]).unwrap().0.shape(), [0, 3]);
    assert_eq!(list.batch(&[]).unwrap().0.shape(), [0]);
    assert!(matches!(tensors.batch(&[0]), Err(Error::Index { index: 0, len: 0 })));
    assert!(matches!(list.batch(&[0]), Err(Error::Index { index: 0, len: 0 })));
}
