//! How a section says what it has found.

use std::fmt::Display;
use std::panic::Location;

use super::runs::prediction_interval;
use super::{Check, Figure, Printed, Row, Runs, Torch, Verdict};

/// A section's rows and figures, in the order in which they are said.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) rows: Vec<Row>,
    pub(crate) figures: Vec<Figure>,
}

impl Findings {
    /// Nothing is random: ours must be the book's text. (But for line breaks, which depend on a page's width.)
    #[track_caller]
    pub(crate) fn equal(&mut self, name: impl Into<String>, book: impl Display, ours: impl Display) {
        let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (book, ours) = (words(book.to_string()), words(ours.to_string()));
        let agrees = book == ours;
        self.push(name, book, ours, Check::Equal, agrees);
    }

    /// Nothing is random: ours, rounded as the book does, must be the book's number.
    #[track_caller]
    pub(crate) fn number(&mut self, name: impl Into<String>, book: Printed, ours: f64) {
        self.equal(name, book.text(book.value), book.text(ours));
    }

    /// Something must be true. `asked` says what, `found` what was measured.
    #[track_caller]
    pub(crate) fn holds(
        &mut self,
        name: impl Into<String>,
        asked: impl Display,
        found: impl Display,
        holds: bool,
    ) {
        self.push(name, asked.to_string(), found.to_string(), Check::Holds, holds);
    }

    /// A random number, of the book's one run and of ours, one for each seed.
    ///
    /// The book agrees if its run could have been one more of ours: if its number lies in the prediction interval of our
    /// runs, give or take the rounding in print. For runs that do not depend on the seed the interval is a point, so the
    /// numbers must be equal as printed.
    ///
    /// PyTorch agrees, if there is something to compare with, if our median lies within the range of its seeds. That
    /// asks for less than the same distribution, but a fault that moves it by more than it spreads is seen; and the
    /// range, other than the interval, does not grow if our runs spread more than they should.
    #[track_caller]
    pub(crate) fn runs(
        &mut self,
        name: impl Into<String>,
        book: Printed,
        runs: &[f64],
        torch: Option<Torch>,
    ) {
        let (low, high) = prediction_interval(runs);
        // Both sides are rounded in print; the last term forgives what rounding in binary adds to a tie.
        let rounding = 0.5 * 10_f64.powi(-(book.decimals as i32)) * (1.0 + 1e-9);
        let within = |low, high, x| low - rounding <= x && x <= high + rounding;
        let median = median(runs);
        let agrees =
            within(low, high, book.value) && torch.is_none_or(|torch| within(torch.low, torch.high, median));
        let (text, ours) = (book.text(book.value), book.text(median));
        let Printed { value, decimals } = book;
        let check =
            Check::Runs(Runs { book: value, decimals, runs: runs.to_vec(), median, low, high, torch });
        self.push(name, text, ours, check, agrees);
    }

    /// A row that cannot be computed here.
    #[track_caller]
    pub(crate) fn skip(&mut self, name: impl Into<String>, asked: impl Display, why: &str) {
        self.holds(name, asked, "", true);
        let row = self.rows.last_mut().expect("just pushed");
        (row.verdict, row.note) = (Verdict::Skipped, Some(why.to_string()));
    }

    /// What there is to say about the row before.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.rows.last_mut().expect("a note follows a row").note = Some(note.into());
    }

    pub(crate) fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    #[track_caller]
    fn push(&mut self, name: impl Into<String>, book: String, ours: String, check: Check, agrees: bool) {
        let verdict = if agrees { Verdict::Pass } else { Verdict::Fail };
        let line = Location::caller().line();
        self.rows.push(Row { name: name.into(), book, ours, check, verdict, note: None, line });
    }
}

impl Printed {
    /// A number, printed like this one.
    pub(crate) fn text(self, x: f64) -> String {
        format!("{x:.*}", self.decimals)
    }
}

pub(crate) fn median(runs: &[f64]) -> f64 {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(say: impl FnOnce(&mut Findings)) -> Verdict {
        let mut out = Findings::default();
        say(&mut out);
        out.rows[0].verdict
    }

    fn of_runs(book: f64, ours: &[f64]) -> Verdict {
        verdict(|out| out.runs("row", Printed { value: book, decimals: 4 }, ours, None))
    }

    #[test]
    fn a_number_without_chance_must_be_equal_as_printed() {
        for (book, ours, expected) in [
            (0.9168, 926.0 / 1010.0, Verdict::Pass),
            (0.9168, 927.0 / 1010.0, Verdict::Fail),
            (0.9168, 925.0 / 1010.0, Verdict::Fail),
            (0.4932, 0.4932, Verdict::Pass),
            (0.4933, 0.4932, Verdict::Fail),
            (0.4933, f64::NAN, Verdict::Fail),
        ] {
            let printed = Printed { value: book, decimals: 4 };
            assert_eq!(verdict(|out| out.number("row", printed, ours)), expected, "{ours}");
            assert_eq!(of_runs(book, &[ours; 10]), expected, "{ours}, ten times");
        }
        assert_eq!(verdict(|out| out.equal("row", "[3, 2]", "[3, 2]")), Verdict::Pass);
        assert_eq!(verdict(|out| out.equal("row", "[3, 2]", "[2, 3]")), Verdict::Fail);
    }

    #[test]
    fn a_random_number_must_be_likely() {
        let ours = [0.970, 0.971, 0.972, 0.973, 0.974, 0.972, 0.971, 0.973, 0.972, 0.972];
        assert_eq!(of_runs(0.9696, &ours), Verdict::Pass);
        assert_eq!(of_runs(0.9600, &ours), Verdict::Fail);
        assert_eq!(of_runs(0.9850, &ours), Verdict::Fail);
        assert_eq!(of_runs(f64::NAN, &ours), Verdict::Fail);
        assert_eq!(of_runs(0.97, &[f64::NAN, 0.97, 0.97]), Verdict::Fail);
    }

    #[test]
    fn the_median_must_be_one_of_pytorch_s() {
        let book = Printed { value: 0.9696, decimals: 4 };
        let torch = Some(Torch { seeds: 30, low: 0.9643, high: 0.9775 });
        let of = |median: f64| [median - 0.01, median, median + 0.01];
        assert_eq!(verdict(|out| out.runs("row", book, &of(0.972), torch)), Verdict::Pass);
        assert_eq!(verdict(|out| out.runs("row", book, &of(0.978), torch)), Verdict::Fail);
        assert_eq!(verdict(|out| out.runs("row", book, &of(0.978), None)), Verdict::Pass);
    }

    #[test]
    fn a_row_knows_its_line_and_why_it_was_skipped() {
        let mut out = Findings::default();
        out.skip("ten digits", "above 0.97", "no files");
        assert_eq!((out.rows[0].verdict, out.rows[0].line), (Verdict::Skipped, line!() - 1));
        assert_eq!(out.rows[0].note.as_deref(), Some("no files"));
    }
}
