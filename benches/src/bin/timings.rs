//! `cargo run --release -p downhill-benches --bin timings -- --case NAME --threads N`: one JSON object a line.
//!
//! Several cases are run in turn, round after round, so that a machine that changes its speed changes it for all.
#![forbid(unsafe_code)]

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use downhill_benches::cases::{DEFAULT, NAMES, Work, case, companion};

/// Times cases of downhill and of its peers, and prints a JSON object for each:
/// {"case", "unit": "ms", "median", "min", "runs"}.
#[derive(Parser)]
struct Options {
    #[arg(long, help = format!("What to time: {NAMES}. May be given several times"), default_values = DEFAULT)]
    case: Vec<String>,
    /// On how many threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// How long to repeat each case.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Instead of timing, do each case some times and print what its operations on variables took.
    #[arg(long)]
    profile: bool,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let threads = usize::from(options.threads);
    // matrixmultiply reads its number of threads from the environment, which a process cannot safely change in itself.
    const VARIABLE: &str = "MATMUL_NUM_THREADS";
    if std::env::var(VARIABLE).ok() != Some(threads.to_string()) {
        let mut again = Command::new(std::env::current_exe().context("finding this program")?);
        let status = again.args(std::env::args_os().skip(1)).env(VARIABLE, threads.to_string()).status()?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    downhill::tensor::set_num_threads(threads)?;
    if options.profile {
        for name in &options.case {
            profile(name, threads)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let names = options.case.iter().flat_map(|name| std::iter::once(&**name).chain(companion(name)));
    let mut timers = names.map(|name| Timer::new(name, threads)).collect::<Result<Vec<_>>>()?;
    let seconds = options.seconds * timers.len() as f64;
    let budget = Duration::try_from_secs_f64(seconds).context("--seconds is out of range")?;
    let start = Instant::now();
    while timers[0].samples.len() < 5 || start.elapsed() < budget {
        timers.iter_mut().for_each(Timer::round);
    }
    timers.iter_mut().for_each(Timer::print);
    Ok(ExitCode::SUCCESS)
}

/// Prints time, speed and share of every operation of a case, of the fastest of some runs, and what is left of that run.
fn profile(name: &str, threads: usize) -> Result<()> {
    const RUNS: usize = 30;
    let mut work = case(name, threads)?;
    let fastest = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            let ((), entries) = downhill::autograd::profile::run(&mut work);
            (start.elapsed(), entries)
        })
        .min_by_key(|(wall, _)| *wall);
    let (wall, entries) = fastest.context("nothing was run")?;
    let share = |time: Duration| 100.0 * time.as_secs_f64() / wall.as_secs_f64();
    println!("{name} on {threads} threads");
    println!("{:32} {:>5} {:>9} {:>7} {:>9}", "operation", "calls", "ms", "%", "GFLOP/s");
    let mut sum = Duration::ZERO;
    for entry in entries {
        sum += entry.time;
        let name = format!("{}{}", entry.op, if entry.backward { " (backward)" } else { "" });
        let seconds = entry.time.as_secs_f64();
        let speed = match entry.multiply_adds {
            0 => String::new(),
            count => format!("{:.1}", 2e-9 * count as f64 / seconds),
        };
        println!("{name:32} {:5} {:9.3} {:7.2} {speed:>9}", entry.calls, seconds * 1e3, share(entry.time));
    }
    println!("{:32} {:5} {:9.3} {:7.2}", "sum", "", sum.as_secs_f64() * 1e3, share(sum));
    println!("{:32} {:5} {:9.3} {:7.2}", "wall clock", "", wall.as_secs_f64() * 1e3, 100.0);
    Ok(())
}

/// One case and its measurements.
struct Timer {
    name: String,
    work: Work,
    /// How often the work is done between two looks at the clock.
    repeat: u32,
    /// Milliseconds.
    samples: Vec<f64>,
}

impl Timer {
    fn new(name: &str, threads: usize) -> Result<Self> {
        let mut timer =
            Timer { name: name.to_string(), work: case(name, threads)?, repeat: 1, samples: Vec::new() };
        // Warm up, and find how much work takes a millisecond or more.
        while timer.milliseconds() * f64::from(timer.repeat) < 1.0 {
            timer.repeat *= 2;
        }
        Ok(timer)
    }

    /// The time that the work takes once.
    fn milliseconds(&mut self) -> f64 {
        let start = Instant::now();
        (0..self.repeat).for_each(|_| (self.work)());
        start.elapsed().as_secs_f64() * 1e3 / f64::from(self.repeat)
    }

    fn round(&mut self) {
        // Once unmeasured: the case before has left its own data in the caches, and its own threads awake.
        (self.work)();
        let sample = self.milliseconds();
        self.samples.push(sample);
    }

    fn print(&mut self) {
        self.samples.sort_by(f64::total_cmp);
        let (median, min) = (self.samples[self.samples.len() / 2], self.samples[0]);
        let line = serde_json::json!({
            "case": self.name, "unit": "ms", "median": median, "min": min, "runs": self.samples.len(),
        });
        println!("{line}");
    }
}
