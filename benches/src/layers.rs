//! Cases made of the layers of a convolutional network: `conv_forward_64x128x4x4_256x3x3s2p1` is a batch of 64 images of
//! 128 x 4 x 4 under 256 kernels of 3 x 3, stride 2 and padding 1.

use anyhow::{Context, Result, bail, ensure};
use downhill::tensor::{Conv2dOptions, Rng, Tensor};

use crate::cases::Work;

/// Elements of the largest operand.
const LARGEST: usize = 1 << 30;

/// Images in the memory order in which convolution leaves them: H, W, N, C.
fn images(shape: [usize; 4], rng: &mut Rng) -> Tensor {
    let [n, c, h, w] = shape;
    Tensor::randn(&[h, w, n, c], rng).permute(&[2, 3, 0, 1])
}

/// The convolution called `kind`, of the lengths in `sizes`.
pub(crate) fn convolution(kind: &str, sizes: &str) -> Result<Work> {
    let (image, kernel) = sizes.split_once('_').context("expected two shapes")?;
    let (kernel, movement) = kernel.split_once('s').context("expected a stride")?;
    let (stride, padding) = movement.split_once('p').context("expected a padding")?;
    let x: [usize; 4] = lengths(image)?;
    let [oc, kh, kw] = lengths(kernel)?;
    let (stride, padding): (usize, usize) = (stride.parse()?, padding.parse()?);
    let [n, c, h, w] = x;
    ensure!(
        stride > 0 && kh <= h + 2 * padding && kw <= w + 2 * padding,
        "the kernel does not fit the image"
    );
    let out = |len: usize, kernel: usize| (len + 2 * padding - kernel) / stride + 1;
    let y = [n, oc, out(h, kh), out(w, kw)];
    let elements = [&x[..], &y[..], &[oc, c, kh, kw]].map(|shape| shape.iter().product::<usize>());
    ensure!(elements.iter().all(|n| (1..=LARGEST).contains(n)), "1 to {LARGEST} elements are needed");

    let rng = &mut Rng::new(0);
    let options = Conv2dOptions::default().stride(stride).padding(padding);
    let weight: Tensor = Tensor::randn(&[kh, kw, c, oc], rng).permute(&[3, 2, 0, 1]);
    // What a loader delivers is row-major.
    let x: Tensor = if c <= 4 { Tensor::randn(&x, rng) } else { images(x, rng) };
    let g = images(y, rng);
    Ok(match kind {
        "forward" => Box::new(move || drop(std::hint::black_box(x.conv2d(&weight, None, &options)))),
        "input" => Box::new(move || drop(std::hint::black_box(g.conv2d_input(&weight, [h, w], &options)))),
        "weight" => Box::new(move || drop(std::hint::black_box(x.conv2d_weight(&g, [kh, kw], &options)))),
        _ => bail!("no kind of convolution is called {kind}"),
    })
}

fn lengths<const N: usize>(text: &str) -> Result<[usize; N]> {
    let lengths: Vec<usize> = text.split('x').map(str::parse).collect::<Result<_, _>>()?;
    let count = lengths.len();
    let small = lengths.iter().all(|&n| n <= 1 << 20);
    ensure!(small, "a length in {text} is too large");
    lengths.try_into().ok().with_context(|| format!("expected {N} lengths, got {count}"))
}
