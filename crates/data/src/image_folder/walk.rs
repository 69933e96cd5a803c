//! The image files under a folder.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "bmp", "gif"];

/// The entries of a folder, sorted by name.
fn entries(dir: &Path) -> Result<Vec<DirEntry>> {
    let entries: std::io::Result<Vec<DirEntry>> = fs::read_dir(dir).map_err(Error::io(dir))?.collect();
    let mut entries = entries.map_err(Error::io(dir))?;
    entries.retain(|entry| !is_hidden(entry));
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// What a directory entry is, or what its link leads to.
enum Kind {
    Folder,
    Image,
    Other,
}

/// Errors (a link that leads nowhere or in a circle) matter only for what looks like an image or could be a folder.
fn kind(entry: &DirEntry) -> Result<Kind> {
    let path = entry.path();
    let mut file_type = entry.file_type().map_err(Error::io(&path))?;
    if file_type.is_symlink() {
        file_type = fs::metadata(&path).map_err(Error::io(&path))?.file_type();
    }
    let looks = has_image_extension(&path);
    match (file_type.is_dir(), file_type.is_file()) {
        (true, _) => Ok(Kind::Folder),
        (_, true) if looks => Ok(Kind::Image),
        (false, false) if looks => {
            let (expected, found) = ("a file".to_string(), "a device, pipe or socket".to_string());
            Err(Error::Image { path, expected, found })
        }
        _ => Ok(Kind::Other),
    }
}

/// The folders and the image files directly in `dir`, each sorted by name. What cannot be looked at goes to `refused`,
/// if there is such a list.
pub(super) fn list(dir: &Path, refused: &mut Option<Vec<Error>>) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut folders, mut images) = (Vec::new(), Vec::new());
    for entry in entries(dir)? {
        match kind(&entry) {
            Ok(Kind::Folder) => folders.push(entry.path()),
            Ok(Kind::Image) => images.push(entry.path()),
            Ok(Kind::Other) => {}
            Err(error) => match refused {
                Some(refused) => refused.push(error),
                None => return Err(error),
            },
        }
    }
    Ok((folders, images))
}

/// All image files in the folders under `root`, at any depth, sorted by path. Links are followed.
pub(super) fn all(root: &Path, refused: &mut Option<Vec<Error>>) -> Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    descend(root, &mut Vec::new(), refused, &mut images)?;
    images.sort();
    Ok(images)
}

/// `above` holds the folders on the way from the root, without links, so that a circle is noticed.
fn descend(
    dir: &Path,
    above: &mut Vec<PathBuf>,
    refused: &mut Option<Vec<Error>>,
    images: &mut Vec<PathBuf>,
) -> Result<()> {
    let real = fs::canonicalize(dir).map_err(Error::io(dir))?;
    if above.contains(&real) {
        let (expected, found) = ("a folder below", format!("a link back to {}", real.display()));
        let error = Error::Folder { path: dir.to_owned(), expected: expected.into(), found };
        match refused {
            Some(refused) => refused.push(error),
            None => return Err(error),
        }
        return Ok(());
    }
    let (folders, files) = list(dir, refused)?;
    images.extend(files);
    above.push(real);
    for folder in folders {
        descend(&folder, above, refused, images)?;
    }
    above.pop();
    Ok(())
}
