//! Models for images from a trained body and a new head, as fastai's `vision_learner` builds them.

use downhill_autograd::Var;
use downhill_tensor::{Conv2dOptions, Float, Rng, Tensor};

use super::ResNet;
use crate::init::{FanMode, Nonlinearity, apply_init, constant_, kaiming_normal_};
use crate::{
    AdaptiveAvgPool2d, AdaptiveConcatPool2d, BatchNorm1d, Conv2d, Dropout, Flatten, Forward, Linear, Module,
    ReLU, Sequential, Visitor,
};

/// The layers of a network up to its last pooling, for images of `n_in` channels. fastai's `create_body`.
///
/// With another number of channels than three, the first convolution is adapted as fastai does: for one channel the
/// weights of the three are added up, for two the first two are taken and scaled by 1.5, and more than three have weights
/// of zero.
///
/// # Panics
/// If `n_in` is zero, or another number than that of an `arch` which is not for three channels itself.
#[track_caller]
pub fn create_body<T: Float>(arch: ResNet<T>, n_in: usize) -> Sequential<T> {
    let ResNet { mut conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4, .. } = arch;
    conv1.weight = with_channels(&conv1, n_in);
    crate::sequential![conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4]
}

/// The weight of `conv` for another number of input channels. fastai's `_load_pretrained_weights`.
#[track_caller]
fn with_channels<T: Float>(conv: &Conv2d<T>, n_in: usize) -> Var<T> {
    assert!(n_in > 0, "create_body: expected at least one channel, got 0");
    let weight = conv.weight.value();
    let &[oc, c, kh, kw] = weight.shape() else { unreachable!("a convolution's weight has four axes") };
    if n_in == c {
        return conv.weight.clone();
    }
    assert!(c == 3, "create_body: expected a first layer for 3 channels to adapt, got one for {c}");
    let value = match n_in {
        1 => weight.sum_keepdim(1),
        2 => weight.narrow(1, 0, 2) * T::from_f64(1.5),
        _ => {
            let zeros = Tensor::zeros(&[oc, n_in - c, kh, kw]);
            downhill_tensor::cat(&[weight, zeros], 1)
        }
    };
    // A layer of the new size, for its order in memory.
    let layer: Conv2d<T> =
        Conv2d::without_bias(n_in, oc, [kh, kw], Conv2dOptions::default(), &mut Rng::new(0));
    layer.weight.update_(|w| {
        w.zip_("create_body", &value, |_, new| new);
    });
    layer.weight
}

/// How a head is built; fastai's arguments of `create_head` and their defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadOptions {
    /// The numbers of features between the linear layers; `[512]`.
    pub lin_ftrs: Vec<usize>,
    /// The last dropout's probability; 0.5. Those before it have half of it. With zero there are none.
    pub ps: f64,
    /// Whether maximum and mean are pooled, or the mean only; true.
    pub concat_pool: bool,
    /// Whether a batch norm comes before the first linear layer; true.
    pub first_bn: bool,
    /// Whether a batch norm comes after the last linear layer; false.
    pub bn_final: bool,
}

impl Default for HeadOptions {
    fn default() -> Self {
        HeadOptions { lin_ftrs: vec![512], ps: 0.5, concat_pool: true, first_bn: true, bn_final: false }
    }
}

/// The layers from a body's `nf` channels to `n_out` outputs: pooling, then blocks of batch norm, dropout, linear layer
/// and ReLU. fastai's `create_head`.
///
/// With the defaults: `AdaptiveConcatPool2d`, `Flatten`, `BatchNorm1d`, `Dropout(0.25)`, `Linear` without bias, `ReLU`,
/// `BatchNorm1d`, `Dropout(0.5)`, `Linear` without bias. The biases of batch norms start at 1e-3, as in fastai.
///
/// # Panics
/// If `ps` is not between 0 and 1.
///
/// ```
/// use downhill_autograd::Var;
/// use downhill_nn::{Forward, HeadOptions, Module, Sequential, create_head};
/// use downhill_tensor::{Rng, Tensor};
///
/// let head: Sequential = create_head(512, 10, &HeadOptions::default(), &mut Rng::new(42));
/// head.eval();
/// assert_eq!(*head.forward(&Var::new(Tensor::zeros(&[2, 512, 1, 1]))).shape(), [2, 10]);
/// assert_eq!(head.named_parameters()[2].0, "4.weight");
/// ```
#[track_caller]
pub fn create_head<T: Float>(nf: usize, n_out: usize, options: &HeadOptions, rng: &mut Rng) -> Sequential<T> {
    let HeadOptions { lin_ftrs, ps, concat_pool, first_bn, bn_final } = options;
    assert!((0.0..=1.0).contains(ps), "create_head: ps must be between 0 and 1, got {ps}");
    let mut head = if *concat_pool {
        crate::sequential![AdaptiveConcatPool2d::new(1), Flatten]
    } else {
        crate::sequential![AdaptiveAvgPool2d::new(1), Flatten]
    };
    let mut ni = if *concat_pool { 2 * nf } else { nf };
    for (i, &no) in lin_ftrs.iter().chain([&n_out]).enumerate() {
        let last = i == lin_ftrs.len();
        let bn = i > 0 || *first_bn;
        if bn {
            head = head.push(batch_norm(ni));
        }
        let p = if last { *ps } else { ps / 2.0 };
        if p > 0.0 {
            // Named by its place, so that no two layers drop the same elements.
            let name = format!("dropout {}", head.0.len());
            head = head.push(Dropout::new(p, rng.fork(&name)));
        }
        // As in fastai, there is no bias behind a batch norm.
        head = head.push(if bn { Linear::without_bias(ni, no, rng) } else { Linear::new(ni, no, rng) });
        if !last {
            head = head.push(ReLU);
        }
        ni = no;
    }
    if *bn_final {
        let bn = BatchNorm1d { momentum: Some(0.01), ..BatchNorm1d::new(n_out) };
        head = head.push(bn);
    }
    head
}

/// A batch norm as fastai starts it.
fn batch_norm<T: Float>(nf: usize) -> BatchNorm1d<T> {
    let bn = BatchNorm1d::new(nf);
    bn.bias.iter().for_each(|bias| constant_(bias, 1e-3));
    bn
}

/// A body and a head, named `0` and `1` as in the `Sequential` that fastai makes of them.
///
/// Its [parameter groups](Module::param_groups) are the three of fastai's `_resnet_split`: the body's layers before the
/// sixth (`layer3` in a resnet), the rest of the body, the head.
pub struct VisionModel<T: Float = f32> {
    /// From images to features, trained elsewhere perhaps.
    pub body: Sequential<T>,
    /// From features to outputs.
    pub head: Sequential<T>,
}

/// Where fastai's `_resnet_split` divides a body.
const SPLIT: usize = 6;

impl<T: Float> Module<T> for VisionModel<T> {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.child("0", &self.body);
        visitor.child("1", &self.head);
    }

    fn param_groups(&self) -> Vec<Vec<Var<T>>> {
        let (first, second) = self.body.0.split_at(SPLIT.min(self.body.0.len()));
        let all = |layers: &[Box<dyn Forward<T>>]| layers.iter().flat_map(Module::parameters).collect();
        vec![all(first), all(second), self.head.parameters()]
    }
}

impl<T: Float> Forward<T> for VisionModel<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        self.head.forward_as("1", &self.body.forward_as("0", x))
    }
}

/// A model for `n_out` classes of images with `n_in` channels: `arch` without its last layers, and a new head that starts
/// with `kaiming_normal_`. fastai's `create_vision_model`, what `vision_learner` trains.
///
/// # Panics
/// If `n_in` is zero.
///
/// ```
/// use downhill_nn::{Module, VisionModel, create_vision_model, resnet18};
/// use downhill_tensor::Rng;
///
/// let rng = &mut Rng::new(42);
/// let model: VisionModel = create_vision_model(resnet18(1000, rng), 3, 10, rng);
/// assert_eq!(model.param_groups().len(), 3);
/// model.freeze();
/// assert!(!model.parameters()[0].requires_grad());
/// ```
#[track_caller]
pub fn create_vision_model<T: Float>(
    arch: ResNet<T>,
    n_in: usize,
    n_out: usize,
    rng: &mut Rng,
) -> VisionModel<T> {
    let nf = arch.fc.weight.shape()[1];
    let body = create_body(arch, n_in);
    let head = create_head(nf, n_out, &HeadOptions::default(), rng);
    apply_init(&head, |weight| {
        kaiming_normal_(weight, FanMode::default(), Nonlinearity::default(), rng);
    });
    VisionModel { body, head }
}
