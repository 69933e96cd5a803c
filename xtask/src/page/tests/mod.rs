mod html;
mod sample;

use std::collections::BTreeMap;

use super::*;
use crate::ch04::{Context, SECTIONS};
use crate::report::{Figure, Findings, Picture};
use html::{Element, elements, self_contained};
use sample::{HOSTILE, code, is_random, report};

fn sample() -> (Report, Vec<Element>) {
    let report = report();
    let page = page(&report, code).unwrap();
    (report, elements(&page))
}

fn by_id(all: &[Element]) -> BTreeMap<&str, &Element> {
    all.iter().filter_map(|element| Some((&**element.attributes.get("id")?, element))).collect()
}

#[test]
fn every_row_is_there_with_its_verdict_and_its_code() {
    let (report, all) = sample();
    let places = by_id(&all);
    for section in &report.sections {
        let whole = &places[&*section.key].text;
        assert!(whole.contains(&section.title) && whole.contains("1.2 s"), "{}: {whole}", section.key);
        for (i, row) in section.rows.iter().enumerate() {
            let text = &places[&*rows::id(section, i)].text;
            let verdict = match row.verdict {
                Verdict::Pass => "✓ agrees",
                Verdict::Fail => "✗ differs",
                Verdict::Skipped => "– skipped",
            };
            for part in [&row.name, &row.book, &row.ours, verdict, row.note.as_deref().unwrap_or_default()] {
                assert!(text.contains(part), "{} {i}: {part} in {text}", section.key);
            }
            let line = places[&*code::line(section, row)];
            assert_eq!(line.text, code(&section.code).unwrap().lines().nth(row.line as usize - 1).unwrap());
        }
    }
    let strips = all.iter().filter(|element| element.attributes.get("class").is_some_and(|c| c == "strip"));
    let random = report.sections.iter().flat_map(|section| &section.rows).filter(|row| is_random(&row.check));
    // The key shows five; the hostile row has numbers that have no place.
    assert_eq!(strips.count(), 5 + random.count() - 1);
}

#[test]
fn what_failed_cannot_be_folded_away() {
    let (report, all) = sample();
    let folded: String = all.iter().filter(|e| e.name == "details").map(|e| &*e.text).collect();
    assert!(folded.contains("✓ agrees") && !folded.contains("✗ differs"));
    let alarm = all.iter().find(|e| e.attributes.get("class").is_some_and(|class| class == "alarm")).unwrap();
    let failed = report.sections.iter().flat_map(|section| &section.rows);
    let failed: Vec<_> = failed.filter(|row| row.verdict == Verdict::Fail).collect();
    assert_eq!(failed.len(), 4);
    assert!(failed.iter().all(|row| alarm.text.contains(&row.name)));
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let (report, all) = sample();
    self_contained(&all);
    let count = |name: &str| all.iter().filter(|element| element.name == name).count();
    let pictures = report.sections.iter().flat_map(|section| &section.figures).map(|figure| match figure {
        Figure::Pictures { pictures, .. } => pictures.len(),
        _ => 0,
    });
    assert_eq!(count("img"), pictures.sum::<usize>());
    assert!(all.iter().filter(|e| e.name == "img").all(|img| !img.attributes["alt"].is_empty()));
    let figures: usize = report.sections.iter().map(|section| section.figures.len()).sum();
    assert_eq!(count("figure"), figures);
}

/// The sample's code is not what says its rows. That of real sections is.
#[test]
fn real_rows_link_to_what_says_them() {
    let ctx = Context::new(false, vec![0, 1, 2], None, Box::new(|| ())).unwrap();
    let quick = ["tensors", "pixel-similarity", "gradients"];
    let sections = SECTIONS.iter().filter(|section| quick.contains(&section.key)).map(|section| {
        let mut out = Findings::default();
        (section.run)(&ctx, &mut out).unwrap();
        let Findings { rows, figures } = out;
        let (key, title) = (section.key.to_string(), section.title.to_string());
        SectionReport { key, title, code: section.code(), seconds: 0.0, rows, figures }
    });
    let report = Report { machine: Machine::here(1), seeds: 3, sections: sections.collect() };
    assert_eq!(report.sections.len(), quick.len());
    let read = |path: &str| Ok(std::fs::read_to_string(crate::root().join(path))?);
    let all = elements(&page(&report, read).unwrap());
    self_contained(&all);
    let places = by_id(&all);
    for section in &report.sections {
        assert!(!section.rows.is_empty(), "{}", section.key);
        for row in &section.rows {
            let line = &places[&*code::line(section, row)].text;
            assert!(line.contains("out"), "{}, {}: {line}", section.key, row.name);
        }
    }
}

#[test]
fn text_stays_text() {
    let (_, all) = sample();
    // (That there is no element but those of the page, the test above says.)
    let row = by_id(&all)["hostile-row-1"];
    assert_eq!(row.text.matches(HOSTILE).count(), 4, "{}", row.text);
    assert!(all.iter().any(|element| element.name == "text" && element.text.trim() == HOSTILE));
    assert!(all.iter().any(|e| e.name == "img" && e.attributes["alt"] == format!("{HOSTILE}: {HOSTILE}")));
}

#[test]
fn the_headline_is_the_verdict() {
    let mut report = report();
    assert_eq!(headline(&report), "4 of 29 results do not agree with the book");
    for section in &mut report.sections {
        section.rows.retain(|row| row.verdict == Verdict::Pass);
    }
    assert_eq!(headline(&report), "All 25 results agree with the book");
    report.sections.clear();
    assert_eq!(headline(&report), "Nothing was compared with the book");
    assert!(!page(&report, code).unwrap().contains("What does not agree"));
}

#[test]
fn what_cannot_be_shown_is_an_error_that_names_it() {
    let error = page(&report(), |path| anyhow::bail!("reading {path}")).unwrap_err();
    assert!(format!("{error:#}").contains("reading xtask/src/ch04/certain.rs"), "{error:#}");
    let picture = Picture { label: "a three".into(), height: 2, width: 2, channels: 1, bytes: vec![0; 3] };
    let (title, pictures) = ("A batch".to_string(), vec![picture]);
    let error = figures::figure(&Figure::Pictures { title, columns: 1, pictures }).unwrap_err();
    let expected = "figure \"A batch\": picture \"a three\": 3 bytes for 2 x 2 pixels of 1 channels";
    assert_eq!(format!("{error:#}"), expected);
    let (title, classes) = ("Confusion".to_string(), vec!["3".to_string()]);
    assert!(figures::figure(&Figure::Confusion { title, classes, counts: vec![vec![1, 2]] }).is_err());
}

#[test]
fn times_are_for_the_eye() {
    let all = [0.0004, 0.0426, 0.0996, 1.26, 42.4, 99.6, 125.0].map(time);
    assert_eq!(all, ["0 ms", "43 ms", "0.1 s", "1.3 s", "42 s", "1 min 40 s", "2 min 05 s"]);
}
