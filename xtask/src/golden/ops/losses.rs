//! Losses.

use anyhow::{Result, bail, ensure};
use downhill::autograd::softmax_cross_entropy;
use downhill::nn::{CrossEntropy, Reduction};
use downhill::nn::{bce_with_logits, l1_loss, mnist_loss, mse_loss, nll_loss, smooth_l1_loss};
use downhill::tensor::Tensor;

use super::call::Call;
use super::{Operand, Var, one};

pub(super) fn apply(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    let losses = ["mse_loss", "l1_loss", "smooth_l1_loss", "bce_with_logits", "nll_loss", "mnist_loss"];
    let entropies = ["cross_entropy", "cross_entropy_smoothing"];
    if !losses.contains(&call.op) && !entropies.contains(&call.op) {
        return Ok(None);
    }
    let (x, target) = (call.x()?, call.input(1)?);
    if let Operand::Float(target) = target {
        ensure!(!target.requires_grad(), "gradients of targets are not supported");
    }
    let classes = || call.integer(1);
    let floats = || Ok::<_, anyhow::Error>(call.float(1)?.value());
    one(match call.op {
        "mse_loss" => mse_loss(x, &floats()?, reduction(call)?),
        "l1_loss" => l1_loss(x, &floats()?, reduction(call)?),
        "smooth_l1_loss" => smooth_l1_loss(x, &floats()?, call.arg_or("beta", 1.0)?, reduction(call)?),
        "bce_with_logits" => binary(call, x, &floats()?)?,
        "mnist_loss" => match target {
            Operand::Integer(targets) => mnist_loss(x, targets),
            Operand::Float(targets) => mnist_loss(x, &targets.value()),
        },
        "nll_loss" => {
            let ignored: i64 = call.arg_or("ignore_index", -100)?;
            let targets = classes()?.map(|t| if t == ignored { -100 } else { t });
            nll_loss(x, &targets, weight(call)?.as_ref(), reduction(call)?)
        }
        _ => match target {
            Operand::Float(targets) => entropy_of_shares(call, x, &targets.value())?,
            Operand::Integer(targets) => CrossEntropy {
                weight: weight(call)?,
                ignore_index: call.arg_or("ignore_index", -100)?,
                label_smoothing: call.arg_or("label_smoothing", 0.0)?,
                reduction: reduction(call)?,
            }
            .loss(x, targets),
        },
    })
}

fn reduction(call: &Call<'_>) -> Result<Reduction> {
    Ok(match call.arg_or("reduction", "mean".to_string())?.as_str() {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        "none" => Reduction::None,
        other => bail!("argument reduction: {other:?} is not supported"),
    })
}

/// How much each class counts: the third input.
fn weight(call: &Call<'_>) -> Result<Option<Tensor<f64>>> {
    if call.inputs() < 3 {
        return Ok(None);
    }
    call.float(2).map(|weight| Some(weight.value()))
}

/// With `weight` for each loss and `pos_weight` for what should be one.
fn binary(call: &Call<'_>, x: &Var, targets: &Tensor<f64>) -> Result<Var> {
    let (weight, positive) = (call.named(&["weight"])?, call.named(&["pos_weight"])?);
    if weight.is_none() && positive.is_none() {
        return Ok(bce_with_logits(x, targets, reduction(call)?));
    }
    let one = Var::new(Tensor::scalar(1.0));
    let target = Var::new(targets.clone());
    let if_one = (-x).softplus() * &target * positive.unwrap_or(&one);
    let losses = (if_one + x.softplus() * (1.0 - target)) * weight.unwrap_or(&one);
    Ok(reduced(losses, reduction(call)?, targets.numel()))
}

/// Cross entropy with the share of each class as targets. The mean is over the items.
fn entropy_of_shares(call: &Call<'_>, x: &Var, targets: &Tensor<f64>) -> Result<Var> {
    let dim = usize::from(targets.rank() > 1);
    let smoothing: f64 = call.arg_or("label_smoothing", 0.0)?;
    call.only("ignore_index", -100)?;
    let number = targets.size(dim as isize);
    let mut targets = targets * (1.0 - smoothing) + smoothing / number as f64;
    if let Some(weight) = weight(call)? {
        let mut along = vec![1; targets.rank()];
        along[dim] = number as isize;
        targets = targets * &weight.reshape(&along);
    }
    let losses = softmax_cross_entropy(x, &targets, dim as isize);
    let items = losses.value().numel();
    Ok(reduced(losses, reduction(call)?, items))
}

fn reduced(losses: Var, reduction: Reduction, items: usize) -> Var {
    match reduction {
        Reduction::Mean => losses.sum(..) / items as f64,
        Reduction::Sum => losses.sum(..),
        Reduction::None => losses,
    }
}
