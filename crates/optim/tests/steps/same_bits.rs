//! The same bits at any number of threads, on every instruction set, and in any order of memory.

use std::process::Command;

use crate::common::{all, hashes, params, step};
use downhill_autograd::Var;
use downhill_optim::{Adam, clip_grad_norm_};
use downhill_tensor::testing::bits_hash;
use downhill_tensor::{Isa, Rng, Tensor};

/// A line for each optimizer: what five steps make of the parameters.
fn lines() -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (name, make) in all::<f32>() {
        let params = params();
        let mut opt = make(params.clone().into(), 0.1);
        (0..5).for_each(|i| step(&mut *opt, &params, i));
        lines.push(format!("hash {name}: {:x?}", hashes(&params)));
    }
    let p = Var::parameter(Tensor::<f32>::zeros(&[300, 401]));
    p.set_grad(Some(Tensor::randn(&[300, 401], &mut Rng::new(3))));
    let norm = clip_grad_norm_(std::slice::from_ref(&p), 1.0);
    lines.push(format!("hash clip: {norm:?} {:x}", bits_hash(&p.grad().unwrap())));
    lines
}

#[test]
fn same_bits_at_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(lines)
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(on(threads), expected, "on {threads} threads");
    }
}

const CHILD: &str = "DOWNHILL_SAME_BITS_CHILD";

#[test]
fn same_bits_on_every_instruction_set() {
    if std::env::var_os(CHILD).is_some() {
        println!("\n{}", lines().join("\n"));
        return;
    }
    let expected = lines();
    for (isa, name) in [(Isa::Portable, "portable"), (Isa::Avx2, "avx2"), (Isa::Avx512, "avx512")] {
        if isa > Isa::best() {
            continue;
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["same_bits::same_bits_on_every_instruction_set", "--exact", "--nocapture"])
            .env("DOWNHILL_ISA", name)
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let found: Vec<&str> = text.lines().filter(|line| line.starts_with("hash ")).collect();
        assert_eq!(found, expected, "on {name}");
    }
}

#[test]
fn where_elements_lie_does_not_matter() {
    let rng = &mut Rng::new(2);
    let values = Tensor::<f32>::randn(&[7, 5, 3, 3], rng);
    let weight_order = |t: &Tensor| t.permute(&[2, 3, 1, 0]).contiguous().permute(&[3, 2, 0, 1]);
    let with_gaps = Tensor::<f32>::randn(&[7, 5, 3, 6], rng).slice(3, 0, 6, 2);
    let run = |p: Tensor, place: &dyn Fn(&Tensor) -> Tensor| {
        let strides = p.strides().to_vec();
        let p = Var::parameter(p);
        let mut opt = Adam::new(vec![p.clone()], 0.1);
        for i in 0..4 {
            let grad = Tensor::randn(&[7, 5, 3, 3], &mut Rng::new(i));
            p.set_grad(Some(place(&grad)));
            downhill_optim::Optimizer::step(&mut opt);
        }
        (hashes(std::slice::from_ref(&p)), p.value().strides() == strides)
    };
    let copy = |_: &Tensor| values.clone();
    let expected = run(copy(&values), &|g| g.clone());
    assert!(expected.1, "a dense parameter stays in its order");
    assert_eq!(run(weight_order(&values), &weight_order), expected);
    assert_eq!(run(weight_order(&values), &|g| g.clone()), expected);
    assert_eq!(run(values.clone(), &weight_order), expected);
    assert_ne!(run(with_gaps, &|g| g.clone()).0, expected.0, "other values");
}
