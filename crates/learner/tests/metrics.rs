//! Metrics over several batches against their definitions over the whole set.

use downhill_learner::{
    Average, AvgMetric, ConfusionMatrix, FBeta, Metric, Perplexity, Precision, R2Score, Recall, RocAuc,
    accuracy, error_rate, mae, mse, top_k_accuracy,
};
use downhill_tensor::{Element, Rng, Tensor};

/// The value over batches of 7, and over all at once.
fn both<Y: Element>(metric: &mut dyn Metric<Y>, preds: &Tensor, targets: &Tensor<Y>) -> [f64; 2] {
    let n = preds.size(0);
    [7, n].map(|bs| {
        metric.reset();
        for start in (0..n).step_by(bs) {
            let len = bs.min(n - start);
            metric.accumulate(&preds.narrow(0, start, len), &targets.narrow(0, start, len));
        }
        metric.value()
    })
}

#[track_caller]
fn check<Y: Element>(metric: &mut dyn Metric<Y>, preds: &Tensor, targets: &Tensor<Y>, expected: f64) {
    for value in both(metric, preds, targets) {
        assert!((value - expected).abs() < 1e-6, "{}: {value}, expected {expected}", metric.name());
    }
}

fn classes(n: usize, classes: usize) -> (Tensor, Tensor<i64>) {
    let preds = Tensor::randn(&[n, classes], &mut Rng::new(1));
    let mut rng = Rng::new(2);
    (preds, Tensor::from_fn(&[n], |_| rng.below(classes) as i64))
}

/// The largest of each row.
fn chosen(preds: &Tensor) -> Vec<i64> {
    preds.argmax(1).to_vec()
}

#[test]
fn accuracy_and_error_rate_count_items() {
    let (preds, targets) = classes(40, 3);
    let hits = chosen(&preds).iter().zip(targets.iter()).filter(|(a, b)| **a == *b).count();
    let expected = hits as f64 / 40.0;
    check(&mut AvgMetric::new("accuracy", accuracy::<f32>), &preds, &targets, expected);
    check(&mut AvgMetric::new("error_rate", error_rate::<f32>), &preds, &targets, 1.0 - expected);
    let (name, top_1) = top_k_accuracy(1);
    assert_eq!(name, "top_1_accuracy");
    check(&mut AvgMetric::new(name, top_1), &preds, &targets, expected);
    check(&mut AvgMetric::new("top_3_accuracy", top_k_accuracy(3).1), &preds, &targets, 1.0);
}

#[test]
fn scores_of_classes_follow_from_counts_over_the_whole_set() {
    let (preds, targets) = classes(40, 3);
    let found = chosen(&preds);
    let count =
        |t: i64, p: i64| found.iter().zip(targets.iter()).filter(|(a, b)| **a == p && *b == t).count();
    let matrix = ConfusionMatrix::of(&preds, &targets);
    let counts = |t: i64| (0..3).map(|p| count(t, p) as u64).collect::<Vec<_>>();
    assert_eq!(matrix.counts(), [counts(0), counts(1), counts(2)]);

    let of = |class: i64| {
        let hit = count(class, class) as f64;
        let predicted: usize = (0..3).map(|t| count(t, class)).sum();
        let there: usize = (0..3).map(|p| count(class, p)).sum();
        (hit / predicted as f64, hit / there as f64, there as f64)
    };
    let each = [0, 1, 2].map(of);
    let f = |beta: f64, (p, r, _): (f64, f64, f64)| (1.0 + beta * beta) * p * r / (beta * beta * p + r);
    let mean = |of: &dyn Fn((f64, f64, f64)) -> f64| each.iter().map(|&c| of(c)).sum::<f64>() / 3.0;
    let weighted =
        |of: &dyn Fn((f64, f64, f64)) -> f64| each.iter().map(|&c| c.2 * of(c)).sum::<f64>() / 40.0;
    check(&mut Precision::default(), &preds, &targets, each[1].0);
    check(&mut Precision::new(Average::Macro), &preds, &targets, mean(&|c| c.0));
    check(&mut Recall::new(Average::Macro), &preds, &targets, mean(&|c| c.1));
    check(&mut Recall::new(Average::Weighted), &preds, &targets, weighted(&|c| c.1));
    check(&mut FBeta::new(2.0, Average::Macro), &preds, &targets, mean(&|c| f(2.0, c)));
    check(&mut FBeta::new(0.5, Average::Weighted), &preds, &targets, weighted(&|c| f(0.5, c)));
    // Each item counts once, so that all micro averages are the accuracy.
    let micro = found.iter().zip(targets.iter()).filter(|(a, b)| **a == *b).count() as f64 / 40.0;
    check(&mut FBeta::new(1.0, Average::Micro), &preds, &targets, micro);
}

#[test]
fn a_class_that_is_never_predicted_has_precision_zero() {
    let preds = Tensor::from([[1.0_f32, 0.0], [2.0, 1.0]]);
    check(&mut Precision::default(), &preds, &Tensor::from([1_i64, 0]), 0.0);
}

#[test]
fn one_column_is_a_logit_of_class_one() {
    let preds = Tensor::from([[0.5_f32], [-0.1], [2.0]]);
    check(&mut Recall::default(), &preds, &Tensor::from([[1_i64], [1], [0]]), 0.5);
}

#[test]
fn the_area_counts_pairs_in_order() {
    let mut rng = Rng::new(3);
    // Few values, so that there are equals.
    let scores = Tensor::from_fn(&[40, 1], |_| rng.below(6) as f32);
    let targets = Tensor::from_fn(&[40, 1], |_| (rng.below(3) == 0) as i64);
    let (mut pairs, mut ordered) = (0.0, 0.0);
    for (a, _) in scores.iter().zip(targets.iter()).filter(|item| item.1 == 1) {
        for (b, _) in scores.iter().zip(targets.iter()).filter(|item| item.1 == 0) {
            pairs += 1.0;
            ordered += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
        }
    }
    check(&mut RocAuc::default(), &scores, &targets, ordered / pairs);
    // Two columns whose softmax is the sigmoid of the score.
    let two = Tensor::from_fn(&[40, 2], |i| scores.get(&[i[0], 0]) * i[1] as f32);
    check(&mut RocAuc::default(), &two, &targets, ordered / pairs);
    let (preds, targets) = classes(60, 3);
    let value = both(&mut RocAuc::default(), &preds, &targets)[0];
    assert!((0.3..0.7).contains(&value), "random predictions: {value}");
}

#[test]
fn numbers_are_scored_over_the_whole_set() {
    let preds = Tensor::randn(&[40, 2], &mut Rng::new(4));
    let targets = &preds * 0.5 + Tensor::randn(&[40, 2], &mut Rng::new(5)) + 100.0;
    let pairs = || preds.iter().zip(targets.iter()).map(|(p, t)| (f64::from(p), f64::from(t)));
    let squares: f64 = pairs().map(|(p, t)| (p - t) * (p - t)).sum();
    let mean = pairs().map(|pair| pair.1).sum::<f64>() / 80.0;
    let variance: f64 = pairs().map(|(_, t)| (t - mean) * (t - mean)).sum();
    let close = |metric: &mut dyn Metric<f32>, expected: f64| {
        for value in both(metric, &preds, &targets) {
            assert!(
                (value - expected).abs() < 1e-9 * expected.abs(),
                "{}: {value} {expected}",
                metric.name()
            );
        }
    };
    close(&mut R2Score::default(), 1.0 - squares / variance);
    close(&mut AvgMetric::new("mse", mse::<f32>), squares / 80.0);
    close(&mut AvgMetric::new("mae", mae::<f32>), pairs().map(|(p, t)| (p - t).abs()).sum::<f64>() / 80.0);
}

#[test]
fn perplexity_is_of_the_whole_set_not_of_batches() {
    let (preds, targets) = classes(40, 3);
    let loss = f64::from(downhill_nn::cross_entropy(&preds.clone().into(), &targets).item());
    check(&mut Perplexity::default(), &preds, &targets, loss.exp());
}

#[test]
#[should_panic(expected = "accuracy: lengths differ: predictions [2, 2], 3 targets")]
fn predictions_that_do_not_fit_are_refused() {
    accuracy(&Tensor::<f32>::zeros(&[2, 2]), &Tensor::from([0_i64, 1, 0]));
}
