//! Who takes part in a release, and when two data sets are neighbours.

use super::error::EventError;
use serde::{Deserialize, Serialize};

/// When two data sets are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbouring {
    /// One has one unit more than the other.
    AddOrRemoveOne,
    /// They have the same number of units and differ in one.
    ReplaceOne,
    /// One unit contributes zero in one of them (Kairouz et al. 2021, "zero-out").
    ZeroOut,
}

/// Which units take part in a release.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "rule", deny_unknown_fields)]
pub enum Sampling {
    /// Every unit, every time: no amplification.
    All {},
    /// Each unit by an independent coin.
    Poisson {
        /// The probability of taking part, in (0, 1].
        q: f64,
    },
    /// Poisson, but a sample larger than `largest` is cut at random to that size (arXiv 2508.15089).
    TruncatedPoisson {
        /// The probability of taking part before the cut, in (0, 1].
        q: f64,
        /// How many units there are.
        population: u64,
        /// The largest sample.
        largest: u64,
    },
    /// `sample` of `population` units, uniformly without replacement.
    FixedSize {
        /// How many units there are.
        population: u64,
        /// How many take part.
        sample: u64,
    },
}

impl Sampling {
    /// The probability that a given unit takes part (before any cut).
    pub fn rate(&self) -> f64 {
        match *self {
            Sampling::All {} => 1.0,
            Sampling::Poisson { q } | Sampling::TruncatedPoisson { q, .. } => q,
            Sampling::FixedSize { population, sample } => sample as f64 / population as f64,
        }
    }

    /// Its name in plans and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Sampling::All {} => "all",
            Sampling::Poisson { .. } => "poisson",
            Sampling::TruncatedPoisson { .. } => "truncated-poisson",
            Sampling::FixedSize { .. } => "fixed-size",
        }
    }
}

/// Refuses rates and samples that cannot be.
pub(super) fn check(sampling: &Sampling) -> Result<(), EventError> {
    match *sampling {
        Sampling::All {} => Ok(()),
        Sampling::Poisson { q } => check_rate(q),
        Sampling::TruncatedPoisson { q, population, largest } => {
            check_rate(q)?;
            check_sample(largest, population)
        }
        Sampling::FixedSize { population, sample } => check_sample(sample, population),
    }
}

fn check_rate(q: f64) -> Result<(), EventError> {
    if q > 0.0 && q <= 1.0 { Ok(()) } else { Err(EventError::Rate(q)) }
}

fn check_sample(sample: u64, population: u64) -> Result<(), EventError> {
    if sample >= 1 && sample <= population { Ok(()) } else { Err(EventError::Sample { sample, population }) }
}
