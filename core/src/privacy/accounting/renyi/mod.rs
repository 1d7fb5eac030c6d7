//! Renyi differential privacy: the second bound, and the only one for noise in shares over many dimensions.
//!
//! A curve holds `(order - 1) rho(order)` at the integer orders 2 to 256; it adds up under composition (Mironov 2017). Between two
//! integers the Gaussian mechanism and the Laplace mechanism have exact values, and every other curve the straight line
//! between its neighbours, which bounds it from above because the curve is convex (Wang, Balle and Kasiviswanathan 2019, Cor. 10).

pub mod conversion;
mod gaussian;
mod logsum;
mod sampled;
mod shares;

pub use shares::rounded_sensitivity;

use super::error::AccountingError;
use crate::privacy::event::{Event, Mechanism, Neighbouring, Sampling};

/// The largest integer order.
pub const LARGEST_ORDER: u32 = 256;

/// The Renyi divergences of a composition at orders 2 to [`LARGEST_ORDER`].
pub struct RenyiCurve {
    /// `(order - 1) rho`, from order 2.
    cumulants: Vec<f64>,
    events: Vec<Event>,
}

impl RenyiCurve {
    /// The curve of a composition.
    ///
    /// # Errors
    /// No events, or too many releases.
    pub fn new(events: &[Event]) -> Result<RenyiCurve, AccountingError> {
        super::check_releases(events)?;
        let mut cumulants = vec![0.0; LARGEST_ORDER as usize - 1];
        for event in events {
            for (sum, one) in cumulants.iter_mut().zip(integer_cumulants(event)) {
                *sum += event.count() as f64 * one;
            }
        }
        Ok(RenyiCurve { cumulants, events: events.to_vec() })
    }

    /// The divergence at an integer order of 2 to [`LARGEST_ORDER`]; `None` elsewhere.
    pub fn at(&self, order: u32) -> Option<f64> {
        let place = order.checked_sub(2)? as usize;
        self.cumulants.get(place).map(|cumulant| cumulant / f64::from(order - 1))
    }

    /// Epsilon at `delta` over the integer orders, and the order that gives it.
    pub fn epsilon(&self, delta: f64) -> (f64, u32) {
        self.smallest(|order, rho| conversion::epsilon(order, rho, delta))
    }

    /// `ln delta` at `epsilon` over the integer orders.
    pub fn log_delta(&self, epsilon: f64) -> f64 {
        self.smallest(|order, rho| conversion::log_delta(order, rho, epsilon)).0
    }

    /// Epsilon at `delta` with fractional orders too: the minimum between the neighbours of the best integer order.
    pub fn epsilon_fractional(&self, delta: f64) -> f64 {
        let (best, order) = self.epsilon(delta);
        let centre = f64::from(order);
        let at = |order: f64| conversion::epsilon(order, self.fractional(order), delta);
        let (mut low, mut high) = ((centre - 1.0).max(1.01), (centre + 1.0).min(f64::from(LARGEST_ORDER)));
        // Golden section; every value it meets is a bound, so the smallest is one, whatever the shape.
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let mut smallest = best;
        for _ in 0..24 {
            let (left, right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
            let (at_left, at_right) = (at(left), at(right));
            smallest = smallest.min(at_left).min(at_right);
            if at_left < at_right { high = right } else { low = left }
        }
        smallest
    }

    fn smallest(&self, value: impl Fn(f64, f64) -> f64) -> (f64, u32) {
        let values = (2..=LARGEST_ORDER).zip(&self.cumulants).map(|(order, cumulant)| {
            let alpha = f64::from(order);
            (value(alpha, cumulant / (alpha - 1.0)), order)
        });
        values.fold((f64::INFINITY, 2), |best, next| if next.0 < best.0 { next } else { best })
    }

    /// The divergence at any order in (1, [`LARGEST_ORDER`]].
    pub(crate) fn fractional(&self, order: f64) -> f64 {
        let exact: Option<f64> = self
            .events
            .iter()
            .map(|event| exact_cumulant(event, order).map(|one| one * event.count() as f64))
            .sum();
        let cumulant = exact.unwrap_or_else(|| {
            let (below, part) = (order.floor(), order - order.floor());
            let known = |place: usize| self.cumulants.get(place).copied().unwrap_or(f64::INFINITY);
            let at = |order: f64| if order < 2.0 { 0.0 } else { known(order as usize - 2) };
            if part == 0.0 { at(below) } else { (1.0 - part) * at(below) + part * at(below + 1.0) }
        });
        cumulant / (order - 1.0)
    }
}

/// How often the L2 clip a Gaussian release moves, over its deviation.
fn shift(event: &Event, noise_multiplier: f64) -> f64 {
    if event.neighbouring() == Neighbouring::ReplaceOne {
        2.0 / noise_multiplier
    } else {
        1.0 / noise_multiplier
    }
}

/// `(order - 1) rho` of one release, exactly, where a formula for all orders is known.
fn exact_cumulant(event: &Event, order: f64) -> Option<f64> {
    match (*event.mechanism(), *event.sampling()) {
        (Mechanism::Gaussian { noise_multiplier }, Sampling::All {}) => {
            Some(gaussian::poisson_fractional(1.0, 1.0 / shift(event, noise_multiplier), order))
        }
        (Mechanism::Gaussian { noise_multiplier }, Sampling::Poisson { q })
            if event.neighbouring() != Neighbouring::ReplaceOne =>
        {
            Some(gaussian::poisson_fractional(q, noise_multiplier, order))
        }
        (Mechanism::Tree { noise_multiplier, height, restarts }, _) => {
            let square = f64::from(height) * f64::from(restarts) / (noise_multiplier * noise_multiplier);
            Some(0.5 * order * (order - 1.0) * square)
        }
        (Mechanism::Laplace { scale }, sampling) if sampling.rate() >= 1.0 => {
            Some((order - 1.0) * laplace(scale * shift(event, 1.0).recip(), order))
        }
        // Concentrated DP holds at every order.
        (Mechanism::DiscreteGaussian { sigma, sensitivity }, sampling) if sampling.rate() >= 1.0 => {
            Some(0.5 * order * (order - 1.0) * (f64::from(sensitivity) / sigma).powi(2))
        }
        (Mechanism::DistributedDiscreteGaussian { shares }, sampling) if sampling.rate() >= 1.0 => {
            Some(0.5 * order * (order - 1.0) * shares::discrete_gaussian(&shares))
        }
        _ => None,
    }
}

/// `(order - 1) rho` of one release at orders 2 to [`LARGEST_ORDER`]; infinite where nothing is known.
fn integer_cumulants(event: &Event) -> Vec<f64> {
    let q = event.sampling().rate();
    match (*event.mechanism(), *event.sampling()) {
        (Mechanism::Gaussian { noise_multiplier }, Sampling::Poisson { q })
            if event.neighbouring() != Neighbouring::ReplaceOne =>
        {
            (2..=LARGEST_ORDER).map(|order| gaussian::poisson_integer(q, noise_multiplier, order)).collect()
        }
        (Mechanism::Gaussian { noise_multiplier }, Sampling::FixedSize { .. }) => {
            gaussian::fixed_size(q, 1.0 / shift(event, noise_multiplier), LARGEST_ORDER)
        }
        (Mechanism::Gaussian { .. }, Sampling::Poisson { .. } | Sampling::TruncatedPoisson { .. }) => {
            vec![f64::INFINITY; LARGEST_ORDER as usize - 1]
        }
        (mechanism, _) => {
            let base = |order: f64| match mechanism {
                Mechanism::DistributedDiscreteGaussian { shares } => {
                    0.5 * order * shares::discrete_gaussian(&shares)
                }
                Mechanism::DistributedSkellam { shares } => shares::skellam_shares(&shares, order),
                Mechanism::DiscreteGaussian { sigma, sensitivity } => {
                    0.5 * order * (f64::from(sensitivity) / sigma).powi(2)
                }
                Mechanism::DiscreteLaplace { rate, sensitivity } => {
                    discrete_laplace(rate, sensitivity, order)
                }
                Mechanism::Skellam { deviation, sensitivity } => {
                    let moved = f64::from(sensitivity);
                    shares::skellam(deviation * deviation, moved, moved, order)
                }
                Mechanism::Laplace { scale } => laplace(scale / shift(event, 1.0), order),
                Mechanism::Gaussian { noise_multiplier } => {
                    0.5 * order * shift(event, noise_multiplier).powi(2)
                }
                Mechanism::Tree { noise_multiplier, height, restarts } => {
                    0.5 * order * f64::from(height) * f64::from(restarts)
                        / (noise_multiplier * noise_multiplier)
                }
            };
            sampled::poisson(q, LARGEST_ORDER, base)
        }
    }
}

/// The Laplace mechanism of scale `b` over the sensitivity (Mironov 2017, Prop. 6).
fn laplace(scale: f64, order: f64) -> f64 {
    let twice = 2.0 * order - 1.0;
    let up = (order / twice).ln() + (order - 1.0) / scale;
    let down = ((order - 1.0) / twice).ln() - order / scale;
    logsum::log_sum(&[up, down]).max(0.0) / (order - 1.0)
}

/// The discrete Laplace mechanism: three geometric series, below the two centres, between them, above.
fn discrete_laplace(rate: f64, sensitivity: u32, order: f64) -> f64 {
    let (moved, between) = (f64::from(sensitivity), f64::from(sensitivity - 1));
    let log_norm = (0.5 * rate).tanh().ln();
    let log_tail = -(-(-rate).exp_m1()).ln();
    let below = log_tail - rate * order * moved;
    let above = log_tail + rate * (order - 1.0) * moved;
    let steep = rate * (2.0 * order - 1.0);
    let middle = if sensitivity > 1 {
        steep * between - rate * order * moved + (-(-steep * between).exp_m1()).ln()
            - (-(-steep).exp_m1()).ln()
    } else {
        f64::NEG_INFINITY
    };
    (log_norm + logsum::log_sum(&[below, middle, above])).max(0.0) / (order - 1.0)
}
