//! Calculating Gradients: of x² at 3, and of the sum of squares of a vector.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, curve};
use crate::report::{Figure, Findings, Series};

pub(super) fn run(_: &Context, out: &mut Findings) -> Result<()> {
    let f = |x: &Var| x.square();
    let xt = Var::parameter(Tensor::scalar(3.0));
    let yt = f(&xt);
    out.equal("yt = f(xt)", "tensor(9.)", yt.value());
    yt.backward();
    out.equal("xt.grad", "tensor(6.)", gradient(&xt));

    let xt = Var::parameter(Tensor::from([3.0, 4.0, 10.0]));
    out.equal("xt = tensor([3.,4.,10.])", "tensor([ 3.,  4., 10.], requires_grad=True)", &xt);
    let f = |x: &Var| x.square().sum(..);
    let yt = f(&xt);
    out.equal("yt = f(xt), with sum", "tensor(125.)", yt.value());
    yt.backward();
    out.equal("xt.grad", "tensor([ 6.,  8., 20.])", gradient(&xt));

    let at = Series { name: "f(-1.5)".into(), line: false, points: vec![(-1.5, 2.25)] };
    let series = vec![curve("x**2", -2.0, 2.0, |x| x.square()), at];
    out.figure(Figure::Functions { title: "x**2".into(), x: "x".into(), y: "x**2".into(), series });
    Ok(())
}

fn gradient(x: &Var) -> Tensor {
    x.grad().expect("backward leaves one")
}
