//! `cargo xtask download`: the four MNIST files, checked.
//!
//! What a file must contain is known (`data/mnist.json`), so it does not matter where it comes from, nor how often the
//! way there is interrupted. A file arrives as `.NAME.part` beside its place and takes its name only when the SHA-256 of
//! its decompressed content is right.

mod content;
mod fetch;
mod mirrors;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use content::check;
use mirrors::Mirrors;

const TIMEOUT: f64 = 10.0;
const RETRIES: u32 = 4;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A folder on a server to download from, instead of those in the manifest. May be given several times.
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    /// A folder on this machine that has the files already, gzipped or not. Nothing is downloaded.
    #[arg(long, value_name = "DIR", conflicts_with = "mirror")]
    from: Option<PathBuf>,
    /// Get all files again, also those that are there and right.
    #[arg(long)]
    force: bool,
    /// Where the files go.
    #[arg(long, value_name = "DIR", default_value_os_t = folder())]
    to: PathBuf,
    /// The list of mirrors and files.
    #[arg(long, value_name = "FILE", default_value_os_t = crate::root().join("data/mnist.json"))]
    manifest: PathBuf,
    /// How many seconds a mirror may keep silent.
    #[arg(long, default_value_t = TIMEOUT, value_parser = seconds)]
    timeout: f64,
    /// How often to go round the mirrors again after a failure that may pass.
    #[arg(long, default_value_t = RETRIES)]
    retries: u32,
}

fn seconds(text: &str) -> Result<f64> {
    let seconds: f64 = text.parse()?;
    ensure!((0.01..=3600.0).contains(&seconds), "between 0.01 and 3600");
    Ok(seconds)
}

/// Where the files go unless told.
pub(crate) fn folder() -> PathBuf {
    crate::root().join("data/mnist")
}

/// What there is to get, and where.
#[derive(Debug, Deserialize)]
struct Manifest {
    mirrors: Vec<String>,
    files: Vec<Wanted>,
}

/// A file, and what it must contain when decompressed.
#[derive(Clone, Debug, Deserialize)]
struct Wanted {
    name: String,
    bytes: u64,
    sha256: String,
}

impl Wanted {
    /// Where the file is in a folder: gzipped, or without `.gz` if there is only that.
    fn find(&self, dir: &Path) -> Option<PathBuf> {
        let gzipped = dir.join(&self.name);
        let plain = dir.join(self.name.strip_suffix(".gz").unwrap_or(&self.name));
        [gzipped, plain].into_iter().find(|path| path.exists())
    }
}

impl Manifest {
    fn read(path: &Path) -> Result<Manifest> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let manifest: Manifest =
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        for file in &manifest.files {
            let plain = Path::new(&file.name).file_name().is_some_and(|name| name == file.name.as_str());
            ensure!(plain, "{}: expected names of files, found {:?}", path.display(), file.name);
        }
        Ok(manifest)
    }
}

/// Gets what is missing.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let manifest = Manifest::read(&options.manifest)?;
    fs::create_dir_all(&options.to).with_context(|| format!("creating {}", options.to.display()))?;
    let mut missing = Vec::new();
    for file in &manifest.files {
        match file.find(&options.to).filter(|_| !options.force) {
            None => missing.push(file),
            Some(path) => match check(&path, file) {
                Ok(()) => println!("{}: verified", path.display()),
                Err(wrong) => {
                    println!("{wrong:#}");
                    missing.push(file);
                }
            },
        }
    }
    if missing.is_empty() {
        return Ok(true);
    }
    match &options.from {
        Some(dir) => missing.iter().try_for_each(|file| copy(file, dir, &options.to))?,
        None => download(&missing, &manifest, options)?,
    }
    Ok(true)
}

/// Takes a file from a folder on this machine.
fn copy(file: &Wanted, from: &Path, to: &Path) -> Result<()> {
    let Some(source) = file.find(from) else {
        bail!("{}: expected {} there, gzipped or not, found neither", from.display(), file.name);
    };
    let name = source.file_name().expect("found by its name");
    let (place, part) = (to.join(name), part(to, &name.to_string_lossy()));
    fs::copy(&source, &part)
        .with_context(|| format!("copying {} to {}", source.display(), part.display()))?;
    // What was copied is checked, not what lay there before or after.
    let done = check(&part, file)
        .with_context(|| format!("{} is not {}", source.display(), file.name))
        .and_then(|()| install(&part, &place));
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done?;
    println!("{}: copied and verified", place.display());
    Ok(())
}

fn download(missing: &[&Wanted], manifest: &Manifest, options: &Options) -> Result<()> {
    let urls = if options.mirror.is_empty() { &manifest.mirrors } else { &options.mirror };
    let timeout = Duration::from_secs_f64(options.timeout);
    let mirrors = Mirrors::new(urls, timeout, options.retries);
    for file in missing {
        let bar = progress_bar(&file.name)?;
        let place = options.to.join(&file.name);
        let mirror = mirrors.get(file, &part(&options.to, &file.name), &place, options.force, &bar);
        bar.finish_and_clear();
        println!("{}: downloaded from {} and verified", place.display(), mirror?);
    }
    Ok(())
}

/// Where a file lies until it is whole.
fn part(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!(".{name}.part"))
}

/// Gives a file that is whole and right its name.
fn install(part: &Path, place: &Path) -> Result<()> {
    let synced = fs::File::open(part).and_then(|file| file.sync_all());
    synced.and_then(|()| fs::rename(part, place)).with_context(|| format!("writing {}", place.display()))
}

fn progress_bar(name: &str) -> Result<ProgressBar> {
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(template)?);
    Ok(bar.with_message(name.to_string()))
}

/// Why something cannot be done without the four files.
pub(crate) const MISSING: &str = "needs the full MNIST files: cargo xtask download";

/// Whether the four files are there and right.
pub(crate) fn is_complete() -> Result<bool> {
    let manifest = Manifest::read(&crate::root().join("data/mnist.json"))?;
    let right = |file: &Wanted| file.find(&folder()).is_some_and(|path| check(&path, file).is_ok());
    Ok(manifest.files.iter().all(right))
}

/// Gets the four files from the manifest's mirrors.
pub(crate) fn with_defaults() -> Result<bool> {
    run(&Options {
        mirror: Vec::new(),
        from: None,
        force: false,
        to: folder(),
        manifest: crate::root().join("data/mnist.json"),
        timeout: TIMEOUT,
        retries: RETRIES,
    })
}
