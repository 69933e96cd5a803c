//! The report as a page: one file that holds everything it shows, from the style to the code, and asks no network for
//! more.

mod chart;
mod code;
mod figures;
mod rows;
mod strip;
#[cfg(test)]
mod tests;
mod theme;

use anyhow::{Context as _, Result};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::{Check, Machine, Report, Row, SectionReport, Verdict};

/// What the page may load: the pictures and the style that it holds itself. It runs nothing.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// The page. `read` reads a file of the repository, for the code of the sections.
pub(crate) fn page(report: &Report, read: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut sections = Vec::new();
    for section in &report.sections {
        let code = read(&section.code)?;
        let markup = whole_section(section, &code);
        sections.push(markup.with_context(|| format!("the page's section {}", section.key))?);
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "downhill: " (headline(report)) }
                // Otherwise a browser asks its server for one.
                link rel="icon" href="data:,";
                style { (PreEscaped(theme::css())) }
            }
            body {
                (header(report))
                main {
                    (alarm(report))
                    (contents(report))
                    (how_to_read(report))
                    @for section in &sections { (section) }
                    (machine(&report.machine))
                }
            }
        }
    };
    Ok(page.into_string())
}

fn headline(report: &Report) -> String {
    let count = |verdict| report.count(verdict);
    match (count(Verdict::Pass), count(Verdict::Fail)) {
        (0, 0) => "Nothing was compared with the book".into(),
        (passed, 0) => format!("All {} with the book", counted(passed, "result agrees", "results agree")),
        (passed, failed) => {
            let verb = if failed == 1 { "does" } else { "do" };
            format!(
                "{failed} of {} {verb} not agree with the book",
                counted(passed + failed, "result", "results")
            )
        }
    }
}

/// `1 row`, `2 rows`.
fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn header(report: &Report) -> Markup {
    let seconds = report.sections.iter().map(|section| section.seconds).sum();
    let skipped = report.count(Verdict::Skipped);
    let machine = &report.machine;
    html! {
        header {
            p.eyebrow { "fastbook, chapter 4, in Rust with downhill " (machine.downhill) }
            h1 { (headline(report)) }
            p.lede {
                "The chapter \u{201c}Under the Hood: Training a Digit Classifier\u{201d}, run from its first number to its "
                "last. Whatever is random was computed for " (counted(report.seeds, "seed", "seeds")) "."
                @if skipped > 0 {
                    " " (counted(skipped, "row was skipped; it says why", "rows were skipped; each says why")) "."
                }
            }
            dl.stats {
                @for verdict in [Verdict::Pass, Verdict::Fail, Verdict::Skipped] {
                    @let count = report.count(verdict);
                    div {
                        dt { (rows::word(verdict)) }
                        dd.(rows::class(verdict)).muted[count == 0] { span aria-hidden="true" { (rows::sign(verdict)) } " " (count) }
                    }
                }
                div { dt { "seeds" } dd { (report.seeds) } }
                div { dt { "on " (counted(machine.threads, "thread", "threads")) } dd { (time(seconds)) } }
            }
            p.meta { (date(&machine.date)) " · " (machine.cpu) }
        }
    }
}

/// What failed, from the whole page, where nobody can miss it.
fn alarm(report: &Report) -> Markup {
    let failed = |section: &SectionReport| section.rows.iter().any(|row| row.verdict == Verdict::Fail);
    html! {
        @if report.count(Verdict::Fail) > 0 {
            div.alarm {
                h2 { "What does not agree" }
                ul {
                    @for section in report.sections.iter().filter(|section| failed(section)) {
                        @for (i, row) in section.rows.iter().enumerate() {
                            @if row.verdict == Verdict::Fail {
                                li {
                                    (section.title) ": " a href={ "#" (rows::id(section, i)) } { (row.name) }
                                    (if matches!(row.check, Check::Holds) { ", asked " } else { ", in the book " })
                                    (row.book) ", here " (row.ours)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn contents(report: &Report) -> Markup {
    html! {
        nav aria-label="Contents" {
            ol {
                @for section in &report.sections {
                    li {
                        a href={ "#" (section.key) } { (section.title) }
                        span.cells aria-hidden="true" {
                            @for row in &section.rows { i.(rows::class(row.verdict)) {} }
                        }
                        (summary(&section.rows))
                        span.time { (time(section.seconds)) }
                    }
                }
            }
        }
    }
}

/// A section's verdict, in a few words.
fn summary(rows: &[Row]) -> Markup {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let [passed, failed, skipped] = [Verdict::Pass, Verdict::Fail, Verdict::Skipped].map(count);
    let verdict = match (passed, failed) {
        (0, 0) if rows.is_empty() => return html! { span.muted { "nothing to compare" } },
        (_, 1..) => Verdict::Fail,
        (1.., _) => Verdict::Pass,
        _ => Verdict::Skipped,
    };
    html! {
        span.verdict.(rows::class(verdict)) {
            span aria-hidden="true" { (rows::sign(verdict)) " " }
            @match verdict {
                Verdict::Fail => { (failed) " of " (counted(passed + failed, "differs", "differ")) }
                Verdict::Pass => { (passed) " " (if passed == 1 { "agrees" } else { "agree" }) }
                Verdict::Skipped => { "skipped" }
            }
            @if skipped > 0 && verdict != Verdict::Skipped { span.skipped { ", " (skipped) " skipped" } }
        }
    }
}

fn how_to_read(report: &Report) -> Markup {
    html! {
        section #reading {
            h2 { "How to read this page" }
            p {
                "What does not depend on chance must be what the book prints, digit by digit. What does was computed for "
                (counted(report.seeds, "seed", "seeds")) ", unless a section says otherwise. The book made one run: it agrees if that "
                "could have been one more of ours, that is if its number lies where the next run would lie with a "
                "probability of 99.9 %. Where PyTorch\u{2019}s numbers for the same program are known, our median must lie within "
                "their range as well."
            }
            p { "A strip shows one such result, on a scale of its own:" }
            (strip::key())
        }
    }
}

fn whole_section(section: &SectionReport, code: &str) -> Result<Markup> {
    Ok(html! {
        section #(section.key) aria-labelledby={ (section.key) "-title" } {
            h2 id={ (section.key) "-title" } { (section.title) }
            p.meta {
                (summary(&section.rows)) " · " (time(section.seconds)) " · "
                a href={ "#" (code::id(section)) } { (section.code) }
            }
            @if !section.figures.is_empty() { div.figures { @for figure in &section.figures { (figures::figure(figure)?) } } }
            (rows::table(section))
            (code::listing(section, code))
        }
    })
}

fn machine(machine: &Machine) -> Markup {
    let memory = machine.memory.map(|gib| format!("{gib:.1} GiB"));
    let entries = [
        ("Processor", machine.cpu.clone()),
        ("Cores", format!("{}, of which {} were used", machine.cores, machine.threads)),
        ("Instructions", machine.isa.clone()),
        ("Memory", memory.unwrap_or_else(|| "unknown".into())),
        ("System", machine.os.clone()),
        ("Compiler", machine.rustc.clone()),
        ("downhill", machine.downhill.clone()),
        ("Started", date(&machine.date)),
    ];
    html! {
        section #machine {
            h2 { "Machine and versions" }
            dl.machine { @for (name, value) in &entries { dt { (name) } dd { (value) } } }
        }
    }
}

/// `2024-05-01T12:00:00Z` for the eye.
fn date(rfc3339: &str) -> String {
    rfc3339.replace('T', " ").replace('Z', " UTC")
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{:.0} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s => format!("{} min {:02} s", s.round() as u64 / 60, s.round() as u64 % 60),
    }
}
