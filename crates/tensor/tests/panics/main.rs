//! Every panic names the operation, what is wrong and the shapes, at the caller's line.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use downhill_tensor::{
    After, ChannelNorm, ChannelNormBackward, Conv2dOptions, Pool2dOptions, Tensor, Windows2d,
};

struct Caught {
    message: String,
    file: String,
    line: u32,
}

/// The message of a panic with or without arguments.
fn text(payload: &dyn std::any::Any) -> Option<&str> {
    payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref().copied())
}

thread_local! {
    static LAST: RefCell<Option<Caught>> = const { RefCell::new(None) };
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// What `f` panics with, and where.
fn caught<R>(f: impl FnOnce() -> R) -> Option<Caught> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let location = info.location().expect("a panic has a location");
            let message = text(info.payload()).unwrap_or("").to_string();
            LAST.set(Some(Caught { message, file: location.file().to_string(), line: location.line() }));
            if !SILENT.get() {
                usual(info);
            }
        }));
    });
    SILENT.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    SILENT.set(false);
    outcome.err().and_then(|_| LAST.take())
}

/// Asserts that each expression panics with the message, and that the panic reports the expression's own line: one
/// to three lines below that of the expression before.
macro_rules! panics {
    ($($message:literal <- $e:expr;)*) => {
        let mut line = line!();
        $(
            let panic = crate::caught(|| $e).unwrap_or_else(|| panic!("no panic: {}", stringify!($e)));
            if panic.message != $message {
                panic!("{}\n     got {}\nexpected {}", stringify!($e), panic.message, $message);
            }
            if panic.file != file!() || !(line + 1..=line + 3).contains(&panic.line) {
                panic!("{} reports {}:{} after line {line}", stringify!($e), panic.file, panic.line);
            }
            line = panic.line;
        )*
        assert!(line > line!());
    };
}

#[path = "../common/source.rs"]
mod source;

mod elements;
mod math;
mod shapes;

#[track_caller]
fn t(shape: &[usize]) -> Tensor<f32> {
    Tensor::zeros(shape)
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
fn images() {
    let (x, w) = (t(&[2, 4, 5, 6]), t(&[6, 4, 3, 3]));
    let o = Conv2dOptions::default();
    let pool = Pool2dOptions::new(2);
    let windows = Windows2d::sliding("test", x.shape(), &pool);
    panics! {
        "conv2d: expected four axes each: input [2, 3], weight [6, 4, 3, 3]" <- t(&[2, 3]).conv2d(&w, None, &o);
        "conv2d: channels do not fit 2 groups: input [2, 4, 5, 6], weight [6, 4, 3, 3]"
            <- x.conv2d(&w, None, &o.groups(2));
        "multiply_adds: channels do not fit 2 groups: input [2, 4, 5, 6], weight [6, 4, 3, 3]"
            <- o.groups(2).multiply_adds(x.shape(), w.shape());
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

#[test]
fn channels() {
    let x = t(&[2, 3, 4]);
    let norm = |c| {
        let [mean, scale, weight, bias] = [(); 4].map(|()| t(&[c]));
        ChannelNorm { mean, scale, weight, bias }
    };
    let how = ChannelNormBackward { after: After::Nothing, out: None, own_statistics: true, input: true };
    panics! {
        "channel_moments: expected shape [n, c, ..], got [3]" <- t(&[3]).channel_moments();
        "channel_norm: expected shape [n, c, ..], got [3]" <- t(&[3]).channel_norm(&norm(3), None, After::Nothing);
        "channel_norm: shapes differ: input [2, 3, 4], parameter [4]" <- x.channel_norm(&norm(4), None, After::Relu);
        "channel_norm: shapes differ: input [2, 3, 4], other [2, 3]"
            <- x.channel_norm(&norm(3), Some(&t(&[2, 3])), After::Relu);
        "channel_norm_backward: shapes differ: input [2, 3, 4], parameter [2]"
            <- x.channel_norm_backward(&norm(2), x.clone(), &how);
        "channel_norm_backward: shapes differ: input [2, 3, 4], other [2, 4, 3]"
            <- x.channel_norm_backward(&norm(3), t(&[2, 4, 3]), &how);
    }
}

#[test]
fn several_tensors_at_once() {
    let (mut x, mut y) = (t(&[2, 3]), t(&[3]));
    panics! {
        "update_: shapes differ: lhs [2, 3], rhs [3]" <- Tensor::update_("update_", [&mut x, &mut y], [], |[x, y], []| [x, y]);
        "update_: shapes differ: lhs [3], rhs [2]" <- Tensor::update_("update_", [&mut y], [&t(&[2])], |[y], [_]| [y]);
        "fuse_sum: shapes differ: lhs [2], rhs [3]" <- Tensor::fuse_sum("fuse_sum", [&t(&[2]), &t(&[3])], |[x, _]| x.into());
    }
}

/// What needs no test of its own, and why.
const EXEMPT: &[(&str, &str)] = &[
    ("Isa::current", "an environment variable, tested in another process by same_bits"),
    ("Rng::below", "tested in rng"),
    ("Tensor::moments", "reports the mean that it begins with"),
];

/// Every public function that blames its caller says so in its documentation, and has a message tested here that
/// begins with its name.
#[test]
fn every_panic_is_documented_and_tested() {
    let tests = [
        include_str!("main.rs"),
        include_str!("elements.rs"),
        include_str!("math.rs"),
        include_str!("shapes.rs"),
    ];
    let tests = tests.concat();
    // Comparisons in tests have messages of their own kind.
    let functions = source::public_functions().into_iter().filter(|f| f.file != "testing.rs");
    let (mut wrong, mut count) = (vec![], 0);
    for f in functions.filter(|f| f.tracks_its_caller() || f.says_when_it_panics()) {
        count += 1;
        let exempt = EXEMPT.iter().any(|(name, _)| name.ends_with(&format!("::{}", f.name)));
        if !exempt && !f.tracks_its_caller() {
            wrong.push(format!("{}: {} panics without #[track_caller]", f.file, f.name));
        }
        if !f.says_when_it_panics() {
            wrong.push(format!("{}: {} does not say when it panics", f.file, f.name));
        }
        let tested = ["\"", "::"].iter().any(|before| tests.contains(&format!("{before}{}: ", f.name)));
        if !exempt && !tested {
            wrong.push(format!("{}: no test of a panic of {}", f.file, f.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "found only {count} functions");
}
