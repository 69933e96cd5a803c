//! Files of our own: values of any serde type, by bincode, with a magic number, a version, a length and a checksum.
//!
//! ```text
//!  0..8   "downhill"
//!  8..12  version, little-endian
//! 12..20  length of what follows the header
//! 20..24  CRC-32 of what follows the header
//! 24..    the value, in bincode's standard configuration
//! ```
//!
//! bincode 2.0.1 is the last release and no longer maintained. Nothing outside of this module knows of it.

use std::path::Path;

use bincode::config::standard;
use downhill_tensor::file;
use serde::{Deserialize, Serialize};

use super::borrowing::Borrowing;
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"downhill";
const VERSION: u32 = 1;
const HEADER: usize = 24;

/// Writes `value` to `path`, whole or not at all.
///
/// # Errors
/// What the operating system reports, or [`Error::File`] if the value's type cannot be serialized.
pub fn save(path: impl AsRef<Path>, value: &impl Serialize) -> Result<()> {
    let path = path.as_ref();
    file::write(path, &encode(path, value)?).map_err(Error::io(path))
}

/// The content of a file with `value`; `path` is for messages.
///
/// # Errors
/// [`Error::File`] if the value's type cannot be serialized.
pub fn encode(path: &Path, value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER];
    bincode::serde::encode_into_std_write(value, &mut bytes, standard())
        .map_err(|error| Error::file(path, "a value that can be serialized", error.to_string()))?;
    let (header, payload) = bytes.split_at_mut(HEADER);
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[20..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    Ok(bytes)
}

/// The value in `bytes`, the content of the file `path`.
///
/// The checksum finds damage, not malice. A forged length that the file does not have is an error all the same, before
/// memory is taken for it. What the numbers mean is for the type to check.
///
/// # Errors
/// [`Error::File`] if the bytes are no such file, of another version, damaged, or hold another type.
///
/// ```
/// use std::path::Path;
///
/// use downhill_nn::checked::{decode, encode};
///
/// let path = Path::new("numbers");
/// let mut bytes = encode(path, &[1_u64, 2, 3])?;
/// assert_eq!(decode::<[u64; 3]>(path, &bytes)?, [1, 2, 3]);
/// *bytes.last_mut().unwrap() ^= 1;
/// let error = decode::<[u64; 3]>(path, &bytes).unwrap_err();
/// assert!(error.to_string().starts_with("numbers: expected content with checksum"));
/// # Ok::<(), downhill_nn::Error>(())
/// ```
pub fn decode<'de, D: Deserialize<'de>>(path: &Path, bytes: &'de [u8]) -> Result<D> {
    let fail = |expected: String, found: String| Err(Error::file(path, expected, found));
    let magic = &bytes[..bytes.len().min(MAGIC.len())];
    if magic != MAGIC {
        return fail(
            "a file that starts with \"downhill\"".into(),
            format!("{:?}", magic.escape_ascii().to_string()),
        );
    }
    let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
        return fail(format!("a header of {HEADER} bytes"), format!("a file of {} bytes", bytes.len()));
    };
    let version = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
    if version != VERSION {
        return fail(format!("version {VERSION}"), format!("version {version}"));
    }
    let length = u64::from_le_bytes(header[12..20].try_into().expect("eight bytes"));
    if length != payload.len() as u64 {
        return fail(format!("{length} bytes after the header"), format!("{} bytes", payload.len()));
    }
    let checksum = u32::from_le_bytes(header[20..].try_into().expect("four bytes"));
    let found = crc32fast::hash(payload);
    if checksum != found {
        return fail(
            format!("content with checksum {checksum:08x}"),
            format!("content with checksum {found:08x}"),
        );
    }
    let expected = std::any::type_name::<D>;
    let (Borrowing(value), read) = bincode::serde::borrow_decode_from_slice(payload, standard())
        .map_err(|error| Error::file(path, expected(), error.to_string()))?;
    if read != payload.len() {
        return fail(expected().into(), format!("{} bytes more behind it", payload.len() - read));
    }
    Ok(value)
}

/// For `#[serde(with = "checked::bytes")]`: a field of type `Vec<u8>` as one piece, where serde would take the bytes one
/// by one.
pub mod bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the bytes.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    /// Reads the bytes: a length that is not there is an error before memory is taken for it.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        <&[u8]>::deserialize(deserializer).map(<[u8]>::to_vec)
    }
}
