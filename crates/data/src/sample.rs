//! The threes and sevens of MNIST, fastai's `MNIST_SAMPLE`, on which the book's chapter 4 trains.
//!
//! fastai ships them as a folder of PNG files, `train/3/10000.png`, where the name is the image's index in the MNIST
//! file. Here they are six IDX files that keep the order of the MNIST files and carry that index along. The chapter
//! reads the folder sorted by name, and names sort as strings: 10, 10000, 10011, ... Training without shuffling
//! depends on that order, so [`Split`] restores it.

use std::fs;
use std::path::{Path, PathBuf};

use downhill_tensor::{Tensor, cat};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::idx::{read_idx, write_idx};
use crate::{file, image_file};

const IMAGES: &str = "images-idx3-ubyte";
const LABELS: &str = "labels-idx1-ubyte";
const INDEX: &str = "index-idx1-int";
const SIDE: usize = 28;

/// The names of the sets in MNIST and in the sample.
const SETS: [(&str, &str); 2] = [("train", "train"), ("t10k", "valid")];

/// The 3-versus-7 sample of MNIST.
///
/// ```
/// use downhill_data::MnistSample;
///
/// # let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist_sample");
/// let sample = MnistSample::from_dir(dir)?; // data/mnist_sample in the repository
/// assert_eq!(sample.train.threes.shape(), [6131, 28, 28]);
/// assert_eq!(sample.train.x().shape(), [12396, 784]);
/// assert_eq!(sample.valid.y().shape(), [2038, 1]);
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MnistSample {
    /// The images of the MNIST training set.
    pub train: Split,
    /// The images of the MNIST test set.
    pub valid: Split,
}

impl MnistSample {
    /// Reads the six files of a sample, `{train,valid}-{images-idx3-ubyte,labels-idx1-ubyte,index-idx1-int}`, each
    /// with `.gz` at the end or without.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Idx`] as [`read_idx`](crate::read_idx()); [`Error::Counts`] if labels or indices are
    /// not as many as the images; [`Error::Idx`] if images are not 28 x 28, a label is neither 3 nor 7, or indices do
    /// not ascend.
    ///
    /// ```
    /// let error = downhill_data::MnistSample::from_dir("no/such/dir").unwrap_err();
    /// assert!(error.to_string().contains("train-images-idx3-ubyte.gz"));
    /// ```
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<MnistSample> {
        let dir = dir.as_ref();
        let [train, valid] = SETS.map(|(_, set)| Parts::read(dir, set).map(Parts::split));
        Ok(MnistSample { train: train?, valid: valid? })
    }

    /// Makes the files of a sample out of the four files of MNIST: `{train,t10k}-images-idx3-ubyte` and
    /// `{train,t10k}-labels-idx1-ubyte`, each with `.gz` at the end or without. `out_dir` is created if necessary.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Idx`] as [`read_idx`](crate::read_idx()) and [`write_idx`](crate::write_idx());
    /// [`Error::Counts`] if labels are not as many as the images.
    ///
    /// ```
    /// use downhill_data::{MnistSample, write_idx};
    /// use downhill_tensor::Tensor;
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (mnist, out) = (dir.path(), dir.path().join("sample"));
    /// for set in ["train", "t10k"] {
    ///     let images = Tensor::from_fn(&[4, 28, 28], |i| i[0] as u8);
    ///     write_idx(mnist.join(format!("{set}-images-idx3-ubyte.gz")), &images)?;
    ///     write_idx(mnist.join(format!("{set}-labels-idx1-ubyte.gz")), &Tensor::from([3_u8, 1, 7, 3]))?;
    /// }
    /// MnistSample::cut(mnist, &out)?;
    /// let threes = MnistSample::from_dir(&out)?.train.threes;
    /// assert_eq!((threes.size(0), threes.get(&[0, 0, 0]), threes.get(&[1, 0, 0])), (2, 0, 3));
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    pub fn cut(mnist_dir: impl AsRef<Path>, out_dir: impl AsRef<Path>) -> Result<()> {
        let (mnist_dir, out_dir) = (mnist_dir.as_ref(), out_dir.as_ref());
        fs::create_dir_all(out_dir).map_err(Error::io(out_dir))?;
        for (from, to) in SETS {
            let Parts { images, labels, index } = Parts::cut(mnist_dir, from)?;
            write_idx(gz(out_dir, to, IMAGES), &images)?;
            write_idx(gz(out_dir, to, LABELS), &Tensor::from_fn(&[labels.len()], |i| labels[i[0]] as u8))?;
            write_idx(gz(out_dir, to, INDEX), &Tensor::from_slice(&index, &[index.len()]))?;
        }
        Ok(())
    }

    /// The sample as [`cut`](Self::cut) makes it, in memory.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Idx`] as [`read_idx`](crate::read_idx()); [`Error::Counts`] if labels are not as many as
    /// the images.
    pub fn from_mnist(mnist_dir: impl AsRef<Path>) -> Result<MnistSample> {
        let [train, valid] = SETS.map(|(from, _)| Parts::cut(mnist_dir.as_ref(), from).map(Parts::split));
        Ok(MnistSample { train: train?, valid: valid? })
    }
}

impl MnistSample {
    /// Writes the sample in `sample_dir` as fastai's folder of PNG files: `train/3/10000.png`, where the name is the
    /// image's index in the MNIST file. Returns the number of files.
    ///
    /// The files are written into a folder beside `out_dir`, which is renamed in the end: `out_dir` is there whole or
    /// not at all.
    ///
    /// # Errors
    /// [`Error::Folder`] if there is something at `out_dir` already; those of [`from_dir`](Self::from_dir); [`Error::Io`]
    /// if a file cannot be written.
    pub fn export_png(sample_dir: impl AsRef<Path>, out_dir: impl AsRef<Path>) -> Result<usize> {
        let (sample_dir, out_dir) = (sample_dir.as_ref(), out_dir.as_ref());
        file::write_folder(out_dir, |dir| {
            let mut count = 0;
            for set in ["train", "valid"] {
                let Parts { images, labels, index } = Parts::read(sample_dir, set)?;
                for digit in ["3", "7"] {
                    let dir = dir.join(set).join(digit);
                    fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
                }
                let write = |i: usize| {
                    let path = dir.join(set).join(labels[i].to_string()).join(format!("{}.png", index[i]));
                    let png = image_file::encode_grey(&images.select(0, i).to_vec(), SIDE, SIDE);
                    fs::write(&path, png).map_err(Error::io(&path))
                };
                (0..labels.len()).into_par_iter().try_for_each(write)?;
                count += labels.len();
            }
            Ok(count)
        })
    }
}

/// The training or the validation set, in the chapter's order: by the image's index in the MNIST file, sorted as a
/// string.
#[derive(Clone, Debug)]
pub struct Split {
    /// Grey images of threes, 0 to 255. Shape `[n, 28, 28]`.
    pub threes: Tensor<u8>,
    /// Grey images of sevens, 0 to 255. Shape `[n, 28, 28]`.
    pub sevens: Tensor<u8>,
}

impl Split {
    /// The images as rows, threes before sevens, with pixels from 0 to 1: the chapter's `train_x`. Shape `[n, 784]`.
    ///
    /// ```
    /// use downhill_data::Split;
    /// use downhill_tensor::Tensor;
    ///
    /// let (black, white) = (Tensor::full(&[2, 28, 28], 255), Tensor::zeros(&[1, 28, 28]));
    /// let x = Split { threes: black, sevens: white }.x();
    /// assert_eq!(x.shape(), [3, 784]);
    /// assert_eq!(x.mean(1).to_vec(), [1.0, 1.0, 0.0]);
    /// ```
    pub fn x(&self) -> Tensor<f32> {
        let rows = cat(&[self.threes.flatten(1), self.sevens.flatten(1)], 0);
        rows.to::<f32>() / 255.0
    }

    /// The targets of [`x`](Split::x), 1 for a three and 0 for a seven: the chapter's `train_y`. Shape `[n, 1]`.
    ///
    /// ```
    /// use downhill_data::Split;
    /// use downhill_tensor::Tensor;
    ///
    /// let split = Split { threes: Tensor::zeros(&[2, 28, 28]), sevens: Tensor::zeros(&[1, 28, 28]) };
    /// assert_eq!(split.y().to_vec(), [1, 1, 0]);
    /// ```
    pub fn y(&self) -> Tensor<i64> {
        cat(&[Tensor::ones(&[self.threes.size(0), 1]), Tensor::zeros(&[self.sevens.size(0), 1])], 0)
    }
}

/// The content of the three files of a set.
struct Parts {
    images: Tensor<u8>,
    labels: Vec<i64>,
    index: Vec<i64>,
}

impl Parts {
    fn read(dir: &Path, set: &str) -> Result<Parts> {
        let images = read_images(dir, set)?;
        let path = find(dir, set, LABELS);
        let labels = read_entries(&path, images.size(0))?;
        if let Some(label) = labels.iter().find(|label| !matches!(label, 3 | 7)) {
            return Err(Error::idx(&path, "labels 3 and 7 only", label.to_string()));
        }
        let path = find(dir, set, INDEX);
        let index = read_entries(&path, images.size(0))?;
        let before = std::iter::once(&-1).chain(&index);
        if let Some((before, found)) = before.zip(&index).find(|(before, found)| before >= found) {
            return Err(Error::idx(&path, format!("an index above {before}"), found.to_string()));
        }
        Ok(Parts { images, labels, index })
    }

    /// The threes and sevens of a set of MNIST.
    fn cut(mnist_dir: &Path, set: &str) -> Result<Parts> {
        let images = read_images(mnist_dir, set)?;
        let labels = read_entries(&find(mnist_dir, set, LABELS), images.size(0))?;
        let chosen: Vec<usize> = (0..labels.len()).filter(|&i| matches!(labels[i], 3 | 7)).collect();
        Ok(Parts {
            images: images.index_select(0, &chosen),
            labels: chosen.iter().map(|&i| labels[i]).collect(),
            index: chosen.iter().map(|&i| i as i64).collect(),
        })
    }

    fn split(self) -> Split {
        let digit = |digit| {
            let mut rows: Vec<usize> = (0..self.labels.len()).filter(|&i| self.labels[i] == digit).collect();
            // ".png" sorts before any digit, so the names without it sort alike.
            rows.sort_by_cached_key(|&i| self.index[i].to_string());
            self.images.index_select(0, &rows)
        };
        Split { threes: digit(3), sevens: digit(7) }
    }
}

fn read_images(dir: &Path, set: &str) -> Result<Tensor<u8>> {
    let path = find(dir, set, IMAGES);
    let images = read_idx(&path)?;
    match images.shape() {
        &[_, SIDE, SIDE] => Ok(images),
        other => Err(Error::idx(&path, format!("shape [n, {SIDE}, {SIDE}]"), format!("{other:?}"))),
    }
}

/// Labels or indices: `expected` numbers.
fn read_entries(path: &Path, expected: usize) -> Result<Vec<i64>> {
    let entries = read_idx::<i64>(path)?;
    match entries.shape() {
        &[found] if found == expected => Ok(entries.to_vec()),
        &[found] => Err(Error::Counts { path: path.to_owned(), expected, found }),
        other => Err(Error::idx(path, format!("shape [{expected}]"), format!("{other:?}"))),
    }
}

fn gz(dir: &Path, set: &str, what: &str) -> PathBuf {
    dir.join(format!("{set}-{what}.gz"))
}

/// The file without `.gz` if there is only that. If there is neither, the error of reading tells the usual name.
fn find(dir: &Path, set: &str, what: &str) -> PathBuf {
    let (gz, plain) = (gz(dir, set, what), dir.join(format!("{set}-{what}")));
    if !gz.exists() && plain.exists() { plain } else { gz }
}
