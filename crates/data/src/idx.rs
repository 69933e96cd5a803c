//! The IDX file format, in which MNIST is published: two zero bytes, a type code, the number of axes, the length of
//! each axis as a big-endian 32-bit number, then the elements in row-major order, also big-endian. Files may be
//! gzipped; the content tells, not the name.
//!
//! A reader must not trust the header. It is checked against what the element type can hold and what a tensor can
//! be; the data are then read up to the claimed size, into a buffer that grows as they arrive, and must end there.

mod codec;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use downhill_tensor::{Element, MAX_RANK, Tensor};
use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};

use crate::error::{Error, Result};
use crate::file;
use codec::{Codec, Decode, Kind};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The most bytes of data that a gzipped file may unpack to.
const MAX_UNPACKED: u64 = 1 << 33;

/// An element type that IDX files can hold.
///
/// | type | is read from | is written as |
/// |---|---|---|
/// | `u8` | unsigned byte | unsigned byte |
/// | `i64` | unsigned byte, signed byte, 16-bit and 32-bit integer | 32-bit integer |
/// | `f32` | 32-bit float | 32-bit float |
/// | `f64` | 32-bit and 64-bit float | 64-bit float |
///
/// ```
/// use downhill_data::{IdxElement, Result, read_idx};
///
/// fn count<E: IdxElement>(path: &str) -> Result<usize> {
///     Ok(read_idx::<E>(path)?.numel())
/// }
/// let labels = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist_sample/valid-labels-idx1-ubyte.gz");
/// assert_eq!((count::<u8>(labels)?, count::<i64>(labels)?), (2038, 2038));
/// assert!(count::<f32>(labels).is_err());
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub trait IdxElement: Element + Codec {}

impl IdxElement for u8 {}
impl IdxElement for i64 {}
impl IdxElement for f32 {}
impl IdxElement for f64 {}

/// The tensor in an IDX file, gzipped or plain.
///
/// # Errors
/// [`Error::Io`] if the file cannot be opened or read; [`Error::Idx`] if it is not one whole IDX file, has more axes
/// than a tensor, or has elements that do not fit `E`.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("t-idx2-ubyte");
/// std::fs::write(&path, [0, 0, 0x08, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9]).unwrap();
/// let t = downhill_data::read_idx::<u8>(&path)?;
/// assert_eq!((t.shape(), t.to_vec()), (&[1, 3][..], vec![7, 8, 9]));
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub fn read_idx<E: IdxElement>(path: impl AsRef<Path>) -> Result<Tensor<E>> {
    let path = path.as_ref();
    read_idx_from(path, BufReader::new(File::open(path).map_err(Error::io(path))?), MAX_UNPACKED)
}

/// The tensor in the IDX file that `source` delivers, gzipped or plain. `name` is what errors call it. Gzipped data may
/// have at most `limit` bytes when unpacked: a few bytes can become a thousand times as many.
///
/// # Errors
/// As [`read_idx`].
///
/// ```
/// let bytes = [0, 0, 0x08, 1, 0, 0, 0, 3, 7, 8, 9];
/// let t = downhill_data::read_idx_from::<u8>("three bytes", &bytes[..], 1 << 20)?;
/// assert_eq!(t.to_vec(), [7, 8, 9]);
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub fn read_idx_from<E: IdxElement>(
    name: impl AsRef<Path>,
    mut source: impl BufRead,
    limit: u64,
) -> Result<Tensor<E>> {
    let path = name.as_ref();
    let mut magic = Vec::new();
    source.by_ref().take(2).read_to_end(&mut magic).map_err(Error::io(path))?;
    let gzipped = magic == GZIP_MAGIC;
    let mut whole = io::Cursor::new(magic).chain(source);
    if gzipped {
        Reader { path, source: &mut MultiGzDecoder::new(whole), limit }.tensor()
    } else {
        Reader { path, source: &mut whole, limit: u64::MAX }.tensor()
    }
}

/// An IDX file, decompressed, on its way into a tensor.
struct Reader<'a> {
    path: &'a Path,
    source: &'a mut dyn Read,
    /// The most bytes of data to accept.
    limit: u64,
}

impl Reader<'_> {
    fn tensor<E: IdxElement>(mut self) -> Result<Tensor<E>> {
        let (kind, decode, shape) = self.header::<E>()?;
        let bytes = self.size(kind, &shape)?;
        let data = self.up_to(bytes.min(usize::try_from(self.limit).unwrap_or(usize::MAX)))?;
        if data.len() < bytes && data.len() as u64 == self.limit {
            return Err(self.error(format!("at most {} bytes of data", self.limit), format!("{bytes}")));
        }
        if data.len() < bytes {
            let expected = format!("{bytes} bytes of data for shape {shape:?}");
            return Err(self.error(expected, format!("{}", data.len())));
        }
        // Asking for one byte more also makes the gzip decoder compare the checksum at the end.
        if !self.up_to(1)?.is_empty() {
            let expected = format!("the end of the file after {bytes} bytes of data for shape {shape:?}");
            return Err(self.error(expected, "more bytes"));
        }
        Ok(Tensor::from_vec(decode(&data), &shape))
    }

    fn header<E: IdxElement>(&mut self) -> Result<(Kind, Decode<E>, Vec<usize>)> {
        let magic = self.up_to(4)?;
        let [0, 0, code, rank] = magic[..] else {
            let expected = "an IDX file (two zero bytes, a type code, the number of axes)";
            return Err(self.error(expected, format!("the bytes {magic:02x?}")));
        };
        let Some(kind) = Kind::from_code(code) else {
            let expected = "an IDX type code (08, 09, 0b, 0c, 0d or 0e)";
            return Err(self.error(expected, format!("{code:02x}")));
        };
        let Some(decode) = E::decoder(kind) else {
            let expected = format!("elements that fit {}", E::DTYPE);
            return Err(self.error(expected, format!("type {kind:?} (code {code:02x})")));
        };
        let rank = usize::from(rank);
        if rank > MAX_RANK {
            return Err(self.error(format!("at most {MAX_RANK} axes"), rank.to_string()));
        }
        let lengths = self.up_to(4 * rank)?;
        if lengths.len() < 4 * rank {
            let expected = format!("{} bytes for the lengths of {rank} axes", 4 * rank);
            return Err(self.error(expected, lengths.len().to_string()));
        }
        let shape = lengths.as_chunks().0.iter().map(|&d| u32::from_be_bytes(d) as usize).collect();
        Ok((kind, decode, shape))
    }

    /// How many bytes of data a header calls for.
    fn size(&self, kind: Kind, shape: &[usize]) -> Result<usize> {
        // Strides and the sizes of the widest elements must be numbers too, so axes without length count as one.
        let widest = shape.iter().try_fold(size_of::<f64>(), |n, &d| n.checked_mul(d.max(1)));
        if widest.is_none_or(|n| n > isize::MAX as usize) {
            return Err(self.error("a shape that fits into memory", format!("{shape:?}")));
        }
        Ok(shape.iter().product::<usize>() * kind.size())
    }

    /// The next `n` bytes, or fewer if the file ends before.
    fn up_to(&mut self, n: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut *self.source).take(n as u64).read_to_end(&mut bytes);
        read.map_err(|error| match error.kind() {
            // The kinds of the decoder. A file as such has neither form nor checksum.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                self.error("intact gzip data", error.to_string())
            }
            _ => Error::io(self.path)(error),
        })?;
        Ok(bytes)
    }

    fn error(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::idx(self.path, expected, found)
    }
}

/// Writes a tensor as an IDX file, gzipped if the name ends in `.gz`. The same tensor makes the same bytes: the gzip
/// header has no time and no name. The file is written beside `path` and renamed.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written; [`Error::Idx`] if an axis or an `i64` does not fit 32 bits.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("labels-idx1-int.gz");
/// use downhill_data::{read_idx, write_idx};
/// use downhill_tensor::Tensor;
///
/// write_idx(&path, &Tensor::from([3, 7, -1_i64]))?;
/// assert_eq!(read_idx::<i64>(&path)?.to_vec(), [3, 7, -1]);
/// # Ok::<(), downhill_data::Error>(())
/// ```
pub fn write_idx<E: IdxElement>(path: impl AsRef<Path>, tensor: &Tensor<E>) -> Result<()> {
    let path = path.as_ref();
    let plain = encode(path, tensor)?;
    if path.as_os_str().as_encoded_bytes().ends_with(b".gz") {
        let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        let gzipped = gzip.write_all(&plain).and_then(|()| gzip.finish()).map_err(Error::io(path))?;
        file::write(path, &gzipped)
    } else {
        file::write(path, &plain)
    }
}

fn encode<E: IdxElement>(path: &Path, tensor: &Tensor<E>) -> Result<Vec<u8>> {
    let rank = tensor.rank() as u8; // at most MAX_RANK
    let mut out = Vec::with_capacity(4 + 4 * tensor.rank() + E::KIND.size() * tensor.numel());
    out.extend([0, 0, E::KIND as u8, rank]);
    for &length in tensor.shape() {
        let length = u32::try_from(length)
            .map_err(|_| Error::idx(path, "axes that fit 32 bits", format!("shape {:?}", tensor.shape())))?;
        out.extend(length.to_be_bytes());
    }
    for x in tensor.iter() {
        x.encode(&mut out)
            .ok_or_else(|| Error::idx(path, format!("values that fit {:?}", E::KIND), format!("{x:?}")))?;
    }
    Ok(out)
}
