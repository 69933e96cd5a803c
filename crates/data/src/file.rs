//! Writing whole files or none: the bytes go into a new file beside the destination, which is renamed when it is
//! complete. A reader sees the old content or the new, never a part, also if the program is killed half-way. Folders
//! likewise.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Writes `bytes` to `path`, replacing a file that may be there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = beside(path)?;
    let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one worth telling; if the part cannot be removed either, it stays.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(Error::io(path))
}

/// A name beside `path` that nobody else uses.
fn beside(path: &Path) -> Result<PathBuf> {
    // Process and counter keep two writers of one path out of each other's way; the last one to rename wins.
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename.into()).map_err(Error::io(path))?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}-{}.part", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(beside))
}

/// Makes the folder `path`, which `fill` fills. There may be an empty folder at `path`, and nothing else.
pub(crate) fn write_folder<T>(path: &Path, fill: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let beside = beside(path)?;
    if path.symlink_metadata().is_ok() && !fs::read_dir(path).is_ok_and(|mut inside| inside.next().is_none())
    {
        let (expected, found) = ("nothing, or an empty folder".to_string(), "something else".to_string());
        return Err(Error::Folder { path: path.to_owned(), expected, found });
    }
    fs::create_dir_all(&beside).map_err(Error::io(&beside))?;
    let filled = fill(&beside).and_then(|t| fs::rename(&beside, path).map(|()| t).map_err(Error::io(path)));
    if filled.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    filled
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    // Without this, a power cut could leave the new name with the content not yet on disk.
    file.sync_all()
}
