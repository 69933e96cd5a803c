//! The training in the terminal.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::callback::{Callback, Flow, Stage};
use crate::state::State;

/// Prints the table, line by line as epochs end, and shows a bar of the current pass if the terminal is one. Every
/// Learner has it unless told [`no_logging`](crate::Learner::no_logging). fastai's `ProgressCallback`.
pub struct Progress {
    bar: bool,
    shown: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(bar: bool) -> Self {
        Progress { bar: bar && stderr().is_terminal(), shown: None }
    }

    fn begin(&mut self, state: &State, len: usize, what: &str) {
        if self.bar {
            let style =
                ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} [{elapsed_precise}<{eta_precise}]");
            let bar = ProgressBar::new(len as u64);
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.set_message(format!("epoch {}/{} {what}", state.epoch + 1, state.n_epoch));
            self.shown = Some(bar);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}

impl Callback for Progress {
    /// Behind the recorder.
    fn order(&self) -> i32 {
        55
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    fn before_fit(&mut self, state: &mut State) -> Flow {
        println!("{}", state.recorder.header());
        Flow::Continue(())
    }

    fn before_train(&mut self, state: &mut State) -> Flow {
        self.begin(state, state.n_iter, "training");
        Flow::Continue(())
    }

    fn before_validate(&mut self, state: &mut State) -> Flow {
        self.begin(state, state.n_iter, "validation");
        Flow::Continue(())
    }

    fn after_batch(&mut self, state: &mut State) -> Flow {
        if let Some(bar) = &self.shown {
            bar.set_length(state.n_iter as u64);
            bar.set_position(state.iter as u64 + 1);
        }
        Flow::Continue(())
    }

    fn after_train(&mut self, _: &mut State) -> Flow {
        self.end();
        Flow::Continue(())
    }

    fn after_validate(&mut self, _: &mut State) -> Flow {
        self.end();
        Flow::Continue(())
    }

    fn after_epoch(&mut self, state: &mut State) -> Flow {
        if state.stopping != Some(Stage::Fit)
            && let Some(last) = state.recorder.values.len().checked_sub(1)
        {
            println!("{}", state.recorder.line(last));
        }
        Flow::Continue(())
    }
}
