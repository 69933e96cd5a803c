//! Going Deeper: a network of 18 layers, from a folder of images to 99 % in one epoch.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use downhill::data::MnistSample;
use downhill::prelude::*;

use super::{Context, Fault, book, column, digits};
use crate::report::{Figure, Findings};

/// As many as PyTorch was measured with: one run takes a while.
const SEEDS: usize = 5;

pub(super) fn run(ctx: &Context, out: &mut Findings) -> Result<()> {
    let path = images()?;
    let seeds = &ctx.seeds[..ctx.seeds.len().min(SEEDS)];
    let (mut runs, mut settings) = (Vec::new(), String::new());
    for &seed in seeds {
        let dls = ImageDataLoaders::from_folder(&path)?.seed(seed);
        let eps = if ctx.injects(Fault::Eps) { 1e-8 } else { 1e-5 };
        let mut learn = vision_learner(dls, resnet18, &mut Rng::new(seed))
            .loss_func(cross_entropy)
            .metrics(accuracy)
            .opt_func(move |params, lr| Adam::fastai(params, lr).eps(eps))
            .no_logging();
        learn.fit_one_cycle(1, 0.1)?;
        (ctx.tick)();
        runs.push(learn.recorder().values[0].clone());
        if seed == seeds[0] {
            settings = cycle(&learn);
            show(&learn, out)?;
        }
    }
    let names = ["train_loss", "valid_loss", "accuracy"];
    let torch = [None, None, Some(book::RESNET18_TORCH)];
    for (i, (name, torch)) in names.into_iter().zip(torch).enumerate() {
        out.runs(format!("epoch 0: {name}"), book::RESNET18[i], &column(&runs, i), torch);
    }
    out.equal("fit_one_cycle(1, 0.1), as fastai does it", CYCLE, settings);
    Ok(())
}

/// The book's folder of PNG files, made of the sample in the repository if it is not there.
fn images() -> Result<PathBuf> {
    let path = crate::root().join("target/reproduce/mnist_sample");
    let complete = || {
        let images = ImageFolder::from_folder(&path).open().ok()?;
        (images.train.len() == 12396 && images.valid.len() == 2038).then_some(())
    };
    if complete().is_none() {
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        MnistSample::export_png(crate::root().join("data/mnist_sample"), &path)?;
    }
    Ok(path)
}

/// fastai's defaults for Adam and for the cycle.
const CYCLE: &str = "193 batches; lr 0.004 .. 0.1 .. 1e-5, mom 0.95 .. 0.85 .. 0.95; eps 1e-5, wd 0.01";

/// What the training has in fact used.
fn cycle(learn: &Learner) -> String {
    let recorder = learn.recorder();
    let ends = |values: &[f64], middle: f64| {
        let short = |x: f64| if x < 1e-3 { format!("{x:.0e}") } else { format!("{x:.3}") };
        let short = |x: f64| short(x).trim_end_matches('0').to_string();
        let [first, .., last] = values else { return "nothing".to_string() };
        format!("{} .. {} .. {}", short(*first), short(middle), short(*last))
    };
    let (lrs, moms) = (&recorder.lrs, &recorder.moms);
    let highest = lrs.iter().copied().fold(f64::MIN, f64::max);
    let lowest = moms.iter().copied().fold(f64::MAX, f64::min);
    let hypers = learn.opt().map(|opt| opt.groups()[0].hypers).unwrap_or_default();
    let (lr, mom) = (ends(lrs, highest), ends(moms, lowest));
    format!("{} batches; lr {lr}, mom {mom}; eps {:e}, wd {}", lrs.len(), hypers.eps, hypers.wd)
}

/// A batch, the images that the net is most wrong about, and what it takes for what.
fn show(learn: &Learner, out: &mut Findings) -> Result<()> {
    let vocab = ["3", "7"];
    let (xb, yb) = learn.dls().valid.first()?;
    let shown: Vec<usize> = (0..16).collect();
    let label = |i: usize| vocab[yb.get(&[i]) as usize].to_string();
    let pictures = digits(&xb, &shown, &label);
    out.figure(Figure::Pictures { title: "A batch".into(), columns: 8, pictures });

    let dset: Vec<_> = learn.dls().valid.iter().collect::<Result<_, _>>()?;
    let x = downhill::tensor::cat(&dset.into_iter().map(|(x, _)| x).collect::<Vec<_>>(), 0);
    let preds = learn.get_preds_of(&learn.dls().valid, true)?;
    let losses = preds.losses.context("losses were asked for")?;
    let mut worst: Vec<usize> = (0..losses.numel()).collect();
    worst.sort_by(|&a, &b| losses.get(&[b]).total_cmp(&losses.get(&[a])));
    worst.truncate(8);
    let decoded = |i: usize| preds.decoded.get(&[i]) as usize;
    let target = |i: usize| preds.targets.get(&[i]) as usize;
    let label =
        |i: usize| format!("{} for {} / {:.2}", vocab[decoded(i)], vocab[target(i)], losses.get(&[i]));
    let title = "Top losses: prediction for target / loss".into();
    out.figure(Figure::Pictures { title, columns: 4, pictures: digits(&x, &worst, &label) });

    let mut counts = vec![vec![0; 2]; 2];
    (0..preds.targets.numel()).for_each(|i| counts[target(i)][decoded(i)] += 1);
    let classes = vocab.map(String::from).to_vec();
    out.figure(Figure::Confusion { title: "Confusion matrix, seed 0".into(), classes, counts });
    Ok(())
}
