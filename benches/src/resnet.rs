//! resnet18 written in plain operations, and the gradients of one batch.

use downhill::autograd::{
    BatchNormOptions, RunningStats, Var, batch_norm, batch_norm_relu, conv2d, no_grad, softmax_cross_entropy,
};
use downhill::tensor::{Conv2dOptions, Pool2dOptions, Rng, Tensor};

use crate::cases::Work;

/// Images a batch, and pixels a side.
const BATCH: usize = 64;
const SIDE: usize = 28;
const CLASSES: usize = 10;

/// A convolution and its batch norm.
struct Unit {
    weight: Var,
    scale: Var,
    shift: Var,
    options: Conv2dOptions,
    stats: RunningStats,
}

/// Two units, and the one that fits the residual to them if its shape differs.
struct Block {
    first: Unit,
    second: Unit,
    residual: Option<Unit>,
}

pub(crate) struct Resnet18 {
    stem: Unit,
    blocks: Vec<Block>,
    head: Var,
    bias: Var,
    training: bool,
}

impl Unit {
    fn new(c: usize, oc: usize, kernel: usize, stride: usize, rng: &mut Rng) -> Self {
        let deviation = (2.0 / (oc * kernel * kernel) as f32).sqrt();
        let weight = Tensor::<f32>::randn(&[kernel, kernel, c, oc], rng) * deviation;
        Unit {
            weight: Var::parameter(weight.permute(&[3, 2, 0, 1])),
            scale: Var::parameter(Tensor::ones(&[oc])),
            shift: Var::parameter(Tensor::zeros(&[oc])),
            options: Conv2dOptions::default().stride(stride).padding(kernel / 2),
            stats: RunningStats::new(oc),
        }
    }

    fn forward(&self, x: &Var, training: bool) -> Var {
        let x = conv2d(x, &self.weight, None, &self.options);
        let options = BatchNormOptions { training, ..BatchNormOptions::default() };
        batch_norm(&x, Some(&self.scale), Some(&self.shift), &self.stats, &options).0
    }

    fn forward_relu(&self, x: &Var, residual: Option<&Var>, training: bool) -> Var {
        let x = conv2d(x, &self.weight, None, &self.options);
        let options = BatchNormOptions { training, ..BatchNormOptions::default() };
        batch_norm_relu(&x, residual, Some(&self.scale), Some(&self.shift), &self.stats, &options).0
    }
}

impl Resnet18 {
    fn new(training: bool, rng: &mut Rng) -> Self {
        let stem = Unit::new(3, 64, 7, 2, rng);
        let mut blocks = vec![];
        let mut c = 64;
        for (stage, oc) in [64, 128, 256, 512].into_iter().enumerate() {
            for number in 0..2 {
                let stride = if stage > 0 && number == 0 { 2 } else { 1 };
                blocks.push(Block {
                    first: Unit::new(c, oc, 3, stride, rng),
                    second: Unit::new(oc, oc, 3, 1, rng),
                    residual: (stride == 2).then(|| Unit::new(c, oc, 1, 2, rng)),
                });
                c = oc;
            }
        }
        let head = Var::parameter(Tensor::randn(&[c, CLASSES], rng) * 0.01);
        Resnet18 { stem, blocks, head, bias: Var::parameter(Tensor::zeros(&[CLASSES])), training }
    }

    fn forward(&self, x: &Var) -> Var {
        let pool = Pool2dOptions::new(3).stride(2).padding(1);
        let mut x = self.stem.forward_relu(x, None, self.training).max_pool2d(&pool);
        for block in &self.blocks {
            let residual = block.residual.as_ref().map(|unit| unit.forward(&x, self.training));
            let y = block.first.forward_relu(&x, None, self.training);
            x = block.second.forward_relu(&y, Some(residual.as_ref().unwrap_or(&x)), self.training);
        }
        let features = x.adaptive_avg_pool2d(1).reshape(&[BATCH as isize, -1]);
        features.matmul(&self.head) + &self.bias
    }

    fn units(&self) -> impl Iterator<Item = &Unit> {
        let blocks = self.blocks.iter().flat_map(|b| [Some(&b.first), Some(&b.second), b.residual.as_ref()]);
        std::iter::once(&self.stem).chain(blocks.flatten())
    }

    fn zero_grad(&self) {
        for unit in self.units() {
            [&unit.weight, &unit.scale, &unit.shift].into_iter().for_each(|v| v.set_grad(None));
        }
        [&self.head, &self.bias].into_iter().for_each(|v| v.set_grad(None));
    }
}

/// Forward and backward of a batch in training mode, without an optimizer.
pub(crate) fn gradients() -> Work {
    let rng = &mut Rng::new(0);
    let model = Resnet18::new(true, rng);
    let x = Var::new(Tensor::randn(&[BATCH, 3, SIDE, SIDE], rng));
    let targets = Tensor::from_fn(&[BATCH, CLASSES], |i| f32::from(i[0] % CLASSES == i[1]));
    Box::new(move || {
        model.zero_grad();
        softmax_cross_entropy(&model.forward(&x), &targets, 1).mean(..).backward();
    })
}

/// Forward of a batch in evaluation mode, without a graph.
pub(crate) fn evaluation() -> Work {
    let rng = &mut Rng::new(0);
    let model = Resnet18::new(false, rng);
    let x = Var::new(Tensor::randn(&[BATCH, 3, SIDE, SIDE], rng));
    Box::new(move || drop(std::hint::black_box(no_grad(|| model.forward(&x)))))
}
