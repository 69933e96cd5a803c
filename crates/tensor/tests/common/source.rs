//! Reading the crate's public functions from its sources, so that a test can say which of them it misses.
#![allow(dead_code)] // every test takes what it needs

use std::fs;
use std::path::Path;

/// A public function.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Function {
    /// The file that it stands in.
    pub(crate) file: String,
    pub(crate) name: String,
    /// The header of the `impl` block around it; empty for a free function.
    pub(crate) owner: String,
    /// Its documentation and attributes.
    pub(crate) docs: String,
}

impl Function {
    pub(crate) fn is_on_tensor(&self) -> bool {
        self.owner.contains("Tensor<")
    }

    pub(crate) fn tracks_its_caller(&self) -> bool {
        self.docs.contains("#[track_caller]")
    }

    pub(crate) fn says_when_it_panics(&self) -> bool {
        self.docs.contains("# Panics")
    }
}

/// The public functions of all files of `src`, those of its folders aside, which hold what is private.
pub(crate) fn public_functions() -> Vec<Function> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = vec![];
    for entry in fs::read_dir(&folder).expect("the crate has sources") {
        let path = entry.expect("a folder can be listed").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.file_name().expect("it has an extension").to_string_lossy().into_owned();
            let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
            all.extend(functions(&source).into_iter().map(|f| Function { file: file.clone(), ..f }));
        }
    }
    all
}

/// The public functions of a source text, also those that its macros make.
pub(crate) fn functions(source: &str) -> Vec<Function> {
    let (mut found, mut docs, mut owner, mut open) = (vec![], String::new(), String::new(), 0_i32);
    let mut macro_name = None;
    for line in source.lines() {
        let text = line.trim();
        if line == "}" {
            (owner, macro_name) = (String::new(), None);
        }
        if let Some(name) = text.strip_prefix("macro_rules! ") {
            macro_name = Some(name.trim_end_matches([' ', '{']).to_string());
        }
        if text.starts_with("impl") {
            owner = text.to_string();
        }
        if let Some(name) = text.strip_prefix("pub fn ") {
            let name = name.split(['(', '<']).next().unwrap_or_default().to_string();
            let function = Function { name, owner: owner.clone(), docs: docs.clone(), ..Function::default() };
            match (function.name.strip_prefix('$'), &macro_name) {
                (Some(variable), Some(name)) => found.extend(
                    expansions(source, name, variable)
                        .into_iter()
                        .map(|name| Function { name, ..function.clone() }),
                ),
                _ => found.push(function),
            }
        }
        // Documentation and attributes, which may run over several lines, belong to what follows.
        let attribute = text.starts_with("#[") || text.starts_with("$(#[");
        if open > 0 || attribute || text.starts_with("///") {
            docs = docs + line + "\n";
            if !text.starts_with("///") {
                open += text.matches('[').count() as i32 - text.matches(']').count() as i32;
            }
        } else {
            docs.clear();
        }
    }
    found
}

/// What a macro's `variable` is in each item of each of its calls. Items end with semicolons, and what comes before the
/// variable are single words.
fn expansions(source: &str, macro_name: &str, variable: &str) -> Vec<String> {
    let words = |text: &str| -> Vec<String> {
        text.split([' ', ',', '\n']).filter(|w| !w.is_empty()).map(str::to_string).collect()
    };
    let definition = source.split(&format!("macro_rules! {macro_name} {{")).nth(1).expect("just seen");
    let header = definition.split("=> {").next().unwrap_or_default().replace("$(#[$doc:meta])*", "");
    let (before, item) = header.split_once("$(").unwrap_or(("", &header));
    let repeats = header.contains("$(");
    let has_title = before.trim_end().ends_with(':');
    let position = words(item)
        .iter()
        .filter(|word| word.contains('$'))
        .position(|word| word.trim_start_matches(['(', '$']).starts_with(&format!("{variable}:")));
    let position = position.unwrap_or_else(|| panic!("{macro_name} has no variable {variable} in {item}"));
    let mut names = vec![];
    for (at, call) in source.match_indices(&format!("{macro_name}!")) {
        if source[..at].ends_with("macro_rules! ") {
            continue;
        }
        let call = &source[at + call.len()..];
        let lines = call.lines().skip_while(|line| line.trim().is_empty());
        // The call ends on its first line, or with a line of its own.
        let end = |line: &str| line.ends_with(");") && line.starts_with('(');
        let one_line = lines.clone().next().is_some_and(end);
        let text: Vec<&str> = lines
            .enumerate()
            .take_while(|(i, line)| *i == 0 || !(one_line || *line == "}" || *line == ");"))
            .map(|(_, line)| line.trim_start_matches([' ', '{', '(']))
            .filter(|line| !line.starts_with("//"))
            .collect();
        let text = text.join("\n");
        let items = if has_title { text.split_once(':').map_or("", |(_, items)| items) } else { &text };
        let items = if repeats { items.split(';').collect() } else { vec![items] };
        names.extend(items.into_iter().filter_map(|item| words(item).get(position).cloned()));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE_UP: &str = r#"
//! pub fn in_a_comment() {}
impl<E: Element> Tensor<E> {
    /// Plain.
    ///
    /// # Panics
    /// Often.
    #[track_caller]
    pub fn plain<A>(&self) -> Self {
        helper()
    }

    fn private(&self) {}
}
/// Free.
pub fn free() {}
macro_rules! unary {
    ($bound:ident: $($(#[$doc:meta])* $name:ident, $twin:ident => $f:expr;)*) => {
        impl<E: $bound> Tensor<E> {$(
            $(#[$doc])*
            pub fn $name(&self) -> Self {}
            #[doc = concat!("[`",
                stringify!($name), "`]")]
            #[track_caller]
            pub fn $twin(&mut self) -> &mut Self {}
        )*}
    };
}
unary! { Number:
    /// One; two.
    exp, exp_ => |x: E| x;
    sin, sin_ => E::sin;
}
unary! { Float:
    abs, abs_ => E::abs;
}
macro_rules! extremum {
    (
        $full:ident, $along:ident, $example:literal
    ) => {
        impl<E: Element> Tensor<E> {
            pub fn $along(&self) {}
        }
    };
}
extremum!(
    max,
    max_dim,
    "example"
);
extremum!(min, min_dim, "");
macro_rules! comparison {
    ($($name:ident $op:tt;)*) => {
        impl<E: Element> Tensor<E> {$(
            pub fn $name(&self) {}
        )*}
    };
}
comparison! {
    eq ==;
    ne !=;
}
"#;

    #[test]
    fn finds_functions_and_those_of_macros() {
        let found = functions(MADE_UP);
        let names: Vec<&str> = found.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(
            names,
            ["plain", "free", "exp", "sin", "abs", "exp_", "sin_", "abs_", "max_dim", "min_dim", "eq", "ne"]
        );
        let by = |name: &str| found.iter().find(|f| f.name == name).unwrap();
        assert!(by("plain").tracks_its_caller() && by("plain").says_when_it_panics());
        assert!(by("plain").is_on_tensor() && by("eq").is_on_tensor() && !by("free").is_on_tensor());
        assert!(by("exp_").tracks_its_caller() && !by("exp").tracks_its_caller());
        assert!(!by("free").docs.contains("Panics"));
    }
}
