//! What goes wrong, and what is at an edge.

use std::collections::HashSet;

use downhill_data::Position;
use downhill_nn::{Reduction, bce_with_logits, mse_loss};

use super::*;

const EVENTS: [&str; 16] = [
    "before_fit",
    "before_epoch",
    "before_train",
    "before_validate",
    "before_batch",
    "after_pred",
    "after_loss",
    "before_backward",
    "after_backward",
    "before_step",
    "after_step",
    "after_batch",
    "after_train",
    "after_validate",
    "after_epoch",
    "after_fit",
];

fn failure(message: &str) -> Flow {
    flow(Err::<(), _>(Error::Callback { callback: "Test", message: message.into() }))
}

/// One layer and no random numbers, on batches in order.
fn plain() -> Learner {
    let loader = |n, seed| DataLoader::new(data(n, seed)).bs(16);
    let model: Linear = Linear::new(3, 1, &mut Rng::new(3));
    Learner::new(DataLoaders::new(loader(50, 1), loader(21, 2)), model)
        .opt_func(Sgd::new)
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        .no_logging()
}

/// Does what it is told to at an event.
struct At<F> {
    event: &'static str,
    answer: F,
    seen: Vec<&'static str>,
}

impl<F: FnMut(&mut State) -> Flow> At<F> {
    fn told(&mut self, event: &'static str, state: &mut State) -> Flow {
        self.seen.push(event);
        if event == self.event { (self.answer)(state) } else { ControlFlow::Continue(()) }
    }
}

macro_rules! at {
    ($($event:ident)*) => {
        impl<F: FnMut(&mut State) -> Flow + Send + 'static> Callback for At<F> {
            $(fn $event(&mut self, state: &mut State) -> Flow {
                self.told(stringify!($event), state)
            })*
        }
    };
}

at!(before_fit before_epoch before_train before_validate before_batch after_pred after_loss before_backward
    after_backward before_step after_step after_batch after_train after_validate after_epoch after_fit);

fn at<F: FnMut(&mut State) -> Flow>(event: &'static str, answer: F) -> At<F> {
    At { event, answer, seen: Vec::new() }
}

#[test]
fn an_error_at_any_event_ends_what_has_begun() {
    fn fails(_: &mut State) -> Flow {
        failure("broken")
    }
    type Failing = At<fn(&mut State) -> Flow>;
    for event in EVENTS {
        let mut learn = plain().cbs(at(event, fails as fn(&mut State) -> Flow));
        let error = learn.fit(2, 0.1).unwrap_err();
        assert_eq!(error.to_string(), "Test: broken", "{event}");
        let mut open = Vec::new();
        for seen in &learn.cb::<Failing>().unwrap().seen {
            match seen.split_once('_').unwrap() {
                ("before", stage) => open.push(stage),
                (_, "pred" | "loss") => {}
                (_, stage) => assert_eq!(open.pop(), Some(stage), "{event}"),
            }
        }
        assert!(open.is_empty(), "{event}: {open:?} did not end");
        // Another training is as if nothing had happened.
        learn.remove_cb::<Failing>().unwrap();
        learn.fit(1, 0.1).unwrap();
        assert_eq!(learn.recorder().losses.len(), 4, "{event}");
    }
}

#[test]
fn the_gravest_answer_counts() {
    // A stage that is cancelled further out, at the end of one that is cancelled.
    let mut learn = plain()
        .cbs(at("before_step", |_: &mut State| cancel(Stage::Batch)))
        .cbs(at("after_step", |_: &mut State| cancel(Stage::Fit)));
    learn.fit(2, 0.1).unwrap();
    assert_eq!(learn.recorder().losses.len(), 1);
    // An error, at an event that cancels and at the end of a stage that is cancelled.
    for event in ["after_epoch", "before_step"] {
        let mut learn = plain()
            .cbs(at(event, |_: &mut State| cancel(Stage::Fit)))
            .cbs(at("after_epoch", |_: &mut State| failure("lost")));
        assert_eq!(learn.fit(2, 0.1).unwrap_err().to_string(), "Test: lost", "{event}");
    }
}

#[test]
fn a_training_of_no_epochs_changes_nothing() {
    let mut learn = plain();
    let before = hash(learn.model());
    learn.fit(0, 0.1).unwrap();
    learn.fit_one_cycle(0, 0.1).unwrap();
    learn.fit_flat_cos(0, 0.1).unwrap();
    assert_eq!(hash(learn.model()), before);
    assert!(learn.recorder().values.is_empty());
    assert_eq!(learn.recorder().table(), "epoch     train_loss  valid_loss  batch_accuracy  time");
}

#[test]
fn a_training_of_one_batch() {
    let dl = DataLoader::new(data(4, 1));
    let mut learn = Learner::new(DataLoaders::new(dl.clone(), dl), net()).loss_func(mnist_loss).no_logging();
    learn.fit_one_cycle(1, 0.1).unwrap();
    assert_eq!(learn.recorder().lrs, [0.1 / 25.0]);
    assert!(learn.lr_find().unwrap().valley().is_some());
}

#[test]
fn what_a_cancelled_training_has_in_hand_is_not_the_next_one_s() {
    let fresh = {
        let mut learn = plain();
        learn.fit(1, 0.1).unwrap();
        hash(learn.model())
    };
    let cancels = |_: &mut State| cancel(Stage::Fit);
    let mut learn = plain();
    learn.fit_with(1, 0.1.into(), vec![Box::new(at("before_step", cancels))]).unwrap();
    learn.fit(1, 0.1).unwrap();
    assert_eq!(hash(learn.model()), fresh);
    // Nor are gradients that were accumulated for a step that never came.
    let accumulating = || vec![Box::new(GradientAccumulation::new(1000)) as Box<dyn Callback>];
    let mut learn = plain();
    learn.fit_with(1, 0.1.into(), accumulating()).unwrap();
    learn.fit(1, 0.1).unwrap();
    assert_eq!(hash(learn.model()), fresh);
}

#[test]
fn accumulated_gradients_are_scaled_whatever_the_loss_is() {
    let gradient = |accumulate: bool| {
        let found = Arc::new(Mutex::new(Tensor::zeros(&[0])));
        let to = found.clone();
        let mut learn = plain().cbs(MixUp::new(0.4)).cbs(at("after_backward", move |state: &mut State| {
            *to.lock().unwrap() = state.model.parameters()[0].grad().unwrap();
            cancel(Stage::Fit)
        }));
        if accumulate {
            learn.add_cb(GradientAccumulation::new(64));
        }
        learn.fit(1, 0.1).unwrap();
        drop(learn);
        Arc::into_inner(found).unwrap().into_inner().unwrap()
    };
    // A quarter, to the bit: batches have 16 items.
    assert_eq!(gradient(true).to_vec(), (gradient(false) * 0.25).to_vec());
}

#[test]
#[should_panic(expected = "MixUp: alpha must be above 0 and at most 4, got 30")]
fn mixing_up_refuses_what_it_could_not_draw() {
    MixUp::new(30.0);
}

#[test]
fn a_learning_rate_is_found_where_losses_become_nan() {
    // Without stopping, the largest rates overflow.
    let options = LrFindOptions { end_lr: 1e30, stop_div: false, num_it: 40, ..LrFindOptions::default() };
    let loss = |p: &Var, t: &Tensor<i64>| mse_loss(p, &t.to(), Reduction::Mean);
    let mut learn = plain().loss_func(loss);
    let found = learn.lr_find_with(options).unwrap();
    assert!(found.losses.iter().all(|loss| !loss.is_nan()), "{found:?}");
    assert!(!found.losses.is_empty() && found.losses.len() < 31, "{found:?}");
    assert!(found.minimum().unwrap() < 1.0 && found.steep().is_some() && found.valley().is_some());
    let found = learn.lr_find_with(LrFindOptions { num_it: 0, ..LrFindOptions::default() }).unwrap();
    assert_eq!(found.lrs, [1e-7]);
}

#[test]
fn smaller_may_be_better() {
    let metric = ("falls", |p: &Tensor, _: &Tensor<i64>| f64::from(p.mean(..).item()));
    let mut learn = plain().metrics(metric).cbs(EarlyStopping::new(1).monitor("falls"));
    // Everything is pushed down.
    let loss = |p: &Var, _: &Tensor<i64>| p.mean(..);
    learn = learn.loss_func(loss);
    learn.fit(4, 0.1).unwrap();
    assert_eq!(learn.recorder().values.len(), 2);
    learn.remove_cb::<EarlyStopping>().unwrap();
    learn.add_cb(EarlyStopping::new(1).monitor("falls").smaller_is_better(true));
    learn.fit(4, 0.1).unwrap();
    assert_eq!(learn.recorder().values.len(), 4);
}

#[test]
fn logs_make_their_folder() {
    let dir = tempfile::tempdir().unwrap();
    let mut learn = plain().path(dir.path().join("a/b")).cbs(CsvLogger::default());
    learn.fit(1, 0.1).unwrap();
    assert!(dir.path().join("a/b/history.csv").exists());
}

#[test]
#[should_panic(expected = "tta: the targets are not those of the validation set, in its order")]
fn augmented_items_must_come_in_the_same_order() {
    let learn = plain();
    let shuffled = learn.dls().valid.clone().shuffle(true);
    let _ = learn.tta(&shuffled, 2, 0.25);
}

#[test]
fn the_activation_follows_the_loss_unless_told() {
    let first = |learn: Learner| {
        let all = learn.get_preds().unwrap();
        (all.preds.get(&[0, 0]), learn.dls().valid.first().unwrap().0)
    };
    let (sigmoid, x) = first(plain());
    let output = no_grad(|| plain().model().forward(&Var::new(x))).value().get(&[0, 0]);
    assert!((sigmoid - 1.0 / (1.0 + (-output).exp())).abs() < 1e-6);
    assert_eq!(first(plain().activation(Activation::None).loss_func(mnist_loss)).0, output);
    assert_eq!(first(plain().loss_func(|p: &Var, _: &Tensor<i64>| p.mean(..))).0, output);
}

/// Points on a line, with noise.
fn line(n: usize, seed: u64) -> DataLoader<f32, f32> {
    let rng = &mut Rng::new(seed);
    let x = Tensor::<f32>::randn(&[n, 1], rng);
    let y = &x * 3.0 - 1.0 + Tensor::<f32>::randn(&[n, 1], rng) * 0.1;
    DataLoader::new(TensorDataset::new(x, y).unwrap()).bs(32)
}

#[test]
fn targets_may_be_numbers() {
    let dls = DataLoaders::new(line(256, 1).shuffle(true), line(70, 2));
    let model: Linear = Linear::new(1, 1, &mut Rng::new(1));
    let mut learn = Learner::new(dls, model)
        .opt_func(Sgd::new)
        .loss_func_with(mse_loss)
        .metrics(R2Score::default())
        .metrics(mse)
        .metrics(mae)
        .no_logging();
    learn.fit(10, 0.1).unwrap();
    let [_, valid_loss, r2, mse, mae] = learn.recorder().values[9][..] else { panic!("five columns") };
    // The noise is what remains.
    assert!((mse - 0.01).abs() < 0.004 && (valid_loss - mse).abs() < 1e-6, "{mse} {valid_loss}");
    assert!((mae - 0.08).abs() < 0.02 && (r2 - (1.0 - 0.01 / 9.0)).abs() < 1e-3, "{mae} {r2}");
    let weights: Vec<f32> = learn.model().parameters().iter().map(|p| p.value().to_vec()[0]).collect();
    assert!((weights[0] - 3.0).abs() < 0.05 && (weights[1] + 1.0).abs() < 0.05, "{weights:?}");
    let all = learn.get_preds_of(&learn.dls().valid, true).unwrap();
    let squares = (&all.preds - &all.targets).square();
    assert_eq!(all.losses.unwrap().to_vec(), squares.to_vec());
    assert_eq!(all.decoded.to_vec(), all.preds.to_vec(), "numbers are what they are");
}

#[test]
fn several_answers_for_each_item() {
    let x = Tensor::<f32>::randn(&[64, 3], &mut Rng::new(1));
    let dl = DataLoader::new(TensorDataset::new(x.clone(), x.gt(0.0).to()).unwrap()).bs(16);
    let model: Linear = Linear::new(3, 3, &mut Rng::new(2));
    let mut learn = Learner::new(DataLoaders::new(dl.clone(), dl), model)
        .loss_func_with(bce_with_logits)
        .metrics(batch_accuracy)
        .no_logging();
    learn.fit(20, 0.1).unwrap();
    let all = learn.get_preds().unwrap();
    assert!(all.preds.iter().all(|p| (0.0..=1.0).contains(&p)));
    let right = all.decoded.iter().zip(all.targets.iter()).filter(|(d, t)| d == t).count();
    assert_eq!(right as f64 / 192.0, learn.recorder().values[19][2]);
    assert!(right > 180, "{right}");
}

#[test]
fn loaders_may_be_gone_through_in_between() {
    // Each pass is another epoch of the loader, wherever it is made.
    let mut learn = plain();
    learn.fit(2, 0.1).unwrap();
    assert_eq!(learn.dls().train.position(), Position { epoch: 2, batch: 0 });
    learn.validate().unwrap();
    assert_eq!(learn.dls().valid.position().epoch, 3);
    learn.lr_find().unwrap();
    assert_eq!(learn.dls().train.position().epoch, 2);
    let names: HashSet<_> = learn.recorder().metric_names.iter().collect();
    assert_eq!(names.len(), 3, "validation and finder leave the record alone");
}
