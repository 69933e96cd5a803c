//! Timings: the cases of the program `timings` and of the criterion benches, and the peers that do the same work.
#![deny(unsafe_code)]

pub mod cases;
mod data;
mod epochs;
mod layers;
pub mod ops;
mod peers;
mod resnet;
mod step;
