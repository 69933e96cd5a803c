//! A learner for images, as fastai's `vision_learner` makes it.

use downhill_data::ImageDataLoaders;
use downhill_nn::{ResNet, create_vision_model};
use downhill_tensor::Rng;

use crate::learner::Learner;

/// A learner for images of three channels: the body of `arch` and a new head for the classes of `dls`, in three parameter
/// groups. fastai's `vision_learner` with `pretrained=False`.
///
/// As there, images are normalised, and groups frozen, only for a body that was trained elsewhere, which is not at hand
/// here. To start from one, load a state dict into [`Learner::model`], let the loaders normalise as it was trained, and
/// [`freeze`](Learner::freeze).
///
/// ```no_run
/// use downhill_data::ImageDataLoaders;
/// use downhill_learner::{accuracy, vision_learner};
/// use downhill_nn::{cross_entropy, resnet18};
/// use downhill_tensor::Rng;
///
/// let dls = ImageDataLoaders::from_folder("mnist_sample")?;
/// let mut learn = vision_learner(dls, resnet18, &mut Rng::new(42)).loss_func(cross_entropy).metrics(accuracy);
/// learn.fit_one_cycle(1, 0.1)?;
/// # Ok::<(), downhill_learner::Error>(())
/// ```
pub fn vision_learner(
    dls: ImageDataLoaders,
    arch: impl FnOnce(usize, &mut Rng) -> ResNet,
    rng: &mut Rng,
) -> Learner {
    let vocab = dls.vocab().to_vec();
    // The body does not keep the last layer of `arch`, so it does not matter for how many classes that is.
    let model = create_vision_model(arch(vocab.len(), rng), 3, vocab.len(), rng);
    Learner::new(dls.dls, model).vocab(vocab)
}
