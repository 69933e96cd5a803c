//! No operation without a property, no property without an operation.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::scanner::{operations, recorders};
use crate::{activations, arith, images, index, lanes, norm_layers, products, reduce, unary, views};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = vec![];
    for path in entries.map(|entry| entry.expect("a folder can be listed").path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `names` lacks and what it has too much, in words.
fn difference(recorded: &BTreeSet<String>, checked: &BTreeSet<String>) -> Vec<String> {
    let missing = recorded.difference(checked).map(|op| format!("operation {op} has no gradient property"));
    let stale =
        checked.difference(recorded).map(|op| format!("a property checks {op}, which nothing records"));
    missing.chain(stale).collect()
}

#[test]
fn every_operation_has_a_property() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all_recorders: Vec<String> =
        sources(&src).iter().flat_map(|path| recorders(&read(path))).collect();
    // What makes nodes in general; leaves are among them.
    all_recorders.retain(|name| name != "node");
    for expected in ["record", "record_many"] {
        assert!(
            all_recorders.iter().any(|name| name == expected),
            "no function {expected} in {all_recorders:?}"
        );
    }
    let mut recorded = BTreeSet::new();
    for path in sources(&src.join("ops")) {
        match operations(&read(&path), &all_recorders) {
            Ok(names) => recorded.extend(names),
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
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
    let checked = tables.concat().into_iter().map(str::to_string).collect();
    let wrong = difference(&recorded, &checked);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Should the scan one day find nothing, both sets would have to be empty to agree; they are not.
    assert!(recorded.len() >= 40, "found only {recorded:?}");
}

#[test]
fn differences_are_reported_both_ways() {
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(difference(&set(&["add", "mul"]), &set(&["add", "mul"])), Vec::<String>::new());
    assert_eq!(
        difference(&set(&["add", "conv2d"]), &set(&["add", "old"])),
        ["operation conv2d has no gradient property", "a property checks old, which nothing records"]
    );
}

/// Operations are recorded in `src/ops` only, where the scan looks.
#[test]
fn nothing_is_recorded_elsewhere() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&src).into_iter().filter(|path| !path.starts_with(src.join("ops"))) {
        let source = read(&path);
        for call in ["Var::record(\"", "Var::record_many(\""] {
            assert!(
                !source.contains(call),
                "{} records an operation; the scan looks in src/ops",
                path.display()
            );
        }
    }
}
