//! `optim.json`: steps of an optimizer from given parameters, gradients, learning rates and momenta, in f64.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use downhill::autograd::Var;
use downhill::optim::{
    Adadelta, Adagrad, Adam, AdamW, Hyper, Lamb, Lookahead, Moments, NAdam, Optimizer, RAdam, RmsProp, Rule,
    Sgd, Stepper, ranger,
};
use downhill::tensor::Tensor;
use downhill::tensor::testing::{Tolerance, deviation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Outcome, Store, Tally, Worst, read_json};

/// Against the largest absolute value of the parameter.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    steps: usize,
    lr: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    library: String,
    args: Map<String, Value>,
}

type Opt = Box<dyn Optimizer<f64>>;

pub(super) fn replay(path: &Path, tally: &mut Tally) -> Result<()> {
    let golden: Golden = read_json(path)?;
    let store = Store::beside(path)?;
    for case in &golden.cases {
        tally.case(format!("optim/{}", case.name), || golden.replay(case, &store));
    }
    Ok(())
}

impl Golden {
    fn replay(&self, case: &Case, store: &Store) -> Result<Outcome> {
        let params: Vec<Var<f64>> = (0..)
            .map(|i| format!("p{i}"))
            .take_while(|key| store.has(key))
            .map(|key| Ok(Var::parameter(store.get(&key)?)))
            .collect::<Result<_>>()?;
        let mut args = Args(case.args.clone());
        let mut opt = case.optimizer(params.clone(), &mut args)?;
        // What is left of `mom` is a list, a value for each step.
        let moms: Option<Vec<f64>> = args.take("mom")?;
        args.none_left()?;
        let mut worst = Worst::new();
        for step in 0..self.steps {
            let of_step = |values: &[f64], what: &str| {
                values.get(step).copied().with_context(|| format!("no {what} for step {step}"))
            };
            opt.set_lr(of_step(&self.lr, "lr")?);
            if let Some(moms) = &moms {
                opt.set_hyper(Hyper::Mom, of_step(moms, "mom")?.into());
            }
            for (i, p) in params.iter().enumerate() {
                p.set_grad(Some(store.get(&format!("g{step}.{i}"))?));
            }
            opt.step();
            opt.zero_grad();
            for (i, p) in params.iter().enumerate() {
                let golden: Tensor<f64> = store.get(&format!("{}/step{step}.p{i}", case.name))?;
                let deviation = deviation(&p.value(), &golden, Tolerance::relative(TOLERANCE));
                worst.see(deviation.relative_error(&golden), TOLERANCE);
            }
        }
        worst.outcome()
    }
}

/// The arguments of an optimizer, taken out one by one.
struct Args(Map<String, Value>);

impl Args {
    fn take<X: DeserializeOwned>(&mut self, name: &str) -> Result<Option<X>> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        X::deserialize(value).map(Some).with_context(|| format!("argument {name}"))
    }

    /// `opt` with argument `name`, if it is there.
    fn apply<O, X: DeserializeOwned>(
        &mut self,
        opt: O,
        name: &str,
        method: impl FnOnce(O, X) -> O,
    ) -> Result<O> {
        Ok(match self.take(name)? {
            Some(value) => method(opt, value),
            None => opt,
        })
    }

    /// Sets the hyper-parameters that arguments of these names give one number for.
    fn hypers(&mut self, opt: &mut Opt, names: &[&str]) -> Result<()> {
        for name in names {
            if self.0.get(*name).is_some_and(Value::is_number) {
                let value: f64 = self.take(name)?.context("just seen")?;
                opt.set_hyper(name.parse()?, value.into());
            }
        }
        Ok(())
    }

    fn none_left(&self) -> Result<()> {
        match self.0.keys().next() {
            Some(name) => bail!("unknown argument {name}"),
            None => Ok(()),
        }
    }
}

impl Case {
    /// The optimizer that the case's name begins with: `torch.sgd_nesterov` is a case of `torch.sgd`.
    fn optimizer(&self, params: Vec<Var<f64>>, args: &mut Args) -> Result<Opt> {
        let name = self.name.strip_prefix(&self.library).and_then(|rest| rest.strip_prefix('.'));
        let name =
            name.with_context(|| format!("optimizer {} is not of library {}", self.name, self.library))?;
        let kind = name.split('_').next().unwrap_or_default();
        match self.library.as_str() {
            "torch" => pytorch(kind, params, args),
            // fastai's usual pair of the two, with the defaults that it gives them there.
            "fastai" if kind == "ranger" || name.starts_with("lookahead_radam") => {
                let mut opt: Opt = Box::new(lookahead(ranger(params, 0.0), args)?);
                args.hypers(&mut opt, &["mom", "sqr_mom", "eps", "wd"])?;
                Ok(opt)
            }
            "fastai" => fastai(kind, params, args),
            _ => bail!("unknown library {}", self.library),
        }
    }
}

/// PyTorch's optimizers, by the names of its classes and arguments.
fn pytorch(kind: &str, params: Vec<Var<f64>>, args: &mut Args) -> Result<Opt> {
    Ok(match kind {
        "sgd" => {
            let opt = args.apply(Sgd::new(params, 0.0), "momentum", Sgd::momentum)?;
            let opt = args.apply(opt, "dampening", Sgd::dampening)?;
            let opt = args.apply(opt, "nesterov", Sgd::nesterov)?;
            Box::new(weight_decay(opt, args)?)
        }
        "adam" | "adamw" => {
            let opt = if kind == "adam" { Adam::new(params, 0.0) } else { AdamW::new(params, 0.0) };
            let opt = args.apply(opt, "amsgrad", Adam::amsgrad)?;
            Box::new(averages(opt, args)?)
        }
        "rmsprop" => {
            let opt = args.apply(RmsProp::new(params, 0.0), "alpha", RmsProp::alpha)?;
            let opt = args.apply(opt, "momentum", RmsProp::momentum)?;
            let opt = args.apply(opt, "centered", RmsProp::centered)?;
            let opt = args.apply(opt, "eps", RmsProp::eps)?;
            Box::new(weight_decay(opt, args)?)
        }
        "adagrad" => {
            let opt = args.apply(Adagrad::new(params, 0.0), "lr_decay", Adagrad::lr_decay)?;
            let opt = args.apply(opt, "initial_accumulator_value", Adagrad::initial_accumulator_value)?;
            let opt = args.apply(opt, "eps", Adagrad::eps)?;
            Box::new(weight_decay(opt, args)?)
        }
        "adadelta" => {
            let opt = args.apply(Adadelta::new(params, 0.0), "rho", Adadelta::rho)?;
            let opt = args.apply(opt, "eps", Adadelta::eps)?;
            Box::new(weight_decay(opt, args)?)
        }
        "nadam" => {
            let opt = args.apply(NAdam::new(params, 0.0), "momentum_decay", NAdam::momentum_decay)?;
            Box::new(averages(opt, args)?)
        }
        "radam" => Box::new(averages(RAdam::new(params, 0.0), args)?),
        _ => bail!("unknown optimizer torch.{kind}"),
    })
}

fn weight_decay<R: Rule<f64>>(opt: Stepper<R, f64>, args: &mut Args) -> Result<Stepper<R, f64>> {
    let opt = args.apply(opt, "maximize", Stepper::maximize)?;
    args.apply(opt, "weight_decay", Stepper::weight_decay)
}

/// The arguments of Adam and its kin.
fn averages<R: Rule<f64> + Moments>(opt: Stepper<R, f64>, args: &mut Args) -> Result<Stepper<R, f64>> {
    let opt = args.apply(opt, "betas", |opt, (beta1, beta2)| Stepper::betas(opt, beta1, beta2))?;
    let opt = args.apply(opt, "eps", Stepper::<R, f64>::eps)?;
    let opt = args.apply(opt, "decoupled_weight_decay", Stepper::decoupled_weight_decay)?;
    weight_decay(opt, args)
}

/// fastai's optimizers, by the names of its functions and arguments.
fn fastai(kind: &str, params: Vec<Var<f64>>, args: &mut Args) -> Result<Opt> {
    let mut opt: Opt = match kind {
        "sgd" => {
            let mut opt = decouple(Sgd::fastai(params, 0.0), args)?;
            args.hypers(&mut opt, &["mom", "wd"])?;
            return Ok(opt);
        }
        "adam" => decouple(Adam::fastai(params, 0.0), args)?,
        "rmsprop" => decouple(RmsProp::fastai(params, 0.0), args)?,
        "radam" => decouple(args.apply(RAdam::fastai(params, 0.0), "beta", RAdam::beta)?, args)?,
        "lamb" => decouple(Lamb::fastai(params, 0.0), args)?,
        _ => bail!("unknown optimizer fastai.{kind}"),
    };
    args.hypers(&mut opt, &["mom", "sqr_mom", "eps", "wd"])?;
    Ok(opt)
}

fn decouple<R: Rule<f64> + 'static>(opt: Stepper<R, f64>, args: &mut Args) -> Result<Opt> {
    Ok(Box::new(args.apply(opt, "decouple_wd", Stepper::decoupled_weight_decay)?))
}

fn lookahead<O: Optimizer<f64>>(opt: Lookahead<O, f64>, args: &mut Args) -> Result<Lookahead<O, f64>> {
    ensure!(args.0.get("k") != Some(&Value::from(0)), "argument k: expected a positive number, got 0");
    let opt = args.apply(opt, "k", Lookahead::k)?;
    args.apply(opt, "alpha", Lookahead::alpha)
}
