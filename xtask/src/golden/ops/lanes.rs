//! Reductions, extrema, orders and softmax.

use anyhow::{Result, bail};
use downhill::tensor::{Element, Tensor};

use super::call::Call;
use super::{Operand, one};

pub(super) fn apply(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    if let Some(result) = without_gradient(call)? {
        return one(result);
    }
    if matches!(call.op, "max" | "min" | "sort" | "topk") {
        return ordered(call);
    }
    let (x, axes) = (|| call.x(), || call.axes());
    let keepdim = call.keepdim();
    let integer = matches!(call.input(0), Ok(Operand::Integer(_)));
    if integer {
        return of_integers(call);
    }
    let y = match (call.op, keepdim?) {
        ("sum", false) => x()?.sum(axes()?),
        ("sum", true) => x()?.sum_keepdim(axes()?),
        ("mean", false) => x()?.mean(axes()?),
        ("mean", true) => x()?.mean_keepdim(axes()?),
        ("var", false) => x()?.var(axes()?, correction(call)?),
        ("var", true) => x()?.var_keepdim(axes()?, correction(call)?),
        ("std", false) => x()?.std(axes()?, correction(call)?),
        ("std", true) => x()?.std_keepdim(axes()?, correction(call)?),
        ("norm", false) => x()?.norm_p(order(call)?, axes()?),
        ("norm", true) => x()?.norm_p_keepdim(order(call)?, axes()?),
        ("prod", false) => x()?.prod(axes()?),
        ("prod", true) => x()?.prod_keepdim(axes()?),
        ("amax", false) => x()?.amax(axes()?),
        ("amax", true) => x()?.amax_keepdim(axes()?),
        ("amin", false) => x()?.amin(axes()?),
        ("amin", true) => x()?.amin_keepdim(axes()?),
        ("logsumexp", false) => x()?.logsumexp(axes()?),
        ("logsumexp", true) => x()?.logsumexp_keepdim(axes()?),
        ("cumsum", _) => x()?.cumsum(call.dim()?),
        ("softmax", _) => x()?.softmax(call.dim()?),
        ("log_softmax", _) => x()?.log_softmax(call.dim()?),
        _ => return Ok(None),
    };
    call.only("dtype", "float64")?;
    one(y)
}

/// What a variance divides by is smaller by this.
fn correction(call: &Call<'_>) -> Result<usize> {
    match call.given::<bool>("unbiased")? {
        Some(unbiased) => Ok(usize::from(unbiased)),
        None => call.arg_or("correction", 1),
    }
}

/// Of a norm: a number, or the name of one.
fn order(call: &Call<'_>) -> Result<f64> {
    let name = call.name("p", "ord");
    let Some(value) = call.value(name) else { return Ok(2.0) };
    match value.as_str() {
        None => call.arg(name),
        Some("fro") => Ok(2.0),
        Some("inf") => Ok(f64::INFINITY),
        Some("-inf") => Ok(f64::NEG_INFINITY),
        Some(other) => bail!("argument {name}: {other:?} is not supported"),
    }
}

/// Values and where they came from.
fn ordered(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    let dim = call.dims()?;
    if let (None, "max" | "min") = (&dim, call.op) {
        return one(match (call.input(0)?, call.op) {
            (Operand::Float(x), "max") => Operand::from(x.max()),
            (Operand::Float(x), _) => x.min().into(),
            (Operand::Integer(x), "max") => x.max().into(),
            (Operand::Integer(x), _) => x.min().into(),
        });
    }
    let dim = match dim.as_deref() {
        None => -1,
        Some(&[dim]) => dim,
        Some(other) => bail!("argument dim: {other:?} is not one axis"),
    };
    let keepdim = matches!(call.op, "max" | "min") && call.keepdim()?;
    call.only("sorted", true)?;
    let (values, indices): (Operand, Tensor<i64>) = match (call.input(0)?, call.op) {
        (Operand::Float(x), "max") if keepdim => pair(x.max_dim_keepdim(dim)),
        (Operand::Float(x), "min") if keepdim => pair(x.min_dim_keepdim(dim)),
        (Operand::Float(x), "max") => pair(x.max_dim(dim)),
        (Operand::Float(x), "min") => pair(x.min_dim(dim)),
        (Operand::Integer(x), "max") if keepdim => pair(x.max_dim_keepdim(dim)),
        (Operand::Integer(x), "min") if keepdim => pair(x.min_dim_keepdim(dim)),
        (Operand::Integer(x), "max") => pair(x.max_dim(dim)),
        (Operand::Integer(x), "min") => pair(x.min_dim(dim)),
        (x, "sort") => {
            // Ours is stable; so it is right for whoever does not care.
            _ = call.value("stable");
            let descending = call.arg_or("descending", false)?;
            match x {
                Operand::Float(x) => pair(x.sort(dim, descending)),
                Operand::Integer(x) => pair(x.sort(dim, descending)),
            }
        }
        (x, _) => {
            let (k, largest) = (call.arg("k")?, call.arg_or("largest", true)?);
            match x {
                Operand::Float(x) => pair(x.topk(k, dim, largest)),
                Operand::Integer(x) => pair(x.topk(k, dim, largest)),
            }
        }
    };
    call.parts(vec![("values", values), ("indices", indices.into())])
}

fn pair(result: (impl Into<Operand>, Tensor<i64>)) -> (Operand, Tensor<i64>) {
    (result.0.into(), result.1)
}

fn of_integers(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    let (x, axes) = (|| call.integer(0), || call.axes());
    one(match (call.op, call.keepdim()?) {
        ("sum", false) => x()?.sum(axes()?),
        ("sum", true) => x()?.sum_keepdim(axes()?),
        ("prod", false) => x()?.prod(axes()?),
        ("prod", true) => x()?.prod_keepdim(axes()?),
        ("amax", false) => x()?.amax(axes()?),
        ("amax", true) => x()?.amax_keepdim(axes()?),
        ("amin", false) => x()?.amin(axes()?),
        ("amin", true) => x()?.amin_keepdim(axes()?),
        ("cumsum", _) => x()?.cumsum(call.dim()?),
        _ => return Ok(None),
    })
}

/// What has no gradient, of floats and integers alike.
fn without_gradient(call: &Call<'_>) -> Result<Option<Tensor<i64>>> {
    if !matches!(call.op, "argmax" | "argmin" | "any" | "all") {
        return Ok(None);
    }
    let result = match call.input(0)? {
        Operand::Float(x) => found(call, &x.value()),
        Operand::Integer(x) => found(call, x),
    };
    result.map(Some)
}

fn found<E: Element>(call: &Call<'_>, x: &Tensor<E>) -> Result<Tensor<i64>> {
    let axes = call.axes()?;
    Ok(match (call.op, call.keepdim()?) {
        ("argmax", false) => x.argmax(axes),
        ("argmax", true) => x.argmax_keepdim(axes),
        ("argmin", false) => x.argmin(axes),
        ("argmin", true) => x.argmin_keepdim(axes),
        ("any", false) => x.any(axes).to(),
        ("any", true) => x.any_keepdim(axes).to(),
        ("all", false) => x.all(axes).to(),
        _ => x.all_keepdim(axes).to(),
    })
}
