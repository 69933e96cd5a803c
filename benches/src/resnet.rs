//! resnet18 on a batch of 64 images of 28 x 28, as the book's last model sees them: a step, a prediction, and its epoch.

use anyhow::Result;
use downhill::autograd::{Var, no_grad, profile};
use downhill::data::ImageDataLoaders;
use downhill::learner::{accuracy, vision_learner};
use downhill::nn::{Forward, Module, ResNet, cross_entropy, resnet18};
use downhill::optim::{Adam, Optimizer};
use downhill::tensor::{Rng, Tensor};

use crate::cases::Work;
use crate::data::png_folder;

const BATCH: usize = 64;

fn model_and_images() -> (ResNet, Var) {
    let rng = &mut Rng::new(0);
    (resnet18(2, rng), Var::new(Tensor::randn(&[BATCH, 3, 28, 28], rng)))
}

/// Forward, backward and a step of Adam, in training mode.
pub(crate) fn step() -> Work {
    let (model, x) = model_and_images();
    let targets = Tensor::from_fn(&[BATCH], |i| i[0] as i64 % 2);
    let mut opt = Adam::new(model.parameters(), 1e-3);
    Box::new(move || {
        cross_entropy(&model.forward(&x), &targets).backward();
        opt.step();
        opt.zero_grad();
        profile::done("step of Adam");
    })
}

/// A prediction in evaluation mode, without a graph.
pub(crate) fn forward() -> Work {
    let (model, x) = model_and_images();
    model.eval();
    Box::new(move || drop(std::hint::black_box(no_grad(|| model.forward(&x)))))
}

/// The book's epoch with one cycle: 14,434 PNG files opened and decoded, 193 steps with fastai's head, and a validation.
/// The first time from new weights, then on from there.
pub(crate) fn epoch() -> Result<Work> {
    let dls = ImageDataLoaders::from_folder(png_folder()?)?;
    let learn = vision_learner(dls, resnet18, &mut Rng::new(42)).loss_func(cross_entropy).metrics(accuracy);
    let mut learn = learn.no_logging();
    Ok(Box::new(move || learn.fit_one_cycle(1, 0.1).expect("the files were just written")))
}
