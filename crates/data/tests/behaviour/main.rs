//! What the crate does, file format by file format and dataset by dataset. One program: what they share is compiled and
//! linked once.

mod combine;
mod csv;
mod dataset;
mod idx;
mod image_folder;
mod loader;
mod sample;
mod show;
mod transforms;
mod workers;
