//! The chapter's own optimizer.

use downhill_tensor::Float;

use crate::error::Error;
use crate::groups::{Groups, ParamGroup};
use crate::hypers::Hypers;
use crate::optimizer::{Optimizer, params};
use crate::state::OptimState;

/// Stochastic gradient descent as the chapter writes it: `p.data -= p.grad * lr`.
pub struct BasicOptim<T: Float = f32> {
    groups: Vec<ParamGroup<T>>,
}

impl<T: Float> BasicOptim<T> {
    /// An optimizer of `params` with learning rate `lr`.
    ///
    /// # Panics
    /// If there are no groups, if a parameter is there twice, or if it is the result of an operation.
    #[track_caller]
    pub fn new(params: impl Into<Groups<T>>, lr: f64) -> Self {
        BasicOptim { groups: params.into().prepare("BasicOptim", Hypers { lr, ..Hypers::default() }) }
    }
}

impl<T: Float> Optimizer<T> for BasicOptim<T> {
    fn step(&mut self) {
        for group in &self.groups {
            let lr = T::from_f64(group.hypers.lr);
            for p in group.params() {
                p.var().step_(|data, grad| {
                    data.sub_(grad * lr);
                });
            }
        }
    }

    fn groups(&self) -> &[ParamGroup<T>] {
        &self.groups
    }

    fn groups_mut(&mut self) -> &mut [ParamGroup<T>] {
        &mut self.groups
    }

    /// The hyper-parameters: nothing else is remembered.
    fn state(&self) -> OptimState<T> {
        let states = params(&self.groups).map(|_| Default::default()).collect();
        OptimState::new("BasicOptim", 0, &self.groups, states)
    }

    fn load_state(&mut self, state: OptimState<T>) -> Result<(), Error> {
        state.check("BasicOptim", &self.groups, params(&self.groups).count())?;
        for (group, hypers) in self.groups.iter_mut().zip(state.hypers) {
            group.hypers = hypers;
        }
        Ok(())
    }

    fn clear_state(&mut self) {}
}
