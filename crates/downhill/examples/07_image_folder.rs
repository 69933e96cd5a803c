//! Images of your own: `cargo run --release -p downhill --example 07_image_folder -- FOLDER`, where FOLDER has the images
//! as `train/class/name.png` and `valid/class/name.png`. Without a folder it makes one of some of the chapter's digits.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use downhill::data::{Channels, MnistSample, write_idx};
use downhill::learner::load_learner;
use downhill::prelude::*;
use downhill::tensor::cat;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist_sample");

fn main() -> Result<(), Box<dyn Error>> {
    let work = std::env::temp_dir().join(format!("downhill-image-folder-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => folder.into(),
        None => some_digits(&work)?,
    };
    let result = train(&folder, &work);
    // Only what this program has made.
    fs::remove_dir_all(&work)?;
    result
}

/// A folder of 300 threes and 300 sevens, as PNG files.
fn some_digits(work: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let digits = MnistSample::from_dir(DIGITS)?;
    for (set, split, n) in [("train", &digits.train, 250), ("t10k", &digits.valid, 50)] {
        let images = cat(&[split.threes.narrow(0, 0, n), split.sevens.narrow(0, 0, n)], 0);
        let labels = Tensor::from_fn(&[2 * n], |i| if i[0] < n { 3_u8 } else { 7 });
        write_idx(work.join(format!("{set}-images-idx3-ubyte.gz")), &images)?;
        write_idx(work.join(format!("{set}-labels-idx1-ubyte.gz")), &labels)?;
    }
    MnistSample::cut(work, work.join("sample"))?;
    let folder = work.join("digits");
    MnistSample::export_png(work.join("sample"), &folder)?;
    Ok(folder)
}

fn train(folder: &Path, work: &Path) -> Result<(), Box<dyn Error>> {
    // Classes are the names of folders. Files are decoded when a batch asks for them.
    let images =
        ImageFolder::from_folder(folder).channels(Channels::Grey).resize(Resize::new(28, 28)).open()?;
    let vocab = images.vocab().to_vec();
    println!("{} images to train on, of {}", images.train.len(), vocab.join(", "));

    // Workers decode and augment ahead. Images stay bytes until they are made floats.
    let valid = DataLoader::new(images.valid).bs(64).after_batch(IntToFloat);
    let train = DataLoader::new(images.train)
        .bs(32)
        .shuffle(true)
        .num_workers(2)
        .after_batch(IntToFloat)
        .after_batch(Together::of([Rotate::new(10.0, 0.75)]).and(Zoom::new(1.0, 1.1, 0.75)));
    train.show_batch(&vocab)?.save(work.join("batch.png"))?;

    let net = || -> Sequential { simple_cnn(&[1, 8, 16, 32, vocab.len()], &mut Rng::new(42)) };
    let mut learn = Learner::new(DataLoaders::new(train, valid), net())
        .loss_func(cross_entropy)
        .metrics(accuracy)
        .vocab(&vocab);
    let lr = learn.lr_find()?.valley().expect("there were batches enough");
    println!("learning rate {lr:.4}");
    learn.fit_one_cycle(6, lr)?;
    let accuracy = learn.validate()?[1];
    assert!(accuracy > 0.9, "{accuracy}");

    // What was learnt, for another program: the weights and the names of the classes.
    learn.export(work.join("model"))?;
    let predictor = load_learner(work.join("model"), net())?;
    let (xb, _) = learn.dls().valid.first()?;
    let (ours, theirs) = (learn.predict(&xb.select(0, 0)), predictor.predict(&xb.select(0, 0)));
    println!("the first image shows a {}", theirs.label.as_deref().unwrap_or("?"));
    assert_eq!((ours.label, ours.pred.to_vec()), (theirs.label, theirs.pred.to_vec()));
    Ok(())
}
