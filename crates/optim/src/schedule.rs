//! Schedules: hyper-parameters as functions of how much of the training is done.
//!
//! A [`Schedule`] is a pure function of the position in `[0, 1]`. It knows neither epochs nor batches, so it can be plotted,
//! tested and put together from others; whoever trains asks it for a value before every batch. The functions and their
//! names are fastai's; PyTorch's schedulers, which count steps, are at the end.
//!
//! ```
//! use downhill_optim::schedule::{Schedule, combine_scheds, warm_up};
//!
//! let decay = combine_scheds(&[0.5, 0.5], vec![Schedule::no(0.1), Schedule::cos(0.1, 0.0)]);
//! let lr = warm_up(0.2, 0.0, decay);
//! assert_eq!([0.0, 0.1, 0.2, 0.5].map(|pos| (lr.at(pos) * 1e6).round() / 1e6), [0.0, 0.05, 0.1, 0.1]);
//! ```

use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

/// From `start` to `end` in a straight line: `start + pos · (end - start)`.
pub fn sched_lin(start: f64, end: f64, pos: f64) -> f64 {
    start + pos * (end - start)
}

/// From `start` to `end` along half a cosine: `start + (1 + cos(π · (1 - pos))) · (end - start) / 2`.
pub fn sched_cos(start: f64, end: f64, pos: f64) -> f64 {
    start + (1.0 + (PI * (1.0 - pos)).cos()) * (end - start) / 2.0
}

/// Always `start`, whatever `end` and `pos`.
pub fn sched_no(start: f64, _end: f64, _pos: f64) -> f64 {
    start
}

/// From `start` to `end` in equal ratios: `start · (end / start)^pos`.
pub fn sched_exp(start: f64, end: f64, pos: f64) -> f64 {
    start * (end / start).powf(pos)
}

/// From `start` to `end` along a power: `start + (end - start) · pos^power`.
pub fn sched_poly(start: f64, end: f64, power: f64, pos: f64) -> f64 {
    start + (end - start) * pos.powf(power)
}

/// A function of the position in `[0, 1]`. Cloning is cheap.
#[derive(Clone)]
pub struct Schedule(Arc<dyn Fn(f64) -> f64 + Send + Sync>);

impl Schedule {
    /// Any function.
    pub fn new(f: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        Schedule(Arc::new(f))
    }

    /// The value at `pos`.
    pub fn at(&self, pos: f64) -> f64 {
        (self.0)(pos)
    }

    /// [`sched_lin`]. fastai's `SchedLin`.
    pub fn lin(start: f64, end: f64) -> Self {
        Schedule::new(move |pos| sched_lin(start, end, pos))
    }

    /// [`sched_cos`]. fastai's `SchedCos`.
    pub fn cos(start: f64, end: f64) -> Self {
        Schedule::new(move |pos| sched_cos(start, end, pos))
    }

    /// Always `value`. fastai's `SchedNo`.
    pub fn no(value: f64) -> Self {
        Schedule::new(move |_| value)
    }

    /// [`sched_exp`]. fastai's `SchedExp`.
    ///
    /// # Panics
    /// If `start` and `end` do not have the same sign: no ratio leads from one to the other.
    #[track_caller]
    pub fn exp(start: f64, end: f64) -> Self {
        assert!(start * end > 0.0, "Schedule::exp: no ratio leads from start {start} to end {end}");
        Schedule::new(move |pos| sched_exp(start, end, pos))
    }

    /// [`sched_poly`]. fastai's `SchedPoly`.
    pub fn poly(start: f64, end: f64, power: f64) -> Self {
        Schedule::new(move |pos| sched_poly(start, end, power, pos))
    }

    /// A function of the number of steps done, for a training of `steps` steps: one of PyTorch's schedulers, say.
    ///
    /// ```
    /// use downhill_optim::schedule::{Schedule, step_lr};
    ///
    /// let lr = Schedule::of_steps(30, |step| step_lr(0.1, 10, 0.5, step));
    /// assert_eq!([0.0, 0.3, 0.5, 1.0].map(|pos| lr.at(pos)), [0.1, 0.1, 0.05, 0.0125]);
    /// ```
    pub fn of_steps(steps: u64, f: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
        // Position step / steps, multiplied out again, may lie a rounding error below the step.
        Schedule::new(move |pos| f((pos * steps as f64 + 1e-6).floor().max(0.0) as u64))
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({} .. {} .. {})", self.at(0.0), self.at(0.5), self.at(1.0))
    }
}

/// `scheds` one after the other, each for its share of `pcts`. fastai's `combine_scheds`.
///
/// As in fastai, where within a part a position lies is computed in `f32`: in `f64` values would differ from the eighth
/// digit on.
///
/// # Panics
/// If there are not as many shares as schedules, or none; if a share is negative; or if they do not sum to 1, up to
/// rounding.
///
/// ```
/// use downhill_optim::schedule::{Schedule, combine_scheds};
///
/// let up_and_down = combine_scheds(&[0.25, 0.75], vec![Schedule::lin(0.0, 1.0), Schedule::lin(1.0, 0.0)]);
/// assert_eq!([0.0, 0.125, 0.25, 1.0].map(|pos| up_and_down.at(pos)), [0.0, 0.5, 1.0, 0.0]);
/// ```
#[track_caller]
pub fn combine_scheds(pcts: &[f64], scheds: Vec<Schedule>) -> Schedule {
    assert!(
        pcts.len() == scheds.len() && !pcts.is_empty(),
        "combine_scheds: {} shares for {} schedules",
        pcts.len(),
        scheds.len()
    );
    assert!(pcts.iter().all(|&pct| pct >= 0.0), "combine_scheds: a share is negative: {pcts:?}");
    let sum: f64 = pcts.iter().sum();
    assert!((sum - 1.0).abs() < 1e-9, "combine_scheds: shares must sum to 1, got {sum}: {pcts:?}");
    let mut end = 0.0;
    let ends = pcts.iter().map(|&pct| {
        end += f64::from(pct as f32);
        end as f32
    });
    let ends: Vec<f32> = ends.collect();
    Schedule::new(move |pos| {
        let pos = pos as f32;
        // A part begins where the one before ends; the last one has no end.
        let part = ends[..ends.len() - 1].iter().rposition(|&end| pos >= end).map_or(0, |before| before + 1);
        let start = if part == 0 { 0.0 } else { ends[part - 1] };
        let width = ends[part] - start;
        let within = if width > 0.0 { (pos - start) / width } else { 1.0 };
        scheds[part].at(within.into())
    })
}

/// Along a cosine from `start` to `middle` in the first `pct` of the time, then to `end`. fastai's `combined_cos`.
///
/// # Panics
/// If `pct` is not in `[0, 1]`.
#[track_caller]
pub fn combined_cos(pct: f64, start: f64, middle: f64, end: f64) -> Schedule {
    assert!((0.0..=1.0).contains(&pct), "combined_cos: pct must be in [0, 1], got {pct}");
    combine_scheds(&[pct, 1.0 - pct], vec![Schedule::cos(start, middle), Schedule::cos(middle, end)])
}

/// The one-cycle policy ([Smith](https://arxiv.org/abs/1708.07120)): the learning rate goes up and down once, the
/// momentum down and up. fastai's `fit_one_cycle`, with its defaults.
///
/// ```
/// use downhill_optim::schedule::OneCycle;
///
/// let cycle = OneCycle { pct_start: 0.5, ..OneCycle::default() };
/// let (lr, mom) = (cycle.lr(0.1), cycle.mom());
/// assert_eq!([0.0, 0.5].map(|pos| lr.at(pos)), [0.004, 0.1]);
/// assert_eq!([0.0, 0.5, 1.0].map(|pos| mom.at(pos)), [0.95, 0.85, 0.95]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    /// The share of the time in which the learning rate goes up: 0.25.
    pub pct_start: f64,
    /// The learning rate starts at this part of its highest value: 25.
    pub div: f64,
    /// And ends at this part: 1e5.
    pub div_final: f64,
    /// The momentum at the start, where the learning rate is highest, and at the end: 0.95, 0.85, 0.95.
    pub moms: [f64; 3],
}

impl Default for OneCycle {
    fn default() -> Self {
        OneCycle { pct_start: 0.25, div: 25.0, div_final: 1e5, moms: [0.95, 0.85, 0.95] }
    }
}

impl OneCycle {
    /// The learning rate, at most `lr_max`.
    ///
    /// # Panics
    /// If `pct_start` is not in `[0, 1]`.
    #[track_caller]
    pub fn lr(&self, lr_max: f64) -> Schedule {
        combined_cos(self.pct_start, lr_max / self.div, lr_max, lr_max / self.div_final)
    }

    /// The momentum.
    ///
    /// # Panics
    /// If `pct_start` is not in `[0, 1]`.
    #[track_caller]
    pub fn mom(&self) -> Schedule {
        let [start, middle, end] = self.moms;
        combined_cos(self.pct_start, start, middle, end)
    }
}

/// `lr` for the first `pct_start` of the time, then along a cosine to `lr / div_final`. fastai's `fit_flat_cos`, whose
/// defaults are 0.75 and 1e5.
///
/// # Panics
/// If `pct_start` is not in `[0, 1]`.
#[track_caller]
pub fn flat_cos(lr: f64, pct_start: f64, div_final: f64) -> Schedule {
    combined_cos(pct_start, lr, lr, lr / div_final)
}

/// Stochastic gradient descent with warm restarts ([Loshchilov and Hutter](https://arxiv.org/abs/1608.03983)):
/// `n_cycles` times along a cosine from `lr_max` to zero, each cycle `cycle_mult` times as long as the one before.
/// fastai's `fit_sgdr`.
///
/// # Panics
/// If there are no cycles, or `cycle_mult` is not positive.
///
/// ```
/// use downhill_optim::schedule::sgdr;
///
/// let lr = sgdr(0.1, 2, 3.0);
/// assert_eq!([0.0, 0.25].map(|pos| lr.at(pos)), [0.1, 0.1]);
/// assert!((lr.at(0.125) - 0.05).abs() < 1e-9);
/// assert_eq!(lr.at(1.0), 0.0);
/// ```
#[track_caller]
pub fn sgdr(lr_max: f64, n_cycles: usize, cycle_mult: f64) -> Schedule {
    assert!(
        n_cycles > 0 && cycle_mult > 0.0 && cycle_mult.is_finite(),
        "sgdr: expected cycles and a positive multiple, got {n_cycles} cycles, {cycle_mult} times as long each"
    );
    let lengths: Vec<f64> = (0..n_cycles).map(|i| cycle_mult.powf(i as f64)).collect();
    let sum: f64 = lengths.iter().sum();
    let pcts: Vec<f64> = lengths.iter().map(|length| length / sum).collect();
    combine_scheds(&pcts, vec![Schedule::cos(lr_max, 0.0); n_cycles])
}

/// In a straight line from `start` to where `sched` begins, in the first `pct` of the time, then all of `sched`.
///
/// # Panics
/// If `pct` is not in `[0, 1]`.
#[track_caller]
pub fn warm_up(pct: f64, start: f64, sched: Schedule) -> Schedule {
    assert!((0.0..=1.0).contains(&pct), "warm_up: pct must be in [0, 1], got {pct}");
    combine_scheds(&[pct, 1.0 - pct], vec![Schedule::lin(start, sched.at(0.0)), sched])
}

/// `lr`, multiplied by `gamma` once for every `step_size` steps done. `torch.optim.lr_scheduler.StepLR`.
///
/// # Panics
/// If `step_size` is zero.
#[track_caller]
pub fn step_lr(lr: f64, step_size: u64, gamma: f64, step: u64) -> f64 {
    assert!(step_size > 0, "step_lr: step_size must be positive");
    lr * gamma.powf((step / step_size) as f64)
}

/// `lr`, multiplied by `gamma` once for every step done. `torch.optim.lr_scheduler.ExponentialLR`.
pub fn exponential_lr(lr: f64, gamma: f64, step: u64) -> f64 {
    lr * gamma.powf(step as f64)
}

/// Along a cosine from `lr` to `eta_min` in `t_max` steps, and back in as many.
/// `torch.optim.lr_scheduler.CosineAnnealingLR`.
///
/// ```text
/// eta_min + (lr - eta_min) · (1 + cos(π · step / t_max)) / 2
/// ```
///
/// # Panics
/// If `t_max` is zero.
#[track_caller]
pub fn cosine_annealing_lr(lr: f64, t_max: u64, eta_min: f64, step: u64) -> f64 {
    assert!(t_max > 0, "cosine_annealing_lr: t_max must be positive");
    eta_min + (lr - eta_min) * (1.0 + (PI * step as f64 / t_max as f64).cos()) / 2.0
}

/// From `lr · start_factor` to `lr · end_factor` in a straight line of `total_iters` steps, and there on: a warm-up in
/// steps. `torch.optim.lr_scheduler.LinearLR`, whose defaults are 1/3, 1 and 5.
///
/// # Panics
/// If `total_iters` is zero.
#[track_caller]
pub fn linear_lr(lr: f64, start_factor: f64, end_factor: f64, total_iters: u64, step: u64) -> f64 {
    assert!(total_iters > 0, "linear_lr: total_iters must be positive");
    lr * sched_lin(start_factor, end_factor, step.min(total_iters) as f64 / total_iters as f64)
}
