//! `cargo xtask ci`: everything that must be green.

// The gradient tests' own reader of their crate, so that both know the same operations.
#[path = "../../crates/autograd/tests/gradients/scanner.rs"]
mod scanner;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::root;

/// Which of the workspace's crates each may depend on. Arrows point down only.
const ARROWS: &[(&str, &[&str])] = &[
    ("downhill-tensor", &[]),
    ("downhill-autograd", &["downhill-tensor"]),
    ("downhill-nn-derive", &[]),
    ("downhill-nn", &["downhill-nn-derive", "downhill-autograd", "downhill-tensor"]),
    ("downhill-optim", &["downhill-autograd", "downhill-tensor"]),
    ("downhill-data", &["downhill-tensor"]),
    (
        "downhill-learner",
        &["downhill-nn", "downhill-optim", "downhill-data", "downhill-autograd", "downhill-tensor"],
    ),
    (
        "downhill",
        &[
            "downhill-learner",
            "downhill-nn",
            "downhill-optim",
            "downhill-data",
            "downhill-autograd",
            "downhill-tensor",
        ],
    ),
    ("xtask", &["downhill"]),
    ("downhill-benches", &["downhill"]),
];

/// The files that may allow unsafe code: the tensor crate's root for its kernels, and the benchmarks' calls of two peers
/// whose interfaces are raw pointers. Their crates deny it elsewhere; all others forbid it.
const UNSAFE: &[(&str, &str)] = &[("downhill-tensor", "src/lib.rs"), ("downhill-benches", "src/peers.rs")];

type Step = (&'static str, fn() -> Result<()>);

/// Runs every step, and fails at the first that does.
pub(crate) fn run() -> Result<bool> {
    let steps: &[Step] = &[
        ("architecture: dependency arrows, minimum Rust version", arrows),
        ("architecture: unsafe code", unsafe_code),
        ("every operation has a gradient property", gradient_properties),
        ("format", || cargo(&["fmt", "--all", "--check"])),
        ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("tests", || cargo(&["test"])),
        // Built as they run: that is there already, and what they are made of too.
        ("tests of the commands", || cargo(&["test", "--release", "--package", "xtask"])),
        ("examples", examples),
        ("documentation", || cargo(&["doc", "--workspace", "--no-deps"])),
        ("golden files", || cargo(&["xtask", "golden"])),
        ("the chapter", || cargo(&["xtask", "reproduce"])),
        ("a mistake turns the chapter red", mistakes),
    ];
    for (name, step) in steps {
        println!("\n== {name}");
        step().with_context(|| format!("{name} failed"))?;
    }
    println!("\nall green");
    Ok(true)
}

fn cargo(args: &[&str]) -> Result<()> {
    println!("cargo {}", args.join(" "));
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(args).env("RUSTDOCFLAGS", "-D warnings");
    // What is built once only is built faster without traces for a next time.
    command.env("CARGO_INCREMENTAL", "0");
    // What cargo tells this program about itself would make the build scripts that look at it run again, each time.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    let status = command.status().context("starting cargo")?;
    ensure!(status.success(), "cargo {} ended with {status}", args.join(" "));
    Ok(())
}

/// Each asserts what it says. The tests before have built them.
fn examples() -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let built = metadata.target_directory.join("debug/examples");
    let examples = metadata.packages.iter().flat_map(|package| &package.targets).filter(|t| t.is_example());
    for example in examples {
        println!("{}", example.name);
        let program = built.join(format!("{}{}", example.name, std::env::consts::EXE_SUFFIX));
        let output = Command::new(&program).output().with_context(|| format!("starting {program}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} ended with {}\n{said}", example.name, output.status);
    }
    Ok(())
}

/// Each of the mistakes that `reproduce` can make on purpose, and the section that must notice it.
const MISTAKES: &[(&str, &str)] =
    &[("shuffle", "optimizer"), ("by-size", "optimizer"), ("mean", "pixel-similarity"), ("eps", "resnet18")];

/// Rows that pass without a mistake (the step before) must fail with it.
fn mistakes() -> Result<()> {
    let json = root().join("target/reproduce/mistake.json");
    for (mistake, section) in MISTAKES {
        let mut command = Command::new(std::env::current_exe().context("this program has no path")?);
        command.args(["reproduce", "--seeds", "3", "--section", section, "--inject", mistake, "--json"]);
        let output = command.arg(&json).output().context("starting reproduce")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let failed: Vec<&str> = text.lines().filter(|line| line.contains(" FAIL")).collect();
        println!("{mistake}: {} rows fail, the first: {}", failed.len(), failed.first().unwrap_or(&"none"));
        ensure!(
            output.status.code() == Some(1) && !failed.is_empty(),
            "no row of {section} has noticed the mistake {mistake}; it ended with {}: {text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn arrows() -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).exec().context("reading the cargo metadata")?;
    let members: Vec<&Package> = metadata.workspace_packages();
    for package in &members {
        let (_, allowed) = ARROWS
            .iter()
            .find(|(name, _)| package.name.as_str() == *name)
            .with_context(|| format!("{} is not in the list of crates", package.name))?;
        for dependency in &package.dependencies {
            let inside = members.iter().any(|member| member.name.as_str() == dependency.name);
            // A crate's tests may use what they like.
            if inside
                && dependency.kind != DependencyKind::Development
                && !allowed.contains(&&*dependency.name)
            {
                bail!("{} must not depend on {}", package.name, dependency.name);
            }
        }
    }
    minimum_rust_version(&metadata)
}

/// No dependency may ask for a newer Rust than the workspace promises.
fn minimum_rust_version(metadata: &Metadata) -> Result<()> {
    let own = metadata.workspace_packages().iter().filter_map(|p| p.rust_version.clone()).min();
    let own = own.context("the workspace states no rust-version")?;
    for package in &metadata.packages {
        if let Some(needed) = &package.rust_version {
            ensure!(*needed <= own, "{} needs Rust {needed}, the workspace promises {own}", package.name);
        }
    }
    Ok(())
}

/// Every crate forbids unsafe code, except those that allow it in one place and deny it elsewhere.
fn unsafe_code() -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        let exception = UNSAFE.iter().find(|(name, _)| package.name.as_str() == *name);
        for target in package.targets.iter().filter(|t| t.is_lib() || t.is_bin() || t.is_proc_macro()) {
            let may_deny = exception.is_some() && target.is_lib();
            let expected = if may_deny { "#![deny(unsafe_code)]" } else { "#![forbid(unsafe_code)]" };
            let source = read(target.src_path.as_std_path())?;
            ensure!(source.contains(expected), "{} lacks {expected}", target.src_path);
        }
        for path in rust_files(folder.as_std_path())? {
            let excepted = exception.is_some_and(|(_, file)| path == folder.join(file));
            let found = read(&path)?.matches(concat!("allow(unsafe", "_code)")).count();
            ensure!(found <= usize::from(excepted), "{} allows unsafe code", path.display());
        }
    }
    Ok(())
}

/// Reads the sources, so a missing property is found before anything is built.
fn gradient_properties() -> Result<()> {
    let wrong = scanner::uncovered(&root().join("crates/autograd")).map_err(anyhow::Error::msg)?;
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_architecture_holds() {
        super::arrows().unwrap();
        super::unsafe_code().unwrap();
        super::gradient_properties().unwrap();
    }
}
