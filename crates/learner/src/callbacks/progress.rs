//! The training in the terminal.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::callback::{Callback, Flow, Stage};
use crate::state::State;

/// Prints the table, line by line as epochs end, and shows a bar of the current pass with the smoothed loss if the terminal
/// is one. Every Learner has it unless told [`no_logging`](crate::Learner::no_logging). fastai's `ProgressCallback`.
///
/// The table goes to the standard output, the bar to the standard error, and is gone when its pass is.
pub struct Progress {
    /// Where there are to be bars, if there are.
    target: Option<fn() -> ProgressDrawTarget>,
    shown: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(bar: bool) -> Self {
        let target = (bar && stderr().is_terminal()).then_some(ProgressDrawTarget::stderr as fn() -> _);
        Progress { target, shown: None }
    }

    fn begin(&mut self, state: &State, first: usize, what: &str) {
        if let Some(target) = self.target {
            let style = "{prefix} {bar:40} {pos}/{len} [{elapsed_precise}<{eta_precise}] {msg}";
            let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(state.n_iter as u64), target())
                .with_style(style)
                .with_prefix(format!("epoch {}/{} {what}", state.epoch + 1, state.n_epoch))
                .with_position(first as u64);
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
        self.begin(state, state.iter, "training");
        Flow::Continue(())
    }

    fn before_validate(&mut self, state: &mut State) -> Flow {
        self.begin(state, 0, "validation");
        Flow::Continue(())
    }

    fn after_batch(&mut self, state: &mut State) -> Flow {
        if let Some(bar) = &self.shown {
            bar.set_length(state.n_iter as u64);
            bar.set_position(state.iter as u64 + 1);
            bar.set_message(format!("{:.4}", state.recorder.smooth_loss()));
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use indicatif::TermLike;

    use super::*;

    /// What was written, line by line; a line that was cleared is empty.
    static WRITTEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    /// A terminal of 100 columns.
    #[derive(Debug)]
    struct Terminal;

    impl Terminal {
        fn push(text: &str) -> io::Result<()> {
            WRITTEN.lock().expect("no test has panicked").push(text.to_string());
            Ok(())
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            100
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            Self::push(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            Self::push(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            Self::push("")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_shows_a_bar_and_clears_it() {
        let target: fn() -> ProgressDrawTarget =
            || ProgressDrawTarget::term_like_with_hz(Box::new(Terminal), 255);
        let mut progress = Progress { target: Some(target), shown: None };
        let mut state = State::new(Box::new(downhill_nn::ReLU));
        (state.n_epoch, state.n_iter, state.training) = (2, 300, true);
        let _ = progress.before_train(&mut state);
        for iter in 0..300 {
            state.iter = iter;
            let _ = progress.after_batch(&mut state);
        }
        let _ = progress.after_train(&mut state);
        let written = WRITTEN.lock().expect("no test has panicked").clone();
        let bars: Vec<&String> = written.iter().filter(|text| text.contains("epoch 1/2 training")).collect();
        assert!(!bars.is_empty(), "{written:?}");
        assert!(
            bars.iter()
                .all(|bar| bar.contains("/300 [") && bar.contains('\u{2588}') | bar.contains('\u{2591}'))
        );
        let last = written.iter().rposition(|text| text.contains("epoch")).unwrap_or(0);
        assert!(written[last..].iter().any(String::is_empty), "the bar is cleared in the end: {written:?}");
    }
}
