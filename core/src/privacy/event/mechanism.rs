//! What is released: the noise, in units of what one unit can contribute.

use super::error::EventError;
use serde::{Deserialize, Serialize};

/// The smallest and the largest noise multiplier that the accountants take.
pub const NOISE_RANGE: (f64, f64) = (1e-3, 1e9);

/// Noise that is the sum of one share from each of `clients` participants, on an integer grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shares {
    /// How many shares the sum is sure to hold: the minimum of the round.
    pub clients: u32,
    /// Standard deviation of one share, in grid units.
    pub deviation: f64,
    /// L2 sensitivity of the integer vector, in grid units, after rounding.
    pub sensitivity: f64,
    /// The length of the vector.
    pub dimension: u64,
}

/// A randomised release, its noise in units of what one unit can contribute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Mechanism {
    /// Gaussian noise.
    #[serde(rename_all = "kebab-case")]
    Gaussian {
        /// Standard deviation over the L2 clip.
        noise_multiplier: f64,
    },
    /// Laplace noise.
    #[serde(rename_all = "kebab-case")]
    Laplace {
        /// Scale `b` over the L1 clip.
        scale: f64,
    },
    /// Discrete Gaussian noise on one integer.
    DiscreteGaussian {
        /// The parameter sigma of the law, `P(x) ~ exp(-x^2 / (2 sigma^2))`.
        sigma: f64,
        /// The most that one unit changes the integer.
        sensitivity: u32,
    },
    /// Discrete Laplace noise on one integer.
    DiscreteLaplace {
        /// The rate `a` in `P(x) ~ exp(-a |x|)`.
        rate: f64,
        /// The most that one unit changes the integer.
        sensitivity: u32,
    },
    /// Skellam noise on one integer.
    Skellam {
        /// Its standard deviation.
        deviation: f64,
        /// The most that one unit changes the integer.
        sensitivity: u32,
    },
    /// A sum of discrete Gaussian shares (Kairouz, Liu and Steinke 2021).
    DistributedDiscreteGaussian {
        /// The shares.
        shares: Shares,
    },
    /// A sum of Skellam shares (Agarwal, Kairouz and Liu 2021).
    DistributedSkellam {
        /// The shares.
        shares: Shares,
    },
    /// All prefix sums of a run by binary trees, each node with Gaussian noise (Kairouz et al. 2021).
    #[serde(rename_all = "kebab-case")]
    Tree {
        /// Standard deviation of a node over the L2 clip.
        noise_multiplier: f64,
        /// Nodes from leaf to root.
        height: u32,
        /// Trees of which one unit is a leaf.
        restarts: u32,
    },
}

impl Mechanism {
    /// Its name in plans and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Mechanism::Gaussian { .. } => "gaussian",
            Mechanism::Laplace { .. } => "laplace",
            Mechanism::DiscreteGaussian { .. } => "discrete-gaussian",
            Mechanism::DiscreteLaplace { .. } => "discrete-laplace",
            Mechanism::Skellam { .. } => "skellam",
            Mechanism::DistributedDiscreteGaussian { .. } => "distributed-discrete-gaussian",
            Mechanism::DistributedSkellam { .. } => "distributed-skellam",
            Mechanism::Tree { .. } => "tree",
        }
    }
}

/// Refuses noise, sensitivities and sizes that cannot be.
pub(super) fn check(mechanism: &Mechanism) -> Result<(), EventError> {
    match *mechanism {
        Mechanism::Gaussian { noise_multiplier } => check_noise(noise_multiplier),
        Mechanism::Laplace { scale } => check_noise(scale),
        Mechanism::DiscreteGaussian { sigma: noise, sensitivity }
        | Mechanism::Skellam { deviation: noise, sensitivity } => {
            check_sensitivity(f64::from(sensitivity))?;
            check_noise(noise)?;
            check_noise(noise / f64::from(sensitivity))
        }
        Mechanism::DiscreteLaplace { rate, sensitivity } => {
            check_sensitivity(f64::from(sensitivity))?;
            check_noise(rate)?;
            check_noise(1.0 / (rate * f64::from(sensitivity)))
        }
        Mechanism::DistributedDiscreteGaussian { shares } | Mechanism::DistributedSkellam { shares } => {
            check_sensitivity(shares.sensitivity)?;
            check_noise(shares.deviation)?;
            if shares.clients == 0 || shares.dimension == 0 {
                return Err(EventError::Shares { clients: shares.clients, dimension: shares.dimension });
            }
            Ok(())
        }
        Mechanism::Tree { noise_multiplier, height, restarts } => {
            check_noise(noise_multiplier)?;
            if !(1..=64).contains(&height) || !(1..=1_000_000).contains(&restarts) {
                return Err(EventError::Tree { height, restarts });
            }
            Ok(())
        }
    }
}

/// Whether `noise` lies in [`NOISE_RANGE`]; NaN does not.
pub(crate) fn check_noise(noise: f64) -> Result<(), EventError> {
    if (NOISE_RANGE.0..=NOISE_RANGE.1).contains(&noise) { Ok(()) } else { Err(EventError::Noise(noise)) }
}

fn check_sensitivity(sensitivity: f64) -> Result<(), EventError> {
    if sensitivity > 0.0 && sensitivity.is_finite() {
        Ok(())
    } else {
        Err(EventError::Sensitivity(sensitivity))
    }
}
