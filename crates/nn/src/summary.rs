//! What a model looks like.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

use downhill_autograd::{Var, no_grad};
use downhill_tensor::{Float, Tensor};

use crate::{Forward, Item, forward_hook, walk};

const WIDTH: usize = 76;

/// A layer that was called.
struct Row<T: Float> {
    type_name: &'static str,
    parameters: Vec<Var<T>>,
    input: Vec<usize>,
    output: Vec<usize>,
}

/// A table of the layers that `model` calls, in the order of the calls: what comes out, the number of parameters, and
/// whether they are trained. fastai's `summary`.
///
/// `input` is the shape of a batch. A single item of zeros is run, in evaluation and without recording; the model is left
/// as it was. Layers that a model does not call by name (see [`Forward::forward_as`]) are part of the layer that calls
/// them.
///
/// # Panics
/// If the model does not take such an input.
///
/// ```
/// use downhill_nn::{Sequential, simple_net, summary};
/// use downhill_tensor::Rng;
///
/// let net: Sequential = simple_net(&mut Rng::new(42));
/// let table = summary(&net, &[64, 784]);
/// assert!(table.starts_with("Sequential (Input shape: 64 x 784)\n"));
/// assert!(table.contains("Linear                                    23550      True"));
/// assert!(table.contains("Total params: 23,581\n"));
/// ```
#[track_caller]
pub fn summary<T: Float>(model: &(impl Forward<T> + ?Sized), input: &[usize]) -> String {
    assert!(!input.is_empty(), "summary: expected the shape of a batch, got []");
    let rows = rows(model, input);
    let mut table = format!("{} (Input shape: {})\n", model.type_name(), joined(input[0], input));
    let (double, single) = ("=".repeat(WIDTH), "_".repeat(WIDTH));
    let line = |table: &mut String, cells: [&str; 4]| {
        let [layer, shape, count, trained] = cells;
        let line = format!("{layer:<20} {shape:<20} {count:<10} {trained:<10}");
        writeln!(table, "{}", line.trim_end()).expect("a string takes everything");
    };
    table += &format!("{double}\n");
    line(&mut table, ["Layer (type)", "Output Shape", "Param #", "Trainable"]);
    table += &format!("{double}\n");
    for (i, row) in rows.iter().enumerate() {
        // The shape is told where it changes.
        if i == 0 || row.output != row.input {
            if i > 0 {
                table += &format!("{single}\n");
            }
            line(&mut table, ["", &joined(input[0], &row.output), "", ""]);
        }
        let count: usize = row.parameters.iter().map(|p| p.value().numel()).sum();
        let trained = row.parameters.first().map(|p| if p.requires_grad() { "True" } else { "False" });
        let count = if row.parameters.is_empty() { String::new() } else { count.to_string() };
        line(&mut table, [row.type_name, "", &count, trained.unwrap_or_default()]);
    }
    // Of the model, not of the rows: a layer that has others inside may have parameters of its own.
    let parameters = model.parameters();
    let count = |trained: bool| -> usize {
        parameters.iter().filter(|p| p.requires_grad() == trained).map(|p| p.value().numel()).sum()
    };
    let (trained, frozen) = (count(true), count(false));
    table += &format!("{single}\n\n");
    table += &format!("Total params: {}\n", thousands(trained + frozen));
    table += &format!("Total trainable params: {}\n", thousands(trained));
    table += &format!("Total non-trainable params: {}\n", thousands(frozen));
    table
}

/// The innermost calls of a forward pass.
fn rows<T: Float>(model: &(impl Forward<T> + ?Sized), input: &[usize]) -> Vec<Row<T>> {
    let rows = Rc::new(RefCell::new(Vec::new()));
    let to = rows.clone();
    let hook = forward_hook::<T>(move |call| {
        if call.is_leaf {
            let (input, output) = (call.input.shape().to_vec(), call.output.shape().to_vec());
            let parameters = call.parameters.clone();
            to.borrow_mut().push(Row { type_name: call.type_name, parameters, input, output });
        }
    });
    let mut item = input.to_vec();
    item[0] = 1;
    let modes = Modes::eval(model);
    no_grad(|| model.forward_as("", &Var::new(Tensor::zeros(&item))));
    drop(modes);
    drop(hook);
    rows.take()
}

/// A model in evaluation, until this is dropped and every layer is as it was.
struct Modes(Vec<(crate::Mode, bool)>);

impl Modes {
    fn eval<T: Float>(model: &(impl Forward<T> + ?Sized)) -> Self {
        let mut before = Vec::new();
        walk(model, |_, item| {
            if let Item::Mode(mode) = item {
                before.push((mode.clone(), mode.is_training()));
                mode.set(false);
            }
        });
        Modes(before)
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        for (mode, training) in &self.0 {
            mode.set(*training);
        }
    }
}

/// A shape for a batch of `bs`: `64 x 3 x 28 x 28`.
fn joined(bs: usize, shape: &[usize]) -> String {
    let mut numbers = vec![bs.to_string()];
    numbers.extend(shape.iter().skip(1).map(ToString::to_string));
    numbers.join(" x ")
}

/// `11,689,512`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
