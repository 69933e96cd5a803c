//! Cases of the data crate: an epoch in memory, and a folder of image files.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use downhill::data::{
    Channels, DataLoader, ImageFolder, ImageFolders, IntToFloat, MnistSample, TensorDataset,
};
use downhill::tensor::cat;
use image::ImageDecoder;
use image::codecs::png::PngDecoder;
use rayon::prelude::*;

use crate::cases::Work;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The training set of the sample, shuffled, in batches of 256: gathered as bytes, turned into `f32`.
pub(crate) fn loader_epoch() -> Result<Work> {
    let train = MnistSample::from_dir(root().join("data/mnist_sample"))?.train;
    let dset = TensorDataset::new(cat(&[train.threes.clone(), train.sevens.clone()], 0), train.y())?;
    let dl = DataLoader::new(dset).bs(256).shuffle(true).after_batch(IntToFloat);
    Ok(Box::new(move || {
        for batch in &dl {
            std::hint::black_box(batch.expect("the sample is in memory"));
        }
    }))
}

/// The sample as 14,434 PNG files, made once.
pub(crate) fn png_folder() -> Result<PathBuf> {
    let dir = std::env::temp_dir().join("downhill-mnist-sample-png");
    if !dir.exists() {
        MnistSample::export_png(root().join("data/mnist_sample"), &dir)?;
    }
    Ok(dir)
}

fn folders() -> Result<ImageFolders> {
    let dir = png_folder()?;
    ImageFolder::from_folder(&dir)
        .channels(Channels::Grey)
        .open()
        .with_context(|| format!("{} is incomplete; remove it", dir.display()))
}

/// All files of the folder, opened, read and decoded, in batches of 256.
pub(crate) fn load_png_folder() -> Result<Work> {
    let ImageFolders { train, valid, .. } = folders()?;
    let loaders = [train, valid].map(|dset| DataLoader::new(dset).bs(256));
    Ok(Box::new(move || {
        for batch in loaders.iter().flatten() {
            std::hint::black_box(batch.expect("the files were just written"));
        }
    }))
}

/// The same files, in memory already, decoded and nothing else, by the same decoder on as many threads.
pub(crate) fn decode_png_folder() -> Result<Work> {
    let ImageFolders { train, valid, .. } = folders()?;
    let files: Vec<Vec<u8>> =
        train.files().iter().chain(valid.files()).map(std::fs::read).collect::<Result<_, _>>()?;
    Ok(Box::new(move || {
        files.par_chunks(16).for_each(|files| {
            let mut pixels = [0; 28 * 28];
            for file in files {
                let decoder = PngDecoder::new(Cursor::new(file)).expect("a PNG file");
                decoder.read_image(&mut pixels).expect("a PNG file of this size");
                std::hint::black_box(&mut pixels);
            }
        });
    }))
}
