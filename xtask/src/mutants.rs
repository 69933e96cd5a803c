//! `cargo xtask mutants`: are wrong derivatives found?
//!
//! Mistakes are planted in a copy of the autograd crate, each behind a switch: `if mutant(7) { wrong } else { right }`. So
//! the tests are built once and run once for each mistake, with `DOWNHILL_MUTANT` naming it. A mistake that no test fails
//! on is a hole in the tests.

mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::MetadataCommand;

use crate::root;
use table::MUTANTS;

/// A mistake: in `file`, wherever it says `right`, it will say `wrong`.
struct Mutant {
    what: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
    /// The properties that should notice.
    tests: &'static [&'static str],
}

/// What the copy gets to ask which mistake it should make.
const SWITCH: &str = r#"
/// Whether planted mistake `number` is to be made.
pub(crate) fn mutant(number: usize) -> bool {
    static ACTIVE: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    let active = || std::env::var("DOWNHILL_MUTANT").ok().and_then(|number| number.parse().ok());
    *ACTIVE.get_or_init(active) == Some(number)
}
"#;

/// Whether every mistake was found.
pub(crate) fn run() -> Result<bool> {
    let target = MetadataCommand::new().current_dir(root()).no_deps().exec()?.target_directory;
    let copy = target.join("mutants");
    plant(copy.as_std_path())?;
    let tests = build(copy.as_std_path())?;
    let all: BTreeSet<&str> = MUTANTS.iter().flat_map(|mutant| mutant.tests).copied().collect();
    println!("\n{} properties without a mistake", all.len());
    let (passed, output) = properties(&tests, &all.into_iter().collect::<Vec<_>>(), None)?;
    ensure!(passed, "they should pass:\n{output}");
    let mut survivors = 0;
    for (number, mutant) in MUTANTS.iter().enumerate() {
        let (passed, output) = properties(&tests, mutant.tests, Some(number))?;
        let report = output.lines().find(|line| line.contains("Test failed: ") || line.contains("panicked:"));
        let failed =
            mutant.tests.iter().filter(|test| output.contains(&format!("test {test} ... FAILED"))).count();
        // A program that does not even end with a report has noticed nothing.
        let caught = !passed && failed > 0;
        survivors += usize::from(!caught);
        println!(
            "{:2} {:8} {:52} {:28} {failed} of {}",
            number + 1,
            if caught { "caught" } else { "SURVIVED" },
            mutant.what,
            mutant.file,
            mutant.tests.len()
        );
        if let Some(report) = report.filter(|_| caught) {
            println!("            {}", report.chars().take(150).collect::<String>());
        }
    }
    println!("\n{} of {} mistakes found", MUTANTS.len() - survivors, MUTANTS.len());
    Ok(survivors == 0)
}

/// Writes a workspace of the two crates with all mistakes in it.
fn plant(copy: &Path) -> Result<()> {
    for name in ["tensor", "autograd"] {
        for part in ["Cargo.toml", "src", "tests"] {
            let from = root().join("crates").join(name).join(part);
            copy_changed(&from, &copy.join("crates").join(name).join(part))?;
        }
    }
    let manifest = read(&root().join("Cargo.toml"))?;
    let members =
        manifest.lines().find(|line| line.starts_with("members = ")).context("no members in Cargo.toml")?;
    let manifest = manifest.replace(members, r#"members = ["crates/tensor", "crates/autograd"]"#);
    write_changed(&copy.join("Cargo.toml"), &manifest)?;
    write_changed(&copy.join("Cargo.lock"), &read(&root().join("Cargo.lock"))?)?;
    let src = copy.join("crates/autograd/src");
    let files: BTreeSet<&str> = MUTANTS.iter().map(|mutant| mutant.file).chain(["lib.rs"]).collect();
    for file in files {
        let mut source = read(&root().join("crates/autograd/src").join(file))?;
        for (number, mutant) in MUTANTS.iter().enumerate().filter(|(_, mutant)| mutant.file == file) {
            source = planted(&source, number, mutant)?;
        }
        if file == "lib.rs" {
            source.push_str(SWITCH);
        }
        write_changed(&src.join(file), &source)?;
    }
    Ok(())
}

fn planted(source: &str, number: usize, mutant: &Mutant) -> Result<String> {
    let Mutant { what, file, right, wrong, .. } = mutant;
    ensure!(source.contains(right), "{file}: {what}: there is no `{right}` to be made wrong");
    Ok(source.replace(right, &format!("(if crate::mutant({number}) {{ {wrong} }} else {{ {right} }})")))
}

/// Builds the gradient tests; the program.
fn build(copy: &Path) -> Result<PathBuf> {
    println!("cargo test --no-run -p downhill-autograd --test gradients (in {})", copy.display());
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["test", "--no-run", "-p", "downhill-autograd", "--test", "gradients", "--message-format=json"])
        // A folder of its own: to cargo the copy's crates would be the same as the originals.
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .current_dir(copy)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(output.status.success(), "the tests with planted mistakes do not build");
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut programs = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == "gradients")
            .then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    programs.next_back().context("cargo names no test program")
}

/// Runs properties with one mistake or none: whether all pass, and what they print.
fn properties(program: &Path, tests: &[&str], mutant: Option<usize>) -> Result<(bool, String)> {
    let mut command = Command::new(program);
    command.args(tests).arg("--exact").env_remove("DOWNHILL_MUTANT").env("PROPTEST_CASES", "100");
    command.current_dir(root());
    if let Some(number) = mutant {
        command.env("DOWNHILL_MUTANT", number.to_string());
    }
    let output = command.output().with_context(|| format!("starting {}", program.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    ensure!(text.contains(&format!("running {} test", tests.len())), "not all of {tests:?} exist:\n{text}");
    Ok((output.status.success(), text))
}

/// Copies a file or a folder; what is the same already stays, so that nothing is built again for it.
fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
            let entry = entry?;
            copy_changed(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    write_changed(to, &read(from)?)
}

fn write_changed(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without building anything: what the table would make wrong is still there.
    #[test]
    fn every_mistake_can_be_planted() {
        let dir = tempfile::tempdir().unwrap();
        plant(dir.path()).unwrap();
        let planted = fs::read_to_string(dir.path().join("crates/autograd/src/ops/arith.rs")).unwrap();
        assert!(planted.contains("crate::mutant(0)"));
        assert!(MUTANTS.len() >= 10);
    }
}
