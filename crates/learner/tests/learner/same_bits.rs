//! The same bits, whatever the number of threads and of the loader's workers.

use downhill_data::{
    Brightness, Flip, IntToFloat, Normalize, RandomCrop, RandomErasing, Rotate, Together, Zoom,
};
use downhill_learner::{GradientClip, MixUp, accuracy};
use downhill_nn::{
    AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, ReLU, Sequential, cross_entropy, sequential,
    simple_net,
};
use downhill_tensor::Conv2dOptions;
use downhill_tensor::testing::bits_hash;

use super::*;

/// 784-30-1 on the chapter's batches, which are large enough for products and sums to be split.
fn digits(workers: usize) -> Learner {
    let loader = |n, seed| {
        let x = Tensor::<f32>::randn(&[n, 784], &mut Rng::new(seed));
        let y = x.narrow(1, 0, 1).gt(0.0).to::<i64>();
        DataLoader::new(TensorDataset::new(x, y).unwrap()).bs(256).num_workers(workers)
    };
    let net: Sequential = simple_net(&mut Rng::new(2));
    Learner::new(DataLoaders::new(loader(1000, 1).shuffle(true), loader(300, 3)), net)
        .opt_func(Sgd::new)
        .loss_func(mnist_loss)
        .metrics(batch_accuracy)
        .no_logging()
}

/// A convolutional net with batch norm and dropout, on augmented and mixed images of bytes.
fn images(workers: usize) -> Learner {
    let rng = &mut Rng::new(1);
    let stride = || Conv2dOptions::default().stride(2).padding(1);
    let net: Sequential = sequential![
        Conv2d::new(1, 8, 3, stride(), rng),
        BatchNorm2d::new(8),
        ReLU,
        Conv2d::new(8, 16, 3, stride(), rng),
        BatchNorm2d::new(16),
        ReLU,
        AdaptiveAvgPool2d::new(2),
        Flatten,
        Dropout::new(0.3, rng.fork("dropout")),
        Linear::new(64, 10, rng)
    ];
    let loader = |n, seed| {
        let mut rng = Rng::new(seed);
        let x = Tensor::from_fn(&[n, 1, 28, 28], |_| rng.below(256) as u8);
        let y = Tensor::from_fn(&[n], |_| rng.below(10) as i64);
        DataLoader::new(TensorDataset::new(x, y).unwrap()).bs(32).num_workers(workers)
    };
    let train = loader(200, 10)
        .shuffle(true)
        .after_batch(RandomCrop::new(24, 24))
        .after_batch(IntToFloat)
        .after_batch(
            Together::of([Flip::new(0.5)]).and(Rotate::new(10.0, 0.75)).and(Zoom::new(1.0, 1.1, 0.75)),
        )
        .after_batch(Brightness::new(0.2, 0.75))
        .after_batch(Normalize::new(&[0.5], &[0.3]))
        .after_batch(RandomErasing::new(0.5));
    let valid = loader(70, 20).after_batch(IntToFloat).after_batch(Normalize::new(&[0.5], &[0.3]));
    Learner::new(DataLoaders::new(train, valid), net)
        .loss_func(cross_entropy)
        .metrics(accuracy)
        .cbs(MixUp::new(0.4))
        .cbs(GradientClip::new(1.0))
        .no_logging()
}

/// The hash of each parameter; the buffers, the generators and the record.
fn trained(mut learn: Learner) -> (Vec<u64>, Vec<u8>, String) {
    learn.fit_one_cycle(2, 0.01).unwrap();
    let parameters = learn.model().parameters().iter().map(|p| bits_hash(&p.value())).collect();
    let recorder = learn.recorder();
    let record = format!("{:?} {:?}", recorder.values, recorder.losses);
    (parameters, learn.model().state_dict().to_bytes().unwrap(), record)
}

#[test]
fn threads_and_workers_do_not_change_a_bit() {
    for (name, make) in [("784-30-1", digits as fn(_) -> Learner), ("convolutional", images)] {
        let outcome = |threads, workers| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| trained(make(workers)))
        };
        let expected = outcome(1, 0);
        for threads in [1, 2, 3, 8] {
            for workers in [0, 1, 4] {
                let same = outcome(threads, workers) == expected;
                assert!(same, "{name}: {threads} threads, {workers} workers");
            }
        }
    }
}
