//! Callbacks, schedules, the learning-rate finder, predictions.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use downhill_autograd::{Var, no_grad};
use downhill_data::{DataLoader, DataLoaders, TensorDataset};
use downhill_learner::*;
use downhill_nn::{
    Dropout, Forward, Linear, Module, ReLU, Sequential, Visitor, cross_entropy, mnist_loss, sequential,
};
use downhill_optim::schedule::{OneCycle, combined_cos, flat_cos};
use downhill_optim::{Adam, Hyper, Sgd, slice};
use downhill_tensor::testing::bits_hash;
use downhill_tensor::{Rng, Tensor};

#[path = "training/edges.rs"]
mod edges;
#[path = "training/visual.rs"]
mod visual;

fn data(n: usize, seed: u64) -> TensorDataset<f32, i64> {
    let x = Tensor::<f32>::randn(&[n, 3], &mut Rng::new(seed));
    let y = x.sum_keepdim(1).gt(0.3).to::<i64>();
    TensorDataset::new(x, y).unwrap()
}

fn dls() -> DataLoaders<f32, i64> {
    DataLoaders::new(DataLoader::new(data(50, 1)).bs(16).shuffle(true), DataLoader::new(data(21, 2)).bs(16))
}

fn net() -> Sequential {
    let rng = &mut Rng::new(3);
    sequential![Linear::new(3, 8, rng), ReLU, Dropout::new(0.2, rng.fork("dropout")), Linear::new(8, 1, rng)]
}

fn learner() -> Learner {
    Learner::new(dls(), net()).loss_func(mnist_loss).metrics(batch_accuracy).no_logging()
}

fn hash(model: &dyn Forward) -> Vec<u64> {
    model.parameters().iter().map(|p| bits_hash(&p.value())).collect()
}

/// Writes down what it is told, and cancels a stage at an event.
struct Trace {
    seen: Arc<Mutex<Vec<&'static str>>>,
    cancels: Option<(&'static str, Stage)>,
}

impl Trace {
    fn told(&mut self, event: &'static str) -> Flow {
        self.seen.lock().unwrap().push(event);
        match self.cancels {
            Some((at, stage)) if at == event => cancel(stage),
            _ => ControlFlow::Continue(()),
        }
    }
}

macro_rules! trace {
    ($($event:ident)*) => {
        impl Callback for Trace {
            $(fn $event(&mut self, _: &mut State) -> Flow {
                self.told(stringify!($event))
            })*
        }
    };
}

trace!(before_fit before_epoch before_train before_validate before_batch after_pred after_loss before_backward
    after_backward before_step after_step after_batch after_train after_validate after_epoch after_fit);

/// All events of a training of one epoch of one batch, with a stage cancelled.
fn events(cancels: Option<(&'static str, Stage)>) -> Vec<&'static str> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let dl = DataLoader::new(data(4, 1));
    let mut learn = Learner::new(DataLoaders::new(dl.clone(), dl), net())
        .loss_func(mnist_loss)
        .cbs(Trace { seen: seen.clone(), cancels })
        .no_logging();
    learn.fit(1, 0.1).unwrap();
    drop(learn);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

const BATCH: [&str; 8] = [
    "before_batch",
    "after_pred",
    "after_loss",
    "before_backward",
    "after_backward",
    "before_step",
    "after_step",
    "after_batch",
];
const VALIDATE: [&str; 6] =
    ["before_validate", "before_batch", "after_pred", "after_loss", "after_batch", "after_validate"];

#[test]
fn events_come_in_fastai_s_order() {
    let expected = [
        &["before_fit", "before_epoch", "before_train"],
        &BATCH[..],
        &["after_train"],
        &VALIDATE,
        &["after_epoch", "after_fit"],
    ];
    assert_eq!(events(None), expected.concat());
}

#[test]
fn what_has_begun_ends_whatever_is_cancelled() {
    let start = ["before_fit", "before_epoch", "before_train"];
    let end = ["after_epoch", "after_fit"];
    let until = |event: &str| BATCH.iter().position(|e| *e == event).unwrap() + 1;
    // The batch ends, everything else goes on.
    let expected =
        [&start, &BATCH[..until("after_pred")], &["after_batch", "after_train"], &VALIDATE[..1]].concat();
    let found = events(Some(("after_pred", Stage::Batch)));
    assert_eq!(found[..expected.len()], expected);
    assert_eq!(found.last(), Some(&"after_fit"));
    // A step is left out; the batch goes on behind it.
    let found = events(Some(("before_step", Stage::Step)));
    assert_eq!(found, events(None));
    // Training, epoch and fit end, from the inside to the outside.
    let batch = [&start, &BATCH[..until("after_backward")], &["after_batch", "after_train"]].concat();
    let train = [&batch[..], &VALIDATE, &end].concat();
    assert_eq!(events(Some(("before_backward", Stage::Train))), train);
    for stage in [Stage::Epoch, Stage::Fit] {
        assert_eq!(events(Some(("before_backward", stage))), [&batch[..], &end].concat(), "{stage:?}");
    }
    // Cancelled in the beginning, a stage still ends.
    assert_eq!(events(Some(("before_fit", Stage::Fit))), ["before_fit", "after_fit"]);
}

#[test]
fn cancelling_what_does_not_run_is_an_error() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let cb = Trace { seen: seen.clone(), cancels: Some(("before_train", Stage::Validate)) };
    let error = learner().cbs(cb).fit(1, 0.1).unwrap_err();
    assert!(matches!(error, Error::NotRunning(Stage::Validate)), "{error}");
    assert_eq!(seen.lock().unwrap().last(), Some(&"after_fit"));
}

#[test]
fn a_step_that_is_cancelled_does_not_happen() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut learn = learner().cbs(Trace { seen, cancels: Some(("before_step", Stage::Step)) });
    let before = hash(learn.model());
    learn.fit(1, 0.1).unwrap();
    assert_eq!(hash(learn.model()), before);
}

#[test]
fn one_cycle_is_fastai_s_shape() {
    let mut learn = learner();
    learn.fit_one_cycle(3, 0.1).unwrap();
    let recorder = learn.recorder();
    let (lr, mom) = (OneCycle::default().lr(0.1), OneCycle::default().mom());
    for i in 0..12 {
        let pos = f64::from(i) / 12.0;
        assert!((recorder.lrs[i as usize] - lr.at(pos)).abs() < 1e-12);
        assert!((recorder.moms[i as usize] - mom.at(pos)).abs() < 1e-12);
    }
    assert_eq!(recorder.iters, [4, 8, 12]);
}

#[test]
fn the_share_that_is_done_grows_from_zero_to_one() {
    struct Share(Arc<Mutex<Vec<f64>>>);
    impl Share {
        fn note(&mut self, state: &State) -> Flow {
            self.0.lock().unwrap().push(state.pct_train());
            ControlFlow::Continue(())
        }
    }
    impl Callback for Share {
        fn before_fit(&mut self, state: &mut State) -> Flow {
            self.note(state)
        }
        fn before_epoch(&mut self, state: &mut State) -> Flow {
            self.note(state)
        }
        fn before_batch(&mut self, state: &mut State) -> Flow {
            self.note(state)
        }
        fn after_epoch(&mut self, state: &mut State) -> Flow {
            self.note(state)
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut learn = learner().cbs(Share(seen.clone()));
    learn.fit(2, 0.1).unwrap();
    // Four batches to train on and two to validate on.
    let epoch = |e: f64| [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0].map(|share| (e + share) / 2.0);
    assert_eq!(*seen.lock().unwrap(), [&[0.0][..], &epoch(0.0), &epoch(1.0)].concat());
}

#[test]
fn an_optimizer_without_momentum_stays_without() {
    let mut learn = learner().opt_func(Sgd::new);
    learn.fit_one_cycle(1, 0.1).unwrap();
    assert_eq!(learn.recorder().moms, [0.0; 4]);
}

#[test]
fn the_other_schedules_are_fastai_s() {
    let mut learn = learner();
    learn.fit_flat_cos(2, 0.1).unwrap();
    let sched = flat_cos(0.1, 0.75, 1e5);
    let expected: Vec<f64> = (0..8).map(|i| sched.at(f64::from(i) / 8.0)).collect();
    assert_eq!(learn.recorder().lrs, expected);
    // Cycles of 1 and 2 epochs.
    learn.fit_sgdr(2, 1, 0.1, 2).unwrap();
    let lrs = &learn.recorder().lrs;
    assert_eq!(lrs.len(), 12);
    assert!(
        (lrs[0] - 0.1).abs() < 1e-9 && (lrs[4] - 0.1).abs() < 1e-9 && lrs[3] < 0.02 && lrs[11] < 0.01,
        "{lrs:?}"
    );
}

/// Two groups.
struct TwoGroups {
    body: Linear,
    head: Linear,
}

impl Module for TwoGroups {
    fn visit(&self, visitor: &mut Visitor<'_, f32>) {
        visitor.child("body", &self.body);
        visitor.child("head", &self.head);
    }
    fn param_groups(&self) -> Vec<Vec<Var>> {
        vec![self.body.parameters(), self.head.parameters()]
    }
}

impl Forward for TwoGroups {
    fn forward(&self, x: &Var) -> Var {
        self.head.forward_as("head", &self.body.forward_as("body", x).relu())
    }
}

#[test]
fn fine_tuning_trains_the_head_and_then_all() {
    let rng = &mut Rng::new(1);
    let model = TwoGroups { body: Linear::new(3, 4, rng), head: Linear::new(4, 1, rng) };
    let body = model.body.weight.clone();
    let before = bits_hash(&body.value());
    /// Whether the body had moved by the end of each training, and the rates of both groups.
    struct Watch(Var, u64, Arc<Mutex<Vec<(bool, f64)>>>);
    impl Callback for Watch {
        fn after_fit(&mut self, state: &mut State) -> Flow {
            let moved = bits_hash(&self.0.value()) != self.1;
            let lrs: Vec<f64> = state.opt().groups().iter().map(|group| group.hypers.lr).collect();
            let ratio = lrs[1] / lrs[0];
            self.2.lock().unwrap().push((moved, ratio));
            ControlFlow::Continue(())
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watch = Watch(body, before, seen.clone());
    let mut learn = Learner::new(dls(), model).loss_func(mnist_loss).cbs(watch).no_logging();
    learn.fine_tune(2, 0.02).unwrap();
    let seen = seen.lock().unwrap();
    assert!(!seen[0].0 && seen[1].0, "{seen:?}");
    assert!((seen[0].1 - 10.0).abs() < 1e-9 && (seen[1].1 - 100.0).abs() < 1e-9, "{seen:?}");
    let recorder = learn.recorder();
    let sched = combined_cos(0.3, 0.01 / 5.0, 0.01, 0.01 / 1e5);
    assert!((recorder.lrs[5] - sched.at(5.0 / 8.0)).abs() < 1e-12);
}

#[test]
fn fine_tuning_has_fastai_s_arguments() {
    /// The learning rates of both groups, batch by batch.
    struct Rates(Arc<Mutex<Vec<[f64; 2]>>>);
    impl Callback for Rates {
        fn before_step(&mut self, state: &mut State) -> Flow {
            let groups = state.opt().groups();
            self.0.lock().unwrap().push([groups[0].hypers.lr, groups[1].hypers.lr]);
            ControlFlow::Continue(())
        }
    }
    let train = |options| {
        let rng = &mut Rng::new(1);
        let model = TwoGroups { body: Linear::new(3, 4, rng), head: Linear::new(4, 1, rng) };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut learn =
            Learner::new(dls(), model).loss_func(mnist_loss).cbs(Rates(seen.clone())).no_logging();
        learn.fine_tune_with(3, options).unwrap();
        drop(learn);
        Arc::into_inner(seen).unwrap().into_inner().unwrap()
    };
    let options =
        FineTuneOptions { base_lr: 0.04, freeze_epochs: 2, lr_mult: 50.0, pct_start: 0.4, div: 8.0 };
    let seen = train(options);
    assert_eq!(seen.len(), 5 * 4);
    // What fastai's schedule says for these arguments: two epochs of the head, three of all.
    for (batch, expected) in [
        (0, [0.00016, 0.0016]),
        (3, [0.0013664080649034983, 0.013664080649034984]),
        (7, [0.003873563830794082, 0.03873563830794082]),
        (8, [5e-05, 0.0025]),
        (12, [0.0003765544565853973, 0.018827722829269863]),
        (13, [0.00039923894874762403, 0.0199619474373812]),
        (19, [1.8742272794017604e-05, 0.0009371136397008789]),
    ] {
        for (found, expected) in seen[batch].iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-9, "batch {batch}: {found} {expected}");
        }
    }
    // Without frozen epochs, all train from the start; the defaults are fastai's.
    let seen = train(FineTuneOptions { freeze_epochs: 0, ..FineTuneOptions::default() });
    assert_eq!(seen.len(), 3 * 4);
    assert!((seen[0][0] - 1e-5 / 5.0).abs() < 1e-15 && (seen[0][1] - 1e-3 / 5.0).abs() < 1e-15, "{seen:?}");
}

#[test]
fn biases_and_norms_do_not_decay() {
    let mut learn = learner().opt_func(Adam::fastai).wd(0.3);
    learn.create_opt();
    let group = &learn.opt().unwrap().groups()[0];
    assert_eq!(group.hypers.wd, 0.3);
    let decays: Vec<bool> = group.params().iter().map(|p| p.decays()).collect();
    assert_eq!(decays, [true, false, true, false]);
    let mut learn = learner().wd_bn_bias(true);
    learn.create_opt();
    assert!(learn.opt().unwrap().groups()[0].params().iter().all(|p| p.decays()));
}

#[test]
fn finding_a_learning_rate_changes_nothing() {
    let train = |find: bool| {
        let mut learn = learner().cbs(SaveModel::new("never")).path("/nonexistent");
        learn.remove_cb::<SaveModel>().unwrap();
        let mut found = Vec::new();
        if find {
            found.push(learn.lr_find().unwrap());
            assert!(learn.opt().is_none());
            assert!(learn.recorder().values.is_empty());
        }
        learn.fit(1, 0.05).unwrap();
        if find {
            found.push(learn.lr_find().unwrap());
        }
        let values = learn.recorder().values.clone();
        learn.fit_one_cycle(1, 0.05).unwrap();
        (hash(learn.model()), values, learn.recorder().losses.clone(), found)
    };
    let (with, without) = (train(true), train(false));
    assert_eq!(with.0, without.0);
    assert_eq!((with.1, with.2), (without.1, without.2));
    for find in with.3 {
        assert!(find.lrs.len() > 10 && find.lrs.is_sorted());
        assert!((1e-7..10.0).contains(&find.valley().unwrap()), "{find:?}");
    }
}

#[test]
fn suggestions_are_fastai_s() {
    let lrs: Vec<f64> = (0..40).map(|i| 1e-6 * 10_f64.powf(0.15 * f64::from(i))).collect();
    let loss = |i: f64| {
        let rise = if i > 30.0 { 0.03 * (i - 30.0) * (i - 30.0) } else { 0.0 };
        2.0 - 1.2 / (1.0 + (-(i - 20.0) / 3.0).exp()) + 0.02 * (2.1 * i).sin() + rise
    };
    let find = LrFind { losses: (0..40).map(|i| loss(f64::from(i))).collect(), lrs };
    // What fastai's functions say of these numbers.
    for (found, expected) in [
        (find.valley(), 0.00025118864315095795),
        (find.steep(), 0.000707945784384138),
        (find.minimum(), 0.0022387211385683377),
    ] {
        assert!((found.unwrap() / expected - 1.0).abs() < 1e-9, "{found:?} {expected}");
    }
    let nothing = LrFind { lrs: vec![], losses: vec![] };
    assert_eq!([nothing.valley(), nothing.steep(), nothing.minimum()], [None; 3]);
}

#[test]
fn accumulated_gradients_are_those_of_larger_batches() {
    let train = |bs: usize, n_acc: Option<usize>| {
        let rng = &mut Rng::new(3);
        let dl = DataLoader::new(data(48, 1)).bs(bs);
        let mut learn = Learner::new(DataLoaders::new(dl.clone(), dl), Linear::new(3, 1, rng))
            .opt_func(Sgd::new)
            .loss_func(mnist_loss)
            .no_logging();
        if let Some(n_acc) = n_acc {
            learn.add_cb(GradientAccumulation::new(n_acc));
        }
        learn.fit(2, 1.0).unwrap();
        learn.model().parameters()[0].value()
    };
    let (small, large) = (train(4, Some(16)), train(16, None));
    assert!((small - large).abs().sum(..).item() < 1e-5);
}

#[test]
fn gradients_are_clipped_before_the_step() {
    let train = |clip: bool| {
        let mut learn = learner().opt_func(Sgd::new);
        if clip {
            learn.add_cb(GradientClip::new(0.0));
        }
        let before = hash(learn.model());
        learn.fit(1, 1.0).unwrap();
        hash(learn.model()) == before
    };
    assert!(train(true) && !train(false));
}

#[test]
fn the_best_model_is_loaded_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    // A learning rate that makes it worse again and again.
    let mut learn =
        learner().opt_func(Sgd::new).path(dir.path()).cbs(SaveModel::new("best").monitor("batch_accuracy"));
    learn.fit(6, 30.0).unwrap();
    let column = learn.recorder().column("batch_accuracy").unwrap();
    let best = column.iter().copied().fold(0.0, f64::max);
    assert_eq!(learn.cb::<SaveModel>().unwrap().best(), Some(best));
    assert_eq!(learn.validate().unwrap()[1], best);
    assert!(dir.path().join("models/best.weights").exists());
}

#[test]
fn a_monitor_that_is_not_there_is_named() {
    let error = learner().cbs(EarlyStopping::default().monitor("f1")).fit(1, 0.1).unwrap_err();
    let expected = "EarlyStopping: expected a monitor among train_loss, valid_loss, batch_accuracy, found f1";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn training_stops_early_and_slows_down() {
    // Nothing changes, so the first epoch stays the best.
    let mut learn =
        learner().opt_func(Sgd::new).cbs(EarlyStopping::new(3)).cbs(ReduceLROnPlateau::new(1).factor(2.0));
    learn.fit(9, 0.0).unwrap();
    assert_eq!(learn.recorder().values.len(), 4);
    let mut learn = learner().opt_func(Sgd::new).cbs(ReduceLROnPlateau::new(2).min_delta(1e9).min_lr(0.3));
    learn.fit(6, 1.0).unwrap();
    let lrs: Vec<f64> = learn.recorder().lrs.iter().step_by(4).copied().collect();
    assert_eq!(lrs, [1.0, 1.0, 1.0, 0.3, 0.3, 0.3]);
}

#[test]
fn training_stops_early_without_any_best_epoch() {
    let nan = ("nan", |_: &Tensor, _: &Tensor<i64>| f64::NAN);
    let stopping = EarlyStopping::new(2).monitor("nan");
    // It logs, since what it says goes by epochs.
    let mut learn = Learner::new(dls(), net()).loss_func(mnist_loss).metrics(nan).cbs(stopping).no_bar();
    learn.fit(5, 0.0).unwrap();
    assert_eq!(learn.recorder().values.len(), 2);
    assert_eq!(learn.cb::<EarlyStopping>().unwrap().best(), None);
}

#[test]
fn nan_is_reported_with_batch_and_layer() {
    let model = net();
    model.parameters()[2].update_(|w| *w = w.map(|_| f32::INFINITY));
    let mut learn = Learner::new(dls(), model).loss_func(mnist_loss).cbs(TerminateOnNaN).no_logging();
    let error = learn.fit(1, 0.1).unwrap_err().to_string();
    assert!(error.contains("epoch 0, batch 0"), "{error}");
    assert!(error.contains("parameter 3.weight is not finite"), "{error}");
    assert!(error.contains("that of 3 (Linear)"), "{error}");
}

#[test]
fn parameters_without_a_gradient_are_named() {
    #[derive(Module)]
    struct Unused {
        used: Linear,
        unused: Linear,
    }
    impl Forward for Unused {
        fn forward(&self, x: &Var) -> Var {
            self.used.forward(x)
        }
    }
    let rng = &mut Rng::new(1);
    let model = Unused { used: Linear::new(3, 1, rng), unused: Linear::new(3, 1, rng) };
    let mut learn =
        Learner::new(dls(), model).loss_func(mnist_loss).cbs(MissingGradients::new()).no_logging();
    let error = learn.fit(1, 0.1).unwrap_err().to_string();
    assert!(error.ends_with("unused.weight, unused.bias"), "{error}");
    learner().cbs(MissingGradients::new()).fit(1, 0.1).unwrap();
}

#[test]
fn activations_are_recorded_layer_by_layer() {
    let mut learn = learner().cbs(ActivationRecorder::new(2));
    learn.fit(1, 0.1).unwrap();
    let layers = learn.cb::<ActivationRecorder>().unwrap().layers();
    let names: Vec<_> =
        layers.iter().map(|layer| (&*layer.path, layer.type_name, layer.stats.len())).collect();
    assert_eq!(names, [("0", "Linear", 2), ("1", "ReLU", 2), ("2", "Dropout", 2), ("3", "Linear", 2)]);
    assert!(layers[1].stats[0].near_zero > 0.1);
}

#[test]
fn mixing_up_changes_training_only_and_repeats() {
    let train = |alpha: Option<f64>| {
        let mut learn = learner();
        if let Some(alpha) = alpha {
            learn.add_cb(MixUp::new(alpha));
        }
        learn.fit(2, 0.1).unwrap();
        (hash(learn.model()), learn.recorder().values[1][1])
    };
    assert_eq!(train(Some(0.4)), train(Some(0.4)));
    assert_ne!(train(Some(0.4)).0, train(None).0);
}

#[test]
fn logs_have_a_line_for_each_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let mut learn = learner()
        .metrics(("a, b", |_: &Tensor, _: &Tensor<i64>| f64::NAN))
        .path(dir.path())
        .cbs(CsvLogger::default().append(true))
        .cbs(JsonLines::new("log.jsonl"));
    learn.fit(2, 0.1).unwrap();
    learn.fit(1, 0.1).unwrap();
    let csv = std::fs::read_to_string(dir.path().join("history.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3 + 2);
    assert_eq!(lines[0], "epoch,train_loss,valid_loss,batch_accuracy,\"a, b\",time");
    assert!(lines[2].starts_with("1,0.") && lines[2].ends_with(",NaN,00:00"), "{csv}");
    let json = std::fs::read_to_string(dir.path().join("log.jsonl")).unwrap();
    let object: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(object["epoch"], 0);
    assert_eq!(object["valid_loss"].as_f64(), Some(learn.recorder().values[0][1]));
    assert!(object["a, b"].is_null());
}

#[test]
fn predictions_are_those_of_the_model_in_evaluation() {
    let mut learn = learner().vocab(["no", "yes"]);
    learn.fit(2, 0.05).unwrap();
    learn.model().train();
    let all = learn.get_preds_of(&learn.dls().valid, true).unwrap();
    assert_eq!((all.preds.shape(), all.targets.shape()), (&[21, 1][..], &[21, 1][..]));
    let losses = all.losses.unwrap();
    let mean = f64::from(losses.mean(..).item());
    assert!((mean - learn.validate().unwrap()[0]).abs() < 1e-6);
    learn.model().eval();
    let (x, _) = learn.dls().valid.first().unwrap();
    let expected = no_grad(|| learn.model().forward(&Var::new(x.clone()))).value().sigmoid();
    assert!((all.preds.narrow(0, 0, 16) - expected).abs().sum(..).item() < 1e-6);
    let one = learn.predict(&x.select(0, 3));
    assert_eq!(one.pred.to_vec(), [all.preds.get(&[3, 0])]);
    let class = all.decoded.get(&[3, 0]) as usize;
    assert_eq!(one.label.as_deref(), Some(["no", "yes"][class]));

    let same = learn.tta(&learn.dls().valid, 3, 0.25).unwrap();
    assert!((same.preds - &all.preds).abs().sum(..).item() < 1e-5, "without transforms nothing changes");
}

#[test]
fn an_exported_model_predicts_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let x = Tensor::<f32>::randn(&[5, 3], &mut Rng::new(9));
    let rng = &mut Rng::new(4);
    let model: Linear = Linear::new(3, 2, rng);
    let learn = Learner::new(dls(), model)
        .loss_func(|p: &Var, t: &Tensor<i64>| cross_entropy(p, t))
        .vocab(["a", "b"]);
    let learn = learn.activation(Activation::Softmax);
    let path = dir.path().join("model");
    learn.export(&path).unwrap();
    let loaded = load_learner(&path, Linear::new(3, 2, rng)).unwrap();
    for i in 0..5 {
        let (ours, theirs) = (learn.predict(&x.select(0, i)), loaded.predict(&x.select(0, i)));
        assert_eq!(ours.pred.to_vec(), theirs.pred.to_vec());
        assert_eq!(ours.label, theirs.label);
        assert!((ours.pred.sum(..).item() - 1.0).abs() < 1e-6);
    }
    let error = load_learner(&path, Linear::new(4, 2, rng)).err().unwrap();
    assert!(error.to_string().contains("misshapen: weight"), "{error}");
}

#[test]
fn weights_are_saved_with_the_optimizer() {
    let dir = tempfile::tempdir().unwrap();
    let train = |interrupted: bool| {
        let mut learn = learner().path(dir.path());
        learn.fit(1, 0.05).unwrap();
        if interrupted {
            let path = learn.save("half").unwrap();
            assert_eq!(path, dir.path().join("models/half.weights"));
            let position = learn.dls().train.position();
            learn = learner().path(dir.path());
            learn.load("half").unwrap();
            learn.dls().train.resume(position);
        }
        learn.fit(1, slice(0.05, 0.05)).unwrap();
        assert_eq!(learn.opt().unwrap().groups()[0].hypers[Hyper::Lr], 0.05);
        hash(learn.model())
    };
    assert_eq!(train(true), train(false));
    // Another optimizer takes the model alone.
    let mut other = learner().path(dir.path()).opt_func(Sgd::new);
    let before = hash(other.model());
    assert!(matches!(other.load("half"), Err(Error::Optimizer { .. })));
    assert_eq!(hash(other.model()), before);
    other.load_model("half").unwrap();
    let mut same = learner().path(dir.path());
    assert_eq!(hash(other.model()), hash(same.load("half").unwrap().model()));
    assert_ne!(hash(other.model()), before);
    let error = learner().path(dir.path()).load("none").err().unwrap();
    assert!(error.to_string().contains("models/none.weights"), "{error}");
}

#[test]
fn the_summary_is_of_a_training_batch() {
    let summary = learner().summary().unwrap();
    assert!(summary.starts_with("Sequential (Input shape: 16 x 3)"), "{summary}");
}
