//! Convolution and pooling.

use anyhow::{Context as _, Result, bail};
use downhill::autograd::{conv2d, stack};
use downhill::tensor::{Conv2dOptions, Pool2dOptions, Tensor, Windows2d};
use serde_json::Value;

use super::call::Call;
use super::{Operand, Var, one};

pub(super) fn apply(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    one(match call.op {
        "conv2d" => convolution(call)?,
        "max_pool2d" => max_pool(call, call.x()?)?,
        "avg_pool2d" => avg_pool(call, call.x()?)?,
        "adaptive_avg_pool2d" => call.x()?.adaptive_avg_pool2d(output(call)?),
        "adaptive_max_pool2d" => {
            call.only("return_indices", false)?;
            call.x()?.adaptive_max_pool2d(output(call)?)
        }
        _ => return Ok(None),
    })
}

fn convolution(call: &Call<'_>) -> Result<Var> {
    let (x, weight) = (call.x()?, call.float(1)?);
    let bias = if call.inputs() > 2 { Some(call.float(2)?) } else { None };
    let dilation = call.pair("dilation")?.unwrap_or([1; 2]);
    let options = Conv2dOptions::default()
        .stride(call.pair("stride")?.unwrap_or([1; 2]))
        .dilation(dilation)
        .groups(call.arg_or("groups", 1)?);
    match call.value("padding").and_then(Value::as_str) {
        None => {
            let padding = call.pair("padding")?.unwrap_or([0; 2]);
            Ok(conv2d(x, weight, bias, &options.padding(padding)))
        }
        Some("valid") => Ok(conv2d(x, weight, bias, &options)),
        Some("same") => {
            // What does not divide evenly goes to the right and to the bottom.
            let shape = weight.shape();
            let room = |i: usize| dilation[i] * (shape[2 + i] - 1);
            let [top, left] = [room(0) / 2, room(1) / 2];
            let x = x.pad(&[left, room(1) - left, top, room(0) - top], 0.0);
            Ok(conv2d(&x, weight, bias, &options))
        }
        Some(other) => bail!("argument padding: {other:?} is not supported"),
    }
}

/// A number, or two of which null leaves the size as it is.
fn output(call: &Call<'_>) -> Result<[usize; 2]> {
    let name = call.name("output", "output_size");
    if !matches!(call.value(name), Some(Value::Array(_))) {
        return Ok([call.arg(name)?; 2]);
    }
    let given: [Option<usize>; 2] = call.arg(name)?;
    let shape = call.x()?.shape();
    Ok([0, 1].map(|i| given[i].unwrap_or(shape[2 + i])))
}

fn pooling(call: &Call<'_>) -> Result<Pool2dOptions> {
    let kernel = call.pair(call.name("kernel", "kernel_size"))?.context("argument kernel is missing")?;
    Ok(Pool2dOptions::new(kernel)
        .stride(call.pair("stride")?.unwrap_or(kernel))
        .padding(call.pair("padding")?.unwrap_or([0; 2])))
}

/// For rows and columns: how many windows there are, and how far they reach behind the image and its padding. With
/// `ceil_mode` a window counts if it starts within the image or the padding before it.
fn windows(
    shape: &[usize],
    options: &Pool2dOptions,
    dilation: [usize; 2],
    ceil_mode: bool,
) -> [(usize, usize); 2] {
    [0, 1].map(|i| {
        let (kernel, stride, padding) = (options.kernel[i], options.stride[i], options.padding[i]);
        let (reach, len) = (dilation[i] * (kernel - 1) + 1, shape[2 + i] + 2 * padding);
        let room = len.saturating_sub(reach);
        let mut count = if ceil_mode { room.div_ceil(stride) } else { room / stride } + 1;
        if ceil_mode && (count - 1) * stride >= shape[2 + i] + padding {
            count -= 1;
        }
        (count, ((count - 1) * stride + reach).saturating_sub(len))
    })
}

fn max_pool(call: &Call<'_>, x: &Var) -> Result<Var> {
    call.only("return_indices", false)?;
    let options = pooling(call)?;
    let dilation = call.pair("dilation")?.unwrap_or([1; 2]);
    let ceil_mode = call.arg_or("ceil_mode", false)?;
    if dilation == [1; 2] && !ceil_mode {
        return Ok(x.max_pool2d(&options));
    }
    // Spelled out: the pixels of all windows side by side, for each place in the window.
    let [(rows, below), (columns, right)] = windows(&x.shape(), &options, dilation, ceil_mode);
    let [top, left] = options.padding;
    let padded = x.pad(&[left, left + right, top, top + below], f64::NEG_INFINITY);
    let mut places = Vec::new();
    for i in 0..options.kernel[0] * options.kernel[1] {
        let at = [i / options.kernel[1] * dilation[0], i % options.kernel[1] * dilation[1]];
        let [down, across] = options.stride;
        let y = padded.slice(2, at[0], at[0] + (rows - 1) * down + 1, down);
        places.push(y.slice(3, at[1], at[1] + (columns - 1) * across + 1, across));
    }
    Ok(stack(&places, -1).max_dim(-1).0)
}

fn avg_pool(call: &Call<'_>, x: &Var) -> Result<Var> {
    let include = call.arg_or("count_include_pad", true)?;
    let options = pooling(call)?.count_include_pad(include);
    let ceil_mode = call.arg_or("ceil_mode", false)?;
    let divisor = call.given::<f64>("divisor_override")?;
    if !ceil_mode && divisor.is_none() {
        return Ok(x.avg_pool2d(&options));
    }
    // Spelled out: sums over an image that was padded before, and by what each is divided.
    let shape = x.shape();
    let [(rows, below), (columns, right)] = windows(&shape, &options, [1; 2], ceil_mode);
    let [top, left] = options.padding;
    let padded = x.pad(&[left, left + right, top, top + below], 0.0);
    let sliding = Windows2d::sliding("avg_pool2d", &padded.shape(), &options.padding(0));
    let sum = padded.window_sum(&sliding);
    let count = |i: usize, at: usize| {
        let (padding, len) = (options.padding[i], shape[2 + i]);
        let (start, end) = (at * options.stride[i], at * options.stride[i] + options.kernel[i]);
        // What lies behind the padding counts in neither case.
        let (first, last) = if include { (0, len + 2 * padding) } else { (padding, padding + len) };
        end.min(last) - start.max(first)
    };
    let counts = Tensor::from_fn(&[rows, columns], |at| (count(0, at[0]) * count(1, at[1])) as f64);
    Ok(match divisor {
        Some(divisor) => sum / divisor,
        None => sum / counts,
    })
}
