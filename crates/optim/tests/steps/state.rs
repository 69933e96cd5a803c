//! States: saved, loaded, continued to the bit, and refused.

use crate::common::{Opt, all, hashes, params, step};
use downhill_autograd::Var;
use downhill_optim::{Adam, Error, Groups, Hyper, Lookahead, OptimState, Optimizer, RmsProp, Sgd};
use downhill_tensor::{Float, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn in_groups<T: Float>(params: &[Var<T>]) -> Groups<T> {
    Groups::from(vec![params[..1].to_vec(), params[1..].to_vec()]).without_decay(&params[1..2])
}

/// Through text and back, as a checkpoint goes through a file.
fn through_text<T: Float + Serialize + DeserializeOwned>(state: &OptimState<T>) -> OptimState<T> {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

fn a_loaded_run_continues_to_the_bit<T: Float + Serialize + DeserializeOwned>() {
    for (name, make) in all::<T>() {
        let whole = params();
        let mut opt = make(in_groups(&whole), 0.1);
        opt.set_hyper(Hyper::Wd, vec![0.02, 0.01].into());
        (0..5).for_each(|i| step(&mut *opt, &whole, i));
        let state = through_text(&opt.state());
        let saved: Vec<Tensor<T>> = whole.iter().map(Var::value).collect();
        (5..12).for_each(|i| step(&mut *opt, &whole, i));

        let resumed: Vec<Var<T>> = saved.into_iter().map(Var::parameter).collect();
        let mut opt = make(in_groups(&resumed), 7.0);
        opt.load_state(state).unwrap();
        (5..12).for_each(|i| step(&mut *opt, &resumed, i));
        assert_eq!(hashes(&resumed), hashes(&whole), "{name}");
    }
}

#[test]
fn a_loaded_run_continues_to_the_bit_in_f32() {
    a_loaded_run_continues_to_the_bit::<f32>();
}

#[test]
fn a_loaded_run_continues_to_the_bit_in_f64() {
    a_loaded_run_continues_to_the_bit::<f64>();
}

#[test]
fn a_state_taken_is_a_snapshot() {
    let p = params::<f32>();
    let mut opt = Adam::new(p.clone(), 0.1);
    step(&mut opt, &p, 0);
    let state = opt.state();
    let before = serde_json::to_string(&state).unwrap();
    step(&mut opt, &p, 1);
    assert_eq!(serde_json::to_string(&state).unwrap(), before);
    assert_ne!(serde_json::to_string(&opt.state()).unwrap(), before);
}

#[test]
fn a_cleared_optimizer_starts_anew() {
    for (name, make) in all::<f32>() {
        let (p, q) = (params(), params());
        let (mut opt, mut fresh) = (make(in_groups(&p), 0.1), make(in_groups(&q), 0.1));
        (0..4).for_each(|i| step(&mut *opt, &p, i));
        p.iter().zip(&q).for_each(|(p, q)| p.update_(|value| *value = q.value()));
        opt.clear_state();
        (0..4).for_each(|i| step(&mut *opt, &p, i));
        (0..4).for_each(|i| step(&mut *fresh, &q, i));
        assert_eq!(hashes(&p), hashes(&q), "{name}");
    }
}

/// Adam after a step, its state as JSON, and what becomes of it.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let p = small();
    let mut opt = Adam::new(vec![p.clone()], 0.1);
    step(&mut opt, &p, 0);
    let mut json = serde_json::to_value(opt.state()).unwrap();
    change(&mut json);
    let before = serde_json::to_string(&opt.state()).unwrap();
    let error = match serde_json::from_value::<OptimState<f32>>(json) {
        Ok(state) => opt.load_state(state).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(serde_json::to_string(&opt.state()).unwrap(), before, "the optimizer is untouched");
    error
}

fn small() -> Vec<Var<f32>> {
    vec![Var::parameter(Tensor::ones(&[2, 3])), Var::parameter(Tensor::ones(&[4]))]
}

#[test]
fn wrong_states_are_refused_and_nothing_changes() {
    type Change = fn(&mut Value);
    let tensor = |shape: &[usize]| json!({ "shape": shape, "data": vec![0.0; shape.iter().product()] });
    let cases: &[(Change, &str)] = &[
        (|s| s["optimizer"] = "Lamb".into(), "optimizer state: expected one of Adam, found one of Lamb"),
        (
            |s| {
                let group = s["hypers"][0].clone();
                s["hypers"].as_array_mut().unwrap().push(group);
            },
            "optimizer state: expected 1 groups of hyper-parameters, found 2",
        ),
        (
            |s| drop(s["params"].as_array_mut().unwrap().pop()),
            "optimizer state: expected 2 parameters, found 1",
        ),
        (
            |s| s["hypers"][0]["lr"] = json!(-1.0),
            "optimizer state: group 0: lr must be a number of zero or more, got -1",
        ),
        (|s| s["hypers"][0]["mom"] = json!(1.0), "optimizer state: group 0: mom must be less than 1, got 1"),
        (
            |s| s["params"][1]["step"] = json!(u64::MAX),
            "optimizer state: 18446744073709551615 steps are too many",
        ),
        (|s| s["steps"] = json!(u64::MAX), "optimizer state: 18446744073709551615 steps are too many"),
        (
            |s| s["params"][1]["buffers"][0][0] = "momentum".into(),
            "optimizer state: parameter 1: expected tensors exp_avg, exp_avg_sq, found momentum, exp_avg_sq",
        ),
        (
            |s| drop(s["params"][1]["buffers"].as_array_mut().unwrap().pop()),
            "optimizer state: parameter 1: expected tensors exp_avg, exp_avg_sq, found exp_avg",
        ),
        (
            |s| s["params"][0]["buffers"][1][0] = "exp_avg".into(),
            "optimizer state: parameter 0: expected tensors exp_avg, exp_avg_sq, found exp_avg, exp_avg",
        ),
        (|s| s["params"][0]["scalar"] = Value::Null, "invalid type: null, expected f64"),
    ];
    for (change, message) in cases {
        assert_eq!(refused(change), *message);
    }
    assert_eq!(
        refused(|s| s["params"][0]["buffers"][1][1] = tensor(&[3, 2])),
        "optimizer state: parameter 0: exp_avg_sq: expected shape [2, 3], found [3, 2]"
    );
    let data = |s: &mut Value| s["params"][0]["buffers"][1][1]["shape"] = json!([1_u64 << 62, 4]);
    assert!(refused(data).contains("6 elements for shape"));
}

#[test]
fn a_state_of_other_options_is_refused() {
    let saved = |mut opt: Opt<f32>, p: &[Var<f32>]| {
        step(&mut *opt, p, 0);
        opt.state()
    };
    let p = small();
    let plain = saved(Box::new(Adam::new(p.clone(), 0.1)), &p);
    let error = Adam::new(p.clone(), 0.1).amsgrad(true).load_state(plain).unwrap_err();
    assert!(matches!(error, Error::Buffers { param: 0, .. }), "{error}");
    let plain = saved(Box::new(RmsProp::new(p.clone(), 0.1)), &p);
    let error = RmsProp::new(p.clone(), 0.1).centered(true).load_state(plain).unwrap_err();
    assert!(matches!(error, Error::Buffers { param: 0, .. }), "{error}");
    // A momentum may be switched on later.
    let plain = saved(Box::new(Sgd::new(p.clone(), 0.1)), &p);
    Sgd::new(p.clone(), 0.1).momentum(0.9).load_state(plain).unwrap();
}

#[test]
fn wrong_states_of_lookahead_are_refused() {
    let p = small();
    let mut opt = Lookahead::new(Sgd::new(p.clone(), 0.1).momentum(0.9));
    step(&mut opt, &p, 0);
    let inner = opt.inner().state();
    assert_eq!(
        opt.load_state(inner).unwrap_err().to_string(),
        "optimizer state: expected one of Lookahead of Sgd, found one of Sgd"
    );
    let change = |change: &dyn Fn(&mut Value)| {
        let mut json = serde_json::to_value(opt.state()).unwrap();
        change(&mut json);
        serde_json::from_value(json).unwrap()
    };
    let without = change(&|s| drop(s["params"][1]["buffers"].as_array_mut().unwrap().pop()));
    let misshapen = change(&|s| s["params"][1]["buffers"][1][1] = json!({ "shape": [1], "data": [0.0] }));
    let inside = change(&|s| s["params"][1]["buffers"][0][0] = "exp_avg".into());
    // Of one parameter only, where there may be none: it must not become another parameter's.
    let one = change(&|s| {
        s["steps"] = json!(0);
        s["params"][0]["buffers"].as_array_mut().unwrap().pop();
    });
    let before = serde_json::to_string(&opt.state()).unwrap();
    for (state, message) in [
        (one, "optimizer state: parameter 0: expected a tensor slow, found none"),
        (without, "optimizer state: parameter 1: expected a tensor slow, found none"),
        (misshapen, "optimizer state: parameter 1: slow: expected shape [4], found [1]"),
        (inside, "optimizer state: parameter 1: expected tensors momentum_buffer, found exp_avg"),
    ] {
        assert_eq!(opt.load_state(state).unwrap_err().to_string(), message);
        assert_eq!(serde_json::to_string(&opt.state()).unwrap(), before, "{message}");
    }
}
