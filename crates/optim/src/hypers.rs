//! Hyper-parameters: the numbers of an optimizer that may differ from group to group and change from batch to batch.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The hyper-parameters of one group, under fastai's names. What an optimizer has no use for it ignores.
///
/// | here | PyTorch's name |
/// |---|---|
/// | `lr` | `lr` |
/// | `mom` | `momentum` of SGD and RMSprop, `betas[0]` of Adam and its kin |
/// | `sqr_mom` | `betas[1]`, `alpha` of RMSprop, `rho` of Adadelta |
/// | `eps` | `eps` |
/// | `wd` | `weight_decay` |
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hypers {
    /// The learning rate.
    pub lr: f64,
    /// The momentum, or the decay of the average gradient.
    pub mom: f64,
    /// The decay of the average squared gradient.
    pub sqr_mom: f64,
    /// What keeps a denominator from zero.
    pub eps: f64,
    /// The weight decay.
    pub wd: f64,
}

/// The name of a hyper-parameter.
///
/// ```
/// use downhill_optim::Hyper;
///
/// assert_eq!("sqr_mom".parse(), Ok(Hyper::SqrMom));
/// assert_eq!(Hyper::Lr.to_string(), "lr");
/// assert_eq!("speed".parse::<Hyper>().unwrap_err().to_string(), "no hyper-parameter speed; there are lr, mom, sqr_mom, eps, wd");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hyper {
    /// [`Hypers::lr`].
    Lr,
    /// [`Hypers::mom`].
    Mom,
    /// [`Hypers::sqr_mom`].
    SqrMom,
    /// [`Hypers::eps`].
    Eps,
    /// [`Hypers::wd`].
    Wd,
}

impl Hyper {
    /// All of them.
    pub const ALL: [Hyper; 5] = [Hyper::Lr, Hyper::Mom, Hyper::SqrMom, Hyper::Eps, Hyper::Wd];

    /// The name of the field of [`Hypers`].
    pub fn name(self) -> &'static str {
        match self {
            Hyper::Lr => "lr",
            Hyper::Mom => "mom",
            Hyper::SqrMom => "sqr_mom",
            Hyper::Eps => "eps",
            Hyper::Wd => "wd",
        }
    }
}

impl fmt::Display for Hyper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Hyper {
    type Err = UnknownHyper;
    fn from_str(name: &str) -> Result<Self, UnknownHyper> {
        Hyper::ALL.into_iter().find(|h| h.name() == name).ok_or_else(|| UnknownHyper(name.to_string()))
    }
}

/// There is no hyper-parameter of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no hyper-parameter {0}; there are lr, mom, sqr_mom, eps, wd")]
pub struct UnknownHyper(String);

impl Index<Hyper> for Hypers {
    type Output = f64;
    fn index(&self, hyper: Hyper) -> &f64 {
        match hyper {
            Hyper::Lr => &self.lr,
            Hyper::Mom => &self.mom,
            Hyper::SqrMom => &self.sqr_mom,
            Hyper::Eps => &self.eps,
            Hyper::Wd => &self.wd,
        }
    }
}

impl IndexMut<Hyper> for Hypers {
    fn index_mut(&mut self, hyper: Hyper) -> &mut f64 {
        match hyper {
            Hyper::Lr => &mut self.lr,
            Hyper::Mom => &mut self.mom,
            Hyper::SqrMom => &mut self.sqr_mom,
            Hyper::Eps => &mut self.eps,
            Hyper::Wd => &mut self.wd,
        }
    }
}

impl Hypers {
    /// What is wrong with these numbers: none may be negative, infinite or NaN.
    pub(crate) fn check(&self) -> Result<(), String> {
        for hyper in Hyper::ALL {
            let value = self[hyper];
            if !(value >= 0.0 && value.is_finite()) {
                return Err(format!("{hyper} must be a number of zero or more, got {value}"));
            }
        }
        Ok(())
    }

    /// What is wrong with these numbers as decays of averages: `1 - mom` and `1 - sqr_mom` are divided by.
    pub(crate) fn check_averages(&self) -> Result<(), String> {
        for hyper in [Hyper::Mom, Hyper::SqrMom] {
            if self[hyper] >= 1.0 {
                return Err(format!("{hyper} must be less than 1, got {}", self[hyper]));
            }
        }
        Ok(())
    }
}

/// The values of one hyper-parameter for all groups: one for all, one each, or a spread.
///
/// A number is one for all, a `Vec` one each; [`slice()`] and [`slice_to`] make spreads.
#[derive(Clone, Debug, PartialEq)]
pub enum PerGroup {
    /// The same for all groups.
    All(f64),
    /// For the last group this, for all others a tenth of it.
    UpTo(f64),
    /// For the first group the first number, for the last group the second, for those between in equal ratios.
    Spread(f64, f64),
    /// For each group its own.
    Each(Vec<f64>),
}

/// Discriminative learning rates: from `lo` for the first group to `hi` for the last, in equal ratios. fastai's
/// `slice(lo, hi)`.
///
/// # Panics
/// If either is not positive.
///
/// ```
/// use downhill_optim::{slice, slice_to};
///
/// assert_eq!([0, 1, 2].map(|group| slice(1.0, 4.0).of(group, 3)), [1.0, 2.0, 4.0]);
/// assert_eq!([0, 1, 2].map(|group| slice_to(4.0).of(group, 3)), [0.4, 0.4, 4.0]);
/// ```
#[track_caller]
pub fn slice(lo: f64, hi: f64) -> PerGroup {
    assert!(lo > 0.0 && hi > 0.0, "slice: both ends must be positive: lo {lo}, hi {hi}");
    PerGroup::Spread(lo, hi)
}

/// `hi` for the last group and a tenth of it for all others. fastai's `slice(hi)`.
pub fn slice_to(hi: f64) -> PerGroup {
    PerGroup::UpTo(hi)
}

impl PerGroup {
    /// The value for group number `group` of `groups`.
    ///
    /// # Panics
    /// If there is no such group, or not one value each.
    #[track_caller]
    pub fn of(&self, group: usize, groups: usize) -> f64 {
        assert!(group < groups, "PerGroup: no group {group}, there are {groups}");
        let last = groups - 1;
        match self {
            PerGroup::All(value) => *value,
            PerGroup::UpTo(hi) if group == last => *hi,
            PerGroup::UpTo(hi) => hi / 10.0,
            PerGroup::Spread(_, hi) if group == last => *hi,
            PerGroup::Spread(lo, hi) => lo * (hi / lo).powf(group as f64 / last as f64),
            PerGroup::Each(values) => {
                assert!(values.len() == groups, "PerGroup: {} values for {groups} groups", values.len());
                values[group]
            }
        }
    }
}

impl From<f64> for PerGroup {
    fn from(value: f64) -> Self {
        PerGroup::All(value)
    }
}

impl From<Vec<f64>> for PerGroup {
    fn from(values: Vec<f64>) -> Self {
        PerGroup::Each(values)
    }
}
