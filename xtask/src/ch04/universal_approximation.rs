//! Adding a Nonlinearity, continued: one hidden layer comes near any function, and nearer the wider it is.

use anyhow::Result;
use downhill::prelude::*;

use super::Context;
use crate::report::{Figure, Findings, Series};

/// The widths that are tried, and how near the widest must come.
const WIDTHS: [usize; 3] = [3, 10, 100];
const NEAR: f64 = 0.02;
const STEPS: usize = 3000;

/// Something wiggly.
fn wiggly(x: &Tensor) -> Tensor {
    (x * 3.0).sin() + (x * 9.0).sin() * 0.5
}

pub(super) fn run(_: &Context, out: &mut Findings) -> Result<()> {
    let x = Tensor::<f32>::linspace(-1.0, 1.0, 256).unsqueeze(1);
    let y = wiggly(&x);
    let points = |y: &Tensor| x.iter().zip(y.iter()).map(|(x, y)| (x.into(), y.into())).collect();
    let mut series = vec![Series { name: "the function".into(), line: false, points: points(&y) }];
    let mut errors = Vec::new();
    for width in WIDTHS {
        let fitted = fit(&x, &y, width);
        let error = f64::from((&fitted - &y).square().mean(..).sqrt().item());
        errors.push(error);
        series.push(Series { name: format!("{width} hidden"), line: true, points: points(&fitted) });
    }
    let found: Vec<String> =
        WIDTHS.iter().zip(&errors).map(|(width, error)| format!("{error:.3} with {width}")).collect();
    let nearer = errors.windows(2).all(|pair| pair[1] < pair[0]);
    out.holds("a wider hidden layer", "comes nearer", found.join(", "), nearer);
    let (last, widest) = (errors[errors.len() - 1], WIDTHS[WIDTHS.len() - 1]);
    let name = format!("{widest} hidden: root mean squared error");
    let size = y.square().mean(..).sqrt().item();
    let asked = format!("below {NEAR}, of a function's {size:.2}");
    out.holds(name, asked, format!("{last:.4}"), last < NEAR);
    let (title, x, y) = ("One hidden layer fits a function".into(), "x".into(), "y".into());
    out.figure(Figure::Functions { title, x, y, series });
    Ok(())
}

/// What a net with one hidden layer of this width makes of `x` once it was trained to make `y` of it.
fn fit(x: &Tensor, y: &Tensor, width: usize) -> Tensor {
    let rng = &mut Rng::new(0);
    let net: Sequential = sequential![Linear::new(1, width, rng), ReLU, Linear::new(width, 1, rng)];
    // Each unit bends at one place. These are spread over the range of x, so that the net can bend wherever it must, and
    // slopes are as steep as the function's.
    let bends = Tensor::<f32>::linspace(-1.0, 1.0, width);
    let [w, b] = [0, 1].map(|i| net.parameters()[i].clone());
    w.update_(|w| {
        w.mul_(3.0);
    });
    b.update_(|b| {
        b.copy_(&-(w.value().flatten(0) * &bends));
    });
    let mut opt = Adam::new(net.parameters(), 0.01);
    let xb = Var::new(x.clone());
    for _ in 0..STEPS {
        mse_loss(&net.forward(&xb), y, Reduction::Mean).backward();
        opt.step();
        opt.zero_grad();
    }
    net.forward(&xb).into_value()
}
