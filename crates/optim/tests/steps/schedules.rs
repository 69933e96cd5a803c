//! Schedules: their ends, their parts, and arguments that make no sense.

use downhill_optim::Schedule;
use downhill_optim::schedule::{
    OneCycle, combine_scheds, combined_cos, cosine_annealing_lr, exponential_lr, flat_cos, linear_lr, sgdr,
    step_lr, warm_up,
};

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-7 * b.abs().max(1.0), "{a} {b}");
}

#[test]
fn schedules_go_from_start_to_end() {
    for sched in [
        Schedule::lin(2.0, 0.5),
        Schedule::cos(2.0, 0.5),
        Schedule::exp(2.0, 0.5),
        Schedule::poly(2.0, 0.5, 3.0),
    ] {
        close(sched.at(0.0), 2.0);
        close(sched.at(1.0), 0.5);
        let values: Vec<f64> = (0..=20).map(|i| sched.at(f64::from(i) / 20.0)).collect();
        assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
    }
    assert_eq!(Schedule::no(3.0).at(0.7), 3.0);
    close(Schedule::exp(2.0, 0.5).at(0.5), 1.0);
    close(Schedule::poly(0.0, 1.0, 2.0).at(0.5), 0.25);
}

#[test]
fn parts_meet_where_their_shares_end() {
    let three =
        combine_scheds(&[0.2, 0.3, 0.5], vec![Schedule::no(1.0), Schedule::lin(2.0, 3.0), Schedule::no(4.0)]);
    for (pos, value) in [(0.0, 1.0), (0.199, 1.0), (0.35, 2.5), (0.501, 4.0), (1.0, 4.0)] {
        close(three.at(pos), value);
    }
    // Shares that are no binary fractions need not sum to 1 exactly.
    close(combine_scheds(&[0.1; 10], vec![Schedule::lin(0.0, 1.0); 10]).at(1.0), 1.0);
    // A part of no width is jumped over, also at the end.
    let first = combine_scheds(&[0.0, 1.0], vec![Schedule::no(9.0), Schedule::lin(1.0, 2.0)]);
    close(first.at(0.0), 1.0);
    let last = combined_cos(1.0, 1.0, 2.0, 3.0);
    close(last.at(0.5), 1.5);
    close(last.at(1.0), 3.0);
}

#[test]
fn policies_follow_fastai() {
    let cycle = OneCycle::default();
    close(cycle.lr(0.1).at(0.25), 0.1);
    close(cycle.lr(0.1).at(1.0), 1e-6);
    close(cycle.mom().at(0.25), 0.85);
    close(flat_cos(0.1, 0.75, 1e5).at(0.7), 0.1);
    close(flat_cos(0.1, 0.75, 1e5).at(1.0), 1e-6);
    // Cycles of 1, 2 and 4 parts of 7.
    let restarts = sgdr(1.0, 3, 2.0);
    for (part, value) in
        [(0.0, 1.0), (0.5, 0.5), (1.0001, 1.0), (2.0, 0.5), (3.0001, 1.0), (5.0, 0.5), (7.0, 0.0)]
    {
        assert!((restarts.at(part / 7.0) - value).abs() < 1e-3, "{part}");
    }
    let warm = warm_up(0.5, 0.0, Schedule::lin(1.0, 0.0));
    for (pos, value) in [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.75, 0.5), (1.0, 0.0)] {
        close(warm.at(pos), value);
    }
}

#[test]
fn steps_follow_pytorch() {
    assert_eq!([0, 9, 10, 25].map(|step| step_lr(1.0, 10, 0.5, step)), [1.0, 1.0, 0.5, 0.25]);
    close(exponential_lr(1.0, 0.9, 3), 0.729);
    close(cosine_annealing_lr(1.0, 10, 0.1, 10), 0.1);
    close(cosine_annealing_lr(1.0, 10, 0.1, 20), 1.0);
    close(linear_lr(0.3, 1.0 / 3.0, 1.0, 5, 0), 0.1);
    close(linear_lr(0.3, 1.0 / 3.0, 1.0, 5, 9), 0.3);
    // Every position i / n is step i, rounded or not.
    for n in 1..200 {
        let steps = Schedule::of_steps(n, |step| step as f64);
        assert!((0..=n).all(|i| steps.at(i as f64 / n as f64) == i as f64), "{n}");
    }
}

#[test]
#[should_panic(expected = "combine_scheds: shares must sum to 1, got 0.8999999999999999: [0.7, 0.2]")]
fn shares_must_sum_to_one() {
    combine_scheds(&[0.7, 0.2], vec![Schedule::no(1.0); 2]);
}

#[test]
#[should_panic(expected = "combine_scheds: a share is negative: [1.5, -0.5]")]
fn shares_must_not_be_negative() {
    combine_scheds(&[1.5, -0.5], vec![Schedule::no(1.0); 2]);
}

#[test]
#[should_panic(expected = "combine_scheds: 2 shares for 1 schedules")]
fn every_schedule_has_a_share() {
    combine_scheds(&[0.5, 0.5], vec![Schedule::no(1.0)]);
}

#[test]
#[should_panic(expected = "combined_cos: pct must be in [0, 1], got 1.5")]
fn a_share_is_at_most_one() {
    combined_cos(1.5, 0.0, 1.0, 0.0);
}

#[test]
#[should_panic(expected = "Schedule::exp: no ratio leads from start 0 to end 1")]
fn nothing_grows_from_zero() {
    Schedule::exp(0.0, 1.0);
}

#[test]
#[should_panic(
    expected = "sgdr: expected cycles and a positive multiple, got 0 cycles, 2 times as long each"
)]
fn restarts_need_cycles() {
    sgdr(0.1, 0, 2.0);
}

#[test]
#[should_panic(expected = "step_lr: step_size must be positive")]
fn a_step_has_a_size() {
    step_lr(0.1, 0, 0.5, 1);
}
