//! Layers, losses, models and their states. One program: the generic code that they share is compiled once.

mod gradients;
mod init;
mod layers;
mod losses;
mod models;
mod module;
mod state;
