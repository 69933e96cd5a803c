//! Models: names, shapes, groups, freezing; what hooks and summaries see of them.

use std::cell::RefCell;
use std::rc::Rc;

use downhill_autograd::{Var, no_grad};
use downhill_nn::*;
use downhill_tensor::{Rng, Tensor};

fn same(a: &[Var<f32>], b: &[Var<f32>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
}

fn vision(n_in: usize) -> VisionModel {
    let rng = &mut Rng::new(42);
    create_vision_model(ResNet::new([1, 1, 1, 1], 3, rng), n_in, 2, rng)
}

#[test]
fn resnets_have_torchvision_s_sizes() {
    // The numbers of torchvision's documentation.
    let rng = &mut Rng::new(0);
    assert_eq!(resnet18::<f32>(1000, rng).num_parameters(), (11_689_512, 11_689_512));
    assert_eq!(resnet34::<f32>(1000, rng).num_parameters().1, 21_797_672);
    // fastai's model for two classes: golden files have its names.
    let model: VisionModel = create_vision_model(resnet18(1000, rng), 3, 2, rng);
    assert_eq!(model.num_parameters().1, 11_689_512 - 513_000 + 2 * 1024 + 1024 * 512 + 2 * 512 + 512 * 2);
}

#[test]
fn a_resnet_maps_images_to_classes() {
    let rng = &mut Rng::new(0);
    let net: ResNet = ResNet::new([1, 1, 1, 1], 5, rng);
    let x = Var::new(Tensor::randn(&[2, 3, 33, 40], rng));
    let y = no_grad(|| net.forward(&x));
    assert_eq!(*y.shape(), [2, 5]);
    assert!(y.value().iter().all(f32::is_finite));
    assert_eq!(net.bn1.num_batches_tracked.get().item(), 1);
}

#[test]
fn the_head_is_fastai_s() {
    let rng = &mut Rng::new(0);
    let types = |head: &Sequential| -> Vec<&str> { head.0.iter().map(Module::type_name).collect() };
    let head: Sequential = create_head(512, 2, &HeadOptions::default(), rng);
    assert_eq!(
        types(&head),
        [
            "AdaptiveConcatPool2d",
            "Flatten",
            "BatchNorm1d",
            "Dropout",
            "Linear",
            "ReLU",
            "BatchNorm1d",
            "Dropout",
            "Linear"
        ]
    );
    let names: Vec<(String, Vec<usize>)> =
        head.named_parameters().into_iter().map(|(name, p)| (name, p.shape().to_vec())).collect();
    assert_eq!(names[0], ("2.weight".to_string(), vec![1024]));
    assert_eq!(names[2], ("4.weight".to_string(), vec![512, 1024]));
    assert_eq!(names[5], ("8.weight".to_string(), vec![2, 512]));
    assert_eq!(names.len(), 6, "linear layers behind a batch norm have no bias");
    // Every dropout is a stream of its own.
    let generators = head.state_dict().generators().to_vec();
    assert_eq!((&*generators[0].0, &*generators[1].0), ("3.generator", "7.generator"));
    assert_ne!(generators[0].1, generators[1].1);

    let options =
        HeadOptions { lin_ftrs: vec![], ps: 0.0, concat_pool: false, first_bn: false, bn_final: true };
    let head: Sequential = create_head(512, 2, &options, rng);
    assert_eq!(types(&head), ["AdaptiveAvgPool2d", "Flatten", "Linear", "BatchNorm1d"]);
    assert_eq!(head.named_parameters()[1].0, "2.bias");
}

#[test]
fn a_vision_model_has_fastai_s_three_groups() {
    let model = vision(3);
    let groups = model.param_groups();
    let children: Vec<Vec<Var>> = model.body.0.iter().map(Module::parameters).collect();
    assert_eq!(groups.len(), 3);
    assert!(same(&groups[0], &children[..6].concat()));
    assert!(same(&groups[1], &children[6..].concat()));
    assert!(same(&groups[2], &model.head.parameters()));
    assert!(same(&groups.concat(), &model.parameters()));
    // A box says the same as what is in it.
    let boxed: Box<dyn Forward> = Box::new(vision(3));
    assert_eq!(boxed.param_groups().len(), 3);
    assert_eq!(simple_net::<f32>(&mut Rng::new(0)).param_groups().len(), 1);
}

#[test]
fn frozen_groups_train_their_norms_only() {
    let model = vision(3);
    let trained = |model: &VisionModel| -> Vec<String> {
        model
            .named_parameters()
            .into_iter()
            .filter(|(_, p)| p.requires_grad())
            .map(|(name, _)| name)
            .collect()
    };
    let norm =
        |name: &String| name.contains("bn") || name.contains("downsample.1") || name.starts_with("0.1.");
    model.freeze();
    for name in trained(&model) {
        assert!(name.starts_with("1.") || norm(&name), "{name}");
    }
    let (some, all) = model.num_parameters();
    assert!(some < all);
    // And no gradient arrives at what is frozen.
    model.forward(&Var::new(Tensor::randn(&[2, 3, 32, 32], &mut Rng::new(1)))).sum(..).backward();
    for (name, p) in model.named_parameters() {
        assert_eq!(p.grad().is_some(), p.requires_grad(), "{name}");
    }
    model.freeze_to(1);
    let names = trained(&model);
    assert!(
        names.contains(&"0.6.0.conv1.weight".to_string())
            && !names.contains(&"0.4.0.conv1.weight".to_string())
    );
    model.freeze_to(3);
    assert!(trained(&model).iter().any(|name| name.starts_with("1.2.")), "the head's norms too");
    assert!(!trained(&model).contains(&"1.4.weight".to_string()));
    model.unfreeze();
    assert_eq!(trained(&model).len(), model.parameters().len());
    model.requires_grad_(false);
    assert!(trained(&model).is_empty(), "norms as well");
}

#[test]
fn norms_and_biases_are_those_without_decay() {
    let model = vision(3);
    let names = |found: &[Var<f32>]| -> Vec<String> {
        let named = model.named_parameters();
        named.into_iter().filter(|(_, p)| found.iter().any(|f| f.same(p))).map(|(name, _)| name).collect()
    };
    let found = names(&norm_bias_params(&model, true));
    assert!(found.iter().all(|name| !name.contains("conv") && !name.contains("downsample.0")));
    // All but convolutions and linear layers, which have no biases here.
    let matrices = model.parameters().iter().filter(|p| p.shape().len() > 1).count();
    assert_eq!(found.len(), model.parameters().len() - matrices);

    let rng = &mut Rng::new(0);
    let net: Sequential = sequential![Linear::new(2, 2, rng), LayerNorm::new(&[2]), GroupNorm::new(1, 2)];
    assert_eq!(norm_bias_params(&net, true).len(), 5);
    assert_eq!(norm_bias_params(&net, false).len(), 4);
}

#[test]
fn bodies_take_images_of_other_channels() {
    let rng = &mut Rng::new(42);
    let weight = |n_in: usize| {
        let body = create_body(ResNet::<f32>::new([1, 0, 0, 0], 2, &mut Rng::new(42)), n_in);
        body.parameters()[0].value()
    };
    let three = weight(3);
    assert_eq!(weight(1).to_vec(), three.sum_keepdim(1).to_vec());
    assert_eq!(weight(2).to_vec(), (three.narrow(1, 0, 2) * 1.5).to_vec());
    let five = weight(5);
    assert_eq!(five.narrow(1, 0, 3).to_vec(), three.to_vec());
    assert!(five.narrow(1, 3, 2).iter().all(|x| x == 0.0));
    let y = vision(1).forward(&Var::new(Tensor::randn(&[2, 1, 28, 28], rng)));
    assert_eq!(*y.shape(), [2, 2]);
}

#[test]
fn modes_are_each_layer_s_own() {
    let model = vision(3);
    let modes = |model: &VisionModel| {
        let mut modes = vec![];
        walk(model, |_, item| {
            if let Item::Mode(mode) = item {
                modes.push(mode.is_training());
            }
        });
        modes
    };
    assert!(modes(&model).len() > 5 && modes(&model).iter().all(|&training| training));
    model.head.eval();
    assert!(modes(&model).iter().any(|&t| t) && modes(&model).iter().any(|&t| !t));
    model.eval();
    assert!(modes(&model).iter().all(|&training| !training));
    model.train();
    assert!(modes(&model).iter().all(|&training| training));
}

/// Paths and types of everything that hooks are told of during `f`.
fn observed<R>(f: impl FnOnce() -> R) -> Vec<String> {
    let seen = Rc::new(RefCell::new(vec![]));
    let to = seen.clone();
    let guard = forward_hook::<f32>(move |call| {
        let leaf = if call.is_leaf { "" } else { " and below" };
        to.borrow_mut().push(format!("{} {}{leaf}", call.path, call.type_name));
    });
    f();
    drop(guard);
    seen.take()
}

#[test]
fn hooks_see_every_layer_by_its_path() {
    let rng = &mut Rng::new(0);
    let block: BasicBlock = BasicBlock::new(2, 3, 2, rng);
    let net: Sequential = sequential![block, Sequential(vec![Box::new(ReLU), Box::new(Flatten)])];
    let x = Var::new(Tensor::zeros(&[2, 2, 4, 4]));
    let expected = [
        "0.conv1 Conv2d",
        "0.bn1 BatchNorm2d",
        "0.relu ReLU",
        "0.conv2 Conv2d",
        "0.bn2 BatchNorm2d",
        "0.downsample.0 Conv2d",
        "0.downsample.1 BatchNorm2d",
        "0.downsample Sequential and below",
        "0.relu ReLU",
        "0 BasicBlock and below",
        "1.0 ReLU",
        "1.1 Flatten",
        "1 Sequential and below",
    ];
    assert_eq!(observed(|| net.forward(&x)), expected);
    // The paths are those of the parameters.
    for (name, _) in net.named_parameters() {
        let layer = name.rsplit_once('.').unwrap().0;
        assert!(expected.iter().any(|seen| seen.split(' ').next() == Some(layer)), "{name}");
    }
    // Gone with the guard; not for another element type; none left behind by a panic.
    assert!(observed(|| ()).is_empty());
    let wide: Sequential<f64> = simple_net(&mut Rng::new(0));
    assert!(observed(|| wide.forward(&Var::new(Tensor::zeros(&[1, 784])))).is_empty());
    let bad = Var::new(Tensor::zeros(&[1, 3]));
    let broken = observed(|| {
        let call = std::panic::AssertUnwindSafe(|| net.forward(&bad));
        assert!(std::panic::catch_unwind(call).is_err());
    });
    assert!(broken.is_empty());
    assert_eq!(observed(|| net.forward(&x)), expected);
}

#[test]
fn hooks_may_set_and_remove_hooks_and_run_models() {
    let net: Sequential = simple_net(&mut Rng::new(0));
    let x = Var::new(Tensor::zeros(&[1, 784]));
    let count = Rc::new(RefCell::new(0));
    let (to, inner) = (count.clone(), Rc::new(RefCell::new(None)));
    let hold = inner.clone();
    let guard = forward_hook::<f32>(move |_| {
        *to.borrow_mut() += 1;
        let counted = to.clone();
        *hold.borrow_mut() = Some(forward_hook::<f32>(move |_| *counted.borrow_mut() += 100));
    });
    net.forward(&x);
    // Three calls; the second and the third meet the hook that the call before has set.
    assert_eq!(*count.borrow(), 203);
    drop(guard);
    inner.take();
    net.forward(&x);
    assert_eq!(*count.borrow(), 203);
}

#[test]
fn activation_statistics_follow_their_definitions() {
    let stats = ActivationStats::of(&Tensor::from([0.0, 0.05, 1.0, 9.9, 10.0, 11.0, -1.0, 0.25]));
    let values = [0.0, 0.05, 1.0, 9.9, 10.0, 11.0, -1.0, 0.25_f64];
    let mean = values.iter().sum::<f64>() / 8.0;
    let std = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 7.0).sqrt();
    assert!((stats.mean - mean).abs() < 1e-12 && (stats.std - std).abs() < 1e-12);
    assert_eq!(stats.near_zero, 3.0 / 8.0);
    assert_eq!((stats.hist[0], stats.hist[1], stats.hist[4], stats.hist[39]), (2, 1, 1, 2));
    assert_eq!(stats.hist.iter().sum::<usize>(), 6, "what lies outside is not counted");
}

#[test]
fn a_summary_is_fastai_s_table_and_leaves_the_model_alone() {
    let rng = &mut Rng::new(42);
    let net: Sequential = sequential![
        Conv2d::without_bias(1, 4, 3, downhill_tensor::Conv2dOptions::default().stride(2).padding(1), rng),
        BatchNorm2d::new(4),
        ReLU,
        AdaptiveAvgPool2d::new(1),
        Flatten,
        Dropout::new(0.5, rng.fork("dropout")),
        Linear::new(4, 2, rng)
    ];
    net.0[0].requires_grad_(false);
    let before = format!("{:?}", net.state_dict().generators());
    net.train();
    let table = summary(&net, &[64, 1, 28, 28]);
    let rule = "=".repeat(76);
    let line = "_".repeat(76);
    let expected = format!(
        "\
Sequential (Input shape: 64 x 1 x 28 x 28)
{rule}
Layer (type)         Output Shape         Param #    Trainable
{rule}
                     64 x 4 x 14 x 14
Conv2d                                    36         False
BatchNorm2d                               8          True
ReLU
{line}
                     64 x 4 x 1 x 1
AdaptiveAvgPool2d
{line}
                     64 x 4
Flatten
Dropout
{line}
                     64 x 2
Linear                                    10         True
{line}

Total params: 54
Total trainable params: 18
Total non-trainable params: 36
"
    );
    assert_eq!(table, expected);
    assert_eq!(format!("{:?}", net.state_dict().generators()), before);
    let tracked = net.state_dict().get("1.num_batches_tracked").unwrap().downcast::<i64>().unwrap();
    assert_eq!(tracked.item(), 0);
    net.0[1].forward(&Var::new(Tensor::ones(&[2, 4, 2, 2])));
    let tracked = net.state_dict().get("1.num_batches_tracked").unwrap().downcast::<i64>().unwrap();
    assert_eq!(tracked.item(), 1, "in training as before");

    // A layer that is its own model, and a model that calls nothing by name, are one line.
    assert!(
        summary(&Linear::<f32>::new(2, 1, rng), &[8, 2])
            .contains("\nLinear                                    3 ")
    );
    // A layer that is called twice is counted once.
    let block: BasicBlock = BasicBlock::new(2, 2, 1, rng);
    assert!(summary(&block, &[8, 2, 4, 4]).contains(&format!("Total params: {}\n", 2 * 36 + 2 * 4)));
}
