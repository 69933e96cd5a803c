//! What a model has, and what it does.

mod cells;
mod groups;
mod settings;
mod visit;

use downhill_autograd::Var;
use downhill_tensor::Float;

pub use cells::{AnyBuffer, Buffer, Generator, Mode};
pub use groups::norm_bias_params;
pub use visit::{Item, Place, Visitor, walk};

use crate::error::{Mismatch, Result};
use crate::hooks;
use crate::state::{self, StateDict};

/// A tree of parameters, buffers, modes and generators. Derive it: `#[derive(Module)]`.
///
/// Only [`visit`](Self::visit) has to be written, or derived; everything else is a walk over the tree.
pub trait Module<T: Float = f32>: Send + Sync {
    /// Shows what this has to `visitor`, in the order of definition.
    fn visit(&self, visitor: &mut Visitor<'_, T>);

    /// The name of the type, without path and parameters: `Linear`.
    fn type_name(&self) -> &'static str {
        short(std::any::type_name::<Self>())
    }

    /// Whether this normalises activations, as `BatchNorm2d` does. Parameters of such layers are left out by weight
    /// decay, freezing and initialisation; see [`norm_bias_params`]. Derived for a struct with `#[module(norm)]`.
    fn is_norm(&self) -> bool {
        false
    }

    /// All parameters, in the order of definition, each once.
    fn parameters(&self) -> Vec<Var<T>> {
        self.named_parameters().into_iter().map(|(_, parameter)| parameter).collect()
    }

    /// All parameters with PyTorch's names: the names of the fields on the way, joined by dots. One that two layers share
    /// is there once, under its first name.
    fn named_parameters(&self) -> Vec<(String, Var<T>)> {
        let mut found: Vec<(String, Var<T>)> = Vec::new();
        walk(self, |place, item| {
            if let Item::Parameter(parameter) = item
                && !found.iter().any(|(_, known)| known.same(parameter))
            {
                found.push((place.path.to_string(), parameter.clone()));
            }
        });
        found
    }

    /// All buffers with PyTorch's names: what a model keeps beside its parameters, such as running statistics.
    fn named_buffers(&self) -> Vec<(String, Box<dyn AnyBuffer>)> {
        let mut found = Vec::new();
        walk(self, |place, item| {
            if let Item::Buffer(buffer) = item {
                found.push((place.path.to_string(), buffer.handle()));
            }
        });
        found
    }

    /// The number of trained numbers, and of all: those of parameters that require a gradient, and of all parameters.
    fn num_parameters(&self) -> (usize, usize) {
        let count = |parameters: &[Var<T>]| parameters.iter().map(|p| p.value().numel()).sum();
        let mut parameters = self.parameters();
        let all = count(&parameters);
        parameters.retain(Var::requires_grad);
        (count(&parameters), all)
    }

    /// Sets every layer to training: dropout drops, batch norm uses and updates the batch's statistics. Layers start
    /// like this.
    fn train(&self) {
        self.set_training(true);
    }

    /// Sets every layer to evaluation: dropout does nothing, batch norm uses its running statistics.
    fn eval(&self) {
        self.set_training(false);
    }

    /// [`train`](Self::train) or [`eval`](Self::eval). PyTorch's `module.train(mode)`.
    fn set_training(&self, training: bool) {
        walk(self, |_, item| {
            if let Item::Mode(mode) = item {
                mode.set(training);
            }
        });
    }

    /// The parameters in groups, from the input to the output, for learning rates of their own and for freezing.
    /// fastai's `splitter`. One group unless the model says otherwise.
    fn param_groups(&self) -> Vec<Vec<Var<T>>> {
        vec![self.parameters()]
    }

    /// Sets whether all parameters are trained. PyTorch's `module.requires_grad_`.
    fn requires_grad_(&self, requires_grad: bool) {
        for parameter in self.parameters() {
            parameter.requires_grad_(requires_grad);
        }
    }

    /// Freezes all groups before the `n`-th of [`param_groups`](Self::param_groups), counted from the back if negative,
    /// and unfreezes the others. fastai's `freeze_to`, with `train_bn`: the parameters of normalising layers are
    /// trained in every group.
    ///
    /// # Panics
    /// If there is no such group.
    #[track_caller]
    fn freeze_to(&self, n: isize) {
        let norms = norm_bias_params(self, false);
        groups::freeze_to(&self.param_groups(), n, &norms);
    }

    /// Parameters, buffers and generators by name. Handles: what is trained afterwards does not show in it.
    fn state_dict(&self) -> StateDict {
        StateDict::of(self)
    }

    /// Loads a state of this model, all of it. What loses nothing is converted (f32 to f64). Generators that the state has
    /// not, because it comes from another program, go on as they are.
    ///
    /// # Errors
    /// [`Error::Mismatch`](crate::Error::Mismatch) with all keys that are missing, unexpected or misshapen, if there is
    /// one; the model is then what it was before.
    fn load_state_dict(&self, dict: &StateDict) -> Result<()> {
        state::load::strict(self, dict)
    }

    /// Loads what of the state fits, and returns what does not: a model for other classes from a trained one. (PyTorch's
    /// `strict=False` refuses tensors of another shape; here they are among what did not fit.)
    #[must_use = "it says what was not loaded"]
    fn load_state_dict_lenient(&self, dict: &StateDict) -> Mismatch {
        state::load::lenient(self, dict)
    }

    /// Trains the last group only. fastai's `freeze`.
    fn freeze(&self) {
        self.freeze_to(-1);
    }

    /// Trains all groups. fastai's `unfreeze`.
    fn unfreeze(&self) {
        self.freeze_to(0);
    }
}

/// A module that maps one variable to another: a layer, or a model made of layers.
pub trait Forward<T: Float = f32>: Module<T> {
    /// The output for input `x`.
    fn forward(&self, x: &Var<T>) -> Var<T>;

    /// `relu(forward(x))`, which a [`Sequential`](crate::Sequential) calls where a ReLU follows. A layer that can do both
    /// in the same passes over memory has its own.
    #[track_caller]
    fn forward_then_relu(&self, x: &Var<T>) -> Var<T> {
        self.forward(x).relu()
    }

    /// Whether this is [`ReLU`](crate::ReLU).
    fn is_relu(&self) -> bool {
        false
    }

    /// [`forward`](Self::forward) as the child called `name` of the layer that calls. A model's forward calls its layers
    /// like this, so that [hooks](crate::forward_hook) see them; what a plain `forward` calls is hidden from hooks.
    /// Without hooks the two are the same.
    fn forward_as(&self, name: &str, x: &Var<T>) -> Var<T> {
        if !hooks::any() {
            return self.forward(x);
        }
        hooks::observe(name, self.type_name(), x, &|| self.forward(x), &|| self.parameters())
    }
}

/// `path::to::Linear<f32>` without path and parameters.
fn short(name: &'static str) -> &'static str {
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
