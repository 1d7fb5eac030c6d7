//! What a target allows: the least noise, the most rounds, the largest sampling rate.
//!
//! Each search keeps the invariant that what it returns was itself checked against the target: rounding of the
//! search can cost utility in the sixth digit, never privacy.

use super::error::AccountingError;
use super::{Accountant, check_delta};
use crate::privacy::event::{Event, MAX_COUNT, Mechanism, NOISE_RANGE, Neighbouring, Sampling};

/// What may be spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    epsilon: f64,
    delta: f64,
}

impl Target {
    /// Checks a target.
    ///
    /// # Errors
    /// An epsilon that is not a finite number above 0, or a delta outside (0, 1).
    pub fn new(epsilon: f64, delta: f64) -> Result<Target, AccountingError> {
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            return Err(AccountingError::Target(epsilon));
        }
        check_delta(delta)?;
        Ok(Target { epsilon, delta })
    }

    /// The epsilon that may be spent.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The delta at which it is measured.
    pub fn delta(&self) -> f64 {
        self.delta
    }
}

/// The relative precision of a noise multiplier or a rate.
const PRECISION: f64 = 1e-6;
/// The smallest rate that is tried.
const SMALLEST_RATE: f64 = 1e-9;

impl Accountant {
    /// The least Gaussian noise multiplier (deviation over clip) with which `count` releases stay within the target.
    ///
    /// # Errors
    /// Events that cannot be, or [`AccountingError::NoNoiseReaches`].
    pub fn noise_multiplier(
        &mut self,
        target: Target,
        sampling: Sampling,
        neighbouring: Neighbouring,
        count: u64,
    ) -> Result<f64, AccountingError> {
        self.least_noise(target, |noise_multiplier| {
            Ok(vec![Event::new(Mechanism::Gaussian { noise_multiplier }, sampling, neighbouring, count)?])
        })
    }

    /// The least noise with which the events that `events` makes of it stay within the target. More noise must not
    /// cost more.
    ///
    /// # Errors
    /// Those of `events`, or [`AccountingError::NoNoiseReaches`].
    pub fn least_noise(
        &mut self,
        target: Target,
        events: impl Fn(f64) -> Result<Vec<Event>, AccountingError>,
    ) -> Result<f64, AccountingError> {
        let (least, most) = NOISE_RANGE;
        let mut excess = |log_noise: f64| self.excess(target, &events(log_noise.exp())?);
        // From a guess outwards by factors of two, so that neither end of the range is ever computed in vain.
        let mut high = 0.0f64;
        let mut at_high = excess(high)?;
        let mut low = high;
        let mut at_low = at_high;
        while at_high > 0.0 {
            (low, at_low) = (high, at_high);
            if high >= most.ln() {
                let (limit, reached) = (most, at_high.exp() * target.epsilon);
                return Err(AccountingError::NoNoiseReaches { target: target.epsilon, limit, reached });
            }
            high = (high + 1.0).min(most.ln());
            at_high = excess(high)?;
        }
        while at_low <= 0.0 {
            if low <= least.ln() {
                return Ok(least);
            }
            (high, at_high) = (low, at_low);
            low = (low - 0.7).max(least.ln());
            at_low = excess(low)?;
        }
        let found = root(low, at_low, high, at_high, &mut excess)?;
        Ok(found.exp())
    }

    /// The most times that `event` (its count does not matter) stays within the target.
    ///
    /// # Errors
    /// [`AccountingError::NoRoundFits`] if one is too many.
    pub fn rounds(&mut self, target: Target, event: Event) -> Result<u64, AccountingError> {
        let mut within = |count: u64| -> Result<bool, AccountingError> {
            Ok(self.excess(target, &[event.repeated(count)?])? <= 0.0)
        };
        if !within(1)? {
            let (spent, _) = self.epsilon(&[event.repeated(1)?], target.delta)?;
            return Err(AccountingError::NoRoundFits { target: target.epsilon, spent });
        }
        let (mut low, mut high) = (1u64, 16u64);
        while within(high)? {
            if high >= MAX_COUNT {
                return Ok(MAX_COUNT);
            }
            (low, high) = (high, (8 * high).min(MAX_COUNT));
        }
        while high - low > 1 {
            // Geometric while the bracket is wide: epsilon grows about as the root of the rounds.
            let middle = ((low as f64 * high as f64).sqrt() as u64).clamp(low + 1, high - 1);
            let middle = if high / low < 2 { low + (high - low) / 2 } else { middle };
            if within(middle)? { low = middle } else { high = middle }
        }
        Ok(low)
    }

    /// The largest Poisson rate with which `count` Gaussian releases stay within the target.
    ///
    /// # Errors
    /// Events that cannot be, or [`AccountingError::NoRateFits`].
    pub fn sampling_rate(
        &mut self,
        target: Target,
        noise_multiplier: f64,
        neighbouring: Neighbouring,
        count: u64,
    ) -> Result<f64, AccountingError> {
        self.largest_rate(target, |q| {
            let mechanism = Mechanism::Gaussian { noise_multiplier };
            Ok(vec![Event::new(mechanism, Sampling::Poisson { q }, neighbouring, count)?])
        })
    }

    /// The largest rate, in (0, 1], with which the events that `events` makes of it stay within the target. A larger rate must
    /// not cost less.
    ///
    /// # Errors
    /// Those of `events`, [`AccountingError::NoRateFits`], or [`AccountingError::NoFiniteBound`] where the noise is too small to
    /// be accounted for at any rate.
    pub fn largest_rate(
        &mut self,
        target: Target,
        events: impl Fn(f64) -> Result<Vec<Event>, AccountingError>,
    ) -> Result<f64, AccountingError> {
        let rate = |log_rate: f64| (-log_rate).exp().min(1.0);
        let mut excess = |log_rate: f64| self.excess(target, &events(rate(log_rate))?);
        // In -ln q: larger means rarer, so that the search runs as for noise.
        let (mut low, mut high) = (0.0, 0.0);
        let (mut at_low, mut at_high) = (0.0, excess(0.0)?);
        if at_high <= 0.0 {
            return Ok(1.0);
        }
        while at_high > 0.0 {
            if high >= -SMALLEST_RATE.ln() {
                let (reached, _) = self.epsilon(&events(SMALLEST_RATE)?, target.delta)?;
                let (target, limit) = (target.epsilon, SMALLEST_RATE);
                return Err(AccountingError::NoRateFits { target, limit, reached });
            }
            (low, at_low) = (high, at_high);
            high = (high + 2.3f64).min(-SMALLEST_RATE.ln());
            at_high = excess(high)?;
        }
        Ok(rate(root(low, at_low, high, at_high, &mut excess)?))
    }

    /// `ln(epsilon / target)`, or a large number where no bound is finite.
    fn excess(&mut self, target: Target, events: &[Event]) -> Result<f64, AccountingError> {
        const HOPELESS: f64 = 40.0;
        match self.epsilon(events, target.delta) {
            Ok((epsilon, _)) => Ok((epsilon / target.epsilon).ln().clamp(-HOPELESS, HOPELESS)),
            Err(AccountingError::NoFiniteBound) => Ok(HOPELESS),
            Err(other) => Err(other),
        }
    }
}

/// The upper end of a bracket of width [`PRECISION`] around the root of a falling function, by the Illinois variant of the
/// false position; the function is at most 0 at what is returned.
fn root(
    mut low: f64,
    mut at_low: f64,
    mut high: f64,
    mut at_high: f64,
    function: &mut impl FnMut(f64) -> Result<f64, AccountingError>,
) -> Result<f64, AccountingError> {
    let mut last_side = 0;
    for turn in 0..100 {
        if high - low <= PRECISION {
            break;
        }
        let secant = (low * at_high - high * at_low) / (at_high - at_low);
        // Just to the right of the estimate, so that the last steps close the bracket from both sides.
        let nudged = secant + 0.3 * PRECISION * f64::from(if turn % 2 == 0 { 1 } else { -1 });
        let inside = nudged.is_finite() && nudged > low && nudged < high && turn % 8 != 7;
        let next = if inside { nudged } else { 0.5 * (low + high) };
        let value = function(next)?;
        if value > 0.0 {
            (low, at_low) = (next, value);
            if last_side == 1 {
                at_high *= 0.5;
            }
            last_side = 1;
        } else {
            (high, at_high) = (next, value);
            if last_side == -1 {
                at_low *= 0.5;
            }
            last_side = -1;
        }
    }
    Ok(high)
}
