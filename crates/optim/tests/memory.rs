//! After the first step, a step takes nothing from the system.

mod common;

use allocation_counter::measure;
use common::{all, params};
use downhill_autograd::Var;
use downhill_optim::Optimizer;
use downhill_tensor::{Rng, Tensor};

fn set_grads(params: &[Var<f32>]) {
    for p in params {
        p.set_grad(Some(Tensor::randn(&p.shape(), &mut Rng::new(5))));
    }
}

#[test]
fn a_step_allocates_nothing_after_the_first() {
    // In a pool of one thread: the counter sees one thread only, and rayon itself allocates now and then when work comes
    // from outside.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (name, make) in all::<f32>() {
        let (first, later) = pool.install(|| {
            let params = params();
            let mut opt = make(params.clone().into(), 0.1);
            set_grads(&params);
            // Lookahead looks after six steps for the first time.
            let first = measure(|| (0..7).for_each(|_| opt.step()));
            let later = measure(|| (0..7).for_each(|_| opt.step()));
            (first, later)
        });
        // The chapter's own writes `grad * lr`, which is a recycled buffer and a handle.
        let handles = if name == "basic" { 1 << 10 } else { 0 };
        assert!(later.bytes_max <= handles, "{name}: {later:?}");
        assert_eq!(later.bytes_current, 0, "{name}: {later:?}");
        let keeps = !["basic", "sgd"].contains(&name);
        assert!(!keeps || first.count_total > 0, "{name}: the measurement sees the first step: {first:?}");
    }
}

#[test]
fn a_step_works_in_place() {
    for (name, make) in all::<f32>() {
        let params = params();
        let mut opt = make(params.clone().into(), 0.1);
        let address = |p: &Var<f32>| p.value().as_slice().map(|data| data.as_ptr());
        let before = address(&params[0]);
        assert!(before.is_some());
        for _ in 0..8 {
            set_grads(&params);
            opt.step();
            opt.zero_grad();
            assert_eq!(address(&params[0]), before, "{name}");
        }
    }
}
