//! Writing whole files or none: the bytes go into a new file beside the destination, which is renamed when it is
//! complete. A reader sees the old content or the new, never a part, also if the program is killed half-way.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes `bytes` to `path`, replacing a file that may be there.
///
/// # Errors
/// The operating system's. The file is then what it was before.
///
/// ```
/// let path = std::env::temp_dir().join(format!("downhill-file-{}", std::process::id()));
/// downhill_tensor::file::write(&path, b"all of it")?;
/// assert_eq!(std::fs::read(&path)?, b"all of it");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path)?;
    let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one worth telling; if the part cannot be removed either, it stays.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A name beside `path` that nobody else uses.
///
/// # Errors
/// That `path` has no file name.
pub fn beside(path: &Path) -> io::Result<PathBuf> {
    // Process and counter keep two writers of one path out of each other's way; the last one to rename wins.
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}-{}.part", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(beside))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    // Without this, a power cut could leave the new name with the content not yet on disk.
    file.sync_all()
}
