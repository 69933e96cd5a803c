//! Looking at graphs and at gradients.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use downhill_tensor::Float;

use crate::place::Place;
use crate::var::Var;

/// The graph behind `outputs` in the language of Graphviz: `dot -Tsvg graph.dot > graph.svg`.
///
/// Every operation is a box with its name and the shape of its result, parameters are green ellipses, constants are grey
/// ones. `names` says what to call some variables. An operation whose graph was consumed by a backward pass has a dashed
/// frame, and what it was computed from is gone.
///
/// ```
/// use downhill_autograd::{Var, graph_dot};
/// use downhill_tensor::Tensor;
///
/// let (w, x) = (Var::parameter(Tensor::from([2.0_f32])), Var::new(Tensor::from([3.0])));
/// let text = graph_dot(&[&(&w * &x).exp()], &[("w", &w)]);
/// assert!(text.starts_with("digraph {"));
/// for label in ["exp\\n[1]", "mul\\n[1]", "w\\n[1]", "constant\\n[1]"] {
///     assert!(text.contains(label), "{text}");
/// }
/// ```
pub fn graph_dot<T: Float>(outputs: &[&Var<T>], names: &[(&str, &Var<T>)]) -> String {
    let names: BTreeMap<u64, &str> = names.iter().map(|(name, var)| (var.id(), *name)).collect();
    let mut text = "digraph {\n    node [fontname=\"sans-serif\"];\n".to_string();
    // By descending id, as a backward pass goes: no recursion, and the same text every time.
    let mut pending: BTreeMap<u64, Place<T>> = outputs.iter().map(|&var| (var.id(), var.place())).collect();
    let mut edges = String::new();
    while let Some((id, place)) = pending.pop_last() {
        let (record, is_leaf) = match &place {
            Place::Leaf(_) => (None, true),
            Place::Result(node) => (node.record(true), false),
        };
        let (kind, style) = match (is_leaf, place.requires_grad()) {
            (true, true) => ("parameter", "shape=ellipse, style=filled, fillcolor=\"#c8e6c9\""),
            (true, false) => ("constant", "shape=ellipse, style=filled, fillcolor=\"#eeeeee\""),
            _ if record.is_none() => (place.op(), "shape=box, style=dashed"),
            _ => (place.op(), "shape=box"),
        };
        let label = match names.get(&id) {
            Some(name) if is_leaf => escaped(name),
            Some(name) => format!("{} = {}", escaped(name), escaped(kind)),
            None => escaped(kind),
        };
        // Writing to a string cannot fail.
        _ = writeln!(text, "    n{id} [label=\"{label}\\n{:?}\", {style}];", place.shape());
        for input in record.iter().flat_map(|record| record.inputs()) {
            _ = writeln!(edges, "    n{} -> n{id};", input.id());
            pending.entry(input.id()).or_insert_with(|| input.clone());
        }
    }
    text + &edges + "}\n"
}

/// A name as it may stand between quotation marks.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for c in name.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What [`unused_parameters`] found, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnusedParameters {
    /// No gradient has arrived: the loss does not depend on these, or no backward pass has run since they were reset.
    pub no_gradient: Vec<String>,
    /// A gradient has arrived, and all of it is zero: something upstream is dead, or cut off by a zero.
    pub all_zero: Vec<String>,
}

impl UnusedParameters {
    /// Whether every parameter has got a gradient.
    pub fn is_empty(&self) -> bool {
        self.no_gradient.is_empty() && self.all_zero.is_empty()
    }
}

/// Which of the parameters have received no gradient, or nothing but zeros. To be called after a backward pass that
/// started without gradients. Frozen ones, which require none, do not count.
///
/// ```
/// use downhill_autograd::{Var, unused_parameters};
/// use downhill_tensor::Tensor;
///
/// let [used, dead, forgotten] = [1.0, -2.0, 3.0_f32].map(|x| Var::parameter(Tensor::from([x])));
/// (&used + dead.relu()).sum(..).backward();
/// let found = unused_parameters([("used", &used), ("dead", &dead), ("forgotten", &forgotten)]);
/// assert_eq!(found.no_gradient, ["forgotten"]);
/// assert_eq!(found.all_zero, ["dead"]);
/// ```
pub fn unused_parameters<'a, T: Float>(
    parameters: impl IntoIterator<Item = (impl Into<String>, &'a Var<T>)>,
) -> UnusedParameters {
    let mut found = UnusedParameters::default();
    for (name, var) in parameters.into_iter().filter(|(_, var)| var.requires_grad()) {
        match var.grad() {
            None => found.no_gradient.push(name.into()),
            // A parameter of no elements has nothing to receive.
            Some(grad) if grad.numel() > 0 && grad.iter().all(|x| x == T::default()) => {
                found.all_zero.push(name.into());
            }
            Some(_) => {}
        }
    }
    found
}
