//! Printing as PyTorch prints: four decimals, aligned columns, scientific notation where magnitudes differ widely,
//! and the middle of long axes left out.

use std::fmt;

use crate::element::{DType, Element};
use crate::tensor::Tensor;

const PRECISION: usize = 4;
const LINE_WIDTH: usize = 80;
/// Tensors of more elements are summarised: of each axis only this many at either end are shown.
const THRESHOLD: usize = 1000;
const EDGE_ITEMS: usize = 3;

impl<E: Element> fmt::Display for Tensor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PREFIX: &str = "tensor(";
        let mut suffixes = Vec::new();
        let body = if self.numel() == 0 {
            if self.rank() != 1 {
                let sizes: Vec<String> = self.shape().iter().map(usize::to_string).collect();
                suffixes.push(format!("size=({})", sizes.join(", ")));
            }
            "[]".to_string()
        } else {
            let summarize = self.numel() > THRESHOLD;
            let format = Format::choose(&shown(self, summarize));
            lines(self, PREFIX.len(), summarize, &format)
        };
        let is_default = matches!(E::DTYPE, DType::F32)
            || (self.numel() > 0 && matches!(E::DTYPE, DType::I64 | DType::Bool));
        if !is_default {
            suffixes.push(format!("dtype={}", E::DTYPE));
        }
        write!(f, "{PREFIX}{body}")?;
        // Two more than the length of the last line: PyTorch counts like this.
        let mut column =
            2 + PREFIX.len() * usize::from(!body.contains('\n')) + body.lines().last().map_or(0, str::len);
        for suffix in suffixes {
            if column + suffix.len() + 2 > LINE_WIDTH {
                write!(f, ",\n{:indent$}{suffix}", "", indent = PREFIX.len())?;
                column = PREFIX.len() + suffix.len();
            } else {
                write!(f, ", {suffix}")?;
                column += 2 + suffix.len();
            }
        }
        write!(f, ")")
    }
}

impl<E: Element> fmt::Debug for Tensor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The elements that will be printed.
fn shown<E: Element>(tensor: &Tensor<E>, summarize: bool) -> Vec<E> {
    if tensor.rank() == 0 {
        return vec![tensor.item()];
    }
    if !summarize {
        return tensor.to_vec();
    }
    let n = tensor.shape()[0];
    indices(n, summarize).into_iter().flatten().flat_map(|i| shown(&tensor.select(0, i), summarize)).collect()
}

/// The indices of an axis that are shown; `None` stands for those left out.
fn indices(n: usize, summarize: bool) -> Vec<Option<usize>> {
    if summarize && n > 2 * EDGE_ITEMS {
        (0..EDGE_ITEMS).map(Some).chain([None]).chain((n - EDGE_ITEMS..n).map(Some)).collect()
    } else {
        (0..n).map(Some).collect()
    }
}

fn lines<E: Element>(tensor: &Tensor<E>, indent: usize, summarize: bool, format: &Format) -> String {
    let Some(&n) = tensor.shape().first() else { return format.element(tensor.item()) };
    let indices = indices(n, summarize);
    if tensor.rank() > 1 {
        let separator = format!(",{}{:indent$}", "\n".repeat(tensor.rank() - 1), "", indent = indent + 1);
        let slices: Vec<String> = indices
            .iter()
            .map(|i| match *i {
                Some(i) => lines(&tensor.select(0, i), indent + 1, summarize, format),
                None => "...".to_string(),
            })
            .collect();
        return format!("[{}]", slices.join(&separator));
    }
    let items: Vec<String> =
        indices.iter().map(|i| i.map_or(" ...".to_string(), |i| format.element(tensor.get(&[i])))).collect();
    let per_line = ((LINE_WIDTH - indent.min(LINE_WIDTH)) / (format.width + 2)).max(1);
    let rows: Vec<String> = items.chunks(per_line).map(|row| row.join(", ")).collect();
    format!("[{}]", rows.join(&format!(",\n{:indent$}", "", indent = indent + 1)))
}

/// How all elements of one tensor are written.
struct Format {
    width: usize,
    style: Style,
}

enum Style {
    /// Integers and truth values.
    Exact,
    /// Floats that are all whole numbers: `3.`
    Whole,
    Fixed,
    Scientific,
}

impl Format {
    fn choose<E: Element>(elements: &[E]) -> Format {
        let mut format = Format { width: 1, style: Style::Exact };
        if matches!(E::DTYPE, DType::F32 | DType::F64) {
            let finite = || elements.iter().map(|x| x.to_f64()).filter(|x| x.is_finite() && *x != 0.0);
            let (min, max) =
                finite().fold((f64::INFINITY, 0.0_f64), |(lo, hi), x| (lo.min(x.abs()), hi.max(x.abs())));
            let whole = finite().all(|x| x == x.ceil());
            let wide = max / min > 1e3 || max > 1e8;
            format.style = match whole {
                _ if max == 0.0 => Style::Whole,
                true if wide => Style::Scientific,
                true => Style::Whole,
                false if wide || min < 1e-4 => Style::Scientific,
                false => Style::Fixed,
            };
            // PyTorch takes the column's width from the finite values other than zero.
            format.width = finite().map(|x| format.plain(E::from_f64(x)).len()).max().unwrap_or(1);
        } else {
            format.width = elements.iter().map(|&x| format.plain(x).len()).max().unwrap_or(1);
        }
        format
    }

    fn element<E: Element>(&self, x: E) -> String {
        format!("{:>width$}", self.plain(x), width = self.width)
    }

    fn plain<E: Element>(&self, x: E) -> String {
        let value = x.to_f64();
        match self.style {
            Style::Exact if E::DTYPE == DType::Bool => {
                if value == 1.0 { "True" } else { "False" }.to_string()
            }
            Style::Exact => x.to_i64().to_string(),
            _ if value.is_nan() => "nan".to_string(),
            _ if value.is_infinite() => if value > 0.0 { "inf" } else { "-inf" }.to_string(),
            Style::Whole => format!("{value:.0}."),
            Style::Fixed => format!("{value:.PRECISION$}"),
            Style::Scientific => {
                let text = format!("{value:.PRECISION$e}");
                let (mantissa, exponent) = text.split_once('e').expect("{:e} writes an exponent");
                let exponent: i32 = exponent.parse().expect("{:e} writes a number after the e");
                let sign = if exponent < 0 { '-' } else { '+' };
                format!("{mantissa}e{sign}{:02}", exponent.abs())
            }
        }
    }
}
