//! `cargo xtask compare`: downhill and its peers, measured in turn on this machine.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::root;

/// What is compared unless cases are named. `gemm_MxKxN` brings its peers `gemm_gemmcrate_..` and
/// `gemm_matrixmultiply_..` along.
const CASES: &[&str] = &[
    "gemm_1024x1024x1024",
    "gemm_2048x2048x2048",
    "gemm_3136x576x64",
    "gemm_1024x1152x128",
    "gemm_256x2304x256",
    "gemm_64x4608x512",
    "gemm_12544x147x64",
    "gemm_256x784x30",
    "gemm_128x128x128",
    "gemm_256x784x1",
    "gemm_784x256x1",
    "add_16777216",
    "sum_16777216",
    "memcpy_16777216",
    "exp_1048576",
    "expf_1048576",
    "fma_100000000",
    "adam_step",
    "adam_memcpy",
    "loader_epoch",
    "load_png_folder",
    "linear_epoch",
    "simple_net_epoch",
];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to compare: any of the cases of `timings`. May be given several times.
    #[arg(long)]
    case: Vec<String>,
    /// On how many threads.
    #[arg(long, default_value_t = 2)]
    threads: u16,
    /// How often the two programs take turns.
    #[arg(long, default_value_t = 3)]
    rounds: u16,
    /// A Python that has PyTorch.
    #[arg(long, default_value = "python3")]
    python: String,
}

#[derive(Deserialize)]
struct Timing {
    case: String,
    median: f64,
}

/// The medians of each case, one for each round.
type Medians = BTreeMap<String, Vec<f64>>;

pub(crate) fn run(options: &Options) -> Result<bool> {
    let names: Vec<String> = if options.case.is_empty() {
        CASES.iter().map(ToString::to_string).collect()
    } else {
        options.case.clone()
    };
    println!("cargo build --release -p downhill-benches");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--quiet", "--release", "-p", "downhill-benches"];
    let status = Command::new(cargo).args(build).current_dir(root()).status().context("starting cargo")?;
    ensure!(status.success(), "the benches do not build");

    let script = root().join("benches/peers/pytorch.py");
    let torch = Command::new(&options.python).args(["-c", "import torch"]).output();
    let has_torch = torch.is_ok_and(|output| output.status.success());
    if !has_torch {
        println!("No PyTorch: `{} -c 'import torch'` failed, so its column stays empty.", options.python);
    }
    let (mut ours, mut pytorch) = (Medians::new(), Medians::new());
    for name in &names {
        for _ in 0..options.rounds {
            // The peers in Rust are timed by the same process, in turn with ours.
            let timings = root().join("target/release/timings");
            measure(Command::new(timings).args(with_peers(name)), options.threads, &mut ours)?;
            if has_torch {
                let mut python = Command::new(&options.python);
                measure(python.arg(&script).args(["--case", name]), options.threads, &mut pytorch)?;
            }
        }
    }
    print(&names, options.threads, &ours, &pytorch);
    Ok(true)
}

fn with_peers(name: &str) -> Vec<String> {
    let mut cases = vec!["--case".to_string(), name.to_string()];
    if let Some(size) =
        name.strip_prefix("gemm_").filter(|size| size.starts_with(|c: char| c.is_ascii_digit()))
    {
        for peer in ["gemmcrate", "matrixmultiply"] {
            cases.extend(["--case".to_string(), format!("gemm_{peer}_{size}")]);
        }
    }
    cases
}

/// Runs a program that prints timings, and notes them.
fn measure(command: &mut Command, threads: u16, medians: &mut Medians) -> Result<()> {
    let output = command
        .args(["--threads", &threads.to_string()])
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let timing: Timing = serde_json::from_str(line).with_context(|| format!("reading {line:?}"))?;
        medians.entry(timing.case).or_default().push(timing.median);
    }
    Ok(())
}

fn print(names: &[String], threads: u16, ours: &Medians, pytorch: &Medians) {
    println!(
        "\nMedians in milliseconds on {threads} threads; a ratio above 1 says that downhill is faster.\n"
    );
    println!(
        "{:26} {:>9} {:>9} {:>9} {:>9}   ratio to each",
        "case", "downhill", "gemm", "matrixm.", "pytorch"
    );
    for name in names {
        let peer = |peer: &str| name.replacen("gemm_", &format!("gemm_{peer}_"), 1);
        let is_gemm = name.starts_with("gemm_");
        let base = median(ours.get(name));
        let peers = [
            is_gemm.then(|| median(ours.get(&peer("gemmcrate")))).flatten(),
            is_gemm.then(|| median(ours.get(&peer("matrixmultiply")))).flatten(),
            median(pytorch.get(name)),
        ];
        let cell = |x: Option<f64>| x.map_or("-".to_string(), |x| format!("{x:.4}"));
        let ratios =
            peers.map(|peer| peer.zip(base).map_or("-".to_string(), |(p, b)| format!("{:.2}", p / b)));
        let [gemm, matrixmultiply, torch] = peers.map(cell);
        let ratios = ratios.join("  ");
        println!("{name:26} {:>9} {gemm:>9} {matrixmultiply:>9} {torch:>9}   {ratios}", cell(base));
    }
}

fn median(samples: Option<&Vec<f64>>) -> Option<f64> {
    let mut samples = samples?.clone();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}
