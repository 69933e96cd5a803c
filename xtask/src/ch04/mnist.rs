//! The data: the threes and sevens of the full MNIST files are those of the book, and those in the repository.

use anyhow::{Result, ensure};
use downhill::data::{MnistSample, Split};

use super::Context;
use crate::report::Row;

/// What the book says about the digits: `len(three_tensors)`, `len(seven_tensors)`, and the same for validation.
const BOOK: [(&str, usize); 4] = [
    ("threes to train on", 6131),
    ("sevens to train on", 6265),
    ("threes to validate", 1010),
    ("sevens to validate", 1028),
];

pub(super) fn run(_: &Context) -> Result<Vec<Row>> {
    let full = MnistSample::from_mnist(crate::download::folder())?;
    let embedded = super::embedded()?;
    let digits = |sample: &MnistSample| {
        let MnistSample { train, valid } = sample.clone();
        let Split { threes, sevens } = train;
        [threes, sevens, valid.threes, valid.sevens]
    };
    for (full, embedded) in digits(&full).iter().zip(&digits(&embedded)) {
        let same = full.shape() == embedded.shape() && full.iter().eq(embedded.iter());
        ensure!(same, "the embedded sample is not the threes and sevens of the full files");
    }
    let row = |((name, book), digits): (&(&str, usize), _)| Row::count("mnist", name, *book, digits);
    Ok(BOOK.iter().zip(digits(&full).map(|digits| digits.size(0))).map(row).collect())
}
