//! Writing whole files or none: the bytes go into a new file beside the destination, which is renamed when it is
//! complete. A reader sees the old content or the new, never a part, also if the program is killed half-way. What a
//! program that was killed has left is removed by the next one that writes to the same destination.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
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
    Part::file(path, bytes)?.rename()
}

/// A file or folder beside its destination, `.name.1234-0.part`, until it is [renamed](Part::rename). If that does not
/// happen, it is removed when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Part {
    beside: PathBuf,
    destination: PathBuf,
    /// Open and locked as long as somebody works on it, which is how others know. (Not every system opens folders.)
    handle: Option<File>,
    renamed: bool,
}

impl Part {
    /// A file with all of `bytes`, on its way to `destination`.
    ///
    /// # Errors
    /// The operating system's.
    pub fn file(destination: &Path, bytes: &[u8]) -> io::Result<Part> {
        let part = Part::new(destination, |path| File::create_new(path).map(Some))?;
        if let Some(mut file) = part.handle.as_ref() {
            file.write_all(bytes)?;
            // Without this, a power cut could leave the new name with the content not yet on disk.
            file.sync_all()?;
        }
        Ok(part)
    }

    /// An empty folder, on its way to `destination`.
    ///
    /// # Errors
    /// The operating system's.
    pub fn folder(destination: &Path) -> io::Result<Part> {
        Part::new(destination, |path| fs::create_dir(path).map(|()| File::open(path).ok()))
    }

    fn new(destination: &Path, make: impl Fn(&Path) -> io::Result<Option<File>>) -> io::Result<Part> {
        // Process and counter keep two writers of one destination out of each other's way; the last to rename wins.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = destination.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        remove_abandoned(destination, name);
        loop {
            let mut beside = OsString::from(".");
            beside.push(name);
            beside.push(format!(".{}-{}.part", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
            let beside = destination.with_file_name(beside);
            let handle = match make(&beside) {
                // Left by a process that had this one's number, or one of another machine.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            };
            // Until it is locked, another writer may take it for abandoned.
            let taken = handle.as_ref().is_some_and(|handle| {
                matches!(handle.try_lock(), Err(TryLockError::WouldBlock)) || !beside.exists()
            });
            if !taken {
                return Ok(Part { beside, destination: destination.to_owned(), handle, renamed: false });
            }
        }
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        &self.beside
    }

    /// Moves it to its destination, in the place of a file, or an empty folder, that may be there.
    ///
    /// # Errors
    /// The operating system's. What is at the destination stays.
    pub fn rename(mut self) -> io::Result<()> {
        fs::rename(&self.beside, &self.destination)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.renamed {
            // There was an error before this one, and it is the one worth telling.
            let _ = remove(&self.beside);
        }
    }
}

/// Removes the parts of `destination` that nobody works on any more. Those that cannot be removed are in nobody's way.
fn remove_abandoned(destination: &Path, name: &OsStr) {
    let dir = destination.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parts = fs::read_dir(dir).into_iter().flatten().flatten();
    for part in parts.filter(|entry| is_part(&entry.file_name(), name)) {
        let path = part.path();
        // Held until the part is gone, so that it is removed once.
        let handle = File::open(&path);
        if handle.as_ref().is_ok_and(|handle| handle.try_lock().is_ok()) {
            let _ = remove(&path);
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Whether `entry` is `.name.1234-0.part`.
fn is_part(entry: &OsStr, name: &OsStr) -> bool {
    let middle = || {
        let behind = entry.as_encoded_bytes().strip_prefix(b".")?.strip_prefix(name.as_encoded_bytes())?;
        behind.strip_prefix(b".")?.strip_suffix(b".part")
    };
    let number = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    middle().is_some_and(|middle| {
        let mut numbers = middle.split(|&byte| byte == b'-');
        numbers.next().is_some_and(number) && numbers.next().is_some_and(number) && numbers.next().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("downhill-file-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = Folder::new("left");
        let path = folder.0.join("model");
        let others = [
            ".model.1-2.part.txt",
            ".model.1.part",
            ".model.x.1-2.part",
            ".model.1-2-3.part",
            "model.1-2.part",
        ];
        for name in others.into_iter().chain([".model.1-2.part", ".model.99-0.part"]) {
            fs::write(folder.0.join(name), "half").unwrap();
        }
        fs::create_dir_all(folder.0.join(".model.7-7.part/deep")).unwrap();
        let working = Part::file(&path, b"of another writer").unwrap();
        write(&path, b"whole").unwrap();
        let expected = {
            let part = working.path().file_name().and_then(OsStr::to_str).unwrap();
            let mut names = [&others[..], &[part, "model"]].concat();
            names.sort_unstable();
            names.into_iter().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(folder.names(), expected);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        working.rename().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"of another writer");
    }

    #[test]
    fn names_that_are_taken_are_passed_over() {
        let folder = Folder::new("taken");
        let path = folder.0.join("model");
        // As of a process with the same number on another machine.
        let name = |i: u64| folder.0.join(format!(".model.{}-{i}.part", std::process::id()));
        let files: Vec<File> = (0..100).map(|i| File::create(name(i)).unwrap()).collect();
        files.iter().for_each(|file| file.lock().unwrap());
        write(&path, b"whole").unwrap();
        assert_eq!(folder.names().len(), 101);
        drop(files);
        write(&path, b"again").unwrap();
        assert_eq!(folder.names(), ["model"]);
    }

    #[test]
    fn what_is_not_renamed_is_removed() {
        let folder = Folder::new("drop");
        drop(Part::file(&folder.0.join("a"), b"1").unwrap());
        let part = Part::folder(&folder.0.join("b")).unwrap();
        fs::write(part.path().join("inside"), "1").unwrap();
        drop(part);
        assert!(folder.names().is_empty());
        // A file cannot take the place of a folder that has something in it.
        fs::create_dir_all(folder.0.join("c/d")).unwrap();
        write(&folder.0.join("c"), b"1").unwrap_err();
        assert_eq!(folder.names(), ["c"]);
        write(Path::new("/"), b"1").unwrap_err();
    }
}
