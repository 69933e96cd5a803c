//! Residual networks as torchvision builds them, with its names: its weights load without renaming.

use downhill_autograd::Var;
use downhill_tensor::{Conv2dOptions, Float, Pool2dOptions, Rng};

use crate::hooks;
use crate::init::{FanMode, Nonlinearity, kaiming_normal_};
use crate::{
    AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Flatten, Forward, Linear, MaxPool2d, Module, ReLU, Sequential,
};

/// A convolution without bias whose weights start as torchvision's: normal, by the number of outputs of an input.
fn conv<T: Float>(c: usize, oc: usize, kernel: usize, stride: usize, rng: &mut Rng) -> Conv2d<T> {
    let options = Conv2dOptions::default().stride(stride).padding(kernel / 2);
    let conv = Conv2d::without_bias(c, oc, kernel, options, rng);
    kaiming_normal_(&conv.weight, FanMode::FanOut, Nonlinearity::ReLU, rng);
    conv
}

/// Two 3x3 convolutions with batch norm, and a way around them: `relu(bn2(conv2(relu(bn1(conv1(x))))) + x)`.
/// torchvision's `BasicBlock`.
///
/// # Shapes
/// `[n, c, h, w] -> [n, oc, h / stride, w / stride]`, rounded up.
#[derive(Module)]
pub struct BasicBlock<T: Float = f32> {
    /// The first convolution, with the block's stride.
    pub conv1: Conv2d<T>,
    /// Behind the first convolution.
    pub bn1: BatchNorm2d<T>,
    /// Behind the first convolution, and at the end.
    pub relu: ReLU,
    /// The second convolution.
    pub conv2: Conv2d<T>,
    /// Behind the second convolution.
    pub bn2: BatchNorm2d<T>,
    /// The way around, where the block changes the shape: a 1x1 convolution with batch norm.
    pub downsample: Option<Sequential<T>>,
}

impl<T: Float> BasicBlock<T> {
    /// A block from `c` to `oc` channels.
    pub fn new(c: usize, oc: usize, stride: usize, rng: &mut Rng) -> Self {
        let changes = stride != 1 || c != oc;
        BasicBlock {
            conv1: conv(c, oc, 3, stride, rng),
            bn1: BatchNorm2d::new(oc),
            relu: ReLU,
            conv2: conv(oc, oc, 3, 1, rng),
            bn2: BatchNorm2d::new(oc),
            downsample: changes.then(|| {
                Sequential(vec![Box::new(conv(c, oc, 1, stride, rng)), Box::new(BatchNorm2d::new(oc))])
            }),
        }
    }
}

impl<T: Float> Forward<T> for BasicBlock<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        if !hooks::any() {
            // What hooks would see is not computed: batch norm, addition and ReLU go over memory together.
            let y = self.bn1.forward_relu(&self.conv1.forward(x), None);
            let around = self.downsample.as_ref().map(|downsample| downsample.forward(x));
            return self.bn2.forward_relu(&self.conv2.forward(&y), Some(around.as_ref().unwrap_or(x)));
        }
        let y = self.conv1.forward_as("conv1", x);
        let y = self.bn1.forward_as("bn1", &y);
        let y = self.relu.forward_as("relu", &y);
        let y = self.conv2.forward_as("conv2", &y);
        let y = self.bn2.forward_as("bn2", &y);
        let around = match &self.downsample {
            Some(downsample) => downsample.forward_as("downsample", x),
            None => x.clone(),
        };
        self.relu.forward_as("relu", &(y + around))
    }
}

/// A residual network for images of three channels. torchvision's `ResNet`. (He et al., 2015.)
///
/// # Shapes
/// `[n, 3, h, w] -> [n, classes]`
#[derive(Module)]
pub struct ResNet<T: Float = f32> {
    /// A 7x7 convolution that halves height and width.
    pub conv1: Conv2d<T>,
    /// Behind the first convolution.
    pub bn1: BatchNorm2d<T>,
    /// Behind the first convolution.
    pub relu: ReLU,
    /// Halves height and width again.
    pub maxpool: MaxPool2d,
    /// Blocks of 64 channels.
    pub layer1: Sequential<T>,
    /// Blocks of 128 channels, the first of which halves height and width.
    pub layer2: Sequential<T>,
    /// Blocks of 256 channels, the first of which halves height and width.
    pub layer3: Sequential<T>,
    /// Blocks of 512 channels, the first of which halves height and width.
    pub layer4: Sequential<T>,
    /// The mean of each channel.
    pub avgpool: AdaptiveAvgPool2d,
    /// From channels to classes.
    pub fc: Linear<T>,
}

/// The network with 18 layers of weights. torchvision's `resnet18`.
///
/// ```
/// use downhill_nn::{Module, ResNet, resnet18};
/// use downhill_tensor::Rng;
///
/// let net: ResNet = resnet18(1000, &mut Rng::new(42));
/// assert_eq!(net.num_parameters().1, 11_689_512);
/// ```
pub fn resnet18<T: Float>(num_classes: usize, rng: &mut Rng) -> ResNet<T> {
    ResNet::new([2, 2, 2, 2], num_classes, rng)
}

/// The network with 34 layers of weights. torchvision's `resnet34`.
pub fn resnet34<T: Float>(num_classes: usize, rng: &mut Rng) -> ResNet<T> {
    ResNet::new([3, 4, 6, 3], num_classes, rng)
}

impl<T: Float> ResNet<T> {
    /// A network with so many blocks of 64, 128, 256 and 512 channels.
    pub fn new(blocks: [usize; 4], num_classes: usize, rng: &mut Rng) -> Self {
        let mut channels = 64;
        let mut layer = |i: usize, stride: usize, rng: &mut Rng| {
            let mut blocks_of_layer = Sequential(Vec::new());
            for block in 0..blocks[i] {
                let stride = if block == 0 { stride } else { 1 };
                blocks_of_layer = blocks_of_layer.push(BasicBlock::new(channels, 64 << i, stride, rng));
                channels = 64 << i;
            }
            blocks_of_layer
        };
        ResNet {
            conv1: conv(3, 64, 7, 2, rng),
            bn1: BatchNorm2d::new(64),
            relu: ReLU,
            maxpool: MaxPool2d(Pool2dOptions::new(3).stride(2).padding(1)),
            layer1: layer(0, 1, rng),
            layer2: layer(1, 2, rng),
            layer3: layer(2, 2, rng),
            layer4: layer(3, 2, rng),
            avgpool: AdaptiveAvgPool2d::new(1),
            fc: Linear::new(channels, num_classes, rng),
        }
    }
}

impl<T: Float> Forward<T> for ResNet<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        let x = self.conv1.forward_as("conv1", x);
        let x = if hooks::any() {
            self.relu.forward_as("relu", &self.bn1.forward_as("bn1", &x))
        } else {
            self.bn1.forward_relu(&x, None)
        };
        let x = self.maxpool.forward_as("maxpool", &x);
        let x = self.layer1.forward_as("layer1", &x);
        let x = self.layer2.forward_as("layer2", &x);
        let x = self.layer3.forward_as("layer3", &x);
        let x = self.layer4.forward_as("layer4", &x);
        let x = self.avgpool.forward_as("avgpool", &x);
        self.fc.forward_as("fc", &Flatten.forward(&x))
    }
}
