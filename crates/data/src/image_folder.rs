//! Images in folders that are named after their classes.
//!
//! The rules are fastai's. With folders `train` and `valid` (or others), an image's place is
//! `root/train/class/name.png`; with a random split it is anywhere under the root, in a folder named after its class.
//! The vocabulary is sorted. Hidden files and folders, and files without the extension of an image, are passed over.
//! Which format a file has, its content tells.

mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use downhill_tensor::{Rng, Tensor};
use rayon::prelude::*;

use crate::dataset::{Batch, Dataset};
use crate::error::{Error, Result};
use crate::image_file::{Channels, Contents, Decoding, Pixels};
use crate::resize::Resize;

/// Images to decode in one go, by one thread.
const PIECE: usize = 4;

/// How many bytes of files are read before they are decoded. Small files one by one would mean to go back and forth
/// between the system and the decoder, each of which would find the caches full of the other's.
const AHEAD: usize = 1 << 14;

/// A dataset of image files: bytes of shape `[n, channels, height, width]`, and the number of the class. Files are
/// decoded when a batch asks for them, by all threads of the pool.
///
/// ```
/// # use downhill_data::{Channels, Dataset, ImageFolder};
/// # let dir = tempfile::tempdir().unwrap();
/// # for (set, class) in [("train", "cat"), ("train", "dog"), ("valid", "cat"), ("valid", "dog")] {
/// #     std::fs::create_dir_all(dir.path().join(set).join(class)).unwrap();
/// #     let image = image::RgbImage::new(3, 2);
/// #     image.save(dir.path().join(set).join(class).join("1.png")).unwrap();
/// # }
/// # let path = dir.path();
/// let pets = ImageFolder::from_folder(path).channels(Channels::Rgb).open()?;
/// assert_eq!((pets.vocab(), pets.train.len()), (&["cat".to_string(), "dog".to_string()][..], 2));
/// let (x, y) = pets.train.batch(&[1, 0])?;
/// assert_eq!((x.shape(), y.to_vec()), (&[2, 3, 2, 3][..], vec![1, 0]));
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder {
    files: Vec<PathBuf>,
    labels: Vec<i64>,
    vocab: Arc<Vec<String>>,
    decoding: Decoding,
    /// Height and width of every image, and the file that has set them.
    size: [usize; 2],
    model: PathBuf,
}

impl ImageFolder {
    /// The images under `root`, once it is said how they are to be read: see [`FromFolder`].
    pub fn from_folder(root: impl AsRef<Path>) -> FromFolder {
        FromFolder {
            root: root.as_ref().to_owned(),
            split: Split::Folders("train".into(), "valid".into()),
            decoding: Decoding { channels: Channels::Rgb, resize: None, max_pixels: 1 << 27 },
            skip_unreadable: false,
        }
    }

    /// The names of the classes, sorted. Target `i` means `vocab()[i]`.
    pub fn vocab(&self) -> &[String] {
        &self.vocab
    }

    /// The files, item by item.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The images of the items `idx`, into `out`, which has room for exactly these.
    fn decode(&self, idx: &[usize], out: &mut [u8]) -> Result<()> {
        let size = self.decoding.channels.count() * self.size[0] * self.size[1];
        let pieces = idx.par_chunks(PIECE).zip(out.par_chunks_mut(PIECE * size));
        let errors: Vec<Option<Error>> = pieces.map(|(idx, out)| self.piece(idx, out, size).err()).collect();
        // The first in the order of the batch, whichever thread met one first.
        errors.into_iter().flatten().next().map_or(Ok(()), Err)
    }

    /// [`decode`](Self::decode) by one thread, images of `size` bytes.
    fn piece(&self, idx: &[usize], out: &mut [u8], size: usize) -> Result<()> {
        let mut items = idx.iter().zip(out.chunks_exact_mut(size)).peekable();
        let mut contents = Contents::default();
        while items.peek().is_some() {
            contents.clear();
            let mut read = Vec::with_capacity(PIECE);
            while contents.len() < AHEAD
                && let Some((&index, out)) = items.next()
            {
                read.push((index, out, contents.read(&self.files[index])));
            }
            for (index, out, file) in read {
                self.item(index, &contents[file?], out)?;
            }
        }
        Ok(())
    }

    /// The image in `file`, the content of the item's file.
    fn item(&self, index: usize, file: &[u8], out: &mut [u8]) -> Result<()> {
        if self.decoding.decode_straight(file, self.size, out) {
            return Ok(());
        }
        let path = &self.files[index];
        let pixels = self.decoding.decode(path, file)?;
        if [pixels.height, pixels.width] != self.size {
            let [height, width] = self.size;
            let expected = format!("{height} x {width} pixels, as in {} (or a resize)", self.model.display());
            let found = format!("{} x {}", pixels.height, pixels.width);
            return Err(Error::Image { path: path.clone(), expected, found });
        }
        planes(&pixels, self.decoding.channels.count(), out);
        Ok(())
    }
}

/// Pixels with channels side by side, as one plane for each channel.
fn planes(pixels: &Pixels, channels: usize, out: &mut [u8]) {
    if channels == 1 {
        out.copy_from_slice(&pixels.data);
        return;
    }
    let plane = pixels.height * pixels.width;
    for (c, out) in out.chunks_exact_mut(plane).enumerate() {
        for (out, pixel) in out.iter_mut().zip(pixels.data.chunks_exact(channels)) {
            *out = pixel[c];
        }
    }
}

impl Dataset for ImageFolder {
    type X = u8;
    type Y = i64;

    fn len(&self) -> usize {
        self.files.len()
    }

    fn batch(&self, idx: &[usize]) -> Result<Batch<u8, i64>> {
        crate::dataset::check(idx, self.len())?;
        let [height, width] = self.size;
        let mut x = Tensor::zeros(&[idx.len(), self.decoding.channels.count(), height, width]);
        self.decode(idx, x.as_mut_slice())?;
        let y: Vec<i64> = idx.iter().map(|&i| self.labels[i]).collect();
        Ok((x, Tensor::from_slice(&y, &[y.len()])))
    }
}

/// What [`ImageFolder::from_folder`] found: images to train on, images to validate on, and what was passed over.
#[derive(Debug)]
pub struct ImageFolders {
    /// The images to train on.
    pub train: ImageFolder,
    /// The images to validate on.
    pub valid: ImageFolder,
    /// Why files were left out, one error for each, which names it. Empty unless
    /// [`skip_unreadable`](FromFolder::skip_unreadable) was asked for.
    pub skipped: Vec<Error>,
}

impl ImageFolders {
    /// The names of the classes, sorted.
    pub fn vocab(&self) -> &[String] {
        self.train.vocab()
    }
}

#[derive(Clone, Debug)]
enum Split {
    Folders(String, String),
    Random(f64, u64),
}

/// How the images under a folder are found and read. [`open`](Self::open) looks for them.
#[derive(Clone, Debug)]
#[must_use]
pub struct FromFolder {
    root: PathBuf,
    split: Split,
    decoding: Decoding,
    skip_unreadable: bool,
}

impl FromFolder {
    /// The images to train on are in folder `train` of the root, those to validate on in folder `valid`. (These are the
    /// names unless told.)
    pub fn folders(mut self, train: &str, valid: &str) -> Self {
        self.split = Split::Folders(train.into(), valid.into());
        self
    }

    /// The share `valid_pct`, from 0 to 1, of all images under the root is drawn at random to validate on. The same seed
    /// draws the same.
    ///
    /// # Panics
    /// If `valid_pct` is not between 0 and 1.
    #[track_caller]
    pub fn random_split(mut self, valid_pct: f64, seed: u64) -> Self {
        assert!(
            valid_pct > 0.0 && valid_pct < 1.0,
            "random_split: valid_pct must be between 0 and 1: {valid_pct}"
        );
        self.split = Split::Random(valid_pct, seed);
        self
    }

    /// Grey or colours (which it is unless told), whatever the files have.
    pub fn channels(mut self, channels: Channels) -> Self {
        self.decoding.channels = channels;
        self
    }

    /// Every image gets this size. Without it, all must have the same one.
    pub fn resize(mut self, resize: Resize) -> Self {
        self.decoding.resize = Some(resize);
        self
    }

    /// The most pixels that an image may have; 2^27 unless told. Images that claim more are not decoded.
    pub fn max_pixels(mut self, max_pixels: u64) -> Self {
        self.decoding.max_pixels = max_pixels;
        self
    }

    /// Leaves files out that cannot be read, instead of failing, and lists them in [`ImageFolders::skipped`]. To know
    /// them, [`open`](Self::open) decodes every file once.
    pub fn skip_unreadable(mut self, skip: bool) -> Self {
        self.skip_unreadable = skip;
        self
    }

    /// Looks for the images.
    ///
    /// # Errors
    /// [`Error::Io`] if a folder cannot be read or a link leads nowhere or in a circle; [`Error::Folder`] if there are
    /// no images, fewer than two classes, a class that is not in the training set, or a name that is no Unicode;
    /// [`Error::Image`] if the first image cannot be decoded.
    pub fn open(self) -> Result<ImageFolders> {
        let mut skipped = self.skip_unreadable.then(Vec::new);
        let (train, valid) = match &self.split {
            Split::Folders(train, valid) => (self.set(train, &mut skipped)?, self.set(valid, &mut skipped)?),
            Split::Random(valid_pct, seed) => self.random(*valid_pct, *seed, &mut skipped)?,
        };
        let names: BTreeSet<&str> = match &self.split {
            Split::Folders(..) => train.iter().map(|(_, class)| &**class).collect(),
            Split::Random(..) => train.iter().chain(&valid).map(|(_, class)| &**class).collect(),
        };
        let vocab: Vec<String> = names.into_iter().map(ToString::to_string).collect();
        if vocab.len() < 2 {
            let found = if vocab.is_empty() { "no images".into() } else { format!("only {:?}", vocab[0]) };
            return Err(folder(&self.root, "images in the folders of two classes or more", found));
        }
        let (vocab, model) = (Arc::new(vocab), train[0].0.clone());
        let first = self.decoding.read(&model, &mut Contents::default())?;
        let dataset = |items: Vec<Found>| -> Result<ImageFolder> {
            let labels = items.iter().map(|(path, class)| label(&vocab, path, class));
            Ok(ImageFolder {
                labels: labels.collect::<Result<_>>()?,
                files: items.into_iter().map(|(path, _)| path).collect(),
                vocab: Arc::clone(&vocab),
                decoding: self.decoding,
                size: [first.height, first.width],
                model: model.clone(),
            })
        };
        Ok(ImageFolders {
            train: dataset(train)?,
            valid: dataset(valid)?,
            skipped: skipped.unwrap_or_default(),
        })
    }

    /// The images of one of the two folders: `root/name/class/image`.
    fn set(&self, name: &str, skipped: &mut Option<Vec<Error>>) -> Result<Vec<Found>> {
        let dir = self.root.join(name);
        let mut items = Vec::new();
        for class in walk::list(&dir, skipped)?.0 {
            let name = class_of(&class)?;
            items.extend(walk::list(&class, skipped)?.1.into_iter().map(|path| (path, name.clone())));
        }
        let items = self.readable(items, skipped);
        if items.is_empty() {
            return Err(folder(&dir, "folders of images, one for each class", "no images".into()));
        }
        Ok(items)
    }

    /// All images under the root, in two parts.
    fn random(
        &self,
        valid_pct: f64,
        seed: u64,
        skipped: &mut Option<Vec<Error>>,
    ) -> Result<(Vec<Found>, Vec<Found>)> {
        let named = |path: PathBuf| class_of(parent(&path)).map(|class| (path, class));
        let items: Result<Vec<Found>> = walk::all(&self.root, skipped)?.into_iter().map(named).collect();
        let items = self.readable(items?, skipped);
        if items.len() < 2 {
            return Err(folder(&self.root, "two images or more", items.len().to_string()));
        }
        // At least one on either side.
        let count = ((items.len() as f64 * valid_pct) as usize).clamp(1, items.len() - 1);
        let order = Rng::new(seed).fork("split").permutation(items.len());
        let part = |chosen: &[usize]| {
            let mut chosen = chosen.to_vec();
            chosen.sort();
            chosen.into_iter().map(|i| items[i].clone()).collect()
        };
        Ok((part(&order[count..]), part(&order[..count])))
    }

    /// The items that can be decoded, if others are to be skipped; else all.
    fn readable(&self, items: Vec<Found>, skipped: &mut Option<Vec<Error>>) -> Vec<Found> {
        let Some(skipped) = skipped else { return items };
        let tried: Vec<Result<Found>> = items
            .into_par_iter()
            .map_init(Contents::default, |contents, item| self.decoding.read(&item.0, contents).map(|_| item))
            .collect();
        let sort = |tried: Result<Found>| tried.map_err(|error| skipped.push(error)).ok();
        tried.into_iter().filter_map(sort).collect()
    }
}

/// A file, and the name of its class.
type Found = (PathBuf, String);

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The name of a folder, which is that of a class.
fn class_of(dir: &Path) -> Result<String> {
    let name = dir.file_name().map(|name| name.to_str().map(ToString::to_string));
    match name {
        Some(Some(name)) => Ok(name),
        Some(None) => Err(folder(dir, "a name in Unicode", "other bytes".into())),
        // `.` and the like.
        None => Err(folder(dir, "a folder with a name, to be that of a class", "none".into())),
    }
}

fn label(vocab: &[String], path: &Path, class: &str) -> Result<i64> {
    let found = vocab.binary_search_by(|name| name.as_str().cmp(class));
    found.map(|i| i as i64).map_err(|_| {
        let (expected, found) =
            (format!("one of the training set's classes {vocab:?}"), format!("{class:?}"));
        folder(parent(path), &expected, found)
    })
}

fn folder(path: &Path, expected: &str, found: String) -> Error {
    Error::Folder { path: path.to_owned(), expected: expected.into(), found }
}
