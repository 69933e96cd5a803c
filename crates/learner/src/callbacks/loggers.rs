//! The record in files, line by line as epochs end.
//!
//! After each epoch the file is written anew from the record, as a whole. So it has each epoch once, also if the training
//! was killed and goes on from a checkpoint that is older than the last line.

use std::fs;
use std::path::PathBuf;

use downhill_tensor::file;

use crate::callback::{Callback, Flow, flow};
use crate::error::{Error, Result};
use crate::recorder::{Recorder, format_time};
use crate::state::State;

/// A file to which each training adds lines.
#[derive(Clone, Debug)]
struct Log {
    path: PathBuf,
    append: bool,
    /// What was there before this training.
    before: String,
}

impl Log {
    fn new(path: PathBuf) -> Self {
        Log { path, append: false, before: String::new() }
    }

    fn path(&self, state: &State) -> PathBuf {
        state.path.join(&self.path)
    }

    fn before_fit(&mut self, state: &State) -> Result<()> {
        let path = self.path(state);
        self.before = match fs::read_to_string(&path) {
            Ok(text) if self.append => text,
            Err(error) if self.append && error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Io { path, source: error });
            }
            _ => String::new(),
        };
        Ok(())
    }

    fn write(&self, state: &State, lines: &str) -> Result<()> {
        let path = self.path(state);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(Error::io(dir))?;
        }
        file::write(&path, format!("{}{lines}", self.before).as_bytes()).map_err(Error::io(&path))
    }
}

/// Writes the table as comma-separated values: the header, then a line for each epoch. fastai's `CSVLogger`.
#[derive(Clone, Debug)]
pub struct CsvLogger(Log);

impl Default for CsvLogger {
    fn default() -> Self {
        CsvLogger::new("history.csv")
    }
}

impl CsvLogger {
    /// Writes to `path`, below the Learner's folder. fastai's is `history.csv` unless told.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        CsvLogger(Log::new(path.into()))
    }

    /// Whether lines of earlier trainings stay; false unless told.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.0.append = append;
        self
    }
}

/// The table as comma-separated values.
fn csv(recorder: &Recorder) -> String {
    let names = recorder.metric_names.iter().map(|name| quoted(name));
    let mut text = row(["epoch".to_string()].into_iter().chain(names).chain(["time".to_string()]));
    for (epoch, (values, time)) in recorder.values.iter().zip(&recorder.times).enumerate() {
        let values = values.iter().map(f64::to_string);
        text += &row([epoch.to_string()].into_iter().chain(values).chain([format_time(*time)]));
    }
    text
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

/// A cell in quotes if it must be.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_string()
    }
}

impl Callback for CsvLogger {
    fn order(&self) -> i32 {
        60
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn save_state(&self) -> Vec<u8> {
        self.0.before.clone().into_bytes()
    }

    fn load_state(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        self.0.before = String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn before_fit(&mut self, state: &mut State) -> Flow {
        flow(self.0.before_fit(state))
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        flow(self.0.write(state, &csv(&state.recorder)))
    }
}

/// Writes a JSON object for each epoch, one a line: `{"epoch": 0, "train_loss": ..., "time": seconds}`. What is no number
/// in JSON is null.
#[derive(Clone, Debug)]
pub struct JsonLines(Log);

impl JsonLines {
    /// Writes to `path`, below the Learner's folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        JsonLines(Log::new(path.into()))
    }

    /// Whether lines of earlier trainings stay; false unless told.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.0.append = append;
        self
    }
}

fn json(recorder: &Recorder) -> String {
    let mut text = String::new();
    for (epoch, (values, time)) in recorder.values.iter().zip(&recorder.times).enumerate() {
        let mut object = serde_json::Map::new();
        object.insert("epoch".into(), epoch.into());
        let columns = recorder.metric_names.iter().zip(values);
        object.extend(columns.map(|(name, &value)| (name.clone(), value.into())));
        object.insert("time".into(), time.as_secs_f64().into());
        text += &serde_json::Value::from(object).to_string();
        text.push('\n');
    }
    text
}

impl Callback for JsonLines {
    fn order(&self) -> i32 {
        60
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn save_state(&self) -> Vec<u8> {
        self.0.before.clone().into_bytes()
    }

    fn load_state(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        self.0.before = String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn before_fit(&mut self, state: &mut State) -> Flow {
        flow(self.0.before_fit(state))
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        flow(self.0.write(state, &json(&state.recorder)))
    }
}
