//! A report with a row and a figure of each kind, and text that would like to be more than text.

use crate::report::{
    Check, Figure, Findings, Histogram, Machine, Picture, Printed, Report, SectionReport, Series, Torch,
};

/// Breaks out of an element, of an attribute in either quotes, and of an entity.
pub(super) const HOSTILE: &str = "<script>alert(1)</script> \"onload='x' &lt; </pre></style>";

/// Numbers around `centre`, the same ones whenever it is asked.
fn around(centre: f64, spread: f64, count: usize) -> Vec<f64> {
    (0..count).map(|i| centre + spread * (2.4 * i as f64 + 100.0 * centre).sin()).collect()
}

pub(super) fn report() -> Report {
    let machine = Machine {
        cpu: "A processor (R) @ 2.10GHz".into(),
        cores: 4,
        threads: 2,
        isa: "Avx512".into(),
        memory: Some(15.6),
        os: "linux".into(),
        rustc: "rustc 1.89.0".into(),
        downhill: "0.1.0".into(),
        date: "2024-05-01T12:00:00Z".into(),
    };
    let sections = vec![
        section("certain", "Nothing is random", certain()),
        section("random", "An accuracy", random()),
        section("fitted", "What is fitted", fitted()),
        section("skipped", "Ten digits", skipped()),
        section("hostile", HOSTILE, hostile()),
        section("nothing", "A section that has nothing to say", Findings::default()),
    ];
    Report { machine, seeds: 10, sections }
}

fn section(key: &str, title: &str, found: Findings) -> SectionReport {
    let Findings { rows, figures } = found;
    let code = format!("xtask/src/ch04/{key}.rs");
    SectionReport { key: key.into(), title: title.into(), code, seconds: 1.25, rows, figures }
}

/// The code of each section: long enough for the lines of this file.
pub(super) fn code(path: &str) -> anyhow::Result<String> {
    Ok(format!("//! {path}\n{}", "fn main() { let a = &[\"<b>\"]; }\n".repeat(200)))
}

fn picture(label: &str, channels: usize) -> Picture {
    let bytes = (0..28 * 28 * channels).map(|i| (i * i / 40 % 256) as u8).collect();
    Picture { label: label.into(), height: 28, width: 28, channels, bytes }
}

fn certain() -> Findings {
    let mut out = Findings::default();
    out.equal("first(dl)[0].shape", "[256, 784]", "[256, 784]");
    out.number("is_3(valid_3_tens)", Printed { value: 0.9168, decimals: 4 }, 0.9168);
    out.note("926 of 1010");
    out.number("is_3(valid_7_tens)", Printed { value: 0.9854, decimals: 4 }, 0.9844);
    let pictures = vec![picture("3", 1), picture("7", 3)];
    out.figure(Figure::Pictures { title: "The mean digits".into(), columns: 2, pictures });
    let pictures = (0..16).map(|i| picture(&format!("{i} / {} / 3.21", i + 1), 1)).collect();
    out.figure(Figure::Pictures { title: "Top losses".into(), columns: 8, pictures });
    let (classes, counts) = (vec!["3".into(), "7".into()], vec![vec![990, 20], vec![15, 1013]]);
    out.figure(Figure::Confusion { title: "Confusion".into(), classes, counts });
    out
}

fn random() -> Findings {
    let mut out = Findings::default();
    let curve: Vec<f64> = (0..22).map(|i| 0.975 - 0.47 * (-0.6 * f64::from(i)).exp()).collect();
    let mut book = Vec::new();
    for (i, &centre) in curve.iter().enumerate() {
        // The thirteenth is one that must fail.
        let value = if i == 12 { 0.94 } else { centre - 0.0012 };
        book.push(value);
        let torch = (i == 21).then_some(Torch { seeds: 30, low: 0.9643, high: 0.9776 });
        let runs = around(centre, 0.06 / (i + 3) as f64, 10);
        out.runs(format!("after epoch {i}"), Printed { value, decimals: 4 }, &runs, torch);
    }
    let runs = (0..10).map(|seed| {
        let shift = f64::from(seed).sin();
        curve.iter().enumerate().map(|(i, y)| y + 0.05 * shift / (i + 2) as f64).collect()
    });
    let (title, x, y) = ("train_epoch".into(), "epoch".into(), "accuracy".into());
    out.figure(Figure::Curves { title, x, y, first_x: 0.0, book, runs: runs.collect() });
    out
}

fn fitted() -> Findings {
    let mut out = Findings::default();
    out.holds("the loss falls", "at every step", "seven times of seven", true);
    out.holds("two layers are one", "error at most 1e-5", "2.5e-3", false);
    let xs = || (0..120).map(|i| f64::from(i) / 20.0 - 3.0);
    let series = [("the function", true), ("what was fitted", true), ("the data", false)];
    let series = series.into_iter().enumerate().map(|(i, (name, line))| {
        let points = xs().map(|x| (x, (2.0 * x).sin() + 0.15 * i as f64 * (9.0 * x).cos())).collect();
        Series { name: name.into(), line, points }
    });
    let (title, x, y) = ("A wiggly function".into(), "x".into(), "y".into());
    out.figure(Figure::Functions { title, x, y, series: series.collect() });
    let layers = ["0: Linear", "1: ReLU", "2: Linear"].map(|name| {
        let values: Vec<f32> =
            (0..5000).map(|i| ((i as f32).sin() + (i as f32 * 1.7).sin()).powi(3)).collect();
        Histogram::new(name, &values, 40)
    });
    out.figure(Figure::Histograms { title: "Activations".into(), layers: layers.into() });
    out
}

fn skipped() -> Findings {
    let mut out = Findings::default();
    out.skip("a small net", "accuracy at least 0.97", "the full MNIST files are not there");
    out
}

fn hostile() -> Findings {
    let mut out = Findings::default();
    out.equal(HOSTILE, HOSTILE, HOSTILE);
    out.note(HOSTILE);
    let text = || HOSTILE.to_string();
    let bad = || vec![f64::NAN, f64::INFINITY, 1.0];
    out.runs(HOSTILE, Printed { value: f64::NAN, decimals: 2 }, &bad(), None);
    out.figure(Figure::Curves {
        title: text(),
        x: text(),
        y: text(),
        first_x: 0.0,
        book: bad(),
        runs: vec![bad()],
    });
    out.figure(Figure::Curves {
        title: text(),
        x: text(),
        y: text(),
        first_x: 0.0,
        book: vec![],
        runs: vec![],
    });
    let series = vec![Series { name: text(), line: true, points: vec![(f64::NAN, 0.0)] }];
    out.figure(Figure::Functions { title: text(), x: text(), y: text(), series });
    out.figure(Figure::Pictures { title: text(), columns: 1, pictures: vec![picture(HOSTILE, 1)] });
    out.figure(Figure::Histograms { title: text(), layers: vec![Histogram::new(HOSTILE, &[], 3)] });
    out.figure(Figure::Confusion { title: text(), classes: vec![text()], counts: vec![vec![0]] });
    out
}

/// Whether a row's kind is the one that has columns of its own.
pub(super) fn is_random(check: &Check) -> bool {
    matches!(check, Check::Runs(_))
}
