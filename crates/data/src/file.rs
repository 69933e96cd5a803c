//! Files and folders, written whole or not at all.

use std::fs;
use std::path::Path;

use downhill_tensor::file::{self, Part};

use crate::error::{Error, Result};

/// Writes `bytes` to `path`, replacing a file that may be there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    file::write(path, bytes).map_err(Error::io(path))
}

/// Makes the folder `path`, which `fill` fills. There may be an empty folder at `path`, and nothing else.
pub(crate) fn write_folder<T>(path: &Path, fill: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    if path.symlink_metadata().is_ok() && !fs::read_dir(path).is_ok_and(|mut inside| inside.next().is_none())
    {
        let (expected, found) = ("nothing, or an empty folder".to_string(), "something else".to_string());
        return Err(Error::Folder { path: path.to_owned(), expected, found });
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    let part = Part::folder(path).map_err(Error::io(path))?;
    let filled = fill(part.path())?;
    part.rename().map_err(Error::io(path))?;
    Ok(filled)
}
