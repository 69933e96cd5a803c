//! Every panic names the operation, what is wrong and the shapes, at the caller's line.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use downhill_tensor::testing::{Tolerance, assert_close};
use downhill_tensor::{Conv2dOptions, Pool2dOptions, Rng, Tensor, Windows2d, cat, stack};

struct Caught {
    message: String,
    file: String,
    line: u32,
}

/// The message of a panic with or without arguments.
fn text(payload: &dyn std::any::Any) -> Option<&str> {
    payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref().copied())
}

thread_local!(static LAST: RefCell<Option<Caught>> = const { RefCell::new(None) });

/// What `f` panics with, and where.
fn caught<R>(f: impl FnOnce() -> R) -> Option<Caught> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let location = info.location().expect("a panic has a location");
            let message = text(info.payload()).unwrap_or("").to_string();
            LAST.set(Some(Caught { message, file: location.file().to_string(), line: location.line() }));
            if std::thread::current().name().is_none() {
                usual(info);
            }
        }));
    });
    catch_unwind(AssertUnwindSafe(f)).err().and_then(|_| LAST.take())
}

/// Asserts that each expression panics with the message, and that the panic reports the expression's own line: one
/// to three lines below that of the expression before.
macro_rules! panics {
    ($($message:literal <- $e:expr;)*) => {
        let mut line = line!();
        $(
            let panic = caught(|| $e).unwrap_or_else(|| die(format!("no panic: {}", stringify!($e))));
            if panic.message != $message {
                die(format!("{}\n     got {}\nexpected {}", stringify!($e), panic.message, $message))
            }
            if panic.file != file!() || !(line + 1..=line + 3).contains(&panic.line) {
                die(format!("{} reports {}:{} after line {line}", stringify!($e), panic.file, panic.line))
            }
            line = panic.line;
        )*
        assert!(line > line!());
    };
}

/// Fails the test in spite of the silent hook.
fn die(message: String) -> ! {
    eprintln!("{message}");
    panic!("{message}")
}

#[track_caller]
fn t(shape: &[usize]) -> Tensor<f32> {
    Tensor::zeros(shape)
}

#[test]
fn creation() {
    panics! {
        "from_vec: 3 values for shape [2, 2]" <- Tensor::from_vec(vec![1.0_f32; 3], &[2, 2]);
        "from_slice: 3 values for shape []" <- Tensor::from_slice(&[1_u8; 3], &[]);
        "shape: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- t(&[1; 7]);
        "uniform: bounds are not finite: low 0.0, high inf"
            <- Tensor::<f32>::uniform(&[1], 0.0, f64::INFINITY, &mut Rng::new(0));
    }
}

#[test]
fn views() {
    let x = t(&[2, 3]);
    panics! {
        "reshape: shape [2, 2] does not fit the 6 elements of shape [2, 3]" <- x.reshape(&[2, 2]);
        "reshape: shape [-1, 4] does not fit the 6 elements of shape [2, 3]" <- x.reshape(&[-1, 4]);
        "reshape: at most one axis may be -1 and none less, got [-1, -1]" <- x.reshape(&[-1, -1]);
        "reshape: at most one axis may be -1 and none less, got [-2, 3]" <- x.reshape(&[-2, 3]);
        "reshape: axis 1 of [0, -1] could be anything for shape [0, 3]" <- t(&[0, 3]).reshape(&[0, -1]);
        "view: shape [6] needs a copy of shape [3, 2] with strides [1, 3]; use reshape" <- x.t().view(&[6]);
        "view: shape [5] does not fit the 6 elements of shape [2, 3]" <- x.view(&[5]);
        "shape: at most 6 axes, got [2, 3, 1, 1, 1, 1, 1]" <- x.reshape(&[2, 3, 1, 1, 1, 1, 1]);
        "flatten: axis 2 is out of range for a tensor of 2 axes" <- x.flatten(2);
        "transpose: axis 2 is out of range for a tensor of 2 axes" <- x.transpose(2, 0);
        "transpose: axis -3 is out of range for a tensor of 2 axes" <- x.transpose(0, -3);
        "t: expected a matrix, got shape [3]" <- t(&[3]).t();
        "permute: axes [0] for shape [2, 3]" <- x.permute(&[0]);
        "permute: axis -2 is named twice in [0, -2]" <- x.permute(&[0, -2]);
        "permute: axis 2 is out of range for a tensor of 2 axes" <- x.permute(&[0, 2]);
        "narrow: start 1 and length 2 exceed axis 0 of shape [2, 3]" <- x.narrow(0, 1, 2);
        "narrow: start 18446744073709551615 and length 2 exceed axis 0 of shape [2, 3]"
            <- x.narrow(0, usize::MAX, 2);
        "narrow: axis 2 is out of range for a tensor of 2 axes" <- x.narrow(2, 0, 0);
        "slice: 2..1 exceeds axis 1 of shape [2, 3]" <- x.slice(-1, 2, 1, 1);
        "slice: 0..4 exceeds axis 1 of shape [2, 3]" <- x.slice(1, 0, 4, 1);
        "slice: the step must be positive, got 0" <- x.slice(1, 0, 3, 0);
        "select: index 3 is outside of axis 1 of shape [2, 3]" <- x.select(1, 3);
        "select: axis 0 is out of range for a tensor of 0 axes" <- t(&[]).select(0, 0);
        "unbind: axis 2 is out of range for a tensor of 2 axes" <- x.unbind(2);
        "expand: shape [2, 3] does not broadcast to [4, 3]" <- x.expand(&[4, 3]);
        "expand: shape [2, 3] does not broadcast to [3]" <- x.expand(&[3]);
        "unsqueeze: axis 3 is out of range for a tensor of 3 axes" <- x.unsqueeze(3);
        "shape: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- t(&[1; 6]).unsqueeze(0);
        "squeeze: axis 2 is out of range for a tensor of 2 axes" <- x.squeeze(2);
    }
}

#[test]
fn elements_and_joins() {
    let x = t(&[2, 3]);
    panics! {
        "item: expected one element, got shape [2, 3]" <- x.item();
        "item: expected one element, got shape [0]" <- t(&[0]).item();
        "get: index [2, 0] is outside of shape [2, 3]" <- x.get(&[2, 0]);
        "get: index [0] is outside of shape [2, 3]" <- x.get(&[0]);
        "size: axis -3 is out of range for a tensor of 2 axes" <- x.size(-3);
        "index_select: index 2 is outside of axis 0 of shape [2, 3]" <- x.index_select(0, &[0, 2]);
        "index_select: axis 2 is out of range for a tensor of 2 axes" <- x.index_select(2, &[]);
        "cat: no tensors" <- cat::<f32>(&[], 0);
        "cat: axis 0 is out of range for a tensor of 0 axes" <- cat(&[t(&[])], 0);
        "cat: shapes differ off axis 0: first [2, 3], other [2, 4]" <- cat(&[x.clone(), t(&[2, 4])], 0);
        "cat: shapes differ off axis 1: first [2, 3], other [2]" <- cat(&[x.clone(), t(&[2])], 1);
        "stack: no tensors" <- stack::<f32>(&[], 0);
        "stack: shapes differ: first [2, 3], other [3, 2]" <- stack(&[x.clone(), t(&[3, 2])], 0);
        "stack: axis 3 is out of range for a tensor of 3 axes" <- stack(std::slice::from_ref(&x), 3);
        "shape: at most 6 axes, got [1, 1, 1, 1, 1, 1, 1]" <- stack(&[t(&[1; 6])], 0);
        "compare: shapes differ: actual [2, 3], expected [3, 2]" <- assert_close(&x, &x.t(), Tolerance::EXACT);
        "at [1]: got 2e0, expected 3e0, error 1e0, allowed 5e-1"
            <- assert_close(&Tensor::from([1.0, 2.0_f32]), &Tensor::from([1.0, 3.0]), Tolerance::absolute(0.5));
    }
}

#[test]
fn arithmetic() {
    let (x, y) = (t(&[2, 3]), t(&[2]));
    let truth = x.gt(0.0);
    panics! {
        "add: shapes do not broadcast: lhs [2, 3], rhs [2]" <- &x + &y;
        "add: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.clone() + &y;
        "sub: shapes do not broadcast: lhs [2, 3], rhs [2]" <- &x - t(&[2]);
        "mul: shapes do not broadcast: lhs [2, 3], rhs [2]" <- t(&[2, 3]) * t(&[2]);
        "div: shapes do not broadcast: lhs [2], rhs [2, 3]" <- &y / &x;
        "add_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.clone().add_(&y).numel();
        "sub_: rhs does not broadcast to lhs: lhs [3], rhs [2, 3]" <- t(&[3]).sub_(&x).numel();
        "mul_: rhs does not broadcast to lhs: lhs [1, 3], rhs [2, 3]" <- t(&[1, 3]).mul_(&x).numel();
        "div_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.clone().div_(&y).numel();
        "add_scaled_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.clone().add_scaled_(&y, 1.0).numel();
        "copy_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]" <- x.clone().copy_(&y).numel();
        "maximum: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.maximum(&y);
        "minimum: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.minimum(&y);
        "eq: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.eq(&y);
        "ne: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.ne(&y);
        "lt: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.lt(&y);
        "le: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.le(&y);
        "gt: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.gt(&y);
        "ge: shapes do not broadcast: lhs [2, 3], rhs [2]" <- x.ge(&y);
        "where_: shapes do not broadcast: condition [2, 3], lhs [], rhs [2]" <- truth.where_(1.0, &y);
    }
}

#[test]
fn reductions_and_products() {
    let x = t(&[2, 3]);
    panics! {
        "sum: axis 2 is out of range for a tensor of 2 axes" <- x.sum(2);
        "sum: axis -1 is named twice in [1, -1]" <- x.sum([1, -1]);
        "sum: axis -3 is out of range for a tensor of 2 axes" <- x.sum_keepdim(-3);
        "mean: axis 2 is out of range for a tensor of 2 axes" <- x.mean(2);
        "mean: axis 0 is named twice in [0, 0]" <- x.mean_keepdim([0, 0]);
        "sum_to: shape [2] does not broadcast to [2, 3]" <- x.sum_to(&[2]);
        "sum_to: shape [1, 2, 3] does not broadcast to [2, 3]" <- x.sum_to(&[1, 2, 3]);
        "matmul: inner dimensions differ: lhs [64, 784], rhs [10, 30]" <- t(&[64, 784]).matmul(&t(&[10, 30]));
        "matmul: inner dimensions differ: lhs [3], rhs [2, 3]" <- t(&[3]).matmul(&x);
        "matmul: a scalar has no inner dimension: lhs [], rhs [2, 3]" <- t(&[]).matmul(&x);
        "matmul: a scalar has no inner dimension: lhs [2, 3], rhs []" <- x.matmul(&t(&[]));
        "matmul: batch axes do not broadcast: lhs [2, 1, 1], rhs [3, 1, 1]"
            <- t(&[2, 1, 1]).matmul(&t(&[3, 1, 1]));
    }
}

#[test]
fn shapes_beyond_memory_are_refused_and_not_wrapped() {
    const HALF: usize = 1 << 32;
    let (column, row) = (Tensor::<bool>::ones(&[1, 1]).expand(&[HALF, 1]), t(&[1]).expand(&[HALF]));
    let tall = t(&[1, 1]).expand(&[HALF, 1]);
    panics! {
        "zeros: shape [18446744073709551615, 2] exceeds the address space" <- t(&[usize::MAX, 2]);
        "ones: shape [4294967296, 4294967296] exceeds the address space" <- Tensor::<u8>::ones(&[HALF, HALF]);
        "full: shape [2305843009213693952] exceeds the address space" <- Tensor::full(&[1 << 61], 1.0_f32);
        "from_fn: shape [9223372036854775808] exceeds the address space"
            <- Tensor::from_fn(&[1 << 63], |_| 1_u8);
        "from_vec: shape [4294967296, 4294967296] exceeds the address space"
            <- Tensor::<u8>::from_vec(vec![], &[HALF, HALF]);
        // A part of an empty shape counts as well: a sum over the empty axis would have it.
        "zeros: shape [0, 18446744073709551615, 2] exceeds the address space" <- t(&[0, usize::MAX, 2]);
        "expand: shape [4294967296, 4294967296] exceeds the address space" <- t(&[1]).expand(&[HALF, HALF]);
        "reshape: shape [4294967296, 4294967296] exceeds the address space"
            <- t(&[0]).reshape(&[HALF as isize, HALF as isize]);
        "add: shape [4294967296, 4294967296] exceeds the address space" <- &tall + &row;
        "gt: shape [4294967296, 4294967296] exceeds the address space" <- tall.gt(&row);
        "where_: shape [4294967296, 4294967296] exceeds the address space"
            <- column.where_(&row, 1.0);
        "matmul: shape [4294967296, 4294967296] exceeds the address space" <- tall.matmul(&row.unsqueeze(0));
        "cat: shape [2305843009213693952] exceeds the address space"
            <- cat(&[t(&[1]).expand(&[1 << 60]), t(&[1]).expand(&[1 << 60])], 0);
        "stack: shape [2, 1152921504606846976] exceeds the address space"
            <- stack(&[t(&[1]).expand(&[1 << 60]), t(&[1]).expand(&[1 << 60])], 0);
        "index_select: shape [3, 1152921504606846976] exceeds the address space"
            <- t(&[1, 1]).expand(&[1, 1 << 60]).index_select(0, &[0, 0, 0]);
    }
}

#[test]
fn a_gigantic_view_costs_nothing() {
    let wide = Tensor::scalar(1.0_f32).expand(&[1 << 30, 1 << 30]);
    assert_eq!(wide.numel(), 1 << 60);
    assert_eq!(wide.get(&[12345, 67890]), 1.0);
    assert_eq!(wide.narrow(0, 5, 2).narrow(1, 1 << 29, 3).sum(..).item(), 6.0);
    assert_eq!(wide.t().select(0, 7).shape(), [1 << 30]);
    assert_eq!(Tensor::<f32>::zeros(&[1 << 30, 0, 1 << 20]).to_vec(), []);
}

#[test]
fn the_check_itself_sees_a_wrong_line() {
    let elsewhere = caught(|| Vec::<u8>::new().iter().map(|_| 0).collect::<Vec<u8>>()[0]).unwrap();
    assert_eq!(elsewhere.file, file!());
    let far = caught(|| t(&[2]).item()).unwrap();
    assert_eq!((far.file.as_str(), far.line), (file!(), line!() - 1));
    assert!(caught(|| 1).is_none());
}

#[test]
fn indices_and_counting() {
    let (x, index) = (t(&[2, 3]), Tensor::from([[0, 3_i64]]));
    let mut y = x.clone();
    panics! {
        "gather: index 3 is outside of axis 1 of shape [2, 3]" <- x.gather(1, &index);
        "gather: index -1 is outside of axis 0 of shape [2, 3]" <- x.gather(0, &Tensor::from([[-1_i64]]));
        "gather: axis 2 is out of range for a tensor of 2 axes" <- x.gather(2, &index);
        "gather: index exceeds the tensor off axis 1: tensor [2, 3], index [2]" <- x.gather(1, &Tensor::from([0, 1_i64]));
        "gather: index exceeds the tensor off axis 1: tensor [2, 3], index [3, 1]"
            <- x.gather(1, &Tensor::zeros(&[3, 1]));
        "scatter_add_: index 3 is outside of axis 1 of shape [2, 3]"
            <- y.scatter_add_(1, &index, &t(&[1, 2])).numel();
        "scatter_add_: shapes differ: index [1, 2], source [2, 1]"
            <- y.scatter_add_(1, &index, &t(&[2, 1])).numel();
        "index_add_: index 2 is outside of axis 0 of shape [2, 3]" <- y.index_add_(0, &[2], &t(&[1, 3])).numel();
        "index_add_: shapes differ: expected [1, 3], source [3]" <- y.index_add_(0, &[0], &t(&[3])).numel();
        "masked_fill: shapes do not broadcast: lhs [2, 3], rhs [2]"
            <- x.masked_fill(&t(&[2]).gt(0.0), 1.0);
        "masked_fill_: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]"
            <- y.masked_fill_(&t(&[2]).gt(0.0), 1.0).numel();
        "flip: axis 2 is out of range for a tensor of 2 axes" <- x.flip(&[2]);
        "roll: axis -3 is out of range for a tensor of 2 axes" <- x.roll(1, -3);
        "split: parts of no indices of axis 1 of shape [2, 3]" <- x.split(0, 1);
        "split: axis 2 is out of range for a tensor of 2 axes" <- x.split(1, 2);
        "chunk: no parts of axis 1 of shape [2, 3]" <- x.chunk(0, 1);
        "pad: padding [1] for shape [2, 3]" <- x.pad(&[1], 0.0);
        "pad: padding [0, 0, 0, 0, 0, 1] for shape [2, 3]" <- x.pad(&[0, 0, 0, 0, 0, 1], 0.0);
        "pad: padding [18446744073709551615, 0] is too large" <- x.pad(&[usize::MAX, 0], 0.0);
        "arange_step: no steps of 0 lead from 0 to 1" <- Tensor::arange_step(0_i64, 1, 0);
        "arange_step: no steps of -0.5 lead from 0.0 to 1.0" <- Tensor::arange_step(0.0_f32, 1.0, -0.5);
        "arange_step: no steps of 1.0 lead from 0.0 to inf" <- Tensor::arange_step(0.0_f32, f32::INFINITY, 1.0);
    }
}

#[test]
fn images() {
    let (x, w) = (t(&[2, 4, 5, 6]), t(&[6, 4, 3, 3]));
    let o = Conv2dOptions::default();
    let pool = Pool2dOptions::new(2);
    let windows = Windows2d::sliding("test", x.shape(), &pool);
    panics! {
        "conv2d: expected four axes each: input [2, 3], weight [6, 4, 3, 3]" <- t(&[2, 3]).conv2d(&w, None, &o);
        "conv2d: channels do not fit 2 groups: input [2, 4, 5, 6], weight [6, 4, 3, 3]"
            <- x.conv2d(&w, None, &o.groups(2));
        "conv2d: channels do not fit 0 groups: input [2, 4, 5, 6], weight [6, 4, 3, 3]"
            <- x.conv2d(&w, None, &o.groups(0));
        "conv2d: stride and dilation must be positive, got [1, 0] and [1, 1]"
            <- x.conv2d(&w, None, &o.stride([1, 0]));
        "conv2d: the kernel does not fit the padded image: input [2, 4, 5, 6], weight [6, 4, 3, 3], padding [0, 0], \
         dilation [3, 1]" <- x.conv2d(&w, None, &o.dilation([3, 1]));
        "conv2d: the kernel does not fit the padded image: input [2, 4, 5, 6], weight [6, 4, 0, 3], padding [0, 0], \
         dilation [1, 1]" <- x.conv2d(&t(&[6, 4, 0, 3]), None, &o);
        "conv2d: shapes differ: weight [6, 4, 3, 3], bias [4]" <- x.conv2d(&w, Some(&t(&[4])), &o);
        "conv2d_input: shapes differ: expected [2, 6, 3, 4], gradient [2, 6, 3, 3]"
            <- t(&[2, 6, 3, 3]).conv2d_input(&w, [5, 6], &o);
        "conv2d_weight: shapes differ: expected [2, 6, 3, 4], gradient [2, 6, 3, 3]"
            <- x.conv2d_weight(&t(&[2, 6, 3, 3]), [3, 3], &o);
        "max_pool2d: expected shape [n, c, h, w], got [2, 3]" <- t(&[2, 3]).max_pool2d(&pool);
        "max_pool2d: no window fits: input [2, 4, 5, 6], kernel [6, 2], stride [6, 2], padding [0, 0]"
            <- x.max_pool2d(&Pool2dOptions::new([6, 2]));
        "avg_pool2d: no window fits: input [2, 4, 5, 6], kernel [3, 3], stride [3, 3], padding [2, 2]"
            <- x.avg_pool2d(&Pool2dOptions::new(3).padding(2));
        "avg_pool2d: no window fits: input [2, 4, 5, 6], kernel [2, 2], stride [0, 2], padding [0, 0]"
            <- x.avg_pool2d(&pool.stride([0, 2]));
        "max_pool2d: no window fits: input [1, 1, 0, 2], kernel [2, 2], stride [2, 2], padding [1, 1]"
            <- t(&[1, 1, 0, 2]).max_pool2d(&pool.padding(1));
        "adaptive_avg_pool2d: no pixels for output [1, 1]: input [1, 1, 0, 2]"
            <- t(&[1, 1, 0, 2]).adaptive_avg_pool2d(1);
        "window_sum: windows over images of [5, 6] for shape [2, 4, 6, 5]"
            <- t(&[2, 4, 6, 5]).window_sum(&windows);
        "normalize: rhs does not broadcast to lhs: lhs [2, 3], rhs [2]"
            <- t(&[2, 3]).normalize(&t(&[2]), &t(&[]), &t(&[]), &t(&[]));
    }
}
