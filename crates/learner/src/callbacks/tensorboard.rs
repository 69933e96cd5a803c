//! Event files for TensorBoard.
//!
//! An event file is a sequence of records: the length of the data, the data, and a checksum of each. The data is an
//! `Event` of TensorFlow's protocol buffers, of which this module writes the few fields that scalars and histograms need.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use downhill_nn::Module;
use downhill_tensor::Tensor;

use crate::callback::{Callback, Flow, Stage, flow};
use crate::error::{Error, Result};
use crate::recorder::Record;
use crate::state::State;

/// Writes what the recorder sees to an event file, to be looked at with TensorBoard while the model trains. fastai's
/// `TensorBoardCallback`, with its names.
///
/// After each batch of training the smoothed `train_loss` and each group's `lr_0`, `mom_0` and so on; after each epoch
/// `valid_loss` and the metrics, and the distribution of each parameter if asked for. Steps are batches of training, and go
/// on counting from training to training.
///
/// Each training writes a new file. A training that goes on from a checkpoint tells TensorBoard to forget what an earlier
/// process wrote behind it. The last record of a process that was killed may be incomplete; TensorBoard leaves it out.
pub struct TensorBoard {
    log_dir: PathBuf,
    histograms: bool,
    /// The steps of earlier trainings.
    done: u64,
    /// Whether TensorBoard is still to be told where this training begins.
    begins: bool,
    events: Option<Events>,
}

impl TensorBoard {
    /// Writes to the folder `log_dir`, below the Learner's folder.
    pub fn new(log_dir: impl Into<PathBuf>) -> Self {
        TensorBoard { log_dir: log_dir.into(), histograms: false, done: 0, begins: false, events: None }
    }

    /// Whether each parameter's distribution is written after each epoch; false unless told.
    #[must_use]
    pub fn histograms(mut self, histograms: bool) -> Self {
        self.histograms = histograms;
        self
    }

    /// Writes `values` of a step, if a training has begun.
    fn write(&mut self, step: u64, values: &[Vec<u8>]) -> Result<()> {
        let Some(events) = &mut self.events else { return Ok(()) };
        if std::mem::take(&mut self.begins) {
            // START, from the step after those that the checkpoint knows of.
            events.write(step, 7, &message(|session| varint_field(session, 1, 1)))?;
        }
        let summary = message(|summary| values.iter().for_each(|value| bytes_field(summary, 1, value)));
        events.write(step, 5, &summary)
    }

    fn after_training_batch(&mut self, state: &State) -> Result<()> {
        let mut values = vec![scalar("train_loss", state.recorder.smooth_loss())];
        for (i, group) in state.opt.iter().flat_map(|opt| opt.groups()).enumerate() {
            values.push(scalar(&format!("lr_{i}"), group.hypers.lr));
            values.push(scalar(&format!("mom_{i}"), group.hypers.mom));
        }
        self.write(self.done + state.train_iter as u64 + 1, &values)
    }

    fn after_recorded_epoch(&mut self, state: &State) -> Result<()> {
        let recorder = &state.recorder;
        let columns = recorder.metric_names.iter().zip(recorder.values.last().into_iter().flatten());
        // The first, train_loss, is written batch by batch.
        let mut values: Vec<_> = columns.skip(1).map(|(name, &value)| scalar(name, value)).collect();
        if self.histograms {
            let parameters = state.model.named_parameters().into_iter();
            values.extend(parameters.map(|(name, parameter)| histogram(&name, &parameter.value())));
        }
        self.write(self.done + state.train_iter as u64, &values)
    }
}

impl Callback for TensorBoard {
    fn order(&self) -> i32 {
        Record::ORDER + 1
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn save_state(&self) -> Vec<u8> {
        self.done.to_le_bytes().to_vec()
    }

    fn load_state(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        let bytes = bytes.try_into().map_err(|_| format!("expected 8 bytes, found {}", bytes.len()))?;
        self.done = u64::from_le_bytes(bytes);
        Ok(())
    }

    fn before_fit(&mut self, state: &mut State) -> Flow {
        self.begins = state.resumed;
        let events = Events::create(&state.path.join(&self.log_dir));
        flow(events.map(|events| self.events = Some(events)))
    }

    fn after_batch(&mut self, state: &mut State) -> Flow {
        if !state.training || state.loss.is_none() {
            return Flow::Continue(());
        }
        flow(self.after_training_batch(state))
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        if state.stopping == Some(Stage::Fit) {
            return Flow::Continue(());
        }
        flow(self.after_recorded_epoch(state))
    }

    fn after_fit(&mut self, state: &mut State) -> Flow {
        self.done += state.train_iter as u64;
        self.events = None;
        Flow::Continue(())
    }
}

/// An event file. Every event is written at once: what comes before a checkpoint is in the file when that is.
struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// A new file in `dir`.
    fn create(dir: &Path) -> Result<Self> {
        // TensorBoard reads the files of a folder in the order of their names.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let (pid, count) = (std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let name = format!("events.out.tfevents.{:010}.{pid}.{count:06}", wall_time() as u64);
        let path = dir.join(name);
        fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let file = File::create_new(&path).map_err(Error::io(&path))?;
        let mut events = Events { path, file };
        events.write(0, 3, b"brain.Event:2")?;
        Ok(events)
    }

    /// Adds an event whose field `what` is `content`.
    fn write(&mut self, step: u64, what: u64, content: &[u8]) -> Result<()> {
        let event = message(|event| {
            double_field(event, 1, wall_time());
            varint_field(event, 2, step);
            bytes_field(event, what, content);
        });
        self.file.write_all(&record(&event)).map_err(Error::io(&self.path))
    }
}

/// Seconds since 1970.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// A `Summary.Value` with one number.
fn scalar(tag: &str, value: f64) -> Vec<u8> {
    message(|to| {
        bytes_field(to, 1, tag.as_bytes());
        to.push(2 << 3 | 5);
        to.extend((value as f32).to_le_bytes());
    })
}

/// A `Summary.Value` with the distribution of the numbers that are finite, in 30 equal ranges.
fn histogram(tag: &str, values: &Tensor) -> Vec<u8> {
    const BINS: usize = 30;
    let finite = || values.iter().map(f64::from).filter(|x| x.is_finite());
    let (low, high) =
        finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let width = if low < high { (high - low) / BINS as f64 } else { 1.0 };
    let mut counts = [0.0; BINS];
    finite().for_each(|x| counts[(((x - low) / width) as usize).min(BINS - 1)] += 1.0);
    let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
    let limit = |bin: usize| low + width * (bin + 1) as f64;
    let packed =
        |numbers: &mut dyn Iterator<Item = f64>| numbers.flat_map(f64::to_le_bytes).collect::<Vec<u8>>();
    let content = message(|to| {
        double_field(to, 1, low);
        double_field(to, 2, high);
        double_field(to, 3, finite().count() as f64);
        double_field(to, 4, finite().sum());
        double_field(to, 5, finite().map(|x| x * x).sum());
        bytes_field(to, 6, &packed(&mut (0..BINS).map(limit)));
        bytes_field(to, 7, &packed(&mut counts.into_iter()));
    });
    message(|to| {
        bytes_field(to, 1, tag.as_bytes());
        bytes_field(to, 5, &content);
    })
}

/// A message of protocol buffers that `fill` fills.
fn message(fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    fill(&mut bytes);
    bytes
}

/// Seven bits a byte, the lowest first; the highest bit says that there are more.
fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn varint_field(to: &mut Vec<u8>, field: u64, value: u64) {
    varint(to, field << 3);
    varint(to, value);
}

fn double_field(to: &mut Vec<u8>, field: u64, value: f64) {
    varint(to, field << 3 | 1);
    to.extend(value.to_le_bytes());
}

fn bytes_field(to: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(to, field << 3 | 2);
    varint(to, value.len() as u64);
    to.extend(value);
}

/// The data as a record of a file.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let masked = |bytes| crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// The checksum with Castagnoli's polynomial.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let (mut crc, mut bit) = (byte as u32, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc: u32, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
