//! The document of `privet privacy`.

use privet_core::privacy::accounting::Bound;
use privet_core::privacy::{Event, Neighbouring};
use serde::{Deserialize, Serialize};

/// What releases spend, with so much noise, so often and of so many: three of these are given, or a target and two of them, and
/// the rest is the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Privacy {
    /// Deviation of the noise over the clip.
    pub(crate) noise_multiplier: f64,
    /// How many releases.
    pub(crate) rounds: u64,
    /// The epsilon to stay within; left out where epsilon is the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target_epsilon: Option<f64>,
    /// What is spent: the smallest sound bound.
    pub(crate) epsilon: f64,
    /// Which accountant it is from: `analytic`, `pld`, `rdp` or `rdp-fractional`.
    pub(crate) bound: String,
    /// What each accountant says.
    pub(crate) bounds: Bounds,
    /// The probability with which the promise may fail.
    pub(crate) delta: f64,
    /// What is released in a round.
    #[serde(flatten)]
    pub(crate) release: Release,
}

/// An accountant's name.
pub(crate) fn bound_name(bound: Bound) -> &'static str {
    match bound {
        Bound::Analytic => "analytic",
        Bound::Pld => "pld",
        Bound::Rdp => "rdp",
        Bound::RdpFractional => "rdp-fractional",
    }
}

/// Epsilon by every accountant; `null` where one has no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// The exact curve of Gaussian noise without sampling.
    pub(crate) analytic: Option<f64>,
    /// A privacy loss distribution.
    pub(crate) pld: Option<f64>,
    /// Renyi DP at the integer orders 2 to 256.
    pub(crate) rdp: Option<f64>,
    /// Renyi DP at fractional orders too.
    pub(crate) rdp_fractional: Option<f64>,
}

/// What is released in a round, but for its noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Release {
    /// The law of the noise.
    pub(crate) mechanism: String,
    /// Who takes part.
    pub(crate) sampling: String,
    /// The probability with which a unit takes part.
    pub(crate) q: f64,
    /// When two data sets are neighbours.
    pub(crate) neighbouring: Neighbouring,
}

impl Release {
    /// Without the noise and the count.
    pub(crate) fn of(event: &Event) -> Release {
        let (sampling, mechanism) = (event.sampling(), event.mechanism());
        Release {
            mechanism: mechanism.name().to_owned(),
            sampling: sampling.name().to_owned(),
            q: sampling.rate(),
            neighbouring: event.neighbouring(),
        }
    }
}

impl Bounds {
    /// Each accountant by the name it has in `bound`, with what it says.
    pub(crate) fn rows(&self) -> [(&'static str, Option<f64>); 4] {
        [
            ("analytic", self.analytic),
            ("pld", self.pld),
            ("rdp", self.rdp),
            ("rdp-fractional", self.rdp_fractional),
        ]
    }
}
