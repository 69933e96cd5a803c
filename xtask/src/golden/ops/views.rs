//! Shapes, joining, indexing and matrix products.

use anyhow::{Context as _, Result, bail, ensure};
use downhill::autograd::{cat, embedding, linear, stack, where_};
use downhill::tensor::Tensor;

use super::call::Call;
use super::{Operand, Var, one};

/// `[start, end, step]`, each null for the default, negative numbers counted from the back.
type Slice = [Option<isize>; 3];

pub(super) fn apply(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    let x = || call.x();
    one(match call.op {
        "reshape" => x()?.reshape(&call.arg::<Vec<isize>>("shape")?),
        "flatten" => flatten(x()?, call.arg_or("start_dim", 0)?, call.arg_or("end_dim", -1)?),
        "transpose" => x()?.transpose(call.arg("dim0")?, call.arg("dim1")?),
        "permute" => x()?.permute(&call.arg::<Vec<isize>>("dims")?),
        "expand" => expand(x()?, &call.arg::<Vec<isize>>("shape")?)?,
        "squeeze" => squeeze(x()?, call.dims()?),
        "unsqueeze" => x()?.unsqueeze(call.dim()?),
        "narrow" => {
            let (dim, start): (isize, isize) = (call.dim()?, call.arg("start")?);
            let size = x()?.value().size(dim) as isize;
            let start =
                usize::try_from(if start < 0 { start + size } else { start }).context("argument start")?;
            x()?.narrow(dim, start, call.arg(call.name("len", "length"))?)
        }
        "slice_step" => sliced(x()?, &call.arg::<Vec<Slice>>("slices")?)?,
        "cat" => cat(&call.all()?, call.arg_or("dim", 0)?),
        "stack" => stack(&call.all()?, call.arg_or("dim", 0)?),
        "index_select" => {
            let index = call.integer(1)?.iter().map(usize::try_from).collect::<Result<Vec<_>, _>>()?;
            x()?.index_select(call.dim()?, &index)
        }
        "gather" => {
            call.only("sparse_grad", false)?;
            x()?.gather(call.dim()?, call.integer(1)?)
        }
        "embedding" => embedded(call)?,
        "pad2d" => padded(call, x()?)?,
        "matmul" => x()?.matmul(call.float(1)?),
        "matmul_tn" => x()?.transpose(-2, -1).matmul(call.float(1)?),
        "matmul_nt" => x()?.matmul(&call.float(1)?.transpose(-2, -1)),
        "linear" => {
            let bias = if call.inputs() > 2 { Some(call.float(2)?) } else { None };
            linear(x()?, call.float(1)?, bias)
        }
        _ => return Ok(None),
    })
}

fn flatten(x: &Var, start: isize, end: isize) -> Var {
    if end == -1 {
        return x.flatten(start);
    }
    let shape: Vec<isize> = x.shape().iter().map(|&d| d as isize).collect();
    let at = |dim: isize| dim.rem_euclid(shape.len() as isize) as usize;
    let (start, end) = (at(start), at(end));
    let merged = shape[start..=end].iter().product();
    x.reshape(&[&shape[..start], &[merged], &shape[end + 1..]].concat())
}

/// -1 leaves an axis as it is.
fn expand(x: &Var, shape: &[isize]) -> Result<Var> {
    let own = x.shape();
    let added = shape.len().checked_sub(own.len()).context("argument shape: too few axes")?;
    let length = |(i, &d): (usize, &isize)| match usize::try_from(d) {
        Ok(d) => Ok(d),
        Err(_) if d == -1 && i >= added => Ok(own[i - added]),
        Err(_) => bail!("argument shape: {shape:?}"),
    };
    Ok(x.expand(&shape.iter().enumerate().map(length).collect::<Result<Vec<_>>>()?))
}

/// Without the axes of one element among `dims`, or among all.
fn squeeze(x: &Var, dims: Option<Vec<isize>>) -> Var {
    let rank = x.shape().len() as isize;
    let mut dims = dims.unwrap_or_else(|| (0..rank).collect());
    dims.iter_mut().filter(|dim| **dim < 0).for_each(|dim| *dim += rank);
    // From the back, so that the others keep their numbers.
    dims.sort();
    dims.iter().rev().fold(x.clone(), |x, &dim| x.squeeze(dim))
}

fn sliced(x: &Var, slices: &[Slice]) -> Result<Var> {
    ensure!(slices.len() <= x.shape().len(), "{} slices for shape {:?}", slices.len(), x.shape());
    let mut y = x.clone();
    for (dim, &[start, end, step]) in slices.iter().enumerate() {
        let len = x.shape()[dim] as isize;
        let resolved = |at: isize| (if at < 0 { at + len } else { at }).clamp(0, len) as usize;
        let Ok(step @ 1..) = usize::try_from(step.unwrap_or(1)) else { bail!("a step is not positive") };
        let (start, end) = (resolved(start.unwrap_or(0)), resolved(end.unwrap_or(len)));
        y = y.slice(dim as isize, start, end.max(start), step);
    }
    Ok(y)
}

/// The row `padding_idx` gets no gradient.
fn embedded(call: &Call<'_>) -> Result<Var> {
    call.only("max_norm", ())?;
    call.only("scale_grad_by_freq", false)?;
    call.only("sparse", false)?;
    let (index, weight) = (call.integer(0)?, call.float(1)?);
    let Some(padding) = call.given::<i64>("padding_idx")? else { return Ok(embedding(index, weight)) };
    let rows = weight.shape()[0];
    let padding = if padding < 0 { padding + rows as i64 } else { padding };
    let is_padding = Tensor::<i64>::arange(rows).eq(padding).unsqueeze(-1);
    Ok(embedding(index, &where_(&is_padding, weight.detach(), weight)))
}

fn padded(call: &Call<'_>, x: &Var) -> Result<Var> {
    let [left, right, top, bottom]: [isize; 4] = call.arg("pad_lrtb")?;
    let mode = call.arg_or("mode", "constant".to_string())?;
    if mode == "constant" {
        let value = call.arg_or("value", 0.0)?;
        // Negative padding cuts off.
        let mut y = x.clone();
        for (dim, before, after) in [(-1, left, right), (-2, top, bottom)] {
            let cut = |n: isize| n.min(0).unsigned_abs();
            let size = y.value().size(dim);
            let len = size.checked_sub(cut(before) + cut(after)).context("argument pad_lrtb")?;
            y = y.narrow(dim, cut(before), len);
        }
        let room = [left, right, top, bottom].map(|n| n.max(0) as usize);
        return Ok(y.pad(&room, value));
    }
    call.only("value", 0.0)?;
    let source: fn(isize, isize) -> isize = match mode.as_str() {
        "replicate" => |i, len| i.clamp(0, len - 1),
        "circular" => |i, len| i.rem_euclid(len),
        "reflect" => |i, len| {
            if i < 0 {
                -i
            } else if i >= len {
                2 * (len - 1) - i
            } else {
                i
            }
        },
        other => bail!("argument mode: {other:?} is not supported"),
    };
    let mut y = x.clone();
    for (dim, before, after) in [(-1, left, right), (-2, top, bottom)] {
        let len = y.value().size(dim) as isize;
        let index: Vec<usize> = (-before..len + after).map(|i| source(i, len) as usize).collect();
        y = y.index_select(dim, &index);
    }
    Ok(y)
}
