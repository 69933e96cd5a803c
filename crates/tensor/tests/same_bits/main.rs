//! The same bits on every instruction set, for every operation on f32, and at any number of threads, for every operation.
//!
//! The instruction set is chosen once in a process, so the test runs itself again with `DOWNHILL_ISA` set and compares
//! the hashes that the other processes print.

use std::process::Command;

use downhill_tensor::{Float, Isa, Rng, Tensor};

#[path = "../common/source.rs"]
mod source;
mod tables;

use tables::Hashes;

/// Operands of two axes, in memory forms and sizes that take different loops.
fn operands<E: Float>() -> Vec<(String, Tensor<E>, Tensor<E>)> {
    let mut all = vec![];
    for (size, shape) in [("small", [7, 19]), ("odd", [129, 257]), ("large", [300, 401])] {
        let rng = &mut Rng::new(3);
        let random = |shape: [usize; 2], rng: &mut Rng| Tensor::<E>::randn(&shape, rng);
        let (x, y) = (random(shape, rng), random(shape, rng));
        let turned = [shape[1], shape[0]];
        all.push((format!("{size} turned"), random(turned, rng).t(), random(turned, rng).t()));
        let wide = random([shape[0], 2 * shape[1]], rng).slice(1, 0, 2 * shape[1], 2);
        all.push((format!("{size} with gaps"), wide, x.narrow(0, 0, 1).expand(&shape)));
        all.push((size.to_string(), x, y));
    }
    all
}

/// Everything in floats of one type; what works element by element by `elementwise`.
fn hashes<E: Float>(elementwise: impl Fn(&Tensor<E>, &Tensor<E>, &mut Hashes)) -> Hashes {
    let mut hashes = Hashes::new();
    for (form, x, y) in operands::<E>() {
        let mut of_form = Hashes::new();
        elementwise(&x, &y, &mut of_form);
        tables::along_axes(&x, &mut of_form);
        tables::moves(&x, &y, &mut of_form);
        hashes.extend(of_form.into_iter().map(|(name, hash)| (format!("{form} {name}"), hash)));
    }
    tables::products::<E>(&mut hashes);
    tables::images::<E>(&mut hashes);
    tables::numbered::<E>(&mut hashes);
    hashes
}

fn hashes_in_f32() -> Hashes {
    hashes(tables::elementwise)
}

const CHILD: &str = "DOWNHILL_SAME_BITS_CHILD";

fn print_lines(hashes: &Hashes) -> String {
    hashes.iter().map(|(name, hash)| format!("hash {name}: {hash:016x}\n")).collect()
}

/// What another process computes, with an instruction set forced.
fn hashes_on(isa: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["same_bits_on_every_instruction_set", "--exact", "--nocapture"])
        .env("DOWNHILL_ISA", isa)
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{isa}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| line.starts_with("hash ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn same_bits_on_every_instruction_set() {
    if std::env::var_os(CHILD).is_some() {
        println!("\n{}", print_lines(&hashes_in_f32()));
        return;
    }
    let expected = print_lines(&hashes_in_f32());
    assert!(expected.lines().count() > 300);
    for (isa, name) in [(Isa::Portable, "portable"), (Isa::Avx2, "avx2"), (Isa::Avx512, "avx512")] {
        if isa <= Isa::best() {
            let found = hashes_on(name);
            for (a, b) in expected.lines().zip(found.lines()) {
                assert_eq!(a, b, "on {name}");
            }
            assert_eq!(expected.lines().count(), found.lines().count(), "on {name}");
        }
    }
}

#[test]
fn same_bits_at_any_number_of_threads() {
    let all = || {
        let mut all = [hashes_in_f32(), hashes::<f64>(|_, _, _| {})].concat();
        tables::integers(&mut all);
        print_lines(&all)
    };
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(all);
    let expected = on(1);
    for threads in [2, 3, 8] {
        for (a, b) in expected.lines().zip(on(threads).lines()) {
            assert_eq!(a, b, "on {threads} threads");
        }
    }
}

/// Functions that compute no elements, and those whose elements are not a matter of kernels or threads.
const EXEMPT: &[&[&str]] = &[
    // Questions.
    &[
        "shape",
        "strides",
        "rank",
        "size",
        "numel",
        "is_contiguous",
        "shares_storage",
        "as_slice",
        "as_mut_slice",
    ],
    // Single elements, and all of them as they are.
    &["to_vec", "item", "get", "iter", "is_set_to"],
    // Views. (Those that `unbind`, `split` and `chunk` are made of too.)
    &["reshape", "view", "flatten", "permute", "slice", "expand", "unsqueeze", "squeeze", "diagonal"],
    // Made on one thread, element by element, in f64.
    &[
        "from_vec",
        "try_from_vec",
        "from_slice",
        "full",
        "zeros",
        "ones",
        "zeros_like",
        "ones_like",
        "full_like",
        "from_fn",
        "eye",
        "randn_like",
        "rand",
        "rand_like",
        "uniform",
    ],
];

/// Every public function of tensors is in the tables, or in the list above.
#[test]
fn no_operation_is_left_out() {
    let tables = include_str!("tables.rs").replace(['\n', ' '], "");
    let mut missing = vec![];
    let mut count = 0;
    for f in source::public_functions() {
        let free = matches!(f.file.as_str(), "join.rs") && f.owner.is_empty();
        if !f.is_on_tensor() && !free {
            continue;
        }
        count += 1;
        let called = |before: &str| {
            ["(", "::<"].iter().any(|after| tables.contains(&format!("{before}{}{after}", f.name)))
        };
        let named = [".", "::", "=>", "["].into_iter().any(called);
        if !named && !EXEMPT.concat().contains(&f.name.as_str()) {
            missing.push(format!("{}: {}", f.file, f.name));
        }
    }
    assert!(missing.is_empty(), "neither in the tables nor exempt: {}", missing.join(", "));
    assert!(count > 150, "found only {count} functions");
}

#[test]
fn an_unknown_instruction_set_is_refused() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["same_bits_on_every_instruction_set", "--exact", "--nocapture"])
        .env("DOWNHILL_ISA", "sse9")
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("DOWNHILL_ISA: expected avx512, avx2 or portable, got \"sse9\""), "{text}");
}
