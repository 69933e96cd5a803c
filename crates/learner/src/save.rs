//! Weights in files.

use std::fs;
use std::path::PathBuf;

use downhill_nn::{Module, StateDict, checked};
use downhill_optim::OptimState;
use downhill_tensor::Element;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::learner::Learner;
use crate::state::State;

/// A file of weights.
#[derive(Serialize, Deserialize)]
struct Weights {
    #[serde(with = "checked::bytes")]
    model: Vec<u8>,
    opt: Option<OptimState>,
}

impl State {
    /// Where the weights called `name` lie: `path/models/name.weights`.
    pub fn weights_path(&self, name: &str) -> PathBuf {
        self.path.join("models").join(format!("{name}.weights"))
    }

    /// Writes the model's state, and the optimizer's if `with_opt` and there is one, to
    /// [`weights_path`](Self::weights_path), whole or not at all.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn save(&self, name: &str, with_opt: bool) -> Result<PathBuf> {
        let path = self.weights_path(name);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(Error::io(dir))?;
        }
        let opt = self.opt.as_ref().filter(|_| with_opt).map(|opt| opt.state());
        checked::save(&path, &Weights { model: self.model.state_dict().to_bytes()?, opt })?;
        Ok(path)
    }

    /// Loads what [`save`](Self::save) wrote. The optimizer, if there is one, goes on from the state in the file, or if
    /// that has none stays as it is.
    ///
    /// # Errors
    /// What the operating system reports, or that the file is damaged or of another model or optimizer. Nothing changes
    /// then.
    pub fn load(&mut self, name: &str) -> Result<()> {
        self.load_with(name, true)
    }

    fn load_with(&mut self, name: &str, with_opt: bool) -> Result<()> {
        let path = self.weights_path(name);
        let bytes = fs::read(&path).map_err(Error::io(&path))?;
        let weights: Weights = checked::decode(&path, &bytes)?;
        let before = self.model.state_dict();
        self.model.load_state_dict(&StateDict::from_bytes(&weights.model)?)?;
        if let (Some(saved), Some(opt)) = (weights.opt.filter(|_| with_opt), &mut self.opt)
            && let Err(source) = opt.load_state(saved)
        {
            self.model.load_state_dict(&before)?;
            return Err(Error::Optimizer { path, source });
        }
        Ok(())
    }
}

impl<Y: Element> Learner<Y> {
    /// Writes the model's state, and the optimizer's if there is one, to `path/models/name.weights`, whole or not at all.
    /// fastai's `save`.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn save(&self, name: &str) -> Result<PathBuf> {
        self.core.state.save(name, true)
    }

    /// [`save`](Self::save) without the optimizer's state.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn save_model(&self, name: &str) -> Result<PathBuf> {
        self.core.state.save(name, false)
    }

    /// Loads what [`save`](Self::save) wrote. fastai's `load`.
    ///
    /// # Errors
    /// What the operating system reports, or that the file is damaged or of another model or optimizer. Nothing changes
    /// then.
    pub fn load(&mut self, name: &str) -> Result<&mut Self> {
        if self.core.state.opt.is_none() {
            self.create_opt();
        }
        self.core.state.load(name)?;
        Ok(self)
    }

    /// [`load`](Self::load) without the optimizer's state, which may be of another optimizer. fastai's `load` with
    /// `with_opt=False`.
    ///
    /// # Errors
    /// What the operating system reports, or that the file is damaged or of another model. Nothing changes then.
    pub fn load_model(&mut self, name: &str) -> Result<&mut Self> {
        self.core.state.load_with(name, false)?;
        Ok(self)
    }
}
