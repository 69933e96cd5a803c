//! Which operations there are and which have a gradient property, read from the sources. `completeness` uses this, and so
//! does `cargo xtask ci`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is wrong in the crate that lies in `folder`: operations without a property, properties without an operation.
pub(crate) fn uncovered(folder: &Path) -> Result<Vec<String>, String> {
    let recorded = recorded(&folder.join("src"))?;
    let mut checked = BTreeSet::new();
    for path in sources(&folder.join("tests/gradients"))? {
        // This file's own examples are no properties.
        if path.file_stem().is_some_and(|name| name != "scanner") {
            checked.extend(properties(&read(&path)?));
        }
    }
    Ok(difference(&recorded, &checked))
}

/// The names of all operations that `src` records.
fn recorded(src: &Path) -> Result<BTreeSet<String>, String> {
    let mut all_recorders = vec![];
    for path in sources(src)? {
        let source = read(&path)?;
        all_recorders.extend(recorders(&source));
        let in_ops = path.starts_with(src.join("ops"));
        if !in_ops && ["Var::record(\"", "Var::record_many(\""].iter().any(|call| source.contains(call)) {
            return Err(format!("{} records an operation; the scan looks in src/ops", path.display()));
        }
    }
    // What makes the results of them all.
    all_recorders.retain(|name| name != "result");
    for expected in ["record", "record_map", "record_many"] {
        if !all_recorders.iter().any(|name| name == expected) {
            return Err(format!("no function {expected} in {all_recorders:?}"));
        }
    }
    let mut recorded = BTreeSet::new();
    for path in sources(&src.join("ops"))? {
        let names = operations(&read(&path)?, &all_recorders);
        recorded.extend(names.map_err(|error| format!("{}: {error}", path.display()))?);
    }
    Ok(recorded)
}

/// What `recorded` has and `checked` lacks, and the other way round, in words.
fn difference(recorded: &BTreeSet<String>, checked: &BTreeSet<String>) -> Vec<String> {
    let missing = recorded.difference(checked).map(|op| format!("operation {op} has no gradient property"));
    let stale =
        checked.difference(recorded).map(|op| format!("a property checks {op}, which nothing records"));
    missing.chain(stale).collect()
}

/// The operations that a table of properties names: `test checks "op": ..`.
pub(crate) fn properties(source: &str) -> Vec<String> {
    let source = without_comments(source);
    let names = source.split(" checks \"").skip(1);
    names.filter_map(|rest| rest.split('"').next()).map(str::to_string).collect()
}

pub(crate) fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut found = vec![];
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The functions that are given an operation's name first: everything declared with `op: &'static str` as its first
/// named parameter, such as `record` itself and the helpers that several operations share.
fn recorders(source: &str) -> Vec<String> {
    let source = without_comments(source);
    let mut found = vec![];
    for (at, _) in source.match_indices("op: &'static str") {
        // Not a field of a struct: between the last `fn` and the parameter nothing was opened but its list.
        let Some(start) = source[..at].rfind("fn ") else { continue };
        let head = &source[start + 3..at];
        if head.contains(['{', '}', ';']) {
            continue;
        }
        found.push(head.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
    }
    found
}

/// The names of the operations that `source` records, or what could not be understood.
fn operations(source: &str, recorders: &[String]) -> Result<Vec<String>, String> {
    let source = without_comments(source);
    let mut found = vec![];
    for recorder in recorders {
        for (at, _) in source.match_indices(&format!("{recorder}(")) {
            let before = source[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || source[..at].ends_with("fn ") {
                continue;
            }
            let argument = source[at + recorder.len() + 1..].trim_start();
            if let Some(name) = argument.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                found.push(name.to_string());
            } else if !argument.starts_with("op,") && !argument.starts_with("stringify!($name),") {
                // A helper passes its own `op` on, and the table's macro stringifies; both are counted where they are
                // called. Anything else would be an operation that this scan misses.
                let line = argument.lines().next().unwrap_or_default();
                return Err(format!(
                    "the name of an operation is neither a literal nor `op`: {recorder}({line}"
                ));
            }
        }
    }
    let words: Vec<&str> = source.split_whitespace().collect();
    for row in words.windows(3) {
        if let [name, "saves", "Input:" | "Output:"] = row {
            found.push((*name).to_string());
        }
    }
    Ok(found)
}

fn without_comments(source: &str) -> String {
    source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE_UP: &str = r#"
        //! Var::record("in a comment", [self], value);
        impl Var {
            fn shared(&self, op: &'static str, value: f64) -> Var {
                Var::record(op, [self], value, || |d| [Some(d.grad)])
            }
            pub fn twice(&self) -> Var {
                Var::record(
                    "twice", [self], 2.0 * self.value(), || |d| [Some(2.0 * d.grad)])
            }
            pub fn thrice(&self) -> Var { self.shared("thrice", 3.0) }
        }
        pub fn many(vars: &[Var]) -> Var { Var::record_many("many", vars, 0.0, |d| vec![]) }
        macro_rules! unary { ($($name:ident saves $saves:ident: $f:expr;)*) => {
            $(fn $name() { self.shared(stringify!($name), 1.0) })*
        } }
        unary! {
            /// A doc.
            gelu saves Input: |g, x| g * x;
            silu saves Output: |g, y| g * y;
        }
    "#;

    fn made_up_recorders() -> Vec<String> {
        let mut all =
            recorders("struct Node { op: &'static str }\nfn record<const N: usize, F>(\n op: &'static str,");
        all.extend(recorders("pub(crate) fn record_many(\n        op: &'static str,\n"));
        all.extend(recorders(MADE_UP));
        all
    }

    #[test]
    fn finds_the_functions_that_record() {
        assert_eq!(made_up_recorders(), ["record", "record_many", "shared"]);
    }

    #[test]
    fn finds_every_kind_of_operation() {
        let mut found = operations(MADE_UP, &made_up_recorders()).unwrap();
        found.sort();
        assert_eq!(found, ["gelu", "many", "silu", "thrice", "twice"]);
    }

    #[test]
    fn finds_the_properties() {
        let table = r#"
            neg checks "neg": one(any_value()), |x, ()| -&x[0];
            // old checks "old": one(any_value()), |x, ()| x[0].old();
            sum_of_all checks "sum":
        "#;
        assert_eq!(properties(table), ["neg", "sum"]);
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

    /// A copy of the crate into which an operation is planted: it is missed until it has a property.
    #[test]
    fn a_planted_operation_is_missed() {
        // This runs in two crates.
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let crate_folder =
            if here.ends_with("autograd") { here.into() } else { here.join("../crates/autograd") };
        let name = format!("downhill-scanner-{}-{}", env!("CARGO_PKG_NAME"), std::process::id());
        let copy = std::env::temp_dir().join(name);
        for part in ["src", "tests/gradients"] {
            for path in sources(&crate_folder.join(part)).unwrap() {
                let to = copy.join(path.strip_prefix(&crate_folder).unwrap());
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(&path, to).unwrap();
            }
        }
        assert_eq!(uncovered(&copy).unwrap(), Vec::<String>::new());
        let plant = "impl<T: Float> Var<T> { pub fn twice(&self) -> Var<T> { Var::record(\n\"twice\", [self], value, f) } }";
        fs::write(copy.join("src/ops/planted.rs"), plant).unwrap();
        let missed = uncovered(&copy);
        let table = copy.join("tests/gradients/planted.rs");
        fs::write(&table, "properties! { twice checks \"twice\": one(any_value()), |x, ()| x[0].twice(); }")
            .unwrap();
        let covered = uncovered(&copy);
        fs::write(copy.join("src/planted.rs"), "Var::record(\"elsewhere\", [self], value, f)").unwrap();
        let elsewhere = uncovered(&copy);
        fs::remove_dir_all(&copy).unwrap();
        assert_eq!(missed.unwrap(), ["operation twice has no gradient property"]);
        assert_eq!(covered.unwrap(), Vec::<String>::new());
        assert!(
            elsewhere
                .unwrap_err()
                .ends_with("src/planted.rs records an operation; the scan looks in src/ops")
        );
    }

    #[test]
    fn reports_a_name_that_it_cannot_read() {
        let error = operations("Var::record(NAME, [self], value)", &made_up_recorders()).unwrap_err();
        assert!(error.contains("record(NAME, [self], value)"), "{error}");
    }
}
