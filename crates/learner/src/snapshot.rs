//! Everything that a training changes, to be put back.

use downhill_autograd::Var;
use downhill_data::Position;
use downhill_nn::{Item, Mode, Module, StateDict, walk};
use downhill_optim::OptimState;
use downhill_tensor::Tensor;

use crate::recorder::Recorder;
use crate::train::Core;

/// The state of a Learner between two trainings. Tensors are handles: they cost memory once the model is trained on.
pub(crate) struct Snapshot {
    model: StateDict,
    modes: Vec<(Mode, bool)>,
    grads: Vec<(Var, Option<Tensor>)>,
    opt: Option<OptimState>,
    positions: [Position; 2],
    recorder: Recorder,
    counters: [usize; 5],
}

impl Snapshot {
    pub(crate) fn of(core: &Core) -> Self {
        let state = &core.state;
        Snapshot {
            model: state.model.state_dict(),
            modes: modes(&*state.model),
            grads: state.model.parameters().into_iter().map(|p| (p.clone(), p.grad())).collect(),
            opt: state.opt.as_ref().map(|opt| opt.state()),
            positions: [core.dls.train().position(), core.dls.valid().position()],
            recorder: state.recorder.clone(),
            counters: [state.n_epoch, state.epoch, state.n_iter, state.iter, state.train_iter],
        }
    }

    /// Puts everything back.
    pub(crate) fn restore(self, core: &mut Core) {
        let state = &mut core.state;
        state.model.load_state_dict(&self.model).expect("it is this model's state");
        self.modes.iter().for_each(|(mode, training)| mode.set(*training));
        self.grads.into_iter().for_each(|(parameter, grad)| parameter.set_grad(grad));
        match (self.opt, &mut state.opt) {
            (Some(saved), Some(opt)) => opt.load_state(saved).expect("it is this optimizer's state"),
            (_, opt) => *opt = None,
        }
        core.dls.train().resume(self.positions[0]);
        core.dls.valid().resume(self.positions[1]);
        state.recorder = self.recorder;
        [state.n_epoch, state.epoch, state.n_iter, state.iter, state.train_iter] = self.counters;
    }
}

/// Each layer's mode.
pub(crate) fn modes(model: &(impl Module + ?Sized)) -> Vec<(Mode, bool)> {
    let mut modes = Vec::new();
    walk(model, |_, item| {
        if let Item::Mode(mode) = item {
            modes.push((mode.clone(), mode.is_training()));
        }
    });
    modes
}
