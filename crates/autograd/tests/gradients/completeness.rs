//! No operation without a property, no property without an operation.

use std::path::Path;

use crate::scanner::{properties, read, sources, uncovered};
use crate::{activations, arith, images, index, lanes, norm_layers, products, reduce, unary, views};

#[test]
fn every_operation_has_a_property() {
    let wrong = uncovered(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What was read from the sources are the tests that run.
#[test]
fn every_property_is_a_test() {
    let tables = [
        activations::OPS,
        arith::OPS,
        images::OPS,
        index::OPS,
        lanes::OPS,
        norm_layers::OPS,
        products::OPS,
        reduce::OPS,
        unary::OPS,
        views::OPS,
    ];
    let mut compiled: Vec<String> = tables.concat().into_iter().map(str::to_string).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradients");
    let paths = sources(&folder).unwrap().into_iter().filter(|path| !path.ends_with("scanner.rs"));
    let mut read: Vec<String> = paths.flat_map(|path| properties(&read(&path).unwrap())).collect();
    compiled.sort();
    read.sort();
    assert_eq!(read, compiled);
    assert!(read.len() >= 100, "only {} properties", read.len());
}
