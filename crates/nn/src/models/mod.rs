//! Models, under the names that torchvision and fastai know them by.

mod resnet;
mod simple;
mod vision;

pub use resnet::{BasicBlock, ResNet, resnet18, resnet34};
pub use simple::{conv_layer, simple_cnn, simple_net};
pub use vision::{HeadOptions, VisionModel, create_body, create_head, create_vision_model};
