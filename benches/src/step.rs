//! Steps of optimizers, over the parameters of a resnet18.

use downhill::autograd::Var;
use downhill::optim::{Adam, Optimizer};
use downhill::tensor::{Rng, Tensor};

use crate::cases::Work;

/// The shapes of resnet18's parameters, 11.7 million in all.
fn resnet18() -> Vec<Vec<usize>> {
    let mut shapes = Vec::new();
    let mut conv = |c_out: usize, c_in: usize, k: usize| {
        shapes.push(vec![c_out, c_in, k, k]);
        // Batch norm.
        shapes.extend([vec![c_out], vec![c_out]]);
    };
    conv(64, 3, 7);
    for (c_in, c_out) in [(64, 64), (64, 128), (128, 256), (256, 512)] {
        conv(c_out, c_in, 3);
        (0..3).for_each(|_| conv(c_out, c_out, 3));
        if c_in != c_out {
            conv(c_out, c_in, 1);
        }
    }
    shapes.extend([vec![1000, 512], vec![1000]]);
    shapes
}

/// One step of Adam.
pub(crate) fn adam() -> Work {
    let rng = &mut Rng::new(0);
    let params: Vec<Var> = resnet18().iter().map(|s| Var::parameter(Tensor::randn(s, rng))).collect();
    for p in &params {
        p.set_grad(Some(Tensor::randn(&p.shape(), rng)));
    }
    let mut opt = Adam::new(params, 1e-3);
    Box::new(move || opt.step())
}

/// A memcpy that moves as many bytes as a step of Adam: 28 a parameter (the parameter and both averages are read and
/// written, the gradient is read), half of them read and half written. Each thread copies its part.
pub(crate) fn adam_memcpy(threads: usize) -> Work {
    let bytes: usize = 14 * resnet18().iter().map(|s| s.iter().product::<usize>()).sum::<usize>();
    let (from, mut to) = (vec![1_u8; bytes], vec![0_u8; bytes]);
    Box::new(move || {
        let part = bytes.div_ceil(threads);
        let mut parts = to.chunks_mut(part).zip(from.chunks(part));
        std::thread::scope(|scope| {
            let own = parts.next();
            for (to, from) in parts {
                scope.spawn(move || std::hint::black_box(to).copy_from_slice(std::hint::black_box(from)));
            }
            if let Some((to, from)) = own {
                std::hint::black_box(to).copy_from_slice(std::hint::black_box(from));
            }
        });
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_shapes_are_resnet18_s() {
        let counts = super::resnet18().iter().map(|s| s.iter().product::<usize>()).collect::<Vec<_>>();
        assert_eq!((counts.len(), counts.iter().sum::<usize>()), (62, 11_689_512));
    }
}
