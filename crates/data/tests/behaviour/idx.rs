//! IDX files: what is written is read again, and nothing that a file may contain makes the reader panic.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use downhill_data::{Error, IdxElement, read_idx, read_idx_from, write_idx};
use downhill_tensor::Tensor;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

/// A folder with one file, `name`.
fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    (dir, path)
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The bytes of an IDX file.
fn idx(code: u8, shape: &[u32], data: &[u8]) -> Vec<u8> {
    let lengths = shape.iter().flat_map(|d| d.to_be_bytes());
    [0, 0, code, shape.len() as u8].into_iter().chain(lengths).chain(data.iter().copied()).collect()
}

fn read<E: IdxElement>(content: &[u8]) -> Result<Tensor<E>, Error> {
    read_idx(file("t", content).1.as_path())
}

/// Reading fails with a message that names the file and contains every one of `parts`.
#[track_caller]
fn assert_fails<E: IdxElement>(content: &[u8], parts: &[&str]) {
    let (_dir, path) = file("culprit", content);
    let error = read_idx::<E>(&path).expect_err("the file is bad");
    assert!(matches!(error, Error::Idx { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.starts_with(path.to_str().unwrap()), "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

fn files_in(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn round_trip<E: IdxElement>(tensor: &Tensor<E>) {
    let dir = tempfile::tempdir().unwrap();
    for name in ["t-idx", "t-idx.gz"] {
        let path = dir.path().join(name);
        write_idx(&path, tensor).unwrap();
        let again = read_idx::<E>(&path).unwrap();
        assert_eq!(again.shape(), tensor.shape(), "{name}");
        assert_eq!(again.to_vec(), tensor.to_vec(), "{name}");
        let gzipped = fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]);
        assert_eq!(gzipped, name.ends_with(".gz"));
    }
    assert_eq!(files_in(dir.path()).len(), 2);
}

#[test]
fn every_type_and_rank_survives_a_round_trip() {
    for rank in 0..=6 {
        let shape = &[2, 3, 1, 4, 2, 5][..rank];
        let number = |i: &[usize]| i.iter().fold(1, |n, &i| 7 * n + i as i64 - 2);
        round_trip(&Tensor::from_fn(shape, |i| number(i) as u8));
        round_trip(&Tensor::from_fn(shape, number));
        round_trip(&Tensor::from_fn(shape, |i| number(i) as f32 / 3.0));
        round_trip(&Tensor::from_fn(shape, |i| number(i) as f64 / 3.0));
    }
    round_trip(&Tensor::from([i64::from(i32::MIN), i64::from(i32::MAX)]));
    round_trip(&Tensor::from([f64::INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX]));
    round_trip(&Tensor::<f32>::zeros(&[3, 0, 2]));
}

#[test]
fn views_are_written_in_row_major_order() {
    let matrix = Tensor::from([[1, 2, 3], [4, 5, 6_u8]]);
    round_trip(&matrix.t());
    round_trip(&matrix.narrow(1, 1, 2));
    round_trip(&matrix.select(1, 2));
    round_trip(&Tensor::from([1_i64, 2]).expand(&[3, 2]));
}

#[test]
fn bytes_are_big_endian() {
    let (_dir, path) = file("t", b"");
    write_idx(&path, &Tensor::from([[1_i64, -2]])).unwrap();
    assert_eq!(fs::read(&path).unwrap(), idx(0x0c, &[1, 2], &[0, 0, 0, 1, 255, 255, 255, 254]));
    write_idx(&path, &Tensor::from([1.5_f32])).unwrap();
    assert_eq!(fs::read(&path).unwrap(), idx(0x0d, &[1], &[0x3f, 0xc0, 0, 0]));
}

#[test]
fn narrower_types_are_widened() {
    assert_eq!(read::<i64>(&idx(0x08, &[2], &[0, 255])).unwrap().to_vec(), [0, 255]);
    assert_eq!(read::<i64>(&idx(0x09, &[2], &[1, 255])).unwrap().to_vec(), [1, -1]);
    assert_eq!(read::<i64>(&idx(0x0b, &[2], &[1, 2, 255, 254])).unwrap().to_vec(), [258, -2]);
    assert_eq!(read::<i64>(&idx(0x0c, &[1], &[128, 0, 0, 0])).unwrap().to_vec(), [i64::from(i32::MIN)]);
    assert_eq!(read::<f64>(&idx(0x0d, &[1], &0.1_f32.to_be_bytes())).unwrap().item(), f64::from(0.1_f32));
}

#[test]
fn the_content_tells_whether_it_is_gzipped() {
    let plain = idx(0x08, &[3], &[1, 2, 3]);
    let (dir, misnamed) = file("plain.gz", &plain);
    assert_eq!(read_idx::<u8>(&misnamed).unwrap().to_vec(), [1, 2, 3]);
    let misnamed = dir.path().join("gzipped");
    fs::write(&misnamed, gzip(&plain)).unwrap();
    assert_eq!(read_idx::<u8>(&misnamed).unwrap().to_vec(), [1, 2, 3]);
    // The format allows several members, one behind the other.
    let members = [gzip(&plain[..5]), gzip(&plain[5..])].concat();
    assert_eq!(read::<u8>(&members).unwrap().to_vec(), [1, 2, 3]);
}

#[test]
fn the_same_tensor_makes_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.gz"), dir.path().join("another-name.gz"));
    let tensor = Tensor::from_fn(&[100, 7], |i| (i[0] * i[1]) as u8);
    write_idx(&a, &tensor).unwrap();
    write_idx(&b, &tensor).unwrap();
    let bytes = fs::read(a).unwrap();
    assert_eq!(bytes, fs::read(b).unwrap());
    assert_eq!(bytes[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "no name, no time");
}

#[test]
fn a_bad_header_is_named() {
    assert_fails::<u8>(b"", &["expected an IDX file", "found the bytes []"]);
    assert_fails::<u8>(&[0, 0, 8], &["expected an IDX file", "[00, 00, 08]"]);
    assert_fails::<u8>(b"PK\x03\x04 and more", &["expected an IDX file", "[50, 4b, 03, 04]"]);
    assert_fails::<u8>(&[0, 1, 8, 1, 0, 0, 0, 1, 9], &["expected an IDX file", "[00, 01, 08, 01]"]);
    assert_fails::<u8>(&idx(0x0a, &[1], &[1]), &["type code", "found 0a"]);
    assert_fails::<u8>(&idx(0x08, &[1; 7], &[1]), &["at most 6 axes", "found 7"]);
    assert_fails::<u8>(&[0, 0, 8, 255], &["at most 6 axes", "found 255"]);
    assert_fails::<u8>(&[0, 0, 8, 2, 0, 0, 0, 1, 0], &["8 bytes for the lengths of 2 axes", "found 5"]);
}

#[test]
fn elements_that_do_not_fit_are_refused() {
    for code in [0x09, 0x0b, 0x0c, 0x0d, 0x0e] {
        assert_fails::<u8>(&idx(code, &[1], &[0; 8]), &["elements that fit u8", &format!("code {code:02x}")]);
    }
    for code in [0x0d, 0x0e] {
        assert_fails::<i64>(&idx(code, &[1], &[0; 8]), &["elements that fit i64"]);
    }
    for code in [0x08, 0x09, 0x0b, 0x0c, 0x0e] {
        assert_fails::<f32>(&idx(code, &[1], &[0; 8]), &["elements that fit f32"]);
    }
    for code in [0x08, 0x09, 0x0b, 0x0c] {
        assert_fails::<f64>(&idx(code, &[1], &[0; 8]), &["elements that fit f64"]);
    }
}

#[test]
fn data_must_be_as_long_as_claimed() {
    assert_fails::<u8>(&idx(8, &[2, 2], &[1, 2, 3]), &["4 bytes of data for shape [2, 2]", "found 3"]);
    assert_fails::<i64>(&idx(0x0c, &[1], &[1, 2, 3]), &["4 bytes", "found 3"]);
    assert_fails::<u8>(&idx(8, &[2], &[1, 2, 3]), &["the end of the file after 2 bytes", "found more"]);
    assert_fails::<u8>(&idx(8, &[0], &[1]), &["the end of the file after 0 bytes"]);
    assert_fails::<u8>(&gzip(&idx(8, &[2], &[1])), &["2 bytes of data", "found 1"]);
    assert_fails::<u8>(&gzip(&idx(8, &[2], &[1, 2, 3])), &["the end of the file", "found more"]);
}

#[test]
fn a_claim_costs_no_memory() {
    // 4 GiB, 4 PiB, and more than can be counted; with nothing behind.
    for content in [idx(8, &[u32::MAX], &[1]), idx(8, &[u32::MAX, 1 << 20], &[1])] {
        assert_fails::<u8>(&content, &["bytes of data", "found 1"]);
        assert_fails::<u8>(&gzip(&content), &["bytes of data", "found 1"]);
    }
    assert_fails::<u8>(&idx(8, &[u32::MAX; 2], &[1]), &["fits into memory", "[4294967295, 4294967295]"]);
    assert_fails::<u8>(&idx(8, &[3 << 29, 1 << 30], &[1]), &["fits into memory"]);
    assert_fails::<f64>(&idx(0x0e, &[u32::MAX; 6], &[1]), &["fits into memory"]);
    // No elements, but strides that are no numbers.
    assert_fails::<u8>(&idx(8, &[0, u32::MAX, u32::MAX, u32::MAX], &[]), &["fits into memory"]);
}

#[test]
fn gzipped_data_unpack_up_to_a_limit() {
    // A million bytes in a thousand.
    let plain = idx(8, &[1_000_000], &vec![0; 1_000_000]);
    let bomb = gzip(&plain);
    assert!(bomb.len() < 2000);
    let read = |bytes: &[u8], limit| read_idx_from::<u8>("bomb", bytes, limit);
    let message = read(&bomb, 10_000).unwrap_err().to_string();
    assert_eq!(message, "bomb: expected at most 10000 bytes of data, found 1000000");
    assert_eq!(read(&bomb, 1_000_000).unwrap().numel(), 1_000_000);
    assert_eq!(read(&plain, 10_000).unwrap().numel(), 1_000_000, "plain data are what they are");
}

#[test]
fn every_truncation_is_an_error() {
    let plain = idx(0x0b, &[2, 3], &[7; 12]);
    let gzipped = gzip(&plain);
    for content in [&plain, &gzipped] {
        for n in 0..content.len() {
            assert!(matches!(read::<i64>(&content[..n]), Err(Error::Idx { .. })), "{n} bytes");
        }
        assert!(read::<i64>(content).is_ok());
    }
    assert_fails::<i64>(&gzipped[..gzipped.len() - 1], &["intact gzip data"]);
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    let plain = idx(0x0c, &[4], &(0..16).collect::<Vec<u8>>());
    let expected = read::<i64>(&plain).unwrap().to_vec();
    let gzipped = gzip(&plain);
    let mut noticed = 0;
    for bit in 0..8 * gzipped.len() {
        let mut flipped = gzipped.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match read::<i64>(&flipped) {
            // Of the header of gzip, time and operating system mean nothing.
            Ok(tensor) => {
                assert_eq!((tensor.shape(), tensor.to_vec()), (&[4][..], expected.clone()), "bit {bit}");
            }
            Err(error) => {
                assert!(matches!(error, Error::Idx { .. }), "bit {bit}: {error:?}");
                noticed += 1;
            }
        }
    }
    assert!(noticed > 8 * (gzipped.len() - 10), "only {noticed} of {} bits", 8 * gzipped.len());
    // Bit flips in a plain header change the type, the rank or the size.
    for bit in 0..8 * 8 {
        let mut flipped = plain.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(read::<i64>(&flipped), Err(Error::Idx { .. })), "bit {bit}");
    }
}

#[test]
fn a_wrong_checksum_or_garbage_behind_gzip_is_an_error() {
    let gzipped = gzip(&idx(8, &[3], &[1, 2, 3]));
    let mut wrong = gzipped.clone();
    wrong[gzipped.len() - 8] ^= 1;
    assert_fails::<u8>(&wrong, &["intact gzip data", "checksum"]);
    assert_fails::<u8>(&[&gzipped[..], b"garbage"].concat(), &["intact gzip data"]);
}

#[test]
fn what_is_no_file_is_an_error_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("missing"), dir.path().to_owned()] {
        let error = read_idx::<u8>(&path).unwrap_err();
        assert!(matches!(&error, Error::Io { path: named, .. } if *named == path), "{error:?}");
        assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let tensor = Tensor::from([1_u8, 2]);
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    for path in [dir.path().join("missing/t"), folder.clone(), PathBuf::from("/"), PathBuf::new()] {
        let error = write_idx(&path, &tensor).unwrap_err();
        assert!(matches!(&error, Error::Io { path: named, .. } if *named == path), "{error:?}");
    }
    assert_eq!(files_in(dir.path()), ["folder"]);

    let path = folder.join("t.gz");
    write_idx(&path, &tensor).unwrap();
    let error = write_idx(&path, &Tensor::from([1, 1_i64 << 31])).unwrap_err();
    assert!(error.to_string().contains("expected values that fit I32, found 2147483648"), "{error}");
    let error = write_idx(&path, &Tensor::<u8>::zeros(&[0, 1 << 33])).unwrap_err();
    assert!(error.to_string().contains("shape [0, 8589934592]"), "{error}");
    assert_eq!(read_idx::<u8>(&path).unwrap().to_vec(), [1, 2], "the old file is untouched");
    assert_eq!(files_in(&folder), ["t.gz"]);
}
