//! Losses: against their definitions written out, gradients against differences, bad input.

use downhill_autograd::{Tolerance, Var, gradcheck};
use downhill_nn::{
    CrossEntropy, Reduction, bce_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss, smooth_l1_loss,
};
use downhill_tensor::testing::{self, assert_close};
use downhill_tensor::{Rng, Tensor};
use proptest::prelude::*;

const CLOSE: testing::Tolerance = testing::Tolerance { absolute: 1e-12, relative: 1e-12 };
const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::Sum, Reduction::None];

fn reduced(reduction: Reduction, losses: Vec<f64>, shape: &[usize], divisor: f64) -> Tensor<f64> {
    match reduction {
        Reduction::Mean => Tensor::scalar(losses.iter().sum::<f64>() / divisor),
        Reduction::Sum => Tensor::scalar(losses.iter().sum()),
        Reduction::None => Tensor::from_vec(losses, shape),
    }
}

/// A batch: scores, right classes (-1 for ignored items), weights of the classes.
fn batch() -> impl Strategy<Value = (Tensor<f64>, Tensor<i64>, Tensor<f64>)> {
    (1..=4_usize, 1..=5_usize, prop::collection::vec(1..=3_usize, 0..=2), any::<u64>(), any::<bool>())
        .prop_map(|(n, classes, rest, seed, channels_last)| {
            let rng = &mut Rng::new(seed);
            let shape = [&[n, classes], &rest[..]].concat();
            let x = Tensor::<f64>::randn(&shape, rng) * 2.0;
            // The same scores in another order of memory.
            let x = if channels_last { x.transpose(0, 1).contiguous().transpose(0, 1) } else { x };
            let items = [&[n], &rest[..]].concat();
            let draw = Tensor::<f64>::rand(&items, rng) * (classes as f64 + 0.5);
            let targets = draw.map(|x| if x as usize == classes { -1 } else { x as i64 });
            (x, targets, Tensor::<f64>::rand(&[classes], rng) + 0.1)
        })
}

/// The definition, item by item.
fn by_definition(options: &CrossEntropy<f64>, x: &Tensor<f64>, targets: &Tensor<i64>) -> (Vec<f64>, f64) {
    let classes = x.shape()[1];
    let mut order: Vec<isize> = (0..x.rank() as isize).filter(|&d| d != 1).collect();
    order.push(1);
    let rows = x.permute(&order).to_vec();
    let weight = options.weight.as_ref().map_or(vec![1.0; classes], Tensor::to_vec);
    let (mut losses, mut total) = (vec![], 0.0);
    for (row, t) in rows.chunks(classes).zip(targets.iter()) {
        if t == options.ignore_index {
            losses.push(0.0);
            continue;
        }
        let log_total = row.iter().map(|x| x.exp()).sum::<f64>().ln();
        let part = |c: usize| weight[c] * (log_total - row[c]);
        let smooth: f64 = (0..classes).map(part).sum::<f64>() / classes as f64;
        losses.push((1.0 - options.label_smoothing) * part(t as usize) + options.label_smoothing * smooth);
        total += weight[t as usize];
    }
    (losses, total)
}

proptest! {
    #[test]
    fn cross_entropy_with_every_option(
        (x, targets, weight) in batch(), weighted in any::<bool>(), smoothing in prop_oneof![Just(0.0), 0.0..1.0],
        reduction in prop::sample::select(&REDUCTIONS[..]),
    ) {
        let options = CrossEntropy {
            weight: weighted.then_some(weight), ignore_index: -1, label_smoothing: smoothing, reduction,
        };
        let (losses, total) = by_definition(&options, &x, &targets);
        if reduction == Reduction::Mean && total == 0.0 {
            prop_assert!(options.loss(&Var::new(x), &targets).item().is_nan());
            return Ok(());
        }
        let expected = reduced(reduction, losses, targets.shape(), total);
        assert_close(&options.loss(&Var::new(x.clone()), &targets).value(), &expected, CLOSE);
        gradcheck(|x| options.loss(&x[0], &targets), &[x], Tolerance::default()).unwrap();
    }

    #[test]
    fn nll_is_cross_entropy_without_softmax(
        (x, targets, weight) in batch(), weighted in any::<bool>(),
        reduction in prop::sample::select(&REDUCTIONS[..]),
    ) {
        let targets = targets.map(|t| if t == -1 { -100 } else { t });
        let options = CrossEntropy { weight: weighted.then_some(weight), reduction, ..CrossEntropy::new() };
        let loss = |x: &Var<f64>| nll_loss(x, &targets, options.weight.as_ref(), reduction);
        let fused = options.loss(&Var::new(x.clone()), &targets).value();
        if fused.iter().any(f64::is_nan) {
            return Ok(());
        }
        assert_close(&loss(&Var::new(x.log_softmax(1))).value(), &fused, CLOSE);
        gradcheck(|x| loss(&x[0]), &[x], Tolerance::default()).unwrap();
    }

    #[test]
    fn elementwise_losses(
        shape in prop::collection::vec(1..4_usize, 0..4), seed in any::<u64>(),
        reduction in prop::sample::select(&REDUCTIONS[..]), beta in prop::sample::select(&[0.0, 0.5, 1.0, 2.0][..]),
    ) {
        let rng = &mut Rng::new(seed);
        let t = Tensor::<f64>::rand(&shape, rng);
        // Distances near 0.25, 0.75, ..., away from the kinks.
        let steps = Tensor::<f64>::uniform(&shape, -4.0, 4.0, rng);
        let x = &t + steps.map(|s| (s.floor() + 0.5) / 2.0 + 0.1 * (s - s.floor() - 0.5));
        let smooth = |d: f64| if d.abs() < beta { d * d / 2.0 / beta } else { d.abs() - beta / 2.0 };
        type Loss<'a> = &'a dyn Fn(&Var<f64>) -> Var<f64>;
        type Definition<'a> = &'a dyn Fn(f64, f64) -> f64;
        let cases: [(Loss<'_>, Definition<'_>); 4] = [
            (&|x| mse_loss(x, &t, reduction), &|x, t| (x - t) * (x - t)),
            (&|x| l1_loss(x, &t, reduction), &|x, t| (x - t).abs()),
            (&|x| smooth_l1_loss(x, &t, beta, reduction), &|x, t| smooth(x - t)),
            (&|x| bce_with_logits(x, &t, reduction), &|x, t| {
                let p = 1.0 / (1.0 + (-x).exp());
                -t * p.ln() - (1.0 - t) * (1.0 - p).ln()
            }),
        ];
        for (loss, definition) in cases {
            let losses: Vec<f64> = x.iter().zip(t.iter()).map(|(x, t)| definition(x, t)).collect();
            let count = losses.len() as f64;
            let expected = reduced(reduction, losses, &shape, count);
            assert_close(&loss(&Var::new(x.clone())).value(), &expected, CLOSE);
            gradcheck(|x| loss(&x[0]), std::slice::from_ref(&x), Tolerance::default()).unwrap();
        }
    }
}

#[test]
fn confident_predictions_are_stable_in_f32() {
    let x = Var::parameter(Tensor::from([[100.0, -100.0, 0.0], [-100.0, 100.0, f32::NEG_INFINITY]]));
    let losses =
        CrossEntropy { reduction: Reduction::None, ..CrossEntropy::new() }.loss(&x, &Tensor::from([1, 0]));
    assert_eq!(losses.value().to_vec(), [200.0, 200.0]);
    losses.sum(..).backward();
    let gradient = x.grad().unwrap().map(|g| if g.abs() < 1e-40 { 0.0 } else { g });
    assert_eq!(gradient.to_vec(), [1.0, -1.0, 0.0, -1.0, 1.0, 0.0]);

    // Large scores close to each other: only the differences count.
    let x = Var::new(Tensor::from([[1000.0, 999.875_f32]]));
    let exact = (1.0 + (-0.125_f64).exp()).ln();
    assert!((f64::from(cross_entropy(&x, &Tensor::from([0])).item()) - exact).abs() < 1e-7);

    let x = Var::parameter(Tensor::from([90.0, -90.0, 10.0_f32]));
    let losses = bce_with_logits(&x, &Tensor::from([0.0, 1.0, 1.0]), Reduction::None);
    assert_eq!(losses.value().to_vec()[..2], [90.0, 90.0]);
    let tiny = f64::from(losses.value().to_vec()[2]);
    let exact = (-10.0_f64).exp().ln_1p();
    assert!((tiny - exact).abs() < 1e-6 * exact, "{tiny:e} instead of {exact:e}");
}

#[test]
fn one_item_without_a_batch() {
    let x = Var::new(Tensor::from([0.0, 0.0, 0.0, 0.0_f64]));
    assert_close(&cross_entropy(&x, &Tensor::scalar(2)).value(), &Tensor::scalar(4.0_f64.ln()), CLOSE);
}

#[test]
fn ignored_items_have_no_gradient() {
    let x = Var::parameter(Tensor::from([[1.0, 2.0], [f64::NAN, 0.0]]));
    // A prediction that is NaN shows, even where it is ignored; any other does not.
    cross_entropy(&x, &Tensor::from([0, 1])).backward();
    assert!(x.grad().unwrap().iter().any(f64::is_nan));
    let x = Var::parameter(Tensor::from([[1.0, 2.0], [1e300, -1e300]]));
    let loss = cross_entropy(&x, &Tensor::from([0, -100]));
    assert_close(&loss.value(), &Tensor::scalar((1.0 + 1.0_f64.exp()).ln()), CLOSE);
    loss.backward();
    assert_eq!(x.grad().unwrap().to_vec()[2..], [0.0, 0.0]);
}

#[test]
fn where_nothing_counts_the_mean_is_nan_and_its_gradient_zero() {
    let weight = Tensor::from([1.0, 2.0]);
    for (weight, label_smoothing) in
        [(None, 0.0), (None, 0.1), (Some(weight.clone()), 0.0), (Some(weight), 0.1)]
    {
        let x = Var::parameter(Tensor::from([[1.0, 2.0], [3.0, -4.0_f64]]));
        let options = CrossEntropy { weight, label_smoothing, ..CrossEntropy::new() };
        // As a small batch of an accumulation may be: it must not spoil the others.
        let loss = options.loss(&x, &Tensor::from([-100, -100]));
        assert!(loss.item().is_nan());
        loss.backward();
        options.loss(&x, &Tensor::from([1, -100])).backward();
        let grad = x.grad().unwrap();
        assert!(grad.get(&[0, 1]) < 0.0 && grad.get(&[1, 0]) == 0.0, "{grad:?}");
    }
    let x = Var::parameter(Tensor::from([[-1.0, -2.0_f64]]));
    nll_loss(&x, &Tensor::from([-100]), None, Reduction::Mean).backward();
    assert_eq!(x.grad().unwrap().to_vec(), [0.0, 0.0]);
}

macro_rules! panics {
    ($($name:ident: $message:literal, $body:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $message)]
        fn $name() {
            let _ = $body;
        }
    )*};
}

fn zeros(shape: &[usize]) -> Var<f32> {
    Var::new(Tensor::zeros(shape))
}

fn classes(targets: &[i64]) -> Tensor<i64> {
    Tensor::from_slice(targets, &[targets.len()])
}

panics! {
    mse_that_would_broadcast: "mse_loss: shapes differ: predictions [3, 1], targets [3]",
        mse_loss(&zeros(&[3, 1]), &Tensor::zeros(&[3]), Reduction::Mean);
    l1_that_would_broadcast: "l1_loss: shapes differ: predictions [3], targets [3, 1]",
        l1_loss(&zeros(&[3]), &Tensor::zeros(&[3, 1]), Reduction::None);
    smooth_l1_that_would_broadcast: "smooth_l1_loss: shapes differ: predictions [3], targets []",
        smooth_l1_loss(&zeros(&[3]), &Tensor::zeros(&[]), 1.0, Reduction::Sum);
    smooth_l1_beta: "smooth_l1_loss: beta must not be negative, got -1.0",
        smooth_l1_loss(&zeros(&[3]), &Tensor::zeros(&[3]), -1.0, Reduction::Sum);
    bce_that_would_broadcast: "bce_with_logits: shapes differ: predictions [3, 1], targets [3]",
        bce_with_logits(&zeros(&[3, 1]), &Tensor::zeros(&[3]), Reduction::Mean);
    targets_of_another_batch: "cross_entropy: shapes do not fit: predictions [3, 2], targets [2]",
        cross_entropy(&zeros(&[3, 2]), &classes(&[0, 1]));
    targets_with_an_axis_of_one: "cross_entropy: shapes do not fit: predictions [3, 2], targets [3, 1]",
        cross_entropy(&zeros(&[3, 2]), &Tensor::zeros(&[3, 1]));
    predictions_without_classes: "cross_entropy: shapes do not fit: predictions [], targets []",
        cross_entropy(&zeros(&[]), &Tensor::scalar(0));
    a_class_too_large: "cross_entropy: target 2 is not one of 2 classes",
        cross_entropy(&zeros(&[3, 2]), &classes(&[0, 1, 2]));
    a_negative_class: "nll_loss: target -1 is not one of 2 classes",
        nll_loss(&zeros(&[1, 2]), &classes(&[-1]), None, Reduction::Mean);
    weights_of_other_classes: "nll_loss: expected a weight for each of 2 classes, got [3]",
        nll_loss(&zeros(&[1, 2]), &classes(&[0]), Some(&Tensor::zeros(&[3])), Reduction::Mean);
    too_much_smoothing: "cross_entropy: label smoothing must be between 0 and 1, got 1.5",
        CrossEntropy { label_smoothing: 1.5, ..CrossEntropy::new() }.loss(&zeros(&[1, 2]), &classes(&[0]));
}
