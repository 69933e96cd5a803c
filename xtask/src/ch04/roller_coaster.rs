//! An End-to-End SGD Example: a quadratic fitted to the speed of a roller coaster, in seven steps.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, book};
use crate::report::{Figure, Findings, Series};

/// `a*(t**2) + (b*t) + c`.
fn f(t: &Tensor, params: &Var) -> Var {
    let part = |i| params.narrow(0, i, 1);
    part(0) * t.square() + part(1) * t.clone() + part(2)
}

fn mse(preds: &Var, targets: &Tensor) -> Var {
    (preds - targets.clone()).square().mean(..)
}

/// What one seed has seen: the losses before each step and after the last, and the parameters there.
struct Ride {
    speed: Tensor,
    losses: Vec<f64>,
    params: Vec<Tensor>,
}

fn ride(time: &Tensor, rng: &mut Rng) -> Ride {
    let speed = Tensor::randn(&[20], rng) * 3.0 + (time - 9.5).square() * 0.75 + 1.0;

    // Step 1: initialize the parameters.
    let params = Var::parameter(Tensor::randn(&[3], rng));
    let lr = 1e-5;
    let (mut losses, mut seen) = (Vec::new(), vec![params.value()]);
    for _ in 0..11 {
        // Steps 2 to 5: predict, measure the loss, calculate the gradients, step. Step 6: repeat.
        let preds = f(time, &params);
        let loss = mse(&preds, &speed);
        losses.push(f64::from(loss.item()));
        loss.backward();
        params.step_(|data, grad| {
            data.sub_(grad * lr);
        });
        params.zero_grad_();
        seen.push(params.value());
    }
    // Step 7: stop.
    Ride { speed, losses, params: seen }
}

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let time = Tensor::<f32>::arange(20);
    out.equal("time", book::TIME, &time);

    let rides = ctx.for_each_seed(|rng| Ok(ride(&time, rng)))?;
    let falling = rides.iter().filter(|ride| ride.losses.windows(2).all(|pair| pair[1] < pair[0])).count();
    let found = format!("for {falling} of {} seeds", rides.len());
    out.holds("apply_step, ten times", "the MSE falls at every step", found, falling == rides.len());
    let first = &rides[0];
    let losses: Vec<String> = first.losses.iter().map(|loss| format!("{loss:.1}")).collect();
    out.note(format!("noise and parameters are random; seed 0: {}", losses.join(" ")));

    // A step multiplies what can still be gained by (1 - lr * curvature)², whatever the noise. Nearly all of it is in
    // the direction of t², so one factor says it.
    let gain = |losses: &[f64]| (losses[1] - losses[10]) / (losses[0] - losses[10]);
    let ours: Vec<f64> = rides.iter().map(|ride| gain(&ride.losses)).collect();
    out.runs("share of the loss that is left by a step", book::ROLLER_COASTER, &ours, None);
    out.note("of what ten steps take away; from the losses that the book prints");

    let points =
        |values: &Tensor| time.iter().zip(values.iter()).map(|(t, y)| (t.into(), y.into())).collect();
    let mut series = vec![Series { name: "speed".into(), line: false, points: points(&first.speed) }];
    for step in [0, 1, 2, 3, 10] {
        let preds = f(&time, &Var::new(first.params[step].clone())).value();
        series.push(Series { name: format!("after step {step}"), line: true, points: points(&preds) });
    }
    let (title, x, y) = ("The roller coaster, seed 0".into(), "time".into(), "speed".into());
    out.figure(Figure::Functions { title, x, y, series });
    Ok(())
}
