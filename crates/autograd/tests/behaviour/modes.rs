//! Switching recording off and on again.

use std::panic::catch_unwind;

use downhill_autograd::{NoGrad, Var, is_grad_enabled, no_grad};
use downhill_tensor::Tensor;

fn records() -> bool {
    let recorded = (&Var::parameter(Tensor::from([1.0_f32])) * 2.0).requires_grad();
    assert_eq!(recorded, is_grad_enabled());
    recorded
}

#[test]
fn a_closure() {
    assert!(records());
    assert_eq!(no_grad(|| (records(), 7)), (false, 7));
    assert!(records());
}

#[test]
fn nested_closures() {
    no_grad(|| {
        no_grad(|| assert!(!records()));
        assert!(!records());
    });
    assert!(records());
}

#[test]
fn a_guard() {
    {
        let _guard = NoGrad::new();
        assert!(!records());
        {
            let _inner = NoGrad::new();
            assert!(!records());
        }
        assert!(!records());
    }
    assert!(records());
}

#[test]
fn guards_in_any_order() {
    let (first, second) = (NoGrad::new(), NoGrad::new());
    drop(first);
    assert!(!records());
    drop(second);
    assert!(records());
}

#[test]
fn a_panic_switches_it_on_again() {
    catch_unwind(|| no_grad(|| panic!("on purpose"))).unwrap_err();
    assert!(records());
    catch_unwind(|| {
        let _guard = NoGrad::new();
        no_grad(|| panic!("on purpose"));
    })
    .unwrap_err();
    assert!(records());
    let x = Var::parameter(Tensor::from([1.0_f32]));
    catch_unwind(|| (&x * 2.0).reshape(&[1, 1]).backward_with(Tensor::zeros(&[2]))).unwrap_err();
    assert!(records());
}

#[test]
fn other_threads_record_on() {
    no_grad(|| {
        assert!(std::thread::spawn(records).join().unwrap());
        assert!(!records());
    });
}
