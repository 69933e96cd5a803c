//! A random result on one line: our runs, where one more would lie, the book's number, PyTorch's range.

use maud::{Markup, html};

use crate::report::{Runs, Torch};

/// In units of the drawing; the style says how large it is.
const WIDTH: f64 = 208.0;
/// What is left free at both ends, for half a diamond.
const EDGE: f64 = 7.0;

/// Where numbers lie between the ends.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// Over everything that is shown. None if something is no number.
    fn new(runs: &Runs) -> Option<Scale> {
        let torch = runs.torch.iter().flat_map(|torch| [torch.low, torch.high]);
        let all = runs.runs.iter().copied().chain([runs.book, runs.median, runs.low, runs.high]).chain(torch);
        let mut scale = Scale { low: f64::INFINITY, high: f64::NEG_INFINITY };
        for x in all {
            if !x.is_finite() {
                return None;
            }
            scale = Scale { low: scale.low.min(x), high: scale.high.max(x) };
        }
        Some(scale)
    }

    /// To a hundredth of a unit.
    fn at(&self, x: f64) -> f64 {
        let share = if self.high > self.low { (x - self.low) / (self.high - self.low) } else { 0.5 };
        ((EDGE + share * (WIDTH - 2.0 * EDGE)) * 100.0).round() / 100.0
    }
}

pub(super) fn strip(runs: &Runs) -> Markup {
    let Some(scale) = Scale::new(runs) else {
        return html! {};
    };
    let (low, high) = (scale.at(runs.low), scale.at(runs.high));
    html! {
        svg.strip viewBox={ "0 0 " (WIDTH) " 28" } preserveAspectRatio="xMinYMid" role="img" aria-label=(in_words(runs)) {
            title { (in_words(runs)) }
            line.axis x1="0" x2=(WIDTH) y1="12" y2="12" {}
            // (A point has no width; it shall be seen all the same.)
            rect.interval x=(low - 1.0) y="4" width=(format!("{:.2}", high - low + 2.0)) height="16" rx="3" {}
            @for &run in &runs.runs { line.run x1=(scale.at(run)) x2=(scale.at(run)) y1="6" y2="18" {} }
            line.median x1=(scale.at(runs.median)) x2=(scale.at(runs.median)) y1="2" y2="22" {}
            @if let Some(Torch { low, high, .. }) = runs.torch {
                path.torch d=(format!("M{0} 22v4H{1}v-4", scale.at(low), scale.at(high))) {}
            }
            (diamond(scale.at(runs.book)))
        }
    }
}

fn diamond(x: f64) -> Markup {
    html! { path.book d=(format!("M{x} 5.5l6.5 6.5l-6.5 6.5l-6.5-6.5z")) {} }
}

fn in_words(runs: &Runs) -> String {
    let Runs { book, median, low, high, decimals, .. } = runs;
    let mut words = format!(
        "The book {book:.decimals$}, our median {median:.decimals$} of {}, one more run {low:.decimals$} to {high:.decimals$}",
        super::counted(runs.runs.len(), "run", "runs"),
    );
    if let Some(Torch { low, high, .. }) = runs.torch {
        words += &format!(", PyTorch {low:.decimals$} to {high:.decimals$}");
    }
    words
}

/// What the parts of a strip are.
pub(super) fn key() -> Markup {
    let sample = |part: Markup| html! { svg.strip viewBox="0 0 26 28" aria-hidden="true" { line.axis x1="0" x2="26" y1="12" y2="12" {} (part) } };
    let parts = [
        (html! { path.book d="M13 5.5l6.5 6.5l-6.5 6.5l-6.5-6.5z" {} }, "the book"),
        (html! { line.median x1="13" x2="13" y1="2" y2="22" {} }, "our median"),
        (html! { @for x in [6, 11, 19] { line.run x1=(x) x2=(x) y1="6" y2="18" {} } }, "our runs"),
        (
            html! { rect.interval x="1" y="4" width="24" height="16" rx="3" {} },
            "where one more run would lie",
        ),
        (html! { path.torch d="M3 22v4H23v-4" {} }, "PyTorch’s range"),
    ];
    html! { ul.key { @for (part, words) in parts { li { (sample(part)) (words) } } } }
}
