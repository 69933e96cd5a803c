//! Comma-separated values: a line of names, then a line for each item.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use csv::{ErrorKind, ReaderBuilder, StringRecord};
use downhill_tensor::{Float, Tensor};

use crate::error::{Error, Result};

/// A CSV file with a header, whose columns can be taken as numbers or as labels.
///
/// Fields may be quoted (RFC 4180). Lines are counted from 1, the header's, as in an editor.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("iris.csv");
/// use downhill_data::{CsvTable, TensorDataset};
///
/// std::fs::write(&path, "sepal,petal,species\n5.1,1.4,setosa\n7.0,4.7,versicolor\n4.9,1.4,setosa\n").unwrap();
/// let iris = CsvTable::read(&path)?;
/// let x = iris.numbers::<f32>(&["petal", "sepal"])?;
/// let (y, vocab) = iris.labels("species")?;
/// assert_eq!((x.shape(), x.get(&[1, 0])), (&[3, 2][..], 4.7));
/// assert_eq!((y.to_vec(), vocab[1].as_str()), (vec![0, 1, 0], "versicolor"));
/// let dset = TensorDataset::new(x, y)?;
/// # Ok::<(), downhill_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CsvTable {
    path: PathBuf,
    header: Vec<String>,
    /// With the number of the line in which each begins.
    rows: Vec<(u64, StringRecord)>,
}

impl CsvTable {
    /// The table in a file, whose fields are separated by commas.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Csv`] if there is no header, a line has more or fewer fields
    /// than the header, or a field is not UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<CsvTable> {
        let path = path.as_ref();
        CsvTable::read_from(path, File::open(path).map_err(Error::io(path))?, b',')
    }

    /// The table that `source` delivers, whose fields are separated by `delimiter`. `name` is what errors call it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// ```
    /// let table = downhill_data::CsvTable::read_from("a table", &b"a;b\n1;2\n"[..], b';')?;
    /// assert_eq!((table.header(), table.len()), (&["a".to_string(), "b".to_string()][..], 1));
    /// # Ok::<(), downhill_data::Error>(())
    /// ```
    pub fn read_from(name: impl AsRef<Path>, mut source: impl Read, delimiter: u8) -> Result<CsvTable> {
        let path = name.as_ref().to_owned();
        let mut content = Vec::new();
        source.read_to_end(&mut content).map_err(Error::io(&path))?;
        let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(&content[..]);
        let header: Vec<String> = match reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim().to_string()).collect(),
            Err(error) => return Err(broken(&path, &content, &[], error)),
        };
        if header.iter().all(String::is_empty) {
            return Err(error_at(&path, 1, "1", "a header with the names of the columns", "none"));
        }
        let row = |record: std::result::Result<StringRecord, csv::Error>| {
            let record = record.map_err(|error| broken(&path, &content, &header, error))?;
            Ok((line(&content, record.position()), record))
        };
        let rows = reader.records().map(row).collect::<Result<_>>()?;
        Ok(CsvTable { path, header, rows })
    }

    /// The names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The number of lines behind the header.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no lines behind the header.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Columns of numbers, side by side. Shape `[n, columns]`.
    ///
    /// # Errors
    /// [`Error::Csv`] if there is no such column, or a field is no finite number of this type.
    pub fn numbers<E: Float + FromStr>(&self, columns: &[&str]) -> Result<Tensor<E>> {
        let at = columns.iter().map(|column| self.column(column)).collect::<Result<Vec<usize>>>()?;
        let mut values = Vec::with_capacity(at.len() * self.rows.len());
        for (line, row) in &self.rows {
            for &column in &at {
                let field = &row[column];
                match field.trim().parse::<E>() {
                    Ok(value) if value.to_f64().is_finite() => values.push(value),
                    _ => return Err(self.error(*line, column, &format!("a finite {}", E::DTYPE), field)),
                }
            }
        }
        Ok(Tensor::from_vec(values, &[self.rows.len(), at.len()]))
    }

    /// A column of labels as numbers, and the vocabulary, sorted, in which they count. Shape `[n]`.
    ///
    /// # Errors
    /// [`Error::Csv`] if there is no such column, or a field is empty.
    pub fn labels(&self, column: &str) -> Result<(Tensor<i64>, Vec<String>)> {
        let at = self.column(column)?;
        let mut vocab: Vec<String> = self.rows.iter().map(|(_, row)| row[at].trim().to_string()).collect();
        vocab.sort();
        vocab.dedup();
        vocab.retain(|name| !name.is_empty());
        Ok((self.labels_in(column, &vocab)?, vocab))
    }

    /// A column of labels as numbers in a given vocabulary, that of the training set. Shape `[n]`.
    ///
    /// # Errors
    /// [`Error::Csv`] if there is no such column, or a label is not in the vocabulary.
    pub fn labels_in(&self, column: &str, vocab: &[String]) -> Result<Tensor<i64>> {
        let at = self.column(column)?;
        let numbers: std::collections::HashMap<&str, i64> =
            vocab.iter().zip(0..).map(|(name, number)| (name.as_str(), number)).collect();
        let label = |(line, row): &(u64, StringRecord)| {
            let found = numbers.get(row[at].trim()).copied();
            found.ok_or_else(|| self.error(*line, at, "a label of the vocabulary", &row[at]))
        };
        let labels: Vec<i64> = self.rows.iter().map(label).collect::<Result<_>>()?;
        Ok(Tensor::from_slice(&labels, &[labels.len()]))
    }

    fn column(&self, name: &str) -> Result<usize> {
        let mut found = self.header.iter().enumerate().filter(|(_, column)| *column == name);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Ok(at),
            (None, _) => {
                let found = format!("{:?}", self.header);
                Err(error_at(&self.path, 1, name, "a column of this name", &found))
            }
            _ => Err(error_at(&self.path, 1, name, "one column of this name", "several")),
        }
    }

    fn error(&self, line: u64, column: usize, expected: &str, found: &str) -> Error {
        error_at(&self.path, line, &self.header[column], expected, &format!("{found:?}"))
    }
}

fn error_at(path: &Path, line: u64, column: &str, expected: &str, found: &str) -> Error {
    Error::Csv {
        path: path.to_owned(),
        line,
        column: column.into(),
        expected: expected.into(),
        found: found.into(),
    }
}

/// The line in which a record begins. The reader's own count stops at empty lines before it.
fn line(content: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(content.len());
    let empty = content[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
}

/// An error of the reader, in our words.
fn broken(path: &Path, content: &[u8], header: &[String], error: csv::Error) -> Error {
    let name = |at: usize| header.get(at).cloned().unwrap_or_else(|| (at + 1).to_string());
    match error.into_kind() {
        ErrorKind::Io(source) => Error::Io { path: path.to_owned(), source },
        ErrorKind::Utf8 { pos, err } => {
            let line = line(content, pos.as_ref());
            error_at(path, line, &name(err.field()), "UTF-8", "other bytes")
        }
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = line(content, pos.as_ref());
            let column = name(len.min(expected_len) as usize);
            error_at(path, line, &column, &format!("{expected_len} fields"), &len.to_string())
        }
        other => error_at(path, 0, "1", "a table", &format!("{other:?}")),
    }
}
