//! Hyper-parameters that change from batch to batch.

use downhill_optim::schedule::Schedule;
use downhill_optim::{Hyper, PerGroup};

use crate::callback::{Callback, Flow};
use crate::state::State;

/// Sets hyper-parameters before every batch of training, as functions of how much of it is done. fastai's
/// `ParamScheduler`.
#[derive(Clone, Debug)]
pub struct ParamScheduler {
    /// For each hyper-parameter one schedule for all groups, or one each.
    scheds: Vec<(Hyper, Vec<Schedule>)>,
}

impl ParamScheduler {
    /// Schedules for `hyper`: one for all groups, or one for each.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn new(hyper: Hyper, scheds: Vec<Schedule>) -> Self {
        ParamScheduler { scheds: Vec::new() }.and(hyper, scheds)
    }

    /// And schedules for another.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn and(mut self, hyper: Hyper, scheds: Vec<Schedule>) -> Self {
        assert!(!scheds.is_empty(), "ParamScheduler: no schedule for {hyper}");
        self.scheds.push((hyper, scheds));
        self
    }
}

impl Callback for ParamScheduler {
    fn order(&self) -> i32 {
        60
    }

    fn in_lr_find(&self) -> bool {
        false
    }

    /// # Panics
    /// If there are more groups than schedules, or fewer, and more than one schedule.
    fn before_batch(&mut self, state: &mut State) -> Flow {
        if !state.training {
            return Flow::Continue(());
        }
        let pos = state.pct_train();
        for (hyper, scheds) in &self.scheds {
            let values = match &scheds[..] {
                [one] => PerGroup::All(one.at(pos)),
                each => PerGroup::Each(each.iter().map(|sched| sched.at(pos)).collect()),
            };
            state.opt().set_hyper(*hyper, values);
        }
        Flow::Continue(())
    }
}
