//! Arithmetic, comparisons and functions of one element.

use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

use anyhow::{Result, bail};
use downhill::autograd::where_;
use downhill::tensor::Tensor;

use super::call::Call;
use super::{Operand, Var, one};

pub(super) fn apply(call: &Call<'_>) -> Result<Option<Vec<Operand>>> {
    if let Some(result) = compared(call)? {
        return one(result);
    }
    let x = || call.x();
    // `other * alpha`, as in PyTorch's sums.
    let other = || {
        let alpha = call.arg_or("alpha", 1.0)?;
        Ok::<_, anyhow::Error>(if alpha == 1.0 { call.float(1)?.clone() } else { call.float(1)? * alpha })
    };
    one(match call.op {
        "neg" => std::ops::Neg::neg(x()?),
        "exp" => x()?.exp(),
        "ln" => x()?.ln(),
        "sqrt" => x()?.sqrt(),
        "abs" => x()?.abs(),
        "square" => x()?.square(),
        "recip" => x()?.recip(),
        "sin" => x()?.sin(),
        "cos" => x()?.cos(),
        "tanh" => x()?.tanh(),
        "sigmoid" => x()?.sigmoid(),
        "relu" => x()?.relu(),
        "erf" => x()?.erf(),
        "silu" => x()?.silu(),
        "gelu" => gelu(x()?, &call.arg_or("approximate", "none".to_string())?)?,
        "softplus" => softplus(x()?, call.arg_or("beta", 1.0)?, call.arg_or("threshold", 20.0)?),
        "leaky_relu" => x()?.leaky_relu(call.arg_or("negative_slope", 0.01)?),
        "powf" => x()?.powf(call.arg("exponent")?),
        "clamp" => x()?.clamp(call.arg_or("min", f64::NEG_INFINITY)?, call.arg_or("max", f64::INFINITY)?),
        "add" => x()? + other()?,
        "sub" => x()? - other()?,
        "mul" => x()? * call.float(1)?,
        "div" => {
            call.only("rounding_mode", ())?;
            x()? / call.float(1)?
        }
        "maximum" => x()?.maximum(call.float(1)?),
        "minimum" => x()?.minimum(call.float(1)?),
        "where" => where_(&call.integer(0)?.to(), call.float(1)?, call.float(2)?),
        "masked_fill" => x()?.masked_fill(&call.integer(1)?.to(), call.arg("value")?),
        _ => return Ok(None),
    })
}

/// A truth value for each element.
fn compared(call: &Call<'_>) -> Result<Option<Tensor<i64>>> {
    let f: fn(&Tensor<f64>, Tensor<f64>) -> Tensor<bool> = match call.op {
        "eq" => Tensor::eq,
        "ne" => Tensor::ne,
        "lt" => Tensor::lt,
        "le" => Tensor::le,
        "gt" => Tensor::gt,
        "ge" => Tensor::ge,
        _ => return Ok(None),
    };
    Ok(Some(f(&call.float(0)?.value(), call.float(1)?.value()).to()))
}

fn gelu(x: &Var, approximate: &str) -> Result<Var> {
    match approximate {
        "none" => Ok(x.gelu()),
        "tanh" => {
            let inner = (x + x.powf(3.0) * 0.044715) * (FRAC_2_SQRT_PI / SQRT_2);
            Ok(x * 0.5 * (inner.tanh() + 1.0))
        }
        other => bail!("argument approximate: {other:?} is not supported"),
    }
}

/// PyTorch's softplus is the identity above a threshold.
fn softplus(x: &Var, beta: f64, threshold: f64) -> Var {
    let scaled = x * beta;
    let linear = scaled.value().gt(threshold);
    where_(&linear, x, where_(&linear, 0.0, &scaled).softplus() / beta)
}
