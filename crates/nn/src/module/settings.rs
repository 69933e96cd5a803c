//! The smallest modules, and those that only hold others. They are why the derive macro needs no annotations.

use downhill_autograd::Var;
use downhill_tensor::{Element, Float};

use super::{Buffer, Forward, Generator, Item, Mode, Module, Visitor};

/// A variable in a module is one of its parameters.
impl<T: Float> Module<T> for Var<T> {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.item(Item::Parameter(self));
    }
}

impl<T: Float, E: Element> Module<T> for Buffer<E> {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.item(Item::Buffer(self));
    }
}

impl<T: Float> Module<T> for Mode {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.item(Item::Mode(self));
    }
}

impl<T: Float> Module<T> for Generator {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.item(Item::Generator(self));
    }
}

/// What may be there or not, such as a bias.
impl<T: Float, M: Module<T>> Module<T> for Option<M> {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        if let Some(module) = self {
            module.visit(visitor);
        }
    }

    fn type_name(&self) -> &'static str {
        self.as_ref().map_or("None", Module::type_name)
    }

    fn is_norm(&self) -> bool {
        self.as_ref().is_some_and(Module::is_norm)
    }
}

/// Children named 0, 1, ...
impl<T: Float, M: Module<T>> Module<T> for Vec<M> {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        for (i, module) in self.iter().enumerate() {
            visitor.child(&i.to_string(), module);
        }
    }
}

impl<T: Float, M: Module<T> + ?Sized> Module<T> for Box<M> {
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        (**self).visit(visitor);
    }

    fn type_name(&self) -> &'static str {
        (**self).type_name()
    }

    fn is_norm(&self) -> bool {
        (**self).is_norm()
    }

    fn param_groups(&self) -> Vec<Vec<Var<T>>> {
        (**self).param_groups()
    }
}

impl<T: Float, M: Forward<T> + ?Sized> Forward<T> for Box<M> {
    #[track_caller]
    fn forward(&self, x: &Var<T>) -> Var<T> {
        (**self).forward(x)
    }

    #[track_caller]
    fn forward_then_relu(&self, x: &Var<T>) -> Var<T> {
        (**self).forward_then_relu(x)
    }

    fn is_relu(&self) -> bool {
        (**self).is_relu()
    }
}

/// Settings are modules of nothing, so that a derived module may have them as fields.
macro_rules! settings {
    ($($t:ty),*) => {$(
        impl<T: Float> Module<T> for $t {
            fn visit(&self, _visitor: &mut Visitor<'_, T>) {}
        }
    )*};
}

settings!(usize, i64, f32, f64, bool, String, &'static str);
