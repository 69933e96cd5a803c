//! Graphs, backward passes and the tools around them. One program: the generic code that they share is compiled once.

mod checkpoint;
mod diagnose;
mod gradcheck;
mod graph;
mod hooks;
mod memory;
mod modes;
mod panics;
mod second;
