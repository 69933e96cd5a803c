//! The same bits on every instruction set and at any number of threads, for every operation on f32.
//!
//! The instruction set is chosen once in a process, so the test runs itself again with `DOWNHILL_ISA` set and compares
//! the hashes that the other processes print.

use std::process::Command;

use downhill_tensor::testing::bits_hash;
use downhill_tensor::{
    After, ChannelNorm, ChannelNormBackward, Conv2dOptions, Element, Isa, Pool2dOptions, Rng, Tensor, cat,
    stack,
};

type Hashes = Vec<(String, u64)>;

/// A table of named results, hashed.
macro_rules! table {
    ($hashes:ident: $($name:literal => $result:expr;)*) => {
        $($hashes.push(($name.to_string(), hash(&$result)));)*
    };
}

fn hash<E: Element>(t: &Tensor<E>) -> u64 {
    bits_hash(t)
}

/// Every operation on operands of one shape and memory form.
fn operations(x: &Tensor, y: &Tensor, hashes: &mut Hashes) {
    let positive = x.abs() + 0.1;
    table! { hashes:
        "add" => x + y;
        "sub" => x - y;
        "mul" => x * y;
        "div" => x / y;
        "neg" => -x;
        "scalar" => (1.5 - x) * 0.3 / 7.0;
        "add_scaled_" => { let mut z = x.clone(); z.add_scaled_(y, 0.1); z };
        "maximum" => x.maximum(y);
        "minimum" => x.minimum(y);
        "compare" => x.gt(y);
        "where_" => x.lt(y).where_(x, y);
        "exp" => x.exp();
        "exp_m1" => x.exp_m1();
        "ln" => positive.ln();
        "ln_1p" => positive.ln_1p();
        "sqrt" => positive.sqrt();
        "abs" => x.abs();
        "square" => x.square();
        "recip" => x.recip();
        "sin" => (x * 1e3).sin();
        "cos" => (x * 1e6).cos();
        "tanh" => x.tanh();
        "sigmoid" => (x * 20.0).sigmoid();
        "softplus" => (x * 20.0).softplus();
        "erf" => x.erf();
        "powf" => positive.powf(1.7);
        "relu" => x.relu();
        "clamp" => x.clamp(-0.5, 0.7);
        "to" => (x * 100.0).to::<u8>();
        "sum all" => x.sum(..);
        "sum first" => x.sum(0);
        "sum last" => x.sum(-1);
        "mean" => x.mean(-1);
        "sum_to" => x.sum_to(&[1]);
        "cat" => cat(&[x.clone(), y.clone()], 0);
        "stack" => stack(&[x.clone(), y.clone()], 1);
        "index_select" => x.index_select(0, &[1, 0, 1]);
        "gelu" => x.gelu();
        "silu" => x.silu();
        "leaky_relu" => x.leaky_relu(0.01);
        "masked_fill" => x.masked_fill(&x.gt(0.0), 3.0);
        "pad" => x.pad(&[1, 2, 0, 1], 0.5);
        "flip" => x.flip(&[0]);
        "roll" => x.roll(2, 1);
        "gather" => x.gather(1, &x.sort(1, true).1);
        "scatter_add_" => { let mut z = x.clone(); z.scatter_add_(1, &x.sort(1, true).1, y); z };
        "index_add_" => { let mut z = x.clone(); z.index_add_(0, &[1, 0, 1], &y.narrow(0, 0, 3)); z };
        "var" => x.var(0, 1);
        "std" => x.std(-1, 1);
        "max" => x.max();
        "min" => x.min();
        "max_dim" => x.max_dim(1).1;
        "min_dim" => x.min_dim(0).1;
        "amax" => x.amax(0);
        "argmax" => x.argmax(1);
        "argmin" => x.argmin(0);
        "prod" => (1.0 + x * 0.01).prod(0);
        "norm" => x.norm(1);
        "norm_p" => x.norm_p(3.0, 0);
        "logsumexp" => x.logsumexp(1);
        "cumsum" => x.cumsum(0);
        "cumsum_reversed" => x.cumsum_reversed(1);
        "sort" => x.sort(1, false).0;
        "topk" => x.topk(3, 1, true).0;
        "softmax" => x.softmax(1);
        "log_softmax" => x.log_softmax(0);
        "any" => x.gt(1.0).any(0);
        "linear" => x.linear(y, None);
        "linear_relu" => x.linear_relu(y, None);
        "update_" => { let mut z = x.clone(); Tensor::update_("t", [&mut z], [y], |[z], [y]| [z * 0.9 + y / (z * z + 1.0).sqrt()]); z };
        "fuse_sum" => Tensor::scalar(Tensor::fuse_sum("t", [x, y], |[x, y]| f64::from(x) * f64::from(y)));
        "addmm_" => { let mut z = x.matmul(&y.t()); z.addmm_(x, &y.t()); z };
    }
}

/// Matrix products in all the shapes that kernels treat apart, of operands in all memory forms.
fn products(hashes: &mut Hashes) {
    let rng = &mut Rng::new(5);
    for (m, k, n) in [
        (1, 1, 1),
        (3, 5, 7),
        (256, 784, 1),
        (1, 784, 256),
        (784, 256, 1),
        (256, 784, 30),
        (30, 256, 784),
        (64, 64, 64),
        (130, 700, 67),
        (200, 1500, 210),
        (300, 600, 600),
        (5, 3000, 5),
    ] {
        let (a, b) = (Tensor::<f32>::randn(&[m, k], rng), Tensor::<f32>::randn(&[k, n], rng));
        let (at, bt) = (a.t().contiguous(), b.t().contiguous());
        for (form, product) in [
            ("nn", a.matmul(&b)),
            ("tn", at.t().matmul(&b)),
            ("nt", a.matmul(&bt.t())),
            ("tt", at.t().matmul(&bt.t())),
        ] {
            hashes.push((format!("matmul {form} {m}x{k}x{n}"), hash(&product)));
        }
    }
}

/// Images: convolution, pooling, normalisation.
fn images(hashes: &mut Hashes) {
    let rng = &mut Rng::new(7);
    // Large enough for several tasks and blocks, and the path of the first layer.
    for (shape, kernel, stride) in [
        ([64, 3, 16, 16], [20, 3, 7, 7], 2),
        ([64, 48, 5, 5], [40, 48, 3, 3], 1),
        ([16, 130, 2, 2], [70, 130, 3, 3], 2),
        ([1, 20, 40, 40], [33, 20, 3, 3], 1),
    ] {
        let (x, w) = (Tensor::<f32>::randn(&shape, rng), Tensor::<f32>::randn(&kernel, rng));
        let options = Conv2dOptions::default().stride(stride).padding(kernel[2] / 2);
        let y = x.conv2d(&w, None, &options);
        let (mean, scale) = y.channel_moments();
        let norm = ChannelNorm { weight: mean.clone(), bias: scale.clone(), mean, scale };
        let z = y.channel_norm(&norm, Some(&y), After::Relu);
        let how =
            ChannelNormBackward { after: After::Relu, out: Some(&z), own_statistics: true, input: true };
        let gradients = y.channel_norm_backward(&norm, z.clone(), &how);
        let name = |what: &str| format!("{what} {shape:?} {kernel:?}");
        hashes.extend([
            (name("conv2d"), hash(&y)),
            (name("conv2d_input"), hash(&y.conv2d_input(&w, [shape[2], shape[3]], &options))),
            (name("conv2d_weight"), hash(&x.conv2d_weight(&y, [kernel[2], kernel[3]], &options))),
            (name("channel_moments"), hash(&norm.mean) ^ hash(&norm.scale).rotate_left(1)),
            (name("channel_norm"), hash(&z)),
            (name("channel_norm_backward"), hash(&gradients.input.expect("asked for"))),
            (name("for the weight"), hash(&gradients.weight) ^ hash(&gradients.bias).rotate_left(1)),
        ]);
    }
    let x = Tensor::<f32>::randn(&[4, 6, 13, 11], rng);
    let w = Tensor::<f32>::randn(&[8, 3, 3, 3], rng);
    let conv = Conv2dOptions::default().stride(2).padding(1).groups(2);
    let y = x.conv2d(&w, None, &conv);
    let pool = Pool2dOptions::new(3).stride(2).padding(1);
    let (mean, var) = x.moments([0, 2, 3]);
    table! { hashes:
        "conv2d" => y;
        "conv2d_input" => y.conv2d_input(&w, [13, 11], &conv);
        "conv2d_weight" => x.conv2d_weight(&y, [3, 3], &conv);
        "max_pool2d" => x.max_pool2d(&pool).0;
        "avg_pool2d" => x.avg_pool2d(&pool);
        "adaptive_avg_pool2d" => x.adaptive_avg_pool2d(3);
        "adaptive_max_pool2d" => x.adaptive_max_pool2d(3).0;
        "moments mean" => mean;
        "moments var" => var;
    }
}

fn hashes() -> Hashes {
    let mut hashes = Hashes::new();
    for (form, shape) in [("small", [7, 19]), ("odd", [129, 257]), ("large", [300, 401])] {
        let rng = &mut Rng::new(3);
        let mut form_hashes = Hashes::new();
        let (x, y) = (Tensor::randn(&shape, rng), Tensor::randn(&shape, rng));
        operations(&x, &y, &mut form_hashes);
        let (xt, yt) = (Tensor::randn(&[shape[1], shape[0]], rng), Tensor::randn(&[shape[1], shape[0]], rng));
        operations(&xt.t(), &yt.t(), &mut form_hashes);
        let wide = Tensor::randn(&[shape[0], 2 * shape[1]], rng);
        operations(&wide.slice(1, 0, 2 * shape[1], 2), &x.narrow(0, 0, 1).expand(&shape), &mut form_hashes);
        hashes.extend(form_hashes.into_iter().map(|(name, hash)| (format!("{form} {name}"), hash)));
    }
    products(&mut hashes);
    images(&mut hashes);
    hashes
}

const CHILD: &str = "DOWNHILL_SAME_BITS_CHILD";

fn print_lines(hashes: &Hashes) -> String {
    hashes.iter().map(|(name, hash)| format!("hash {name}: {hash:016x}\n")).collect()
}

/// What another process computes, with an instruction set forced.
fn hashes_on(isa: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["same_bits_on_every_instruction_set", "--exact", "--nocapture"])
        .env("DOWNHILL_ISA", isa)
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{isa}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| line.starts_with("hash ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn same_bits_on_every_instruction_set() {
    if std::env::var_os(CHILD).is_some() {
        println!("\n{}", print_lines(&hashes()));
        return;
    }
    let expected = print_lines(&hashes());
    assert!(expected.lines().count() > 300);
    for (isa, name) in [(Isa::Portable, "portable"), (Isa::Avx2, "avx2"), (Isa::Avx512, "avx512")] {
        if isa <= Isa::best() {
            let found = hashes_on(name);
            for (a, b) in expected.lines().zip(found.lines()) {
                assert_eq!(a, b, "on {name}");
            }
            assert_eq!(expected.lines().count(), found.lines().count(), "on {name}");
        }
    }
}

#[test]
fn same_bits_at_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        print_lines(&pool.install(hashes))
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        for (a, b) in expected.lines().zip(on(threads).lines()) {
            assert_eq!(a, b, "on {threads} threads");
        }
    }
}

#[test]
fn an_unknown_instruction_set_is_refused() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["same_bits_on_every_instruction_set", "--exact", "--nocapture"])
        .env("DOWNHILL_ISA", "sse9")
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("DOWNHILL_ISA: expected avx512, avx2 or portable, got \"sse9\""), "{text}");
}
