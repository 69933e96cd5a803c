//! What `cargo xtask reproduce` found: sections of rows and figures, as they are printed, drawn and written to
//! `report.json`. A section says them with [`Findings`].

mod figure;
mod findings;
mod machine;
mod runs;

pub(crate) use figure::{Figure, Histogram, Picture, Series};
pub(crate) use findings::{Findings, median};
pub(crate) use machine::{Machine, cores};

use serde::Serialize;

/// The whole report.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// How often each random result was computed, where a section does not say otherwise.
    pub(crate) seeds: usize,
    /// In the book's order.
    pub(crate) sections: Vec<SectionReport>,
}

/// What came of one section.
#[derive(Debug, Serialize)]
pub(crate) struct SectionReport {
    /// As on the command line: `by-hand`.
    pub(crate) key: String,
    pub(crate) title: String,
    /// The file with the section's code, from the repository's root: `xtask/src/ch04/by_hand.rs`.
    pub(crate) code: String,
    /// How long it took, all seeds together.
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<Row>,
    pub(crate) figures: Vec<Figure>,
}

/// One comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// What the book prints, or what must hold.
    pub(crate) book: String,
    /// What we found, for the eye: a value, or the median of our runs.
    pub(crate) ours: String,
    pub(crate) check: Check,
    pub(crate) verdict: Verdict,
    /// Why it was skipped, or what else there is to say.
    pub(crate) note: Option<String>,
    /// The line of the section's code that says so.
    pub(crate) line: u32,
}

/// How a row was compared.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Check {
    /// Nothing is random: both are the same text.
    Equal,
    /// Something must be true.
    Holds,
    /// Something is random, and we have run it several times.
    Runs(Runs),
}

/// A number that depends on random ones.
#[derive(Debug, Serialize)]
pub(crate) struct Runs {
    /// What the book prints, as a number.
    pub(crate) book: f64,
    /// Decimals in print.
    pub(crate) decimals: usize,
    /// Our numbers, one for each seed.
    pub(crate) runs: Vec<f64>,
    pub(crate) median: f64,
    /// Between `low` and `high` one more run of ours would lie; the book's must.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// What PyTorch finds; our median must lie in its range.
    pub(crate) torch: Option<Torch>,
}

/// PyTorch's numbers for the same program and data: the range of so many seeds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Torch {
    pub(crate) seeds: u32,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Pass,
    Fail,
    Skipped,
}

/// A number as the book prints it: rounded to so many decimals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printed {
    pub(crate) value: f64,
    pub(crate) decimals: usize,
}

impl Report {
    /// How many rows ended so.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.sections.iter().flat_map(|section| &section.rows).filter(|row| row.verdict == verdict).count()
    }
}
