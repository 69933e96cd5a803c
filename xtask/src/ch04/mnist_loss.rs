//! The MNIST Loss Function: a linear model without training, why accuracy is no loss, and what is.

use anyhow::Result;
use downhill::prelude::*;

use super::{Context, book, curve, init_params, size};
use crate::report::{Figure, Findings, Printed, Series};

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let (train_x, train_y) = (ctx.sample.train.x(), ctx.sample.train.y());
    let shapes = format!("({}, {})", size(train_x.shape()), size(train_y.shape()));
    let book = "(torch.Size([12396, 784]), torch.Size([12396, 1]))";
    out.equal("train_x.shape,train_y.shape", book, shapes);
    let dset: Vec<(Tensor, Tensor<i64>)> = train_x.unbind(0).zip(train_y.unbind(0)).collect();
    let (x, y) = &dset[0];
    out.equal(
        "x,y = dset[0]; x.shape,y",
        "(torch.Size([784]), tensor([1]))",
        format!("({}, {y})", size(x.shape())),
    );

    one_weight(ctx, out, &train_x, &train_y)?;

    let trgts = Tensor::<i64>::from([1, 0, 1]);
    let prds = Tensor::from([0.9, 0.4, 0.2]);
    let distances = trgts.eq(1).where_(1.0 - &prds, &prds);
    out.equal("torch.where(trgts==1, 1-prds, prds)", "tensor([0.1000, 0.4000, 0.8000])", distances);
    let mnist_loss = |predictions: &Tensor, targets: &Tensor<i64>| {
        targets.eq(1).where_(1.0 - predictions, predictions).mean(..)
    };
    out.equal("mnist_loss(prds,trgts)", "tensor(0.4333)", mnist_loss(&prds, &trgts));
    let better = Tensor::from([0.9, 0.4, 0.8]);
    out.equal("mnist_loss(tensor([0.9, 0.4, 0.8]),trgts)", "tensor(0.2333)", mnist_loss(&better, &trgts));

    let (title, x, y) = ("Sigmoid".into(), "x".into(), "sigmoid(x)".into());
    let series = vec![curve("sigmoid", -4.0, 4.0, |x| x.sigmoid())];
    out.figure(Figure::Functions { title, x, y, series });
    Ok(())
}

/// What a small change of one weight changes.
fn one_weight(ctx: &Context, out: &mut Findings, train_x: &Tensor, train_y: &Tensor<i64>) -> Result<()> {
    let accuracy = |preds: &Tensor| preds.gt(0.0).to::<i64>().eq(train_y).to::<f64>().mean(..).item();
    let (mut accuracies, mut unchanged, mut first_is_the_same) = (Vec::new(), 0, 0);
    let mut series = Vec::new();
    for &seed in &ctx.seeds {
        let rng = &mut Rng::new(seed);
        let (mut weights, bias) = (init_params(&[28 * 28, 1], rng).value(), init_params(&[1], rng).value());
        let linear1 = |weights: &Tensor| train_x.matmul(weights) + &bias;
        let preds = linear1(&weights);
        let by_hand = (train_x.select(0, 0) * weights.flatten(0)).sum(..) + &bias;
        first_is_the_same += usize::from((by_hand.get(&[0]) - preds.get(&[0, 0])).abs() < 1e-4);

        let before = accuracy(&preds);
        accuracies.push(before);
        if seed == ctx.seeds[0] {
            series = changes(&linear1, &weights, train_y, &accuracy);
        }
        let mut first = weights.narrow(0, 0, 1);
        first.mul_(1.0001);
        weights.as_mut_slice()[0] = first.item();
        unchanged += usize::from(accuracy(&linear1(&weights)) == before);
    }
    let of = |count: usize| format!("for {count} of {} seeds", ctx.seeds.len());
    let all = ctx.seeds.len();
    let asked = "(train_x[0]*weights.T).sum() + bias";
    out.holds("linear1(train_x)[0]", asked, of(first_is_the_same), first_is_the_same == all);
    out.runs("corrects.float().mean()", Printed { value: book::UNTRAINED, decimals: 4 }, &accuracies, None);
    out.holds("weights[0] *= 1.0001", "the accuracy stays what it was", of(unchanged), unchanged == all);
    let title = "What changes with one weight in the middle: accuracy by steps, the loss smoothly".into();
    let (x, y) = ("added to the weight".into(), "change".into());
    out.figure(Figure::Functions { title, x, y, series });
    Ok(())
}

/// How far accuracy and loss move if something is added to the weight of a pixel in the middle.
fn changes(
    linear1: &dyn Fn(&Tensor) -> Tensor,
    weights: &Tensor,
    train_y: &Tensor<i64>,
    accuracy: &dyn Fn(&Tensor) -> f64,
) -> Vec<Series> {
    let middle = 14 * 28 + 14;
    let at = |added: f32| {
        let mut weights = weights.clone();
        weights.as_mut_slice()[middle] += added;
        let preds = linear1(&weights);
        (accuracy(&preds), f64::from(mnist_loss(&Var::new(preds), train_y).item()))
    };
    let (accuracy, loss) = at(0.0);
    let added: Vec<f64> = (-20..=20).map(|i| f64::from(i) / 1000.0).collect();
    let found: Vec<_> = added.iter().map(|&x| (x, at(x as f32))).collect();
    let series = |name: &str, points| Series { name: name.into(), line: true, points };
    vec![
        series("accuracy", found.iter().map(|(x, found)| (*x, found.0 - accuracy)).collect()),
        series("mnist_loss", found.iter().map(|(x, found)| (*x, found.1 - loss)).collect()),
    ]
}
