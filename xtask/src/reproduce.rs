//! `cargo xtask reproduce`: the chapter, compared with the book.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::ch04::{Context, SECTIONS, Section};
use crate::download;
use crate::report::{Report, Row, Verdict};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only this section (may be given several times).
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(SECTIONS.iter().map(|s| s.key)))]
    section: Vec<String>,
    /// How often to repeat what is random, each time with another seed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(3..=1000))]
    seeds: u64,
    /// Where the report goes.
    #[arg(long, default_value_os_t = crate::root().join("target/reproduce/report.json"))]
    json: PathBuf,
}

/// Whether every row agreed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    downhill::tensor::set_num_threads(cores)?;
    let (sections, complete) = wanted(options)?;

    let epochs: u64 = sections.iter().map(|s| s.epochs * options.seeds).sum();
    let style = "{msg:32} {wide_bar} {pos}/{len} epochs {elapsed}";
    let bar = ProgressBar::new(epochs).with_style(ProgressStyle::with_template(style)?);
    let ticking = bar.clone();
    let ctx = Context::new(complete, (0..options.seeds).collect(), Box::new(move || ticking.inc(1)))?;

    let mut report = Report::default();
    for section in sections {
        bar.set_message(section.title);
        let start = Instant::now();
        let mut rows = (section.run)(&ctx)?;
        let seconds = start.elapsed().as_secs_f64();
        rows.iter_mut().for_each(|row| row.seconds = seconds);
        bar.suspend(|| print_section(section.title, seconds, &rows));
        report.rows.extend(rows);
    }
    bar.finish_and_clear();

    write(&options.json, &report)?;
    let failed = report.rows.iter().filter(|row| row.verdict == Verdict::Fail).count();
    println!("{} rows agree with the book, {failed} do not.", report.rows.len() - failed);
    println!("Report: {}", options.json.display());
    Ok(failed == 0)
}

/// The sections to run, and whether the full MNIST files are there. Sections that need these are run if they are, or if
/// they can be downloaded for a section that was asked for.
fn wanted(options: &Options) -> Result<(Vec<&'static Section>, bool)> {
    let asked = |section: &&Section| options.section.iter().any(|key| key == section.key);
    let mut sections: Vec<&Section> =
        SECTIONS.iter().filter(|section| options.section.is_empty() || asked(section)).collect();
    let mut complete = download::is_complete()?;
    if !complete && sections.iter().any(|section| section.needs_mnist && asked(section)) {
        println!("The full MNIST files are needed.");
        match download::with_defaults() {
            Ok(done) => complete = done,
            Err(error) => println!("{error:#}"),
        }
    }
    if complete {
        println!("The digits are those of the full MNIST files in {}.", download::folder().display());
        return Ok((sections, true));
    }
    println!("The digits are those of the embedded sample.");
    for section in sections.iter().filter(|section| section.needs_mnist) {
        println!("Left out, as it needs the full MNIST files (cargo xtask download): {}.", section.title);
        ensure!(!asked(section), "a section that was asked for cannot be run");
    }
    sections.retain(|section| !section.needs_mnist);
    Ok((sections, false))
}

fn print_section(title: &str, seconds: f64, rows: &[Row]) {
    println!("\n{title} ({seconds:.1} s)");
    println!("  {:26} {:>9} {:>9}   {:^21}", "", "book", "ours", "one more run of ours");
    for row in rows {
        let Row { name, book, ours, low, high, .. } = row;
        let verdict = if row.verdict == Verdict::Pass { "pass" } else { "FAIL" };
        println!("  {name:26} {book:9.6} {ours:9.6}   {low:9.6} .. {high:9.6}  {verdict}");
    }
}

/// Written beside and renamed, so that a report is never half there.
fn write(path: &PathBuf, report: &Report) -> Result<()> {
    let beside = path.with_extension("json.partial");
    let dir = path.parent().with_context(|| format!("{} has no folder", path.display()))?;
    ensure!(!path.is_dir(), "{} is a folder", path.display());
    std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    std::fs::write(&beside, serde_json::to_string_pretty(report)?)
        .with_context(|| format!("writing {}", beside.display()))?;
    std::fs::rename(&beside, path).with_context(|| format!("writing {}", path.display()))
}
