//! What a file contains, and whether it is what it should be.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::Wanted;

/// Fails unless the decompressed content of the file has the length and the SHA-256 that it should have. Not a byte more
/// than that length is decompressed.
pub(super) fn check(path: &Path, wanted: &Wanted) -> Result<()> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().with_context(|| format!("reading {}", path.display()))?;
    let (bytes, sha256) = if start.starts_with(&[0x1f, 0x8b]) {
        digest(MultiGzDecoder::new(file), wanted.bytes)
    } else {
        digest(file, wanted.bytes)
    }
    .with_context(|| format!("{}: expected intact data", path.display()))?;
    let path = path.display();
    ensure!(bytes <= wanted.bytes, "{path}: expected {} bytes of content, found more", wanted.bytes);
    ensure!(bytes == wanted.bytes, "{path}: expected {} bytes of content, found {bytes}", wanted.bytes);
    let expected = wanted.sha256.to_lowercase();
    ensure!(sha256 == expected, "{path}: expected content with SHA-256 {expected}, found {sha256}");
    Ok(())
}

/// Length and SHA-256 of what `source` delivers, or of one byte more than `limit`.
fn digest(source: impl Read, limit: u64) -> std::io::Result<(u64, String)> {
    let mut source = source.take(limit.saturating_add(1));
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match source.read(&mut buffer)? {
            0 => break,
            n => {
                hash.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
    let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, hex))
}
