//! `cargo xtask golden`: reference values computed with PyTorch and fastai, replayed.
//!
//! A file is replayed by what is in it, not by its name: other cases, shapes and arguments of the same format
//! replay just as well. Each case gets a line with its largest error.

mod chapter;
mod ops;
mod optim;
mod resnet;
mod schedules;
mod store;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;

pub(crate) use store::Store;

/// What became of a case.
pub(crate) enum Outcome {
    /// Checked, with the largest error over the tolerance: passed up to 1.
    Checked { error: f64, tolerance: f64 },
    /// Could not be checked, and why.
    Skipped(String),
}

/// The largest error of a case, relative to what was allowed.
pub(crate) struct Worst {
    error: f64,
    tolerance: f64,
}

impl Worst {
    pub(crate) fn new() -> Self {
        Worst { error: 0.0, tolerance: f64::INFINITY }
    }

    /// Notes an error, which should be no larger than `tolerance`.
    pub(crate) fn see(&mut self, error: f64, tolerance: f64) {
        let share = |error: f64, tolerance: f64| if error == 0.0 { 0.0 } else { error / tolerance };
        let error = if error.is_nan() { f64::INFINITY } else { error };
        if self.tolerance.is_infinite() || share(error, tolerance) > share(self.error, self.tolerance) {
            (self.error, self.tolerance) = (error, tolerance);
        }
    }

    /// # Errors
    /// If nothing was compared: a case without content must not pass.
    pub(crate) fn outcome(self) -> Result<Outcome> {
        if self.tolerance.is_infinite() {
            bail!("the case has nothing to compare");
        }
        Ok(Outcome::Checked { error: self.error, tolerance: self.tolerance })
    }
}

/// Counts, and prints a line for every case.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// Runs one case. An error or a panic is a failure of this case and of no other.
    pub(crate) fn case(&mut self, name: impl fmt::Display, run: impl FnOnce() -> Result<Outcome>) {
        let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            bail!("panicked: {}", text.unwrap_or_default())
        });
        match outcome {
            Ok(Outcome::Checked { error, tolerance }) if error <= tolerance => {
                self.passed += 1;
                println!("{name:40} pass     error {error:8.1e}, allowed {tolerance:.0e}");
            }
            Ok(Outcome::Checked { error, tolerance }) => {
                self.failed += 1;
                println!("{name:40} FAIL     error {error:8.1e}, allowed {tolerance:.0e}");
            }
            Ok(Outcome::Skipped(why)) => {
                self.skipped += 1;
                println!("{name:40} skipped  {why}");
            }
            Err(error) => {
                self.failed += 1;
                println!("{name:40} FAIL     {error:#}");
            }
        }
    }
}

/// Whether no case failed.
pub(crate) fn run(dir: &Path) -> Result<bool> {
    // A panic is reported in its case's line.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let tally = replay(dir);
    std::panic::set_hook(hook);
    let Tally { passed, failed, skipped } = tally?;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

/// Replays every golden file in `dir`.
fn replay(dir: &Path) -> Result<Tally> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading folder {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("reading folder {}", dir.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("no golden files (*.json) in {}", dir.display());
    }
    let mut tally = Tally::default();
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let replay = match kind(&path) {
            Ok(Some(replay)) => replay,
            Ok(None) => {
                tally.case(&name, || {
                    Ok(Outcome::Skipped("nothing in downhill to compare with yet".to_string()))
                });
                continue;
            }
            Err(error) => {
                tally.case(&name, || Err(error));
                continue;
            }
        };
        if let Err(error) = replay(&path, &mut tally) {
            tally.case(&name, || Err(error));
        }
    }
    Ok(tally)
}

type Replay = fn(&Path, &mut Tally) -> Result<()>;

/// How a file is replayed, by what is in it.
fn kind(path: &Path) -> Result<Option<Replay>> {
    let file: serde_json::Map<String, serde_json::Value> = read_json(path)?;
    let first_case = file.get("cases").and_then(|cases| cases.get(0));
    Ok(match first_case {
        _ if file.contains_key("traces") => Some(chapter::replay),
        Some(case) if case.get("op").is_some() => Some(ops::replay),
        Some(case) if case.get("library").is_some() => Some(optim::replay),
        _ if file.contains_key("pos") && file.contains_key("values") => Some(schedules::replay),
        _ if file.contains_key("salt") && file.contains_key("steps") => Some(resnet::replay),
        _ => None,
    })
}

/// Reads a JSON file.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_golden_file_replays() {
        let tally = replay(&crate::root().join("data/golden")).unwrap();
        assert_eq!(tally.failed, 0);
        // 4 of the chapter, all operations (of two files), optimizers (of two) and schedules, and resnet18 with two salts.
        assert_eq!((tally.passed, tally.skipped), (4 + 122 + 273 + 26 + 30 + 10 + 2 * 3, 0));
    }

    #[test]
    fn files_are_known_by_their_content() {
        let dir = tempfile::tempdir().unwrap();
        let golden = crate::root().join("data/golden");
        for extension in ["json", "safetensors"] {
            let to = dir.path().join("others").with_extension(extension);
            std::fs::copy(golden.join("ops").with_extension(extension), to).unwrap();
        }
        assert_eq!(replay(dir.path()).unwrap().passed, 122);
        std::fs::write(dir.path().join("broken.json"), "{").unwrap();
        std::fs::write(dir.path().join("strange.json"), "{}").unwrap();
        let tally = replay(dir.path()).unwrap();
        assert_eq!((tally.passed, tally.failed, tally.skipped), (122, 1, 1));
    }

    #[test]
    fn errors_are_seen_whatever_the_order() {
        let mut worst = Worst::new();
        worst.see(1e-12, 1e-9);
        worst.see(0.5, 1.0);
        worst.see(f64::NAN, 1.0);
        worst.see(0.0, 1e-9);
        let Ok(Outcome::Checked { error, .. }) = worst.outcome() else { panic!("something was compared") };
        assert_eq!(error, f64::INFINITY);
        assert!(Worst::new().outcome().is_err());
    }
}
