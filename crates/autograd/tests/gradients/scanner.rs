//! Reading the names of the operations from the sources.

/// The functions that are given an operation's name first: everything declared with `op: &'static str` as its first
/// named parameter, such as `record` itself and the helpers that several operations share.
pub(crate) fn recorders(source: &str) -> Vec<String> {
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
pub(crate) fn operations(source: &str, recorders: &[String]) -> Result<Vec<String>, String> {
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
fn reports_a_name_that_it_cannot_read() {
    let error = operations("Var::record(NAME, [self], value)", &made_up_recorders()).unwrap_err();
    assert!(error.contains("record(NAME, [self], value)"), "{error}");
}
