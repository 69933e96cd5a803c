//! A section's rows.

use maud::{Markup, html};

use super::{code, counted, strip};
use crate::report::{Check, Row, Runs, SectionReport, Torch, Verdict};

/// A table longer than this is folded.
const LONG: usize = 12;

pub(super) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Skipped => "–",
    }
}

pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "agree",
        Verdict::Fail => "differ",
        Verdict::Skipped => "skipped",
    }
}

pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Skipped => "skipped",
    }
}

/// The place of a row.
pub(super) fn id(section: &SectionReport, index: usize) -> String {
    format!("{}-row-{}", section.key, index + 1)
}

/// All rows. If there are many, the table is folded, but for those that failed.
pub(super) fn table(section: &SectionReport) -> Markup {
    let all: Vec<usize> = (0..section.rows.len()).collect();
    if all.len() <= LONG {
        return html! { @if !all.is_empty() { (part(section, &all)) } };
    }
    let (failed, rest): (Vec<usize>, Vec<usize>) =
        all.into_iter().partition(|&i| section.rows[i].verdict == Verdict::Fail);
    html! {
        @if !failed.is_empty() { (part(section, &failed)) }
        @if !rest.is_empty() {
            details {
                summary {
                    (if failed.is_empty() { "All rows" } else { "The other rows" }) " "
                    span { (counted(rest.len(), "row", "rows")) }
                }
                (part(section, &rest))
            }
        }
    }
}

/// A table of some of the rows.
fn part(section: &SectionReport, rows: &[usize]) -> Markup {
    let random = |i: &&usize| matches!(section.rows[**i].check, Check::Runs(_));
    let random = match rows.iter().filter(random).count() {
        0 => Random::None,
        all if all == rows.len() => Random::All,
        _ => Random::Some,
    };
    let claims = rows.iter().filter(|&&i| matches!(section.rows[i].check, Check::Holds)).count();
    let expected = match claims {
        0 => "The book",
        all if all == rows.len() => "What must hold",
        _ => "The book, or what must hold",
    };
    // Roles, because a phone's style lays the rows out as cards, and some browsers then forget that this is a table.
    html! {
        div.scroll {
            table.rows role="table" aria-label=(section.title) {
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "Result" }
                        th.number[random == Random::All] scope="col" role="columnheader" { (expected) }
                        th.number[random == Random::All] scope="col" role="columnheader" { "downhill" }
                        @if random != Random::None {
                            th.number scope="col" role="columnheader" { "One more run" }
                            th.strip-head scope="col" role="columnheader" { "All runs" }
                        }
                        th scope="col" role="columnheader" { "Verdict" }
                        th scope="col" role="columnheader" { "Code" }
                    }
                }
                tbody role="rowgroup" { @for &i in rows { (line(section, i, random)) } }
            }
        }
    }
}

/// How many rows of a table are random. It has columns for them if any is.
#[derive(Clone, Copy, PartialEq)]
enum Random {
    None,
    Some,
    All,
}

/// One row.
fn line(section: &SectionReport, index: usize, random: Random) -> Markup {
    let row = &section.rows[index];
    // What is random is a number; anything else may be a long list. Numbers are aligned where there is nothing else.
    let kind = match (&row.check, random) {
        (Check::Runs(_), Random::All) => "number",
        (Check::Runs(_), _) => "plain",
        _ => "text",
    };
    html! {
        tr #(id(section, index)) role="row" .fail-row[row.verdict == Verdict::Fail] {
            th scope="row" role="rowheader" {
                (row.name)
                @if let Some(note) = &row.note { span.note { (note) } }
            }
            td.(kind) role="cell" data-name=(asked(&row.check)) { (row.book) }
            td.(kind) role="cell" data-name=(found(&row.check)) { (row.ours) }
            @if random != Random::None { (columns(row)) }
            td.verdict.(class(row.verdict)) role="cell" {
                span aria-hidden="true" { (sign(row.verdict)) } " "
                (match row.verdict { Verdict::Pass => "agrees", Verdict::Fail => "differs", Verdict::Skipped => "skipped" })
            }
            td role="cell" {
                a href={ "#" (code::line(section, row)) } { "line " (row.line) }
            }
        }
    }
}

/// What stands above a value where columns have no heads.
fn asked(check: &Check) -> &'static str {
    if matches!(check, Check::Holds) { "must hold" } else { "the book" }
}

fn found(check: &Check) -> &'static str {
    if matches!(check, Check::Runs(_)) { "downhill, median" } else { "downhill" }
}

/// The columns of what is random.
fn columns(row: &Row) -> Markup {
    let Check::Runs(runs) = &row.check else {
        return html! { td role="cell" {} td role="cell" {} };
    };
    let Runs { low, high, decimals, .. } = *runs;
    html! {
        td.number role="cell" data-name="one more run" { (format!("{low:.decimals$} – {high:.decimals$}")) }
        td.strip-cell role="cell" {
            (strip::strip(runs))
            @if let Some(Torch { seeds, low, high }) = runs.torch {
                span.note { "PyTorch " (format!("{low:.decimals$} – {high:.decimals$}")) ", " (counted(seeds as usize, "seed", "seeds")) }
            }
        }
    }
}
