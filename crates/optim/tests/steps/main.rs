//! Optimizers, their states and schedules. One program: the generic code that they share is compiled once.

#[path = "../common/mod.rs"]
mod common;

mod optimizers;
mod same_bits;
mod schedules;
mod state;
