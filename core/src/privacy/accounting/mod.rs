//! What a composition of events costs: epsilon at a delta, delta at an epsilon, and the noise, the rounds or the
//! sampling rate that a target allows.
//!
//! Three accountants answer: the analytic Gaussian where it is exact, privacy loss distributions, Renyi DP. All are
//! upper bounds on the same quantity, so the smallest counts, and [`Spent`] says which one it was.

pub mod analytic;
pub mod calibration;
mod error;
pub mod loss;
mod normal;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
pub mod renyi;

pub use error::AccountingError;
pub use loss::{Grid, PrivacyLoss};
pub use renyi::RenyiCurve;

use super::event::{Event, MAX_COUNT};

/// Which accountant gave a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The exact curve of the Gaussian mechanism.
    Analytic,
    /// A privacy loss distribution.
    Pld,
    /// Renyi DP at integer orders.
    Rdp,
    /// Renyi DP at fractional orders.
    RdpFractional,
}

/// Epsilon at one delta by every accountant that has an answer.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bounds {
    /// Exact, for Gaussian noise without sampling.
    pub analytic: Option<f64>,
    /// By a privacy loss distribution.
    pub pld: Option<f64>,
    /// By Renyi DP at the integer orders 2 to 256.
    pub rdp: Option<f64>,
    /// By Renyi DP at fractional orders too: never above `rdp`.
    pub rdp_fractional: Option<f64>,
}

impl Bounds {
    /// The smallest bound and who gave it; `None` if no accountant gave a finite one.
    pub fn smallest(&self) -> Option<(f64, Bound)> {
        let all = [
            (self.analytic, Bound::Analytic),
            (self.pld, Bound::Pld),
            (self.rdp, Bound::Rdp),
            (self.rdp_fractional, Bound::RdpFractional),
        ];
        let finite =
            all.into_iter().filter_map(|(value, bound)| Some((value.filter(|v| v.is_finite())?, bound)));
        finite.min_by(|a, b| a.0.total_cmp(&b.0))
    }
}

/// What was spent: the smallest sound bound, its source, and the others.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Spent {
    /// Epsilon.
    pub epsilon: f64,
    /// Which accountant it is from.
    pub bound: Bound,
    /// All bounds.
    pub bounds: Bounds,
}

/// All accountants together. It keeps what can be reused between questions.
pub struct Accountant {
    loss: PrivacyLoss,
}

impl Default for Accountant {
    fn default() -> Accountant {
        Accountant::new(Grid::Automatic)
    }
}

impl Accountant {
    /// An accountant whose loss distributions lie on `grid`.
    pub fn new(grid: Grid) -> Accountant {
        Accountant { loss: PrivacyLoss::new(grid) }
    }

    /// Epsilon at `delta`, with every bound.
    ///
    /// # Errors
    /// A delta outside (0, 1), no events, events under different relations, too many releases, or no finite bound.
    pub fn spent(&mut self, events: &[Event], delta: f64) -> Result<Spent, AccountingError> {
        let pld = self.loss.epsilon(events, delta)?;
        let curve = RenyiCurve::new(events)?;
        let bounds = Bounds {
            analytic: analytic::combined_shift(events).map(|shift| analytic::epsilon(shift, delta)),
            pld: pld.filter(|epsilon| epsilon.is_finite()),
            rdp: Some(curve.epsilon(delta).0).filter(|epsilon| epsilon.is_finite()),
            rdp_fractional: Some(curve.epsilon_fractional(delta)).filter(|epsilon| epsilon.is_finite()),
        };
        let (epsilon, bound) = bounds.smallest().ok_or(AccountingError::NoFiniteBound)?;
        Ok(Spent { epsilon, bound, bounds })
    }

    /// The smallest epsilon at `delta`, by as few accountants as give it: where the analytic bound is exact it is the only one,
    /// and Renyi DP is asked only where there is no loss distribution.
    ///
    /// # Errors
    /// As [`Accountant::spent`].
    pub fn epsilon(&mut self, events: &[Event], delta: f64) -> Result<(f64, Bound), AccountingError> {
        check_delta(delta)?;
        check_releases(events)?;
        if let Some(shift) = analytic::combined_shift(events) {
            return Ok((analytic::epsilon(shift, delta), Bound::Analytic));
        }
        if let Some(epsilon) = self.loss.epsilon(events, delta)?.filter(|epsilon| epsilon.is_finite()) {
            return Ok((epsilon, Bound::Pld));
        }
        let epsilon = RenyiCurve::new(events)?.epsilon_fractional(delta);
        if epsilon.is_finite() {
            Ok((epsilon, Bound::RdpFractional))
        } else {
            Err(AccountingError::NoFiniteBound)
        }
    }

    /// The smallest delta at `epsilon`, and who gave it.
    ///
    /// # Errors
    /// A negative or infinite epsilon, no events, events under different relations, or too many releases.
    pub fn delta(&mut self, events: &[Event], epsilon: f64) -> Result<(f64, Bound), AccountingError> {
        let pld = self.loss.delta(events, epsilon)?;
        if let Some(shift) = analytic::combined_shift(events) {
            return Ok((analytic::delta(shift, epsilon), Bound::Analytic));
        }
        let rdp = RenyiCurve::new(events)?.log_delta(epsilon).exp();
        match pld {
            Some(pld) if pld <= rdp => Ok((pld, Bound::Pld)),
            _ => Ok((rdp, Bound::Rdp)),
        }
    }
}

/// Refuses a delta outside (0, 1).
pub(crate) fn check_delta(delta: f64) -> Result<(), AccountingError> {
    if delta > 0.0 && delta < 1.0 { Ok(()) } else { Err(AccountingError::Delta(delta)) }
}

/// How many releases the events are together, if they can be composed at all.
pub(crate) fn check_releases(events: &[Event]) -> Result<u64, AccountingError> {
    let first = events.first().ok_or(AccountingError::NoEvents)?;
    if events.iter().any(|event| event.neighbouring() != first.neighbouring()) {
        return Err(AccountingError::MixedNeighbours);
    }
    let releases = events.iter().fold(0u64, |sum, event| sum.saturating_add(event.count()));
    if releases > MAX_COUNT { Err(AccountingError::TooManyReleases(releases)) } else { Ok(releases) }
}
