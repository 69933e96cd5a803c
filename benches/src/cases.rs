//! The cases: work that can be repeated, made from a name.

use anyhow::{Context, Result, bail, ensure};
use downhill::autograd::Var;
use downhill::tensor::{Rng, Tensor};

use crate::{data, epochs, layers, ops, peers, resnet, step};

/// A piece of work, ready to be repeated.
pub type Work = Box<dyn FnMut()>;

/// All names that [`case`] understands, for messages.
pub const NAMES: &str = "gemm_MxKxN, gemm_gemmcrate_MxKxN, gemm_matrixmultiply_MxKxN, add_N, exp_N, expf_N, sum_N, \
                         memcpy_N, fma_N, autograd_overhead_N, adam_step, adam_memcpy, loader_epoch, load_png_folder, \
                         decode_png_folder, conv_forward_NxCxHxW_OCxKHxKWsSpP, conv_input_.., conv_weight_.., \
                         resnet18_step, resnet18_forward, resnet18_epoch, linear_epoch, simple_net_epoch, op_NAME_SHAPE (in ops.rs)";

/// What is timed unless cases are named.
pub const DEFAULT: &[&str] = &[
    "gemm_1024x1024x1024",
    "gemm_256x784x30",
    "gemm_256x784x1",
    "add_16777216",
    "sum_16777216",
    "memcpy_16777216",
    "exp_1048576",
    "expf_1048576",
    "fma_100000000",
    "adam_step",
    "adam_memcpy",
    "autograd_overhead_1000",
];

/// The case that `name` brings along, to be compared with.
pub fn companion(name: &str) -> Option<&'static str> {
    (name == "load_png_folder").then_some("decode_png_folder")
}

/// Elements of the largest operand: four gigabytes.
const LARGEST: usize = 1 << 30;

/// The work called `name`, for `threads` threads.
///
/// # Errors
/// If there is no such case.
pub fn case(name: &str, threads: usize) -> Result<Work> {
    match name {
        "adam_step" => return Ok(step::adam()),
        "adam_memcpy" => return Ok(step::adam_memcpy(threads)),
        "linear_epoch" => return epochs::linear(),
        "simple_net_epoch" => return epochs::net(),
        "loader_epoch" => return data::loader_epoch(),
        "load_png_folder" => return data::load_png_folder(),
        "decode_png_folder" => return data::decode_png_folder(),
        "resnet18_step" => return Ok(resnet::step()),
        "resnet18_forward" => return Ok(resnet::forward()),
        "resnet18_epoch" => return resnet::epoch(),
        _ => {}
    }
    if let Some(layer) = name.strip_prefix("conv_") {
        let (kind, sizes) = layer.split_once('_').with_context(|| unknown(name))?;
        return layers::convolution(kind, sizes).with_context(|| unknown(name));
    }
    let (kind, size) = name.rsplit_once('_').with_context(|| unknown(name))?;
    if let Some(op) = kind.strip_prefix("op_") {
        let shape: Vec<usize> =
            size.split('x').map(str::parse).collect::<Result<_, _>>().with_context(|| unknown(name))?;
        let elements = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
        let fits = shape.len() <= 4 && elements.is_some_and(|n| (1..=LARGEST).contains(&n));
        ensure!(fits, "{name}: a shape must have at most four axes, and 1 to {LARGEST} elements");
        return ops::case(op, &shape).with_context(|| unknown(name));
    }
    if kind.starts_with("gemm") {
        let sizes: Vec<usize> =
            size.split('x').map(str::parse).collect::<Result<_, _>>().with_context(|| unknown(name))?;
        let [m, k, n] = sizes[..] else { bail!(unknown(name)) };
        let largest = m.checked_mul(k).zip(k.checked_mul(n)).zip(m.checked_mul(n));
        let fits = largest.is_some_and(|((a, b), c)| [a, b, c].iter().all(|n| (1..=LARGEST).contains(n)));
        ensure!(fits, "{name}: a matrix must have 1 to {LARGEST} elements");
        return matrix_product(kind, [m, k, n], threads).with_context(|| unknown(name));
    }
    let n: usize = size.parse().with_context(|| unknown(name))?;
    ensure!((1..=LARGEST).contains(&n), "{name}: the size must be 1 to {LARGEST}");
    if kind == "autograd_overhead" {
        return Ok(chain(n));
    }
    elementwise(kind, n).with_context(|| unknown(name))
}

fn unknown(name: &str) -> String {
    format!("unknown case {name}; there are {NAMES}")
}

fn matrix_product(kind: &str, [m, k, n]: [usize; 3], threads: usize) -> Option<Work> {
    let rng = &mut Rng::new(0);
    let (a, b) = (Tensor::<f32>::randn(&[m, k], rng), Tensor::<f32>::randn(&[k, n], rng));
    let (va, vb, mut c) = (a.to_vec(), b.to_vec(), vec![0.0; m * n]);
    Some(match kind {
        "gemm" => Box::new(move || drop(std::hint::black_box(a.matmul(&b)))),
        "gemm_gemmcrate" => Box::new(move || peers::gemm_crate(m, k, n, &va, &vb, &mut c, threads)),
        "gemm_matrixmultiply" => Box::new(move || peers::matrixmultiply(m, k, n, &va, &vb, &mut c)),
        _ => return None,
    })
}

/// Forward and backward through a chain of `n` operations on one number, which take no time themselves.
fn chain(n: usize) -> Work {
    let x = Var::parameter(Tensor::<f32>::scalar(0.5));
    Box::new(move || {
        let step = |y: Var, i: usize| if i.is_multiple_of(2) { y * 1.000_001 } else { y + 1e-6 };
        (0..n).fold(x.clone(), step).backward();
        x.set_grad(None);
    })
}

fn elementwise(kind: &str, n: usize) -> Option<Work> {
    let rng = &mut Rng::new(0);
    let x = Tensor::<f32>::uniform(&[n], -10.0, 10.0, rng);
    Some(match kind {
        "add" => {
            let y = x.map(|x| x + 1.0);
            Box::new(move || drop(std::hint::black_box(&x + &y)))
        }
        "exp" => Box::new(move || drop(std::hint::black_box(x.exp()))),
        // The platform's function, called for each element.
        "expf" => {
            let (from, mut to) = (x.to_vec(), vec![0.0; n]);
            Box::new(move || {
                for (to, from) in to.iter_mut().zip(std::hint::black_box(&from)) {
                    *to = from.exp();
                }
                std::hint::black_box(&mut to);
            })
        }
        "sum" => Box::new(move || drop(std::hint::black_box(x.sum(..)))),
        "memcpy" => {
            let (from, mut to) = (x.to_vec(), vec![0.0; n]);
            Box::new(move || std::hint::black_box(&mut to).copy_from_slice(std::hint::black_box(&from)))
        }
        // The processor's peak: n fused multiply-adds on a core, with nothing to wait for.
        "fma" => Box::new(move || {
            std::hint::black_box(downhill::tensor::testing::fused_multiply_adds(n));
        }),
        _ => return None,
    })
}
