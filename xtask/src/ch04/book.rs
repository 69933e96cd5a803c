//! The numbers that the book prints (fastbook, 04_mnist_basics.ipynb).

use crate::report::{Printed, Torch};

const fn printed<const N: usize>(values: [f64; N], decimals: usize) -> [Printed; N] {
    let mut out = [Printed { value: 0.0, decimals }; N];
    let mut i = 0;
    while i < N {
        out[i].value = values[i];
        i += 1;
    }
    out
}

/// `tensor(im3)[4:10,4:10]`, but for the name of its dtype.
pub(super) const IM3: &str = "\
tensor([[  0,   0,   0,   0,   0,   0], [  0,   0,   0,   0,   0,  29], [  0,   0,   0,  48, 166, 224], \
[  0,  93, 244, 249, 253, 187], [  0, 107, 253, 253, 230,  48], [  0,   3,  20,  20,  15,   0]])";

/// The entries of `valid_3_dist` that are printed.
pub(super) const VALID_3_DIST: [&str; 6] = ["0.1050", "0.1526", "0.1186", "0.1122", "0.1170", "0.1086"];

/// `torch.arange(0,20).float()`.
pub(super) const TIME: &str = "\
tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13., 14., 15., 16., 17., 18., 19.])";

/// Of the losses 25823.8086, 5435.5366, .. and, after ten steps, 676.9537: how much of what ten steps take away is left by
/// the first, (5435.5366 - 676.9537) / (25823.8086 - 676.9537).
pub(super) const ROLLER_COASTER: Printed = Printed { value: 0.1892, decimals: 4 };

/// `corrects.float().mean().item()` with random weights.
pub(super) const UNTRAINED: f64 = 0.4912068545818329;

/// `accuracy_3s`, `accuracy_7s`, and their mean.
pub(super) const PIXEL_SIMILARITY: [Printed; 3] = printed([0.9168, 0.9854, 0.9511], 4);

/// `validate_epoch(linear1)` before training, after one epoch, and after each of twenty more.
pub(super) const BY_HAND: [Printed; 22] = printed(
    [
        0.5219, 0.6883, 0.8314, 0.9017, 0.9227, 0.9349, 0.9438, 0.9501, 0.9535, 0.9564, 0.9594, 0.9618,
        0.9613, 0.9638, 0.9643, 0.9652, 0.9662, 0.9677, 0.9687, 0.9691, 0.9691, 0.9696,
    ],
    4,
);

/// `validate_epoch(linear_model)` before training, then `train_model(linear_model, 20)`.
pub(super) const OPTIMIZER: [Printed; 21] = printed(
    [
        0.4157, 0.4932, 0.8618, 0.8203, 0.9102, 0.9331, 0.9468, 0.9555, 0.9629, 0.9658, 0.9673, 0.9687,
        0.9707, 0.9726, 0.9751, 0.9761, 0.9761, 0.9775, 0.978, 0.9785, 0.9785,
    ],
    4,
);

/// `train_model(linear_model, 20)` with `SGD`.
pub(super) const SGD: [Printed; 20] = printed(
    [
        0.4932, 0.852, 0.8335, 0.9116, 0.9326, 0.9473, 0.9555, 0.9624, 0.9648, 0.9668, 0.9692, 0.9712,
        0.9731, 0.9746, 0.9761, 0.9765, 0.9775, 0.978, 0.9785, 0.9785,
    ],
    4,
);

/// `learn.fit(10, lr=lr)` with a linear model: train_loss, valid_loss, batch_accuracy.
pub(super) const LEARNER: [[Printed; 3]; 10] = [
    printed([0.636857, 0.503549, 0.495584], 6),
    printed([0.545725, 0.170281, 0.866045], 6),
    printed([0.199223, 0.184893, 0.831207], 6),
    printed([0.086580, 0.107836, 0.911187], 6),
    printed([0.045185, 0.078481, 0.932777], 6),
    printed([0.029108, 0.062792, 0.946516], 6),
    printed([0.022560, 0.053017, 0.955348], 6),
    printed([0.019687, 0.046500, 0.962218], 6),
    printed([0.018252, 0.041929, 0.965162], 6),
    printed([0.017402, 0.038573, 0.967615], 6),
];

/// `learn.fit(40, 0.1)` with `simple_net`: train_loss, valid_loss, batch_accuracy.
pub(super) const SIMPLE_NET: [[Printed; 3]; 40] = [
    printed([0.305828, 0.399663, 0.508341], 6),
    printed([0.142960, 0.225702, 0.807655], 6),
    printed([0.079516, 0.113519, 0.919529], 6),
    printed([0.052391, 0.076792, 0.943081], 6),
    printed([0.039796, 0.060083, 0.956330], 6),
    printed([0.033368, 0.050713, 0.963690], 6),
    printed([0.029680, 0.044797, 0.965653], 6),
    printed([0.027290, 0.040729, 0.968106], 6),
    printed([0.025568, 0.037771, 0.968597], 6),
    printed([0.024233, 0.035508, 0.970559], 6),
    printed([0.023149, 0.033714, 0.972031], 6),
    printed([0.022242, 0.032243, 0.972522], 6),
    printed([0.021468, 0.031006, 0.973503], 6),
    printed([0.020796, 0.029944, 0.974485], 6),
    printed([0.020207, 0.029016, 0.975466], 6),
    printed([0.019683, 0.028196, 0.976448], 6),
    printed([0.019215, 0.027463, 0.976448], 6),
    printed([0.018791, 0.026806, 0.976938], 6),
    printed([0.018405, 0.026212, 0.977920], 6),
    printed([0.018051, 0.025671, 0.977920], 6),
    printed([0.017725, 0.025179, 0.977920], 6),
    printed([0.017422, 0.024728, 0.978410], 6),
    printed([0.017141, 0.024313, 0.978901], 6),
    printed([0.016878, 0.023932, 0.979392], 6),
    printed([0.016632, 0.023580, 0.979882], 6),
    printed([0.016400, 0.023254, 0.979882], 6),
    printed([0.016181, 0.022952, 0.979882], 6),
    printed([0.015975, 0.022672, 0.980864], 6),
    printed([0.015779, 0.022411, 0.980864], 6),
    printed([0.015593, 0.022168, 0.981845], 6),
    printed([0.015417, 0.021941, 0.981845], 6),
    printed([0.015249, 0.021728, 0.981845], 6),
    printed([0.015088, 0.021529, 0.981845], 6),
    printed([0.014935, 0.021341, 0.981845], 6),
    printed([0.014788, 0.021164, 0.981845], 6),
    printed([0.014647, 0.020998, 0.982336], 6),
    printed([0.014512, 0.020840, 0.982826], 6),
    printed([0.014382, 0.020691, 0.982826], 6),
    printed([0.014257, 0.020550, 0.982826], 6),
    printed([0.014136, 0.020415, 0.982826], 6),
];

/// `learn.fit_one_cycle(1, 0.1)` with `resnet18`: train_loss, valid_loss, accuracy.
pub(super) const RESNET18: [Printed; 3] = printed([0.082089, 0.009578, 0.997056], 6);

// What PyTorch finds with the chapter's code, in the book's order of images: the accuracy after the last epoch.

/// By hand, 21 epochs; mean 0.9726.
pub(super) const BY_HAND_TORCH: Torch = Torch { seeds: 30, low: 0.9643, high: 0.9775 };

/// A linear model, 20 epochs.
pub(super) const OPTIMIZER_TORCH: Torch = Torch { seeds: 30, low: 0.9780, high: 0.9790 };

/// `simple_net`, 40 epochs.
pub(super) const SIMPLE_NET_TORCH: Torch = Torch { seeds: 30, low: 0.9814, high: 0.9834 };

/// `resnet18`, one epoch.
pub(super) const RESNET18_TORCH: Torch = Torch { seeds: 5, low: 0.9936, high: 0.9980 };
