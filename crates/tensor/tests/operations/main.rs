//! What operations compute, against naive twins. One program: the generic code that they share is compiled once.

#[path = "../common/mod.rs"]
mod common;

mod batch_norm;
mod determinism;
mod display;
mod elementwise;
mod images;
mod index;
mod lanes;
mod matmul;
mod numbers;
mod reduce;
mod rng;
mod serialize;
mod update;
mod views;
