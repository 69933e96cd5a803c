//! What a model has, and what it does.

use downhill_autograd::Var;
use downhill_tensor::Float;

/// A tree of parameters. Derive it: `#[derive(Module)]`.
pub trait Module<T: Float = f32>: Send + Sync {
    /// Shows every parameter to `visitor`, in the order of definition.
    fn visit(&self, visitor: &mut dyn Visitor<T>);

    /// All parameters, in the order of definition.
    fn parameters(&self) -> Vec<Var<T>> {
        self.named_parameters().into_iter().map(|(_, parameter)| parameter).collect()
    }

    /// All parameters with PyTorch's names: the names of the fields on the way, joined by dots.
    fn named_parameters(&self) -> Vec<(String, Var<T>)> {
        let mut names = Names { path: Vec::new(), found: Vec::new() };
        self.visit(&mut names);
        names.found
    }
}

/// A module that maps one variable to another: a layer, or a model made of layers.
pub trait Forward<T: Float = f32>: Module<T> {
    /// The output for input `x`.
    fn forward(&self, x: &Var<T>) -> Var<T>;
}

/// Who walks over a module.
pub trait Visitor<T: Float> {
    /// What follows belongs to the child called `name`, until the matching [`leave`](Self::leave).
    fn enter(&mut self, name: &str);
    /// The child entered last is done.
    fn leave(&mut self);
    /// A parameter.
    fn parameter(&mut self, parameter: &Var<T>);
}

/// Visits the child called `name`. What a hand-written [`Module::visit`] calls for each of its fields.
pub fn visit_child<T: Float>(child: &(impl Module<T> + ?Sized), name: &str, visitor: &mut dyn Visitor<T>) {
    visitor.enter(name);
    child.visit(visitor);
    visitor.leave();
}

/// Collects parameters by name.
struct Names<T: Float> {
    path: Vec<String>,
    found: Vec<(String, Var<T>)>,
}

impl<T: Float> Visitor<T> for Names<T> {
    fn enter(&mut self, name: &str) {
        self.path.push(name.to_string());
    }
    fn leave(&mut self) {
        self.path.pop();
    }
    fn parameter(&mut self, parameter: &Var<T>) {
        self.found.push((self.path.join("."), parameter.clone()));
    }
}

/// A variable in a module is one of its parameters.
impl<T: Float> Module<T> for Var<T> {
    fn visit(&self, visitor: &mut dyn Visitor<T>) {
        visitor.parameter(self);
    }
}

/// What may be there or not, such as a bias.
impl<T: Float, M: Module<T>> Module<T> for Option<M> {
    fn visit(&self, visitor: &mut dyn Visitor<T>) {
        if let Some(module) = self {
            module.visit(visitor);
        }
    }
}

/// Children named 0, 1, ...
impl<T: Float, M: Module<T>> Module<T> for Vec<M> {
    fn visit(&self, visitor: &mut dyn Visitor<T>) {
        for (i, module) in self.iter().enumerate() {
            visit_child(module, &i.to_string(), visitor);
        }
    }
}

impl<T: Float, M: Module<T> + ?Sized> Module<T> for Box<M> {
    fn visit(&self, visitor: &mut dyn Visitor<T>) {
        (**self).visit(visitor);
    }
}

impl<T: Float, M: Forward<T> + ?Sized> Forward<T> for Box<M> {
    fn forward(&self, x: &Var<T>) -> Var<T> {
        (**self).forward(x)
    }
}

/// Settings are modules without parameters, so that a derived module may have them as fields.
macro_rules! settings {
    ($($t:ty),*) => {$(
        impl<T: Float> Module<T> for $t {
            fn visit(&self, _visitor: &mut dyn Visitor<T>) {}
        }
    )*};
}

settings!(usize, i64, f32, f64, bool, String, &'static str);
