//! Rows that compare the book with our runs, and when they agree.

use serde::Serialize;

/// What one line of the report says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) section: String,
    pub(crate) name: String,
    pub(crate) book: f64,
    /// The median of our runs.
    pub(crate) ours: f64,
    /// Between `low` and `high` one more run of ours would lie.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) verdict: Verdict,
    /// How long the section took, all seeds together.
    pub(crate) seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Pass,
    Fail,
}

/// The whole report, as it is written to `report.json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

/// A number as the book prints it: rounded to so many decimals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printed {
    pub(crate) value: f64,
    pub(crate) decimals: i32,
}

impl Row {
    /// Compares the book's number with ours, one for each seed (or just one where nothing is random).
    ///
    /// The book made one run. It agrees if that run could have been one more of ours: if its number lies in the
    /// prediction interval of our runs, give or take the rounding in print. For runs that do not depend on the seed
    /// the interval is a point, so the numbers must be equal as printed.
    ///
    /// All numbers are shares, or distances between shares, so the interval ends at 0 and at 1.
    pub(crate) fn new(section: &str, name: impl Into<String>, book: Printed, ours: &[f64]) -> Row {
        let (low, high) = prediction_interval(ours);
        // (Comparisons, because `max` and `min` would lose a NaN.)
        let low = if low < 0.0 { 0.0 } else { low };
        let high = if high > 1.0 { 1.0 } else { high };
        // Both sides are rounded in print; the last term forgives what rounding in binary adds to a tie.
        let rounding = 0.5 * 10_f64.powi(-book.decimals) * (1.0 + 1e-9);
        let agrees = low - rounding <= book.value && book.value <= high + rounding;
        Row {
            section: section.to_string(),
            name: name.into(),
            book: book.value,
            ours: median(ours),
            low,
            high,
            verdict: if agrees { Verdict::Pass } else { Verdict::Fail },
            seconds: 0.0,
        }
    }
}

impl Row {
    /// A count, which must be the book's.
    pub(crate) fn count(section: &str, name: &str, book: usize, ours: usize) -> Row {
        let verdict = if book == ours { Verdict::Pass } else { Verdict::Fail };
        let (book, ours) = (book as f64, ours as f64);
        let (section, name) = (section.to_string(), name.to_string());
        Row { section, name, book, ours, low: ours, high: ours, verdict, seconds: 0.0 }
    }
}

/// The probability with which one more run lies in the interval. With two hundred rows, a level of 95 % would fail ten
/// of them in a perfect reproduction.
const LEVEL_Z: f64 = 3.290_527; // the normal quantile of 99.9 %, two-sided

/// Where one more run will lie, were runs normally distributed: `mean ± t · s · √(1 + 1/n)`, with Student's t for
/// `n - 1` degrees of freedom. (Not the smallest and largest run: one more run exceeds those of ten every sixth time.)
fn prediction_interval(runs: &[f64]) -> (f64, f64) {
    let n = runs.len() as f64;
    let mean = runs.iter().sum::<f64>() / n;
    // Exactly equal runs have no spread; the sums above may have left a trace of one.
    if runs.iter().all(|&x| x == runs[0]) {
        return (runs[0], runs[0]);
    }
    let deviation = (runs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let reach = student_t(n - 1.0) * deviation * (1.0 + 1.0 / n).sqrt();
    (mean - reach, mean + reach)
}

/// Student's t quantile at the level, by the Cornish-Fisher expansion around the normal one (Abramowitz and Stegun,
/// 26.7.5): within one percent from seven degrees of freedom on.
fn student_t(freedom: f64) -> f64 {
    let z = LEVEL_Z;
    let terms = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
        (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5) - 1920.0 * z.powi(3) - 945.0 * z)
            / 92160.0,
    ];
    terms.iter().enumerate().fold(z, |t, (i, term)| t + term / freedom.powi(i as i32 + 1))
}

fn median(runs: &[f64]) -> f64 {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(book: f64, ours: &[f64]) -> Verdict {
        Row::new("section", "name", Printed { value: book, decimals: 4 }, ours).verdict
    }

    #[test]
    fn a_number_without_chance_must_be_equal_as_printed() {
        assert_eq!(verdict(0.9168, &[926.0 / 1010.0]), Verdict::Pass);
        assert_eq!(verdict(0.9168, &[927.0 / 1010.0]), Verdict::Fail);
        assert_eq!(verdict(0.9168, &[925.0 / 1010.0]), Verdict::Fail);
        assert_eq!(verdict(0.4932, &[0.4932; 10]), Verdict::Pass);
        assert_eq!(verdict(0.4933, &[0.4932; 10]), Verdict::Fail);
    }

    #[test]
    fn a_random_number_must_be_likely() {
        let ours = [0.970, 0.971, 0.972, 0.973, 0.974, 0.972, 0.971, 0.973, 0.972, 0.972];
        assert_eq!(verdict(0.9696, &ours), Verdict::Pass);
        assert_eq!(verdict(0.9600, &ours), Verdict::Fail);
        assert_eq!(verdict(0.9850, &ours), Verdict::Fail);
        assert_eq!(verdict(f64::NAN, &ours), Verdict::Fail);
        assert_eq!(verdict(0.97, &[f64::NAN, 0.97, 0.97]), Verdict::Fail);
    }

    #[test]
    fn the_quantile_is_student_s() {
        // From tables, for a two-sided 99.9 %.
        for (freedom, expected) in [(7.0, 5.408), (9.0, 4.781), (19.0, 3.883), (29.0, 3.659), (120.0, 3.373)]
        {
            let error: f64 = student_t(freedom) / expected - 1.0;
            assert!(error.abs() < 0.01, "{freedom} degrees of freedom: {}", student_t(freedom));
        }
    }
}
