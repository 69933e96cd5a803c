//! `cargo xtask reproduce`: the chapter, compared with the book.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::ch04::{Context, Fault, SECTIONS, Section};
use crate::report::{Check, Findings, Machine, Report, Row, Runs, SectionReport, Verdict, cores};
use crate::{download, page};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only this section (may be given several times).
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(SECTIONS.iter().map(|s| s.key)))]
    section: Vec<String>,
    /// How often to repeat what is random, each time with another seed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(3..=1000))]
    seeds: u64,
    /// How many threads to use; all cores unless told. No result depends on it.
    #[arg(long)]
    threads: Option<usize>,
    /// Where the report's data go.
    #[arg(long, default_value_os_t = crate::root().join("target/reproduce/report.json"))]
    json: PathBuf,
    /// Show the page in the browser.
    #[arg(long)]
    open: bool,
    /// Make this mistake, to see that it is noticed.
    #[arg(long, hide = true)]
    inject: Option<Fault>,
}

/// Whether every row agreed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let threads = options.threads.unwrap_or_else(cores);
    downhill::tensor::set_num_threads(threads)?;
    let wanted = |section: &&Section| {
        options.section.is_empty() || options.section.iter().any(|key| key == section.key)
    };
    let sections: Vec<&Section> = SECTIONS.iter().filter(wanted).collect();
    let full = mnist_files(options, &sections)?;

    let epochs: u64 = sections.iter().map(|s| s.epochs * options.seeds).sum();
    let style = "{msg:32} {wide_bar} {pos}/{len} epochs {elapsed}";
    let bar = ProgressBar::new(epochs).with_style(ProgressStyle::with_template(style)?);
    let ticking = bar.clone();
    let ctx =
        Context::new(full, (0..options.seeds).collect(), options.inject, Box::new(move || ticking.inc(1)))?;

    let (machine, seeds) = (Machine::here(threads), ctx.seeds.len());
    let mut report = Report { machine, seeds, sections: Vec::new() };
    for section in sections {
        bar.set_message(section.title);
        let (start, mut out) = (Instant::now(), Findings::default());
        (section.run)(&ctx, &mut out).with_context(|| format!("section {}", section.key))?;
        let Findings { rows, figures } = out;
        let (key, title) = (section.key.to_string(), section.title.to_string());
        let (code, seconds) = (section.code(), start.elapsed().as_secs_f64());
        let section = SectionReport { key, title, code, seconds, rows, figures };
        bar.suspend(|| print_section(&section));
        report.sections.push(section);
    }
    bar.finish_and_clear();

    let html = options.json.with_extension("html");
    ensure!(html != options.json, "{} is where the page goes", html.display());
    write(&options.json, serde_json::to_string_pretty(&report)?.as_bytes())?;
    write(&html, page::page(&report, read)?.as_bytes())?;
    let [passed, failed, skipped] =
        [Verdict::Pass, Verdict::Fail, Verdict::Skipped].map(|verdict| report.count(verdict));
    println!("\n{passed} rows agree with the book, {failed} do not, {skipped} were skipped.");
    println!("Report: {}", html.display());
    if options.open {
        opener::open(&html).with_context(|| format!("opening {}", html.display()))?;
    }
    Ok(failed == 0)
}

/// Whether the full MNIST files are there. For a section that was asked for and needs them they are downloaded.
fn mnist_files(options: &Options, sections: &[&Section]) -> Result<bool> {
    let mut complete = download::is_complete()?;
    let asked = !options.section.is_empty() && sections.iter().any(|section| section.needs_mnist);
    if asked && !complete {
        println!("The full MNIST files are needed.");
        complete = download::with_defaults().context("a section that was asked for cannot be run")?;
    }
    let digits = if complete { "the full MNIST files" } else { "the embedded sample" };
    println!("The digits are those of {digits}.");
    Ok(complete)
}

fn print_section(section: &SectionReport) {
    println!("\n{} ({:.1} s)", section.title, section.seconds);
    println!("  {:44} {:>28} {:>28}   one more run of ours", "", "book", "ours");
    for Row { name, book, ours, check, verdict, .. } in &section.rows {
        let verdict = match verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Skipped => "skipped",
        };
        let range = match check {
            Check::Runs(Runs { low, high, decimals, .. }) => format!("{low:.decimals$} .. {high:.decimals$}"),
            Check::Equal | Check::Holds => String::new(),
        };
        let [name, book, ours] = [(name, 44), (book, 28), (ours, 28)].map(|(text, width)| short(text, width));
        println!("  {name:44} {book:>28} {ours:>28}   {range:20} {verdict}");
    }
}

/// A text that fits, with the page to read the whole.
fn short(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// A file of the repository.
fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(crate::root().join(path)).with_context(|| format!("reading {path}"))
}

/// Written beside and renamed, so that a file is never half there.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().with_context(|| format!("{} has no folder", path.display()))?;
    ensure!(!path.is_dir(), "{} is a folder", path.display());
    std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    downhill::tensor::file::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}
