//! Every operation's derivative against finite differences: random shapes, broadcasting, axes of one and of no
//! elements, every memory form. `completeness` fails if an operation has no such property.

mod activations;
mod arith;
mod completeness;
mod forms;
mod images;
mod index;
mod lanes;
mod norm_layers;
mod products;
mod property;
mod reduce;
mod scanner;
mod unary;
mod views;
