//! Folders of images: fastai's rules, and nothing that a folder may contain makes the reader panic.

use std::fs;
use std::path::{Path, PathBuf};

use downhill_data::{
    Channels, DataLoader, Dataset, Error, ImageDataLoaders, ImageFolder, ImageFolders, MnistSample, Resize,
    ResizeMethod, Result,
};
use downhill_tensor::Tensor;
use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use tempfile::TempDir;

/// Writes an image whose pixels are all `value`.
fn grey(path: impl AsRef<Path>, value: u8) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    GrayImage::from_pixel(4, 3, Luma([value])).save(path).unwrap();
}

/// Two classes with two images each to train on, and one each to validate on.
fn pets() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let files = ["train/dog/b", "train/cat/d", "train/cat/c", "train/dog/a", "valid/cat/e", "valid/dog/f"];
    for (value, file) in files.iter().enumerate() {
        grey(dir.path().join(format!("{file}.png")), value as u8);
    }
    dir
}

fn open(dir: &TempDir) -> Result<ImageFolders> {
    ImageFolder::from_folder(dir.path()).channels(Channels::Grey).open()
}

/// The first pixel and the label of every item.
fn items(dset: &ImageFolder) -> Vec<(u8, i64)> {
    let (x, y) = dset.batch(&(0..dset.len()).collect::<Vec<_>>()).unwrap();
    assert_eq!(x.size(0), dset.len());
    (0..dset.len()).map(|i| (x.get(&[i, 0, 0, 0]), y.get(&[i]))).collect()
}

#[track_caller]
fn assert_names<T: std::fmt::Debug>(result: Result<T>, path: &Path, part: &str) {
    let message = result.expect_err("something is wrong").to_string();
    let shown = path.display().to_string();
    assert!(message.starts_with(&shown) && message.contains(part), "{message}\nis not about {shown}: {part}");
}

#[test]
fn labels_are_the_numbers_of_sorted_folder_names() {
    let dir = pets();
    let pets = open(&dir).unwrap();
    assert_eq!(pets.vocab(), ["cat", "dog"]);
    assert_eq!(items(&pets.train), [(2, 0), (1, 0), (3, 1), (0, 1)], "sorted by path");
    assert_eq!(items(&pets.valid), [(4, 0), (5, 1)]);
    assert!(pets.skipped.is_empty() && pets.train.files()[0].ends_with("train/cat/c.png"));
    assert_eq!(pets.train.batch(&[]).unwrap().0.shape(), [0, 1, 3, 4]);
    assert!(matches!(pets.train.batch(&[4]), Err(Error::Index { index: 4, len: 4 })));
    let dl = DataLoader::new(pets.train).bs(3).num_workers(2);
    assert_eq!(dl.iter().map(|batch| batch.unwrap().0.size(0)).collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn other_names_and_files_elsewhere_are_passed_over() {
    let dir = pets();
    fs::rename(dir.path().join("valid"), dir.path().join("test")).unwrap();
    for stray in
        ["train/x.png", "train/cat/deep/x.png", "x/cat/x.png", "train/.cache/x.png", "train/cat/.x.png"]
    {
        grey(dir.path().join(stray), 99);
    }
    fs::write(dir.path().join("train/cat/README.txt"), "no image").unwrap();
    let pets = ImageFolder::from_folder(dir.path()).folders("train", "test").open().unwrap();
    assert_eq!((pets.train.len(), pets.valid.len()), (4, 2));
    assert_names(open(&dir), &dir.path().join("valid"), "No such file");
}

#[test]
fn a_random_split_follows_from_its_seed() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..50 {
        grey(dir.path().join(format!("a/{}/{i}.png", ["x", "y"][i % 2])), i as u8);
    }
    let split = |pct, seed| {
        let folder = ImageFolder::from_folder(dir.path()).channels(Channels::Grey);
        let ImageFolders { train, valid, .. } = folder.random_split(pct, seed).open().unwrap();
        assert_eq!(train.vocab(), ["x", "y"]);
        (items(&train), items(&valid))
    };
    let (train, valid) = split(0.2, 1);
    assert_eq!((train.len(), valid.len()), (40, 10));
    assert_eq!(split(0.2, 1), (train.clone(), valid.clone()));
    assert_ne!(split(0.2, 2).1, valid);
    assert_eq!(split(0.001, 2).1.len(), 1);
    assert_eq!(split(0.999, 2).0.len(), 1);
    let mut all = [train, valid].concat();
    all.sort();
    assert!(all.into_iter().eq((0..50).map(|i| (i as u8, i % 2))));
}

#[test]
fn every_format_is_read_as_its_content_says() {
    let dir = pets();
    let image = RgbImage::from_fn(4, 3, |x, y| Rgb([60 * x as u8, 80 * y as u8, 200]));
    let formats = [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Jpeg];
    for (i, format) in formats.into_iter().enumerate() {
        // With the wrong extension, in capitals.
        image.save_with_format(dir.path().join(format!("train/dog/{i}.JPG")), format).unwrap();
    }
    let pets = ImageFolder::from_folder(dir.path()).open().unwrap();
    let (x, _) = pets.train.batch(&[2, 3, 4, 5]).unwrap();
    assert_eq!(x.shape(), [4, 3, 3, 4]);
    for (i, tolerance) in [(0, 0), (1, 0), (2, 6), (3, 60)] {
        for (x_at, y_at, pixel) in image.enumerate_pixels() {
            for c in 0..3 {
                let found = x.get(&[i, c, y_at as usize, x_at as usize]);
                assert!(found.abs_diff(pixel[c]) <= tolerance, "image {i}: {found} instead of {}", pixel[c]);
            }
        }
    }
    // Colours become grey as in PIL, and grey becomes colours.
    let grey = open(&dir).unwrap().train.batch(&[2]).unwrap().0;
    assert_eq!(grey.get(&[0, 0, 2, 3]), ((19_595 * 180 + 38_470 * 160 + 7_471 * 200 + 0x8000) >> 16) as u8);
    assert_eq!(pets.valid.batch(&[1]).unwrap().0.to_vec(), [5; 36]);
}

/// Files of several reads, among small ones, and one with more behind its last chunk.
#[test]
fn a_file_is_read_up_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let image = |seed: u32| {
        GrayImage::from_fn(200, 150, |x, y| {
            // Plain, or such that it cannot be compressed.
            Luma([if seed == 0 {
                7
            } else {
                ((x * 1_103 + y * 7_919 + seed).wrapping_mul(2_654_435_761) >> 24) as u8
            }])
        })
    };
    let path = |name: u32| dir.path().join(format!("train/{}/{name:02}.png", name % 2));
    for set in ["train/0", "train/1", "valid/0"] {
        fs::create_dir_all(dir.path().join(set)).unwrap();
    }
    image(0).save(dir.path().join("valid/0/0.png")).unwrap();
    for name in 0..20 {
        image(if name < 4 { 0 } else { name }).save(path(name)).unwrap();
    }
    assert!(fs::metadata(path(5)).unwrap().len() > 1 << 14 && fs::metadata(path(2)).unwrap().len() < 1 << 12);
    fs::write(path(2), [fs::read(path(2)).unwrap(), vec![1; 9_000]].concat()).unwrap();
    let dset = open(&dir).unwrap().train;
    let order: Vec<usize> = (0..20).map(|i| i * 7 % 20).collect();
    let (x, _) = dset.batch(&order).unwrap();
    for (at, &i) in order.iter().enumerate() {
        let name = dset.files()[i].file_stem().unwrap().to_str().unwrap().parse::<u32>().unwrap();
        let expected = image(if name < 4 { 0 } else { name }).into_raw();
        assert_eq!(x.narrow(0, at, 1).to_vec(), expected, "{name}");
    }
}

#[test]
fn images_have_one_size_or_are_resized() {
    let dir = pets();
    let odd = dir.path().join("train/cat/e.png");
    RgbImage::from_fn(8, 4, |x, _| Rgb([if x < 4 { 0 } else { 200 }; 3])).save(&odd).unwrap();
    let pets = open(&dir).unwrap();
    assert!(pets.train.batch(&[0, 1, 3]).is_ok());
    assert_names(pets.train.batch(&[0, 2]), &odd, "found 4 x 8");
    let rows = |method| {
        let resize = Resize::new(2, 2).method(method);
        let pets =
            ImageFolder::from_folder(dir.path()).channels(Channels::Grey).resize(resize).open().unwrap();
        let (x, _) = pets.train.batch(&[2, 0]).unwrap();
        assert_eq!(x.shape(), [2, 1, 2, 2]);
        x.narrow(0, 0, 1).to_vec()
    };
    // Left half black, right half 200; of 2:1 the middle square, the whole between black bars, the whole stretched. The
    // filter reaches over half a pixel beyond the edge between the halves.
    let [a, b, c, d] = rows(ResizeMethod::Crop)[..] else { panic!("four pixels") };
    assert!((a, b) == (c, d) && a < 50 && b > 150 && a + b == 200, "{a} {b}");
    let [a, b, c, d] = rows(ResizeMethod::Squish)[..] else { panic!("four pixels") };
    assert!((a, b) == (c, d) && a < 50 && b > 150 && a + b == 200, "{a} {b}");
    let [a, b, c, d] = rows(ResizeMethod::Pad)[..] else { panic!("four pixels") };
    assert!(a < 50 && b > 150 && (c, d) == (0, 0), "{a} {b} {c} {d}");
}

#[test]
fn unreadable_files_are_errors_or_counted_and_listed() {
    let dir = pets();
    let class = dir.path().join("train/dog");
    let good = fs::read(class.join("a.png")).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 0x10;
    let cases: [(&str, &[u8], &str); 6] = [
        ("c.png", b"", "found an empty file"),
        ("d.png", b"no image at all", "found the bytes [6e, 6f"),
        ("e.png", &good[..good.len() / 2], "expected a PNG, JPEG, BMP or GIF image"),
        ("f.png", &flipped, "expected a PNG, JPEG, BMP or GIF image"),
        ("g.gif", b"GIF89a", "expected a PNG, JPEG, BMP or GIF image"),
        ("h.jpg", b"\xff\xd8\xff\xe0", "expected a PNG, JPEG, BMP or GIF image"),
    ];
    for (name, content, _) in &cases {
        fs::write(class.join(name), content).unwrap();
    }
    let pets = open(&dir).unwrap();
    assert_eq!(pets.train.len(), 10);
    for (i, (name, _, part)) in cases.iter().enumerate() {
        assert_names(pets.train.batch(&[0, 4 + i]), &class.join(name), part);
    }
    // The first bad one in the order of the batch.
    assert_names(pets.train.batch(&[9, 0, 4]), &class.join("h.jpg"), "");
    let error = DataLoader::new(pets.train).bs(5).num_workers(2).iter().next().unwrap().unwrap_err();
    assert!(error.to_string().contains("c.png"), "{error}");

    let pets =
        ImageFolder::from_folder(dir.path()).channels(Channels::Grey).skip_unreadable(true).open().unwrap();
    assert_eq!((pets.train.len(), pets.skipped.len()), (4, 6));
    for (error, (name, ..)) in pets.skipped.iter().zip(&cases) {
        assert!(error.to_string().starts_with(&class.join(name).display().to_string()), "{error}");
    }
    assert_eq!(items(&pets.train), [(2, 0), (1, 0), (3, 1), (0, 1)]);
}

/// A PNG file whose header claims a size, with next to nothing behind.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        png.extend((data.len() as u32).to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        png.extend(kind);
        png.extend(data);
        png.extend(crc.sum().to_be_bytes());
    };
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&size[..], &[8, 0, 0, 0, 0]].concat());
    chunk(b"IDAT", &[0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1]);
    chunk(b"IEND", b"");
    png
}

#[test]
fn a_claim_costs_no_memory() {
    let dir = pets();
    let path = dir.path().join("train/cat/a.png");
    for (width, height) in [(100_000, 100_000), (u32::MAX / 2, u32::MAX / 2), (1 << 27, 2)] {
        fs::write(&path, claiming(width, height)).unwrap();
        let mut result = None;
        let used = allocation_counter::measure(|| result = Some(open(&dir)));
        assert!(used.bytes_max < 1 << 20, "{} bytes", used.bytes_max);
        assert_names(result.unwrap(), &path, "found");
    }
    fs::write(&path, claiming(0, 5)).unwrap();
    assert_names(open(&dir), &path, "found");
    fs::write(&path, claiming(100, 100)).unwrap();
    let small = ImageFolder::from_folder(dir.path()).max_pixels(9_999).open();
    assert_names(small, &path, "100 x 100 pixels, more than the limit of 9999");
}

#[test]
fn a_folder_needs_two_classes_and_images() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    assert_names(open(&dir), &path("train"), "No such file");
    fs::create_dir_all(path("train")).unwrap();
    fs::create_dir_all(path("valid/cat")).unwrap();
    assert_names(open(&dir), &path("train"), "one for each class, found no images");
    let random = || ImageFolder::from_folder(dir.path()).random_split(0.5, 0).open();
    assert_names(random(), dir.path(), "expected two images or more, found 0");
    grey(path("train/cat/1.png"), 1);
    grey(path("train/cat/2.png"), 1);
    assert_names(open(&dir), &path("valid"), "found no images");
    grey(path("valid/cat/1.png"), 1);
    assert_names(open(&dir), dir.path(), "two classes or more, found only \"cat\"");
    assert_names(random(), dir.path(), "two classes or more, found only \"cat\"");
    grey(path("train/dog/1.png"), 1);
    assert!(open(&dir).is_ok());
    grey(path("valid/bird/1.png"), 1);
    assert_names(
        open(&dir),
        &path("valid/bird"),
        "the training set's classes [\"cat\", \"dog\"], found \"bird\"",
    );
    assert_names(
        ImageFolder::from_folder(path("train/cat/1.png")).random_split(0.5, 0).open(),
        &path("train/cat/1.png"),
        "",
    );
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn random(dir: &TempDir, skip: bool) -> Result<ImageFolders> {
        let folder = ImageFolder::from_folder(dir.path()).channels(Channels::Grey).random_split(0.3, 0);
        folder.skip_unreadable(skip).open()
    }

    #[test]
    fn links_in_a_circle_are_named() {
        let dir = pets();
        let circle = dir.path().join("train/cat/up");
        symlink(dir.path(), &circle).unwrap();
        assert_names(random(&dir, false), &circle, "expected a folder below, found a link back to");
        let skipped = random(&dir, true).unwrap().skipped;
        assert_eq!(skipped.len(), 1, "{skipped:?}");
        // fastai's two levels do not go that deep.
        assert_eq!(open(&dir).unwrap().train.len(), 4);
        fs::remove_file(&circle).unwrap();

        let itself = dir.path().join("train/cat/self.png");
        symlink(&itself, &itself).unwrap();
        assert_names(open(&dir), &itself, "");
        assert_names(random(&dir, false), &itself, "");
        assert_eq!(random(&dir, true).unwrap().skipped.len(), 1);
    }

    #[test]
    fn links_to_files_and_folders_are_followed() {
        let dir = pets();
        symlink(dir.path().join("train/dog"), dir.path().join("train/bird")).unwrap();
        symlink(dir.path().join("valid/cat/e.png"), dir.path().join("train/cat/f.png")).unwrap();
        let pets = open(&dir).unwrap();
        assert_eq!(pets.vocab(), ["bird", "cat", "dog"]);
        assert_eq!(items(&pets.train)[..3], [(3, 0), (0, 0), (2, 1)]);
        assert_eq!(pets.train.len(), 7);
        let nowhere = dir.path().join("train/cat/nowhere.png");
        symlink("/no/such/file", &nowhere).unwrap();
        assert_names(open(&dir), &nowhere, "No such file");
    }

    #[test]
    fn names_that_are_no_unicode() {
        let dir = pets();
        let odd = OsStr::from_bytes(b"caf\xe9");
        grey(dir.path().join("train/cat").join(odd).with_extension("png"), 50);
        assert_eq!(open(&dir).unwrap().train.len(), 5, "a file may have one");
        let class = dir.path().join("train").join(odd);
        grey(class.join("1.png"), 50);
        assert_names(open(&dir), &class, "expected a name in Unicode");
        assert_names(random(&dir, false), &class, "expected a name in Unicode");
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let dir = pets();
        let zero = dir.path().join("train/dog/zero.png");
        symlink("/dev/zero", &zero).unwrap();
        assert_names(open(&dir), &zero, "expected a file, found a device");
    }
}

fn embedded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist_sample")
}

#[test]
fn the_exported_sample_loads_to_the_same_tensors() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("mnist_sample");
    assert_eq!(MnistSample::export_png(embedded(), &out).unwrap(), 14_434);
    assert!(out.join("train/3/10000.png").is_file() && out.join("valid/7/0.png").is_file());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing beside it");
    let folders = ImageFolder::from_folder(&out).channels(Channels::Grey).open().unwrap();
    assert_eq!(folders.vocab(), ["3", "7"]);
    let sample = MnistSample::from_dir(embedded()).unwrap();
    for (dset, split) in [(&folders.train, &sample.train), (&folders.valid, &sample.valid)] {
        let (x, y) = dset.batch(&(0..dset.len()).collect::<Vec<_>>()).unwrap();
        // The chapter's target is whether it is a three; the vocabulary has it first.
        let (threes, sevens) = (split.threes.to_vec(), split.sevens.to_vec());
        assert_eq!(x.shape()[1..], [1, 28, 28]);
        assert!(x.to_vec() == [threes, sevens].concat(), "the same pixels in the same order");
        assert!(y.iter().eq(split.y().iter().map(|three| 1 - three)));
    }
}

#[test]
fn an_export_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // But what one that was killed has left.
    grey(dir.path().join(".out.5-0.part/train/3/1.png"), 1);
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert_names(MnistSample::export_png(embedded(), &file), &file, "expected nothing, or an empty folder");
    assert_names(MnistSample::export_png(embedded(), dir.path()), dir.path(), "found something else");
    let out = dir.path().join("out");
    assert!(MnistSample::export_png(dir.path(), &out).unwrap_err().to_string().contains("train-images"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "and leaves nothing half-way");
}

#[test]
fn loaders_of_a_folder_have_fastai_s_defaults() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..70_u8 {
        let class = if i % 2 == 0 { "even" } else { "odd" };
        for set in ["train", "valid"] {
            grey(dir.path().join(format!("{set}/{class}/{i}.png")), i);
        }
    }
    let ImageDataLoaders { dls, .. } = ImageDataLoaders::from_folder(dir.path()).unwrap().seed(7);
    let batches = |dl: &DataLoader<f32, i64>| dl.iter().map(Result::unwrap).collect::<Vec<_>>();
    let (train, valid) = (batches(&dls.train), batches(&dls.valid));
    let shapes =
        |batches: &[(Tensor, _)]| batches.iter().map(|(x, _)| x.shape().to_vec()).collect::<Vec<_>>();
    assert_eq!(shapes(&train), [[64, 3, 3, 4]], "what is left over of the training set is dropped");
    assert_eq!(shapes(&valid), [[64, 3, 3, 4], [6, 3, 3, 4]]);
    // Pixels lie between 0 and 1, targets belong to them, and only the training set is shuffled.
    let values = |(x, y): &(Tensor, Tensor<i64>)| {
        let pixel = |i| (x.get(&[i, 2, 1, 3]) * 255.0).round() as i64;
        (0..y.size(0)).map(|i| (pixel(i), y.get(&[i]))).collect::<Vec<_>>()
    };
    assert!(values(&train[0]).iter().all(|(value, label)| value % 2 == *label));
    assert_eq!(values(&valid[1]).iter().map(|(_, label)| *label).collect::<Vec<_>>(), [1; 6]);
    assert!(values(&train[0]).iter().any(|(_, label)| *label == 0));
    assert!(!values(&train[0]).is_sorted_by_key(|(_, label)| *label));
    let again = ImageDataLoaders::from_folder(dir.path()).unwrap().seed(8).dls.train;
    assert_ne!(values(&batches(&again)[0]), values(&train[0]), "the seed is the order's");
    assert!(ImageDataLoaders::from_folder(dir.path().join("train")).is_err());
}
