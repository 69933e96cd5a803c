//! Checkpoints: everything that a training depends on, in one file.
//!
//! A checkpoint is taken when the loop is at rest: between two batches of training, or between two epochs. What comes
//! after is a function of what is in the file (parameters, buffers, generators, gradients that are being accumulated, the
//! optimizer's state, the place in the training, the loaders' positions, the record, the state of callbacks), so a
//! training that goes on from it ends with the same bits as one that was never stopped.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use downhill_data::Position;
use downhill_nn::{Module, StateDict, checked};
use downhill_optim::OptimState;
use downhill_tensor::file::Part;
use downhill_tensor::{Element, Tensor};
use serde::{Deserialize, Serialize};

use crate::callback::{Callback, Flow, Stage};
use crate::error::{Error, Result};
use crate::learner::Learner;
use crate::lr_find::LrFind;
use crate::recorder::Recorder;
use crate::state::State;
use crate::train::{Core, Start};

/// Writes a checkpoint to a file every so often, and at the end of every epoch.
/// [`Learner::resume_from`](crate::Learner::resume_from) goes on from it.
///
/// The file is replaced as a whole: a process that is killed while it writes leaves the checkpoint before.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
    every: Option<usize>,
    every_time: Option<Duration>,
    keep: usize,
    last: Instant,
}

impl Checkpoint {
    /// Checkpoints in `path`, at the end of every epoch.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Checkpoint { path: path.into(), every: None, every_time: None, keep: 1, last: Instant::now() }
    }

    /// And after every `n` batches.
    ///
    /// # Panics
    /// If `n` is zero.
    #[must_use]
    #[track_caller]
    pub fn every_batches(mut self, n: usize) -> Self {
        assert!(n > 0, "Checkpoint: every_batches must be positive");
        self.every = Some(n);
        self
    }

    /// And after the first batch that ends `seconds` after the last checkpoint.
    ///
    /// # Panics
    /// If that is no span of time.
    #[must_use]
    #[track_caller]
    pub fn every_seconds(mut self, seconds: f64) -> Self {
        self.every_time = Some(Duration::from_secs_f64(seconds));
        self
    }

    /// Keeps the last `k`: the newest as `path`, the ones before as `path.1`, `path.2` and so on.
    ///
    /// # Panics
    /// If `k` is zero.
    #[must_use]
    #[track_caller]
    pub fn keep(mut self, k: usize) -> Self {
        assert!(k > 0, "Checkpoint: keep must be positive");
        self.keep = k;
        self
    }

    fn request(&mut self, state: &mut State) {
        self.last = Instant::now();
        state.checkpoints.push(Request { path: self.path.clone(), keep: self.keep });
    }
}

impl Callback for Checkpoint {
    fn order(&self) -> i32 {
        100
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn before_fit(&mut self, _: &mut State) -> Flow {
        self.last = Instant::now();
        Flow::Continue(())
    }

    fn after_batch(&mut self, state: &mut State) -> Flow {
        let batches = self.every.is_some_and(|n| (state.train_iter + 1).is_multiple_of(n));
        let time = self.every_time.is_some_and(|time| self.last.elapsed() >= time);
        // A batch that was cancelled is done with, too: its gradients may be waiting for those of the next.
        let goes_on = matches!(state.stopping, None | Some(Stage::Batch));
        if state.training && goes_on && (batches || time) {
            self.request(state);
        }
        Flow::Continue(())
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        if state.stopping.is_none() {
            self.request(state);
        }
        Flow::Continue(())
    }
}

/// That a checkpoint is to be written as soon as the loop is at rest.
pub(crate) struct Request {
    path: PathBuf,
    keep: usize,
}

/// A checkpoint as it is written.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved {
    fit: u64,
    n_epoch: usize,
    n_iter: usize,
    epoch: usize,
    iter: usize,
    train_iter: usize,
    seed: u64,
    /// Epoch and batch of both loaders.
    train: (u64, usize),
    valid: (u64, usize),
    #[serde(with = "checked::bytes")]
    model: Vec<u8>,
    grads: Vec<Option<Tensor>>,
    opt: OptimState,
    recorder: Recorder,
    finds: Vec<LrFind>,
    callbacks: Vec<(String, Vec<u8>)>,
}

impl Core {
    /// Writes the checkpoints that callbacks asked for. The training goes on with `epoch` and `iter`.
    pub(crate) fn checkpoint(&mut self, epoch: usize, iter: usize) -> Result<()> {
        for Request { path, keep } in std::mem::take(&mut self.state.checkpoints) {
            let bytes = checked::encode(&path, &self.saved(epoch, iter)?)?;
            let part = Part::file(&path, &bytes).map_err(Error::io(&path))?;
            // Not before: on a full disk, each try would push an older one out.
            rotate(&path, keep)?;
            part.rename().map_err(Error::io(&path))?;
        }
        Ok(())
    }

    fn saved(&self, epoch: usize, iter: usize) -> Result<Saved> {
        let state = &self.state;
        let (train, valid) = (self.dls.train(), self.dls.valid().position());
        // Between epochs the loader is where the next one begins; within one it says where the one after begins.
        let train = if iter == 0 { (train.position().epoch, 0) } else { (state.loader_epoch, iter) };
        let callbacks = self.cbs.iter().map(|entry| (entry.cb.name().to_string(), entry.cb.save_state()));
        Ok(Saved {
            fit: state.fits,
            n_epoch: state.n_epoch,
            n_iter: self.dls.train().len(),
            epoch,
            iter,
            train_iter: state.train_iter,
            seed: state.seed,
            train,
            valid: (valid.epoch, valid.batch),
            model: state.model.state_dict().to_bytes()?,
            grads: state.model.parameters().iter().map(|parameter| parameter.grad()).collect(),
            opt: state.opt.as_ref().expect("a training has an optimizer").state(),
            recorder: state.recorder.clone(),
            finds: state.finds.clone(),
            callbacks: callbacks.filter(|(_, state)| !state.is_empty()).collect(),
        })
    }
}

/// Makes room for a new `path`: the file becomes `path.1` and so on, while `path` itself stays until it is replaced.
fn rotate(path: &Path, keep: usize) -> Result<()> {
    let older = |i: usize| {
        let mut name = OsString::from(path);
        name.push(format!(".{i}"));
        PathBuf::from(name)
    };
    if keep < 2 || !path.exists() {
        return Ok(());
    }
    for i in (1..keep - 1).rev().filter(|&i| older(i).exists()) {
        fs::rename(older(i), older(i + 1)).map_err(Error::io(&older(i)))?;
    }
    let first = older(1);
    // A second name of the same file where the file system knows such, a copy elsewhere.
    let _ = fs::remove_file(&first);
    fs::hard_link(path, &first).or_else(|_| fs::copy(path, &first).map(drop)).map_err(Error::io(&first))
}

/// A checkpoint that was read.
pub(crate) struct Pending {
    path: PathBuf,
    saved: Saved,
}

/// What a checkpoint means for a training.
pub(crate) enum Resume {
    /// There is none.
    No,
    /// The training goes on from it.
    Here(Box<Pending>),
    /// It was taken in a later training.
    Later,
}

impl Pending {
    fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        Ok(Pending { path: path.to_owned(), saved: checked::decode(path, &bytes)? })
    }

    pub(crate) fn start(&self) -> Start {
        Start { epoch: self.saved.epoch, iter: self.saved.iter }
    }

    /// Puts everything where it was.
    pub(crate) fn apply(&self, core: &mut Core) -> Result<()> {
        let (saved, state) = (&self.saved, &mut core.state);
        let parameters = state.model.parameters();
        if parameters.len() != saved.grads.len() {
            return Err(self.differs(
                format!("{} parameters", parameters.len()),
                format!("{} parameters", saved.grads.len()),
            ));
        }
        let columns = |recorder: &Recorder| format!("a record of {}", recorder.metric_names.join(", "));
        if saved.recorder.metric_names != state.recorder.metric_names {
            return Err(self.differs(columns(&state.recorder), columns(&saved.recorder)));
        }
        for (parameter, grad) in parameters.iter().zip(&saved.grads) {
            let (expected, found) = (parameter.shape(), grad.as_ref().map(Tensor::shape));
            if found.is_some_and(|found| *found != *expected) {
                return Err(self.differs(
                    format!("a parameter of shape {expected:?}"),
                    format!("one with a gradient of shape {:?}", found.unwrap_or_default()),
                ));
            }
        }
        state.model.load_state_dict(&StateDict::from_bytes(&saved.model)?)?;
        let opt = state.opt.as_mut().expect("a training has an optimizer");
        opt.load_state(saved.opt.clone())
            .map_err(|source| Error::Optimizer { path: self.path.clone(), source })?;
        parameters.iter().zip(&saved.grads).for_each(|(parameter, grad)| parameter.set_grad(grad.clone()));
        (state.train_iter, state.seed) = (saved.train_iter, saved.seed);
        state.recorder = saved.recorder.clone();
        let position = |(epoch, batch)| Position { epoch, batch };
        core.dls.train().resume(position(saved.train));
        core.dls.valid().resume(position(saved.valid));
        let mut cbs = core.cbs.iter_mut();
        for (name, bytes) in &saved.callbacks {
            let Some(entry) = cbs.find(|entry| entry.cb.name() == name) else {
                return Err(self.differs("other callbacks".into(), format!("a training with {name}")));
            };
            entry
                .cb
                .load_state(bytes)
                .map_err(|what| self.differs(format!("{name}: {what}"), "other".into()))?;
        }
        Ok(())
    }

    fn differs(&self, expected: String, found: String) -> Error {
        Error::Checkpoint { path: self.path.clone(), expected, found }
    }
}

impl<Y: Element> Learner<Y> {
    /// Goes on from the checkpoint in `path`, if there is one: the training in which it was taken continues there, and
    /// trainings before it in the program are passed over, and learning rates that were looked for before it are those that
    /// were found then. So a program that is started again after it was killed need not know how far it came. Trainings
    /// that are passed over leave no record.
    ///
    /// # Errors
    /// If there is such a file and it cannot be read, is damaged, or is no checkpoint. That it is of another training is
    /// reported by that training.
    pub fn resume_from(mut self, path: impl AsRef<Path>) -> Result<Self> {
        self.settings.pending = match Pending::read(path.as_ref()) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            pending => Some(pending?),
        };
        Ok(self)
    }

    /// What was found when a learning rate was looked for the time before, in the program that wrote the checkpoint.
    pub(crate) fn found_before(&self) -> Option<LrFind> {
        self.settings.pending.as_ref()?.saved.finds.get(self.core.state.finds.len()).cloned()
    }

    /// What the checkpoint that was read, if any, means for training number `fit`.
    pub(crate) fn pending_for(&mut self, fit: u64, n_epoch: usize) -> Result<Resume> {
        let Some(pending) = self.settings.pending.take() else { return Ok(Resume::No) };
        if pending.saved.fit > fit {
            self.settings.pending = Some(pending);
            return Ok(Resume::Later);
        }
        let n_iter = self.core.dls.train().len();
        let describe =
            |fit, n_epoch, n_iter| format!("training {fit} with {n_epoch} epochs of {n_iter} batches");
        let Saved { fit: of, n_epoch: epochs, n_iter: batches, epoch, iter, .. } = pending.saved;
        let expected = describe(fit, n_epoch, n_iter);
        let found = describe(of, epochs, batches);
        if expected != found || epoch > n_epoch || iter > n_iter {
            let error = pending.differs(expected, format!("{found}, in epoch {epoch}, batch {iter}"));
            // So that no other training begins as if there were no checkpoint, and writes over it.
            self.settings.pending = Some(pending);
            return Err(error);
        }
        Ok(Resume::Here(Box::new(pending)))
    }
}
