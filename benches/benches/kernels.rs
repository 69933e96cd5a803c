//! Criterion benches of matrix products, elementwise operations and reductions: `cargo bench -p downhill-benches`.
#![forbid(unsafe_code)]

use criterion::{Criterion, criterion_group, criterion_main};
use downhill_benches::cases::case;

fn group(c: &mut Criterion, name: &str, cases: &[&str]) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut group = c.benchmark_group(name);
    for name in cases {
        let mut work = case(name, threads).expect("the names below are those of cases");
        group.bench_function(*name, |b| b.iter(&mut work));
    }
    group.finish();
}

fn kernels(c: &mut Criterion) {
    group(
        c,
        "gemm",
        &["gemm_1024x1024x1024", "gemm_gemmcrate_1024x1024x1024", "gemm_256x784x30", "gemm_256x784x1"],
    );
    group(c, "elementwise", &["add_1048576", "exp_1048576", "memcpy_1048576"]);
    group(c, "reductions", &["sum_1048576"]);
}

criterion_group!(benches, kernels);
criterion_main!(benches);
