//! The Learner against the same training written by hand.

use std::sync::atomic::{AtomicUsize, Ordering};

use downhill_autograd::{Var, no_grad};
use downhill_data::{
    Batch, DataLoader, DataLoaders, Dataset, Error, ImageDataLoaders, Result, TensorDataset,
};
use downhill_learner::{Error as LearnerError, Learner, accuracy, batch_accuracy, vision_learner};
use downhill_nn::{Forward, Linear, Module, cross_entropy, mnist_loss, resnet18};
use downhill_optim::{BasicOptim, Optimizer, Sgd};
use downhill_tensor::{Rng, Tensor};

#[path = "learner/memory.rs"]
mod memory;
#[path = "learner/same_bits.rs"]
mod same_bits;

fn data(n: usize, seed: u64) -> TensorDataset<f32, i64> {
    let x = Tensor::<f32>::randn(&[n, 3], &mut Rng::new(seed));
    let y = x.sum_keepdim(1).gt(0.3).to::<i64>();
    TensorDataset::new(x, y).unwrap()
}

/// Batches of unequal size on both sides.
fn dls() -> DataLoaders<f32, i64> {
    DataLoaders::new(DataLoader::new(data(50, 1)).bs(16), DataLoader::new(data(21, 2)).bs(16))
}

fn model() -> Linear {
    Linear::new(3, 1, &mut Rng::new(3))
}

fn learner() -> Learner {
    Learner::new(dls(), model()).opt_func(Sgd::new).loss_func(mnist_loss).metrics(batch_accuracy).no_logging()
}

#[test]
fn fit_is_the_loop_written_by_hand() {
    let mut learn = learner();
    learn.fit(3, 0.5).unwrap();

    let (dls, model) = (dls(), model());
    let mut opt = BasicOptim::new(model.parameters(), 0.5);
    let (mut average, mut count) = (0.0, 0);
    for epoch in 0..3 {
        for batch in &dls.train {
            let (xb, yb) = batch.unwrap();
            let loss = mnist_loss(&model.forward(&Var::new(xb)), &yb);
            loss.backward();
            average = 0.98 * average + 0.02 * f64::from(loss.item());
            count += 1;
            opt.step();
            opt.zero_grad();
        }
        // Over all 21 items at once: what an average by batch size must come to.
        let (x, y) = data(21, 2).batch(&(0..21).collect::<Vec<_>>()).unwrap();
        let preds = no_grad(|| model.forward(&Var::new(x)));
        let expected = [
            average / (1.0 - 0.98_f64.powi(count)),
            mnist_loss(&preds, &y).item().into(),
            batch_accuracy(&preds.value(), &y),
        ];
        let row = &learn.recorder().values[epoch];
        for (ours, expected) in row.iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-6, "epoch {epoch}: {row:?}, expected {expected}");
        }
    }
    let final_weight = learn.model().parameters()[0].value();
    let difference = (&final_weight - &model.weight.value()).abs().sum(..).item();
    assert!(difference < 1e-6, "{difference}");
}

#[test]
fn the_recorder_counts_and_names() {
    fn zero(_: &Tensor, _: &Tensor<i64>) -> f64 {
        0.0
    }
    let mut learn = learner().metrics(zero);
    learn.fit(2, 0.25).unwrap();
    let recorder = learn.recorder();
    assert_eq!(recorder.metric_names, ["train_loss", "valid_loss", "batch_accuracy", "zero"]);
    assert_eq!(recorder.losses.len(), 2 * 4);
    assert_eq!(recorder.lrs, [0.25; 8]);
    assert_eq!(recorder.times.len(), 2);
    assert_eq!(recorder.losses[3], recorder.values[0][0], "the last smoothed loss of the epoch");
    let header = recorder.table();
    assert!(
        header.starts_with("epoch     train_loss  valid_loss  batch_accuracy  zero      time\n0         ")
    );

    learn.fit(1, 0.25).unwrap();
    assert_eq!(learn.recorder().values.len(), 1, "another fit, another record");
}

#[test]
fn validation_leaves_the_model_alone() {
    let mut learn = learner();
    let before = learn.model().parameters()[0].value();
    let values = learn.validate().unwrap();
    assert_eq!(values.len(), 2);
    assert_eq!(learn.model().parameters()[0].value().to_vec(), before.to_vec());
    assert!(learn.model().parameters().iter().all(|p| p.grad().is_none()));
}

/// Fails at the batch with this number.
struct Failing(AtomicUsize);

impl Dataset for Failing {
    type X = f32;
    type Y = i64;
    fn len(&self) -> usize {
        4
    }
    fn batch(&self, idx: &[usize]) -> Result<Batch<f32, i64>> {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(Error::Index { index: idx[0], len: 4 });
        }
        data(4, 0).batch(idx)
    }
}

#[test]
fn an_error_of_the_loader_ends_the_fit_and_names_itself() {
    let dls = DataLoaders::new(
        DataLoader::new(Failing(AtomicUsize::new(5))).bs(2),
        DataLoader::new(Failing(AtomicUsize::new(usize::MAX))).bs(2),
    );
    let mut learn = Learner::new(dls, model()).loss_func(mnist_loss).no_logging();
    let error = learn.fit(9, 0.1).unwrap_err();
    assert!(error.to_string().contains('2'), "{error}");
    assert_eq!(learn.recorder().values.len(), 2, "what was recorded until then stays");
    assert_eq!(learn.recorder().losses.len(), 5);
}

#[test]
#[should_panic(expected = "Learner: no loss_func was set")]
fn a_learner_without_a_loss_says_so() {
    Learner::new(dls(), model()).no_logging().fit(1, 0.1).unwrap();
}

#[test]
fn empty_loaders_are_an_error_not_nan() {
    let empty = || DataLoader::new(data(3, 1)).bs(16).drop_last(true);
    for (train, valid) in [(empty(), dls().valid), (dls().train, empty())] {
        let mut learn =
            Learner::new(DataLoaders::new(train, valid), model()).loss_func(mnist_loss).no_logging();
        assert!(matches!(learn.fit(1, 0.1), Err(LearnerError::Data(Error::NoBatches { items: 3, bs: 16 }))));
    }
}

#[test]
fn a_vision_learner_knows_its_classes_and_learns() {
    let loader = |seed| {
        let noise = Tensor::<f32>::randn(&[24, 3, 8, 8], &mut Rng::new(seed)) * 0.1;
        let y = Tensor::from_slice(&(0..24).map(|i| i % 3).collect::<Vec<i64>>(), &[24]);
        let x = noise + y.to::<f32>().reshape(&[24, 1, 1, 1]);
        DataLoader::new(TensorDataset::new(x, y).unwrap()).bs(8)
    };
    let dls = ImageDataLoaders::new(DataLoaders::new(loader(1), loader(2)), ["dark", "grey", "bright"]);
    let mut learn = vision_learner(dls, resnet18, &mut Rng::new(3))
        .loss_func(cross_entropy)
        .metrics(accuracy)
        .no_logging();
    learn.fit(4, 1e-3).unwrap();
    let groups: Vec<usize> = learn.opt().unwrap().groups().iter().map(|group| group.params().len()).collect();
    assert_eq!(groups.len(), 3, "{groups:?}");
    let losses = &learn.recorder().losses;
    assert!(losses[11] < losses[0], "{losses:?}");
    let prediction = learn.predict(&Tensor::ones(&[3, 8, 8]));
    assert_eq!(prediction.pred.shape(), [3], "one probability for each class");
    assert!(["dark", "grey", "bright"].contains(&prediction.label.as_deref().unwrap()), "{prediction:?}");
}
