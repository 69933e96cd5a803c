//! `cargo xtask compare`: downhill and its peers, measured in turn on this machine.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::MetadataCommand;
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
    PEAK,
    "adam_step",
    "adam_memcpy",
    "loader_epoch",
    "load_png_folder",
    "linear_epoch",
    "simple_net_epoch",
    "resnet18_step",
    "resnet18_forward",
    "resnet18_epoch",
    "autograd_overhead_1000",
];

/// The case that finds out what one core can do at most.
const PEAK: &str = "fma_100000000";

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

    let metadata =
        MetadataCommand::new().current_dir(root()).no_deps().exec().context("reading the cargo metadata")?;
    // Wherever this project is built: CARGO_TARGET_DIR or a configuration file may say so.
    let timings = metadata.target_directory.join("release/timings");
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
            measure(Command::new(&timings).args(with_peers(name)), options.threads, &mut ours)?;
            if has_torch {
                let mut python = Command::new(&options.python);
                measure(python.arg(&script).args(["--case", name]), options.threads, &mut pytorch)?;
            }
        }
    }
    print(&names, options.threads, &ours, &pytorch);
    Ok(true)
}

/// The arguments that time a case, its peers, and what it is measured against, in one run.
fn with_peers(name: &str) -> Vec<String> {
    let mut cases = vec![name.to_string()];
    if let Some(size) =
        name.strip_prefix("gemm_").filter(|size| size.starts_with(|c: char| c.is_ascii_digit()))
    {
        cases.extend([
            format!("gemm_gemmcrate_{size}"),
            format!("gemm_matrixmultiply_{size}"),
            PEAK.to_string(),
        ]);
    }
    if let Some(n) = name.strip_prefix("add_").or(name.strip_prefix("sum_")) {
        cases.push(format!("memcpy_{n}"));
    }
    cases.into_iter().flat_map(|case| ["--case".to_string(), case]).collect()
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
        "\nMedians in milliseconds on {threads} threads; a ratio above 1 says that downhill is faster.\n\
         Last, for products the share of the peak (one core's, times the threads), and for what waits for memory its \
         bytes a second to those of one thread's memcpy.\n"
    );
    println!(
        "{:26} {:>9} {:>9} {:>9} {:>9}   {:>6} {:>6} {:>6}   {:>8}",
        "case", "downhill", "gemm", "matrixm.", "pytorch", "gemm", "matr.", "torch", "of best"
    );
    let yardsticks = Yardsticks { ours, threads };
    for name in names {
        let base = median(ours.get(name));
        let gemm = name.strip_prefix("gemm_");
        let peer = |peer: &str| gemm.and_then(|size| median(ours.get(&format!("gemm_{peer}_{size}"))));
        let peers = [peer("gemmcrate"), peer("matrixmultiply"), median(pytorch.get(name))];
        let [gemm, matrixmultiply, torch] = peers.map(|x| cell(x, 4));
        let [to_gemm, to_matrixmultiply, to_torch] = peers.map(|x| cell(ratio(x, base), 2));
        let yardstick = yardsticks.of(name).unwrap_or_default();
        println!(
            "{name:26} {:>9} {gemm:>9} {matrixmultiply:>9} {torch:>9}   {to_gemm:>6} {to_matrixmultiply:>6} \
             {to_torch:>6}   {yardstick:>8}",
            cell(base, 4)
        );
    }
}

/// A number, or a dash where there is none.
fn cell(x: Option<f64>, digits: usize) -> String {
    x.map_or("-".to_string(), |x| format!("{x:.digits$}"))
}

fn ratio(x: Option<f64>, y: Option<f64>) -> Option<f64> {
    x.zip(y).map(|(x, y)| x / y)
}

/// What this machine can do at most.
struct Yardsticks<'a> {
    ours: &'a Medians,
    threads: u16,
}

impl Yardsticks<'_> {
    /// How near a case comes to what the machine can do, if that was measured as well.
    fn of(&self, name: &str) -> Option<String> {
        let seconds = median(self.ours.get(name))? / 1e3;
        if let Some(size) = name.strip_prefix("gemm_") {
            let sizes: Vec<f64> = size.split('x').map(|n| n.parse().ok()).collect::<Option<_>>()?;
            let peak = self.fused_multiply_adds_a_second()? * f64::from(self.threads);
            return Some(format!("{:.0} %", 100.0 * sizes.iter().product::<f64>() / seconds / peak));
        }
        // Arrays that are read and written: two operands and a result, one operand, and memcpy's two.
        let (kind, n) = name.rsplit_once('_')?;
        let arrays = [("add", 3.0), ("sum", 1.0)].into_iter().find(|(own, _)| *own == kind)?.1;
        let memcpy = median(self.ours.get(&format!("memcpy_{n}")))? / 1e3;
        Some(format!("{:.2} x", arrays / seconds / (2.0 / memcpy)))
    }

    /// On one core, from the case that does nothing else.
    fn fused_multiply_adds_a_second(&self) -> Option<f64> {
        let count: f64 = PEAK.strip_prefix("fma_")?.parse().ok()?;
        Some(count / (median(self.ours.get(PEAK))? / 1e3))
    }
}

fn median(samples: Option<&Vec<f64>>) -> Option<f64> {
    let mut samples = samples?.clone();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yardsticks_are_the_peak_and_memcpy() {
        let ours: Medians =
            [(PEAK, 1e5), ("gemm_10x10x10", 2.0), ("add_8", 3.0), ("sum_8", 1.0), ("memcpy_8", 2.0)]
                .map(|(name, time)| (name.to_string(), vec![time]))
                .into();
        let of = |name: &str, threads| Yardsticks { ours: &ours, threads }.of(name).unwrap_or_default();
        assert_eq!(of("gemm_10x10x10", 1), "50 %");
        assert_eq!(of("gemm_10x10x10", 2), "25 %");
        assert_eq!((of("add_8", 1), of("sum_8", 1)), ("1.00 x".to_string(), "1.00 x".to_string()));
        // What was not measured, or has no yardstick, has none.
        assert_eq!((of("gemm_1x2x3", 1), of("memcpy_8", 1), of("fma_1000", 1)), Default::default());
    }

    #[test]
    fn a_case_without_peers_is_a_dash() {
        assert_eq!((cell(None, 2), cell(ratio(None, Some(1.0)), 2)), ("-".to_string(), "-".to_string()));
        assert_eq!(cell(ratio(Some(3.0), Some(2.0)), 2), "1.50");
        assert_eq!(median(Some(&vec![])), None);
        assert_eq!(with_peers("exp_8"), ["--case", "exp_8"]);
        assert_eq!(with_peers("add_8"), ["--case", "add_8", "--case", "memcpy_8"]);
        assert_eq!(with_peers("gemm_1x2x3").len(), 8);
    }
}
