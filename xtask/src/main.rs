//! The project's own commands: `cargo xtask --help`.
#![forbid(unsafe_code)]

mod ch04;
mod ci;
mod compare;
mod download;
mod golden;
mod mutants;
mod page;
mod report;
mod reproduce;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// downhill's own commands.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    /// Rerun the chapter on the embedded sample and compare every result with the book.
    ///
    /// Prints a line for each result and writes target/reproduce/report.html, and report.json beside it. Fails if a result
    /// does not agree. All ten digits, beyond the chapter, need the full MNIST files.
    Reproduce(reproduce::Options),
    /// Replay reference values computed with PyTorch and fastai.
    Golden {
        /// Where the golden files are.
        #[arg(default_value_os_t = root().join("data/golden"))]
        dir: PathBuf,
    },
    /// Time downhill beside other crates and PyTorch, and print the ratios.
    Compare(compare::Options),
    /// Get the four MNIST files into data/mnist, from mirrors or from a folder, and check them.
    ///
    /// Files that are there and right stay; an interrupted download goes on where it stopped.
    Download(download::Options),
    /// Write the embedded 3-versus-7 sample as the book's folder of PNG files: train/3/10000.png and so on.
    ExportPng {
        /// The folder to make.
        dir: PathBuf,
    },
    /// Run everything that must be green: format, lints, tests, documentation, architecture, golden files, the chapter.
    Ci,
    /// Plant wrong derivatives in a copy of the autograd crate, and see whether its tests find each of them.
    Mutants,
    /// Cut the embedded 3-versus-7 sample out of the four MNIST files. (Its result is in the repository already.)
    Sample {
        /// The folder with the MNIST files, gzipped or not.
        #[arg(long)]
        from: PathBuf,
        /// Where the sample goes.
        #[arg(long, default_value_os_t = root().join("data/mnist_sample"))]
        to: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Reproduce(options) => reproduce::run(&options),
        Command::Golden { dir } => golden::run(&dir),
        Command::Compare(options) => compare::run(&options),
        Command::Download(options) => download::run(&options),
        Command::ExportPng { dir } => export_png(&dir),
        Command::Ci => ci::run(),
        Command::Mutants => mutants::run(),
        Command::Sample { from, to } => sample(&from, &to),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn sample(from: &Path, to: &Path) -> Result<bool> {
    downhill::data::MnistSample::cut(from, to)?;
    println!("wrote the sample to {}", to.display());
    Ok(true)
}

fn export_png(dir: &Path) -> Result<bool> {
    let count = downhill::data::MnistSample::export_png(root().join("data/mnist_sample"), dir)?;
    println!("wrote {count} images to {}", dir.display());
    Ok(true)
}

/// The workspace's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}
