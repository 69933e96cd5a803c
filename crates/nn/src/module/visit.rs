//! Walking over a module.

use downhill_autograd::Var;
use downhill_tensor::Float;

use super::{AnyBuffer, Generator, Mode, Module};

/// What a walk over a module finds.
pub enum Item<'a, T: Float> {
    /// A parameter.
    Parameter(&'a Var<T>),
    /// A tensor that is saved with the model and not trained.
    Buffer(&'a dyn AnyBuffer),
    /// Whether a layer is in training.
    Mode(&'a Mode),
    /// A layer's source of random numbers.
    Generator(&'a Generator),
}

/// Where a walk is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The names of the fields on the way, joined by dots: `0.4.1.bn2.weight`.
    pub path: &'a str,
    /// The type of the layer that the item is a field of: `BatchNorm2d`.
    pub layer: &'static str,
    /// Whether that layer, or one around it, normalises.
    pub norm: bool,
}

impl<'a> Place<'a> {
    /// The field's own name: `weight`.
    pub fn name(&self) -> &'a str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }
}

/// Who walks over a module: it keeps track of the path and hands on what it is shown.
///
/// A [`Module::visit`] written by hand calls [`child`](Self::child) for each field, as the derived one does.
pub struct Visitor<'a, T: Float> {
    path: String,
    /// The types on the way, each with whether it or one around it normalises.
    layers: Vec<(&'static str, bool)>,
    see: &'a mut dyn FnMut(Place<'_>, Item<'_, T>),
}

impl<T: Float> Visitor<'_, T> {
    /// Visits the field called `name`.
    pub fn child(&mut self, name: &str, child: &(impl Module<T> + ?Sized)) {
        let len = self.path.len();
        if len > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        self.enter(child);
        self.path.truncate(len);
    }

    fn enter(&mut self, module: &(impl Module<T> + ?Sized)) {
        let inside = self.layers.last().is_some_and(|&(_, norm)| norm);
        self.layers.push((module.type_name(), inside || module.is_norm()));
        module.visit(self);
        self.layers.pop();
    }

    /// Shows an item. It is a module of its own, so the layer that it belongs to is the one around it.
    pub(super) fn item(&mut self, item: Item<'_, T>) {
        let around = self.layers.len().saturating_sub(2);
        let (layer, norm) = self.layers[around];
        (self.see)(Place { path: &self.path, layer, norm }, item);
    }
}

/// Calls `see` for everything that `module` has, in the order of definition.
///
/// ```
/// use downhill_nn::{Item, Linear, walk};
/// use downhill_tensor::Rng;
///
/// let linear: Linear = Linear::new(2, 1, &mut Rng::new(0));
/// let mut paths = vec![];
/// walk(&linear, |place, item| {
///     if let Item::Parameter(_) = item {
///         paths.push(format!("{} of a {}", place.path, place.layer));
///     }
/// });
/// assert_eq!(paths, ["weight of a Linear", "bias of a Linear"]);
/// ```
pub fn walk<T: Float>(module: &(impl Module<T> + ?Sized), mut see: impl FnMut(Place<'_>, Item<'_, T>)) {
    Visitor { path: String::new(), layers: Vec::new(), see: &mut see }.enter(module);
}
