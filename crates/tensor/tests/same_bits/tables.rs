//! Every operation, by name, with a hash of what it computes.

use downhill_tensor::testing::bits_hash;
use downhill_tensor::{
    After, ChannelNorm, ChannelNormBackward, Conv2dOptions, Element, Float, Pool2dOptions, Rng, Tensor,
    Windows2d, cat, stack,
};

pub(crate) type Hashes = Vec<(String, u64)>;

/// A table of named results, hashed.
macro_rules! table {
    ($hashes:ident: $($name:literal => $result:expr;)*) => {
        $($hashes.push(($name.to_string(), hash(&$result)));)*
    };
}

/// The same for what is done to a copy of a tensor, in place.
macro_rules! in_place {
    ($hashes:ident, $x:expr; $(.$name:ident($($argument:expr),*))*) => {
        $(
            let mut z = $x.clone();
            z.$name($($argument),*);
            $hashes.push((stringify!($name).to_string(), hash(&z)));
        )*
    };
}

fn hash<E: Element>(t: &Tensor<E>) -> u64 {
    bits_hash(t)
}

fn all<E: Element>(parts: &[Tensor<E>]) -> u64 {
    parts.iter().fold(0, |h, part| h.rotate_left(7) ^ hash(part))
}

/// Everything that works element by element, on operands of one shape of two axes and one memory form. In `f32` alone:
/// in `f64` it is the same loops around the platform's functions.
pub(crate) fn elementwise(x: &Tensor, y: &Tensor, hashes: &mut Hashes) {
    let (positive, narrow) = (x.abs() + 0.1, x * 0.3);
    let (thousand, twenty) = (x * 1e3, x * 20.0);
    table! { hashes:
        "add" => x + y;
        "sub" => x - y;
        "mul" => x * y;
        "div" => x / y;
        "neg" => -x;
        "scalar" => (1.5 - x) * 0.3 / 7.0;
        "floor_divide" => x.floor_divide(y);
        "remainder" => x.remainder(y);
        "maximum" => x.maximum(y);
        "minimum" => x.minimum(y);
        "compare" => x.gt(y) & x.ge(y) | x.lt(y) ^ x.le(y) & !x.eq(y) | x.ne(y);
        "where_" => x.lt(y).where_(x, y);
        "allclose" => Tensor::scalar(x.allclose(y, 1.0, 1.0));
        "equal" => Tensor::scalar(x.equal(y));
        "exp" => x.exp();
        "exp_m1" => x.exp_m1();
        "ln" => positive.ln();
        "ln_1p" => positive.ln_1p();
        "log2" => positive.log2();
        "log10" => positive.log10();
        "sqrt" => positive.sqrt();
        "rsqrt" => positive.rsqrt();
        "abs" => x.abs();
        "sign" => x.sign();
        "square" => x.square();
        "recip" => x.recip();
        "floor" => thousand.floor();
        "ceil" => thousand.ceil();
        "round" => thousand.round();
        "trunc" => thousand.trunc();
        "fract" => thousand.fract();
        "sin" => thousand.sin();
        "cos" => (x * 1e6).cos();
        "tanh" => x.tanh();
        "sigmoid" => twenty.sigmoid();
        "softplus" => twenty.softplus();
        "erf" => x.erf();
        "gelu" => x.gelu();
        "silu" => x.silu();
        "leaky_relu" => x.leaky_relu(0.01);
        "powf" => positive.powf(1.7);
        "relu" => x.relu();
        "clamp" => x.clamp(-0.5, 0.7);
        "isnan" => x.ln().isnan();
        "isinf" => (x * 1e38).isinf();
        "isfinite" => x.recip().isfinite();
        "to" => (x * 100.0).to::<u8>();
        "map" => x.map(|x| x * x);
        "into_map" => x.clone().into_map(|x| x * x);
        "zip" => x.zip("zip", y, |x, y| x * y);
        "into_zip" => x.clone().into_zip("into_zip", y, |x, y| x * y);
        "fuse" => Tensor::fuse("fuse", [x, y, &x.narrow(0, 0, 1)], |[x, y, z]| x * y + z);
        "normalize" => x.normalize(&x.mean_keepdim(0), &y.abs().amax_keepdim(1), y, &Tensor::scalar(0.5));
    }
    in_place! { hashes, x;
        .add_(y) .sub_(y) .mul_(y) .div_(y) .add_scaled_(y, 0.1) .copy_(y) .fill_(3.0) .zero_() .neg_()
        .exp_() .exp_m1_() .sqrt_() .rsqrt_() .abs_() .sign_() .square_() .recip_() .floor_() .ceil_() .round_()
        .trunc_() .fract_() .sin_() .cos_() .tanh_() .sigmoid_() .softplus_() .erf_() .gelu_() .silu_() .relu_()
        .clamp_(-0.5, 0.7) .map_(|x| x * x) .zip_("zip_", y, |x, y| x * y) .masked_fill_(&y.gt(0.0), 3.0)
    }
    in_place! { hashes, positive; .ln_() .ln_1p_() .log2_() .log10_() .powf_(1.7) }
    in_place! { hashes, narrow; .fract_() }
}

/// Everything along axes.
pub(crate) fn along_axes<E: Float>(x: &Tensor<E>, hashes: &mut Hashes) {
    let c = E::from_f64;
    let near_one = x * c(0.01) + c(1.0);
    table! { hashes:
        "sum all" => x.sum(..);
        "sum first" => x.sum(0);
        "sum last" => x.sum(-1);
        "sum_keepdim" => x.sum_keepdim(0);
        "mean" => x.mean(-1);
        "mean_keepdim" => x.mean_keepdim(0);
        "sum_to" => x.sum_to(&[1]);
        "count_nonzero" => x.floor().count_nonzero(0);
        "var" => x.var(0, 1);
        "var_keepdim" => x.var_keepdim(1, 1);
        "std" => x.std(-1, 1);
        "std_keepdim" => x.std_keepdim(0, 1);
        "moments mean" => x.moments(0).0;
        "moments var" => x.moments(1).1;
        "max" => x.max();
        "min" => x.min();
        "max_dim" => x.max_dim(1).1;
        "min_dim" => x.min_dim(0).1;
        "max_dim_keepdim" => x.max_dim_keepdim(0).0;
        "min_dim_keepdim" => x.min_dim_keepdim(1).0;
        "amax" => x.amax(0);
        "amin" => x.amin(1);
        "amax_keepdim" => x.amax_keepdim(1);
        "amin_keepdim" => x.amin_keepdim(0);
        "argmax" => x.argmax(1);
        "argmin" => x.argmin(0);
        "argmax_keepdim" => x.argmax_keepdim(..);
        "argmin_keepdim" => x.argmin_keepdim(1);
        "prod" => near_one.prod(0);
        "prod_keepdim" => near_one.prod_keepdim(1);
        "norm" => x.norm(1);
        "norm_keepdim" => x.norm_keepdim(0);
        "norm_p" => x.norm_p(c(3.0), 0);
        "norm_p_keepdim" => x.norm_p_keepdim(c(1.0), 1);
        "logsumexp" => x.logsumexp(1);
        "logsumexp_keepdim" => x.logsumexp_keepdim(0);
        "any" => x.gt(c(1.0)).any(0);
        "any_keepdim" => x.gt(c(1.0)).any_keepdim(1);
        "all" => x.gt(c(-1.0)).all(1);
        "all_keepdim" => x.gt(c(-1.0)).all_keepdim(0);
        "cumsum first" => x.cumsum(0);
        "cumsum last" => x.cumsum(1);
        "cumsum_reversed first" => x.cumsum_reversed(0);
        "cumsum_reversed last" => x.cumsum_reversed(1);
        "softmax first" => x.softmax(0);
        "softmax last" => x.softmax(1);
        "log_softmax first" => x.log_softmax(0);
        "log_softmax last" => x.log_softmax(1);
        "sort values" => x.sort(1, false).0;
        "sort indices" => x.floor().sort(0, true).1;
        "argsort" => x.floor().argsort(1, false);
        "topk values" => x.topk(3, 1, true).0;
        "topk indices" => x.floor().topk(2, 0, false).1;
        "unique" => x.floor().unique();
        "fuse_sum" => Tensor::scalar(c(Tensor::fuse_sum("fuse_sum", [x, &near_one], |[x, y]| (x * y).to_f64())));
        "channel_moments mean" => x.channel_moments().0;
        "channel_moments var" => x.channel_moments().1;
    }
}

/// Everything that moves elements, and products with vectors and biases.
pub(crate) fn moves<E: Float>(x: &Tensor<E>, y: &Tensor<E>, hashes: &mut Hashes) {
    let c = E::from_f64;
    let order = x.argsort(1, true);
    table! { hashes:
        "contiguous" => x.t().contiguous();
        "cat" => cat(&[x.clone(), y.clone()], 0);
        "cat last" => cat(&[x.clone(), y.clone()], 1);
        "stack" => stack(&[x.clone(), y.clone()], 1);
        "repeat" => x.repeat(&[2, 1, 3]);
        "update_" => {
            let (mut z, factor) = (x.clone(), c(0.9));
            Tensor::<E>::update_("update_", [&mut z], [y], |[z], [y]| [z * factor + y / (z * z + E::ONE).sqrt()]);
            z
        };
        "index_select" => x.index_select(0, &[1, 0, 1]);
        "index_select last" => x.index_select(1, &[1, 0, 1]);
        "masked_fill" => x.masked_fill(&y.gt(E::default()), c(3.0));
        "masked_select" => x.masked_select(&y.gt(E::default()));
        "nonzero" => x.floor().nonzero();
        "pad" => x.pad(&[1, 2, 0, 1], c(0.5));
        "flip" => x.flip(&[0]);
        "roll" => x.roll(2, 1);
        "tril" => x.tril(1);
        "triu" => x.triu(-1);
        "diag" => x.select(0, 0).diag(1);
        "gather" => x.gather(1, &order);
        "linear" => x.linear(y, None);
        "linear bias" => x.linear(y, Some(&y.select(1, 0)));
        "linear_relu" => x.linear_relu(y, Some(&y.select(1, 0)));
        "outer" => x.select(0, 0).outer(&y.select(1, 0));
        "dot" => x.select(0, 0).dot(&y.select(0, 1));
    }
    in_place! { hashes, x;
        .scatter_add_(1, &order, y) .scatter_(1, &order, y) .index_add_(0, &[1, 0, 1], &y.narrow(0, 0, 3))
    }
    in_place! { hashes, x.matmul(&y.t()); .addmm_(x, &y.t()) }
    for (name, parts) in
        [("split", x.split(3, 0)), ("chunk", x.chunk(4, 1)), ("unbind", x.unbind(0).collect())]
    {
        hashes.push((name.to_string(), all(&parts)));
    }
}

/// Matrix products in all the shapes that kernels treat apart, of operands in all memory forms.
pub(crate) fn products<E: Float>(hashes: &mut Hashes) {
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
        let (a, b) = (Tensor::<E>::randn(&[m, k], rng), Tensor::<E>::randn(&[k, n], rng));
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
    let (a, b) = (Tensor::<E>::randn(&[6, 1, 37, 65], rng), Tensor::<E>::randn(&[5, 65, 41], rng));
    table! { hashes:
        "matmul batches" => a.matmul(&b);
        "matmul batches by a matrix" => a.matmul(&b.select(0, 1));
        "matmul turned batches" => b.transpose(1, 2).matmul(&a.transpose(2, 3));
        "matmul vectors" => a.matmul(&b.select(0, 0).select(1, 0));
    }
}

/// Layers large enough for several tasks and blocks, and the path of the first layer of a network.
fn layers<E: Float>(hashes: &mut Hashes) {
    let rng = &mut Rng::new(8);
    for (shape, kernel, stride) in [
        ([64, 3, 16, 16], [20, 3, 7, 7], 2),
        ([64, 48, 5, 5], [40, 48, 3, 3], 1),
        ([16, 130, 2, 2], [70, 130, 3, 3], 2),
        ([1, 20, 40, 40], [33, 20, 3, 3], 1),
    ] {
        let (x, w) = (Tensor::<E>::randn(&shape, rng), Tensor::<E>::randn(&kernel, rng));
        let options = Conv2dOptions::default().stride(stride).padding(kernel[2] / 2);
        let y = x.conv2d(&w, None, &options);
        let (mean, scale) = y.channel_moments();
        let norm = ChannelNorm { weight: mean.clone(), bias: scale.clone(), mean, scale };
        let z = y.channel_norm(&norm, Some(&y), After::Relu);
        let how =
            ChannelNormBackward { after: After::Relu, out: Some(&z), own_statistics: true, input: true };
        let found = y.channel_norm_backward(&norm, z.clone(), &how);
        let input = y.conv2d_input(&w, [shape[2], shape[3]], &options);
        let weight = x.conv2d_weight(&y, [kernel[2], kernel[3]], &options);
        let parts = [y, input, weight, norm.mean, norm.scale, z, found.weight, found.bias];
        for (i, part) in parts.iter().chain(&found.input).enumerate() {
            hashes.push((format!("layer {shape:?} {kernel:?} {i}"), hash(part)));
        }
    }
}

/// Numbers made from their index.
pub(crate) fn numbered<E: Float>(hashes: &mut Hashes) {
    let number = E::from_f64;
    table! { hashes:
        "arange" => Tensor::<E>::arange(100_001);
        "arange_step" => Tensor::arange_step(number(-3.0), number(4.0), number(0.0001));
        "linspace" => Tensor::<E>::linspace(-1.0, 3.0, 100_001);
    }
}

/// Images: convolution, normalisation, pooling.
pub(crate) fn images<E: Float>(hashes: &mut Hashes) {
    layers::<E>(hashes);
    let rng = &mut Rng::new(7);
    let x = Tensor::<E>::randn(&[4, 6, 13, 11], rng);
    let (w, bias) = (Tensor::<E>::randn(&[8, 3, 3, 3], rng), Tensor::<E>::randn(&[8], rng));
    let conv = Conv2dOptions::default().stride(2).padding(1).groups(2);
    let y = x.conv2d(&w, None, &conv);
    let pool = Pool2dOptions::new(3).stride(2).padding(1);
    let windows = Windows2d::sliding("windows", x.shape(), &pool);
    let (max, at) = x.window_max(&windows);
    let (mean, variance) = x.channel_moments();
    let (scale, weight) = ((variance + E::ONE).rsqrt(), Tensor::<E>::randn(&[6], rng));
    let norm = ChannelNorm { mean, scale, bias: weight.clone(), weight };
    let (normal, added) =
        (x.channel_norm(&norm, None, After::Relu), x.channel_norm(&norm, Some(&x), After::Relu));
    for out in [None, Some(&added)] {
        let how = ChannelNormBackward { after: After::Relu, out, own_statistics: true, input: true };
        let found = x.channel_norm_backward(&norm, x.square(), &how);
        let parts: Vec<_> = [found.input, Some(found.weight), Some(found.bias), found.residual]
            .into_iter()
            .flatten()
            .collect();
        hashes.push((format!("channel_norm_backward {}", out.is_some()), all(&parts)));
    }
    table! { hashes:
        "channel_norm" => normal;
        "channel_norm residual" => added;
        "conv2d" => y;
        "conv2d bias" => x.conv2d(&w, Some(&bias), &conv);
        "conv2d_input" => y.conv2d_input(&w, [13, 11], &conv);
        "conv2d_weight" => x.conv2d_weight(&y, [3, 3], &conv);
        "window_sum" => x.window_sum(&windows);
        "window_max" => max;
        "window_max_backward" => max.window_max_backward(&at, &windows);
        "max_pool2d" => x.max_pool2d(&pool).0;
        "avg_pool2d" => x.avg_pool2d(&pool);
        "adaptive_avg_pool2d" => x.adaptive_avg_pool2d(3);
        "adaptive_max_pool2d" => x.adaptive_max_pool2d(3).0;
        "moments mean" => x.moments([0, 2, 3]).0;
        "moments var" => x.moments([0, 2, 3]).1;
    }
}

/// What integers and truth values have: sizes that are split among threads.
pub(crate) fn integers(hashes: &mut Hashes) {
    let rng = &mut Rng::new(9);
    for shape in [[300, 401], [2, 60_001], [60_001, 2]] {
        let (x, y) = (Tensor::randint(-50, 50, &shape, rng), Tensor::randint(1, 9, &shape, rng));
        let (bytes, truth) = (x.to::<u8>(), x.gt(0));
        let index = x.remainder(shape[1] as i64);
        table! { hashes:
            "i64 arithmetic" => (&x + &y) * &x - 10 + -&y;
            "i64 division" => x.floor_divide(&y) * x.remainder(&y);
            "i64 bits" => (&x & &y) | (&x ^ 5) | !&y;
            "i64 unary" => x.abs() + x.sign() + x.square() + x.clamp(-3, 3);
            "i64 sum" => x.sum(0);
            "i64 prod" => x.prod(1);
            "i64 max" => x.max_dim(0).1;
            "i64 cumsum" => x.cumsum(0);
            "i64 cumsum last" => x.cumsum(1);
            "i64 sort" => x.sort(0, true).1;
            "i64 sort last" => x.sort(1, false).1;
            "i64 gather" => y.gather(1, &index);
            "i64 scatter_add_" => { let mut z = x.clone(); z.scatter_add_(1, &index, &y); z };
            "i64 index_add_" => { let mut z = x.clone(); z.index_add_(0, &[0, 1, 0], &cat(&[y.narrow(0, 0, 2), y.narrow(0, 0, 1)], 0)); z };
            "i64 triangle" => x.tril(0) + x.triu(0);
            "u8 sum" => bytes.sum(..);
            "u8 arithmetic" => &bytes * &bytes - 3;
            "u8 argmax" => bytes.argmax(1);
            "bool sum" => truth.sum(1);
            "bool any" => truth.any(0) & truth.all(0);
            "bool where_" => truth.where_(&x, &y);
            "bool pad" => truth.pad(&[3, 1, 1, 0], true);
        }
    }
}
