//! Where and with what the report was made.

use std::fs::read_to_string;
use std::process::Command;
use std::time::SystemTime;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    /// Of these, how many were used.
    pub(crate) threads: usize,
    /// The kernels' instruction set: `Avx512`, `Avx2`, `Portable`.
    pub(crate) isa: String,
    /// GiB.
    pub(crate) memory: Option<f64>,
    pub(crate) os: String,
    pub(crate) rustc: String,
    pub(crate) downhill: String,
    /// UTC, at the start: `2024-05-01T12:00:00Z`.
    pub(crate) date: String,
}

impl Machine {
    /// This one.
    pub(crate) fn here(threads: usize) -> Machine {
        // What a system does not tell is not worth failing for.
        let line = |path: &str, key: &str| {
            let text = read_to_string(path).ok()?;
            let line = text.lines().find(|line| line.starts_with(key))?;
            line.split_once(':').map(|(_, value)| value.trim().to_string())
        };
        let memory = line("/proc/meminfo", "MemTotal").and_then(|kib| kib.strip_suffix(" kB")?.parse().ok());
        let rustc = Command::new("rustc").arg("--version").output().ok();
        let rustc = rustc.and_then(|output| String::from_utf8(output.stdout).ok());
        Machine {
            cpu: line("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_string()),
            cores: cores(),
            threads,
            isa: format!("{:?}", downhill::tensor::Isa::current()),
            memory: memory.map(|kib: f64| kib / f64::from(1 << 20)),
            os: std::env::consts::OS.to_string(),
            rustc: rustc.map_or_else(|| "unknown".into(), |text| text.trim().to_string()),
            downhill: env!("CARGO_PKG_VERSION").to_string(),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
