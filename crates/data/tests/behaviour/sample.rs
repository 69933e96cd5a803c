//! The sample in the repository is the one the chapter trains on; a sample that is not in order is refused.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use downhill_data::{Error, MnistSample, Split, read_idx, write_idx};
use downhill_tensor::Tensor;
use flate2::Crc;
use flate2::read::GzDecoder;
use tempfile::TempDir;

fn embedded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist_sample")
}

#[test]
fn the_files_have_the_content_they_were_cut_with() {
    // Their CRC-32; data/mnist_sample/README.md has the SHA-256.
    let files = [
        ("train-images-idx3-ubyte.gz", 9_718_480, 0x2ef8_7cee),
        ("train-labels-idx1-ubyte.gz", 12_404, 0x5475_4048),
        ("train-index-idx1-int.gz", 49_592, 0xa3c1_817d),
        ("valid-images-idx3-ubyte.gz", 1_597_808, 0x4b73_44a8),
        ("valid-labels-idx1-ubyte.gz", 2_046, 0x141d_e728),
        ("valid-index-idx1-int.gz", 8_160, 0xe0fe_52a9),
    ];
    for (name, bytes, checksum) in files {
        let mut content = Vec::new();
        GzDecoder::new(File::open(embedded().join(name)).unwrap()).read_to_end(&mut content).unwrap();
        let mut crc = Crc::new();
        crc.update(&content);
        assert_eq!((content.len(), crc.sum()), (bytes, checksum), "{name}");
    }
}

#[test]
fn there_are_as_many_threes_and_sevens_as_in_the_chapter() {
    let sample = MnistSample::from_dir(embedded()).unwrap();
    let Split { threes, sevens } = &sample.train;
    assert_eq!((threes.shape(), sevens.shape()), (&[6131, 28, 28][..], &[6265, 28, 28][..]));
    assert_eq!((threes.sum(..).item(), sevens.sum(..).item()), (173_474_844, 143_445_804));
    let Split { threes, sevens } = &sample.valid;
    assert_eq!((threes.shape(), sevens.shape()), (&[1010, 28, 28][..], &[1028, 28, 28][..]));
    assert_eq!((threes.sum(..).item(), sevens.sum(..).item()), (28_936_088, 23_614_233));
}

#[test]
fn the_mean_images_are_those_of_the_chapter() {
    let train = MnistSample::from_dir(embedded()).unwrap().train;
    // The chapter's numbers, whose means PyTorch took in f32, and what they are without rounding.
    let chapter = [110.959_636_014_060_83, 89.789_718_590_780_7];
    let exact = [110.959_632_340_948_12, 89.789_715_036_852_73];
    for (i, images) in [train.threes, train.sevens].into_iter().enumerate() {
        let sum = (images.to::<f64>() / 255.0).mean(0).sum(..).item();
        assert!((sum - exact[i]).abs() < 1e-9, "{sum} instead of {}", exact[i]);
        assert!((sum / chapter[i] - 1.0).abs() < 1e-6, "{sum} instead of {}", chapter[i]);
    }
}

#[test]
fn images_are_in_the_order_of_the_chapter() {
    let sample = MnistSample::from_dir(embedded()).unwrap();
    let of = |set: &str, what: &str| embedded().join(format!("{set}-{what}.gz"));
    for (set, split, threes, sevens) in [
        ("train", &sample.train, [10, 10000, 10011, 10031], [10002, 1001, 10014, 10019]),
        ("valid", &sample.valid, [1020, 1028, 1042, 1062], [0, 1006, 1012, 1021]),
    ] {
        let index = read_idx::<i64>(of(set, "index-idx1-int")).unwrap().to_vec();
        let images = read_idx::<u8>(of(set, "images-idx3-ubyte")).unwrap();
        for (ordered, first) in [(&split.threes, threes), (&split.sevens, sevens)] {
            for (i, number) in first.iter().enumerate() {
                let at = index.binary_search(number).unwrap();
                assert!(ordered.select(0, i).iter().eq(images.select(0, at).iter()), "{set}, {number}");
            }
        }
    }
}

#[test]
fn x_and_y_are_those_of_the_chapter() {
    let train = MnistSample::from_dir(embedded()).unwrap().train;
    let (x, y) = (train.x(), train.y());
    assert_eq!((x.shape(), y.shape()), (&[12396, 784][..], &[12396, 1][..]));
    assert!(x.is_contiguous());
    let pixels = train.threes.iter().chain(train.sevens.iter());
    assert!(x.iter().eq(pixels.map(|p| f32::from(p) / 255.0)));
    assert!(y.iter().eq((0..12396).map(|i| i64::from(i < 6131))));
}

#[test]
fn a_split_may_lack_a_digit() {
    let split = Split { threes: Tensor::zeros(&[0, 28, 28]), sevens: Tensor::full(&[2, 28, 28], 51) };
    assert_eq!((split.x().shape(), split.x().get(&[1, 783])), (&[2, 784][..], 0.2));
    assert_eq!(split.y().to_vec(), [0, 0]);
}

/// A folder with a small MNIST: 30 images, each all of its number, with labels 0, 1, ..., 9, 0, 1, ...
fn mnist(suffix: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for set in ["train", "t10k"] {
        let path = |what| dir.path().join(format!("{set}-{what}{suffix}"));
        let images = Tensor::from_fn(&[30, 28, 28], |i| i[0] as u8);
        write_idx(path("images-idx3-ubyte"), &images).unwrap();
        write_idx(path("labels-idx1-ubyte"), &Tensor::from_fn(&[30], |i| (i[0] % 10) as u8)).unwrap();
    }
    dir
}

#[test]
fn a_sample_is_cut_out_of_mnist() {
    for suffix in ["", ".gz"] {
        let dir = mnist(suffix);
        let (a, b) = (dir.path().join("deep/a"), dir.path().join("b"));
        MnistSample::cut(dir.path(), &a).unwrap();
        MnistSample::cut(dir.path(), &b).unwrap();
        let sample = MnistSample::from_dir(&a).unwrap();
        let in_memory = MnistSample::from_mnist(dir.path()).unwrap();
        for (ours, theirs) in [(&sample.train, &in_memory.train), (&sample.valid, &in_memory.valid)] {
            assert_eq!(ours.threes.to_vec(), theirs.threes.to_vec());
            assert_eq!(ours.sevens.to_vec(), theirs.sevens.to_vec());
        }
        for Split { threes, sevens } in [sample.train, sample.valid] {
            // In the order of strings: 13, 23, 3 and 17, 27, 7.
            assert_eq!(threes.select(1, 0).select(1, 0).to_vec(), [13, 23, 3]);
            assert_eq!(sevens.select(1, 0).select(1, 0).to_vec(), [17, 27, 7]);
        }
        for file in fs::read_dir(&a).unwrap() {
            let file = file.unwrap();
            assert_eq!(fs::read(file.path()).unwrap(), fs::read(b.join(file.file_name())).unwrap());
        }
        assert_eq!(fs::read_dir(&a).unwrap().count(), 6);
        let index = read_idx::<i64>(a.join("valid-index-idx1-int.gz")).unwrap();
        assert_eq!(index.to_vec(), [3, 7, 13, 17, 23, 27]);
    }
}

/// A folder with a small sample of six images, and the path of one of its files.
fn sample(file: &str) -> (TempDir, PathBuf) {
    let dir = mnist("");
    MnistSample::cut(dir.path(), dir.path().join("sample")).unwrap();
    let path = dir.path().join("sample").join(file);
    assert!(path.exists());
    (dir, path)
}

#[track_caller]
fn assert_refused(path: &Path, part: &str) {
    let error = MnistSample::from_dir(path.parent().unwrap()).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with(path.to_str().unwrap()) && message.contains(part), "{message}");
}

#[test]
fn labels_and_indices_are_as_many_as_images() {
    for name in ["train-labels-idx1-ubyte.gz", "train-index-idx1-int.gz", "valid-labels-idx1-ubyte.gz"] {
        for n in [0, 5, 7] {
            let (_dir, path) = sample(name);
            write_idx(&path, &Tensor::full(&[n], 3_i64)).unwrap();
            assert_refused(&path, &format!("expected 6 entries, one for each image, found {n}"));
        }
        let (_dir, path) = sample(name);
        write_idx(&path, &Tensor::full(&[6, 1], 3_i64)).unwrap();
        assert_refused(&path, "expected shape [6], found [6, 1]");
    }
}

#[test]
fn labels_are_three_or_seven() {
    let (_dir, path) = sample("train-labels-idx1-ubyte.gz");
    write_idx(&path, &Tensor::from([3_u8, 7, 3, 8, 3, 7])).unwrap();
    assert_refused(&path, "expected labels 3 and 7 only, found 8");
}

#[test]
fn indices_ascend_from_zero() {
    let (_dir, path) = sample("valid-index-idx1-int.gz");
    write_idx(&path, &Tensor::from([0_i64, 7, 13, 13, 23, 27])).unwrap();
    assert_refused(&path, "expected an index above 13, found 13");
    write_idx(&path, &Tensor::from([-5_i64, 7, 13, 17, 23, 27])).unwrap();
    assert_refused(&path, "expected an index above -1, found -5");
}

#[test]
fn images_are_28_by_28() {
    let (_dir, path) = sample("valid-images-idx3-ubyte.gz");
    for shape in [&[6, 27, 28][..], &[6, 784], &[]] {
        write_idx(&path, &Tensor::<u8>::zeros(shape)).unwrap();
        assert_refused(&path, &format!("expected shape [n, 28, 28], found {shape:?}"));
    }
}

#[test]
fn a_missing_or_broken_file_is_named() {
    for name in ["train-images-idx3-ubyte.gz", "train-index-idx1-int.gz", "valid-labels-idx1-ubyte.gz"] {
        let (_dir, path) = sample(name);
        let content = fs::read(&path).unwrap();
        fs::write(&path, &content[..content.len() / 2]).unwrap();
        assert_refused(&path, "intact gzip data");
        fs::remove_file(&path).unwrap();
        assert_refused(&path, "");
    }
}

#[test]
fn nothing_is_cut_out_of_a_bad_mnist() {
    let dir = mnist(".gz");
    let labels = dir.path().join("train-labels-idx1-ubyte.gz");
    write_idx(&labels, &Tensor::full(&[29], 3_u8)).unwrap();
    let error = MnistSample::cut(dir.path(), dir.path().join("out")).unwrap_err();
    assert!(matches!(error, Error::Counts { expected: 30, found: 29, path } if path == labels));
    let error = MnistSample::cut(dir.path().join("none"), dir.path().join("out")).unwrap_err();
    assert!(error.to_string().contains("train-images-idx3-ubyte.gz"), "{error}");
    // A file where the folder should be.
    assert!(matches!(MnistSample::cut(dir.path(), &labels), Err(Error::Io { path, .. }) if path == labels));
}
