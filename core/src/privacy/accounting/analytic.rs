//! The Gaussian mechanism, exactly (Balle and Wang 2018, Thm. 8).
//!
//! `delta(epsilon) = Phi(s/2 - epsilon/s) - e^epsilon Phi(-s/2 - epsilon/s)` for sensitivity over deviation `s`.
//! Without sampling Gaussian mechanisms compose into one of `s^2 = sum s_i^2`.

use super::normal::{log_upper_tail, upper_tail};
use crate::privacy::event::{Event, Mechanism, Neighbouring, Sampling};

/// Sensitivity over deviation of all events together; `None` unless all are Gaussian without sampling.
pub fn combined_shift(events: &[Event]) -> Option<f64> {
    let squares = events.iter().map(|event| {
        let unsampled = matches!(event.sampling(), Sampling::All {})
            || matches!(event.sampling(), Sampling::Poisson { q } if *q >= 1.0);
        if !unsampled {
            return None;
        }
        let moved = if event.neighbouring() == Neighbouring::ReplaceOne { 2.0 } else { 1.0 };
        let square = match *event.mechanism() {
            Mechanism::Gaussian { noise_multiplier } => (moved / noise_multiplier).powi(2),
            Mechanism::Tree { noise_multiplier, height, restarts } => {
                f64::from(height) * f64::from(restarts) / (noise_multiplier * noise_multiplier)
            }
            _ => return None,
        };
        Some(square * event.count() as f64)
    });
    squares.sum::<Option<f64>>().map(f64::sqrt)
}

/// Delta at `epsilon` for sensitivity over deviation `shift`.
pub fn delta(shift: f64, epsilon: f64) -> f64 {
    let near = epsilon / shift - 0.5 * shift;
    let far = epsilon / shift + 0.5 * shift;
    // The second term never exceeds the first; as a ratio it neither over- nor underflows.
    let ratio = (epsilon + log_upper_tail(far) - log_upper_tail(near)).min(0.0);
    if near < 30.0 {
        upper_tail(near) * -ratio.exp_m1()
    } else {
        (log_upper_tail(near)).exp() * -ratio.exp_m1()
    }
}

/// Epsilon at `delta` in (0, 1) for sensitivity over deviation `shift`, to the last digits.
pub fn epsilon(shift: f64, delta_target: f64) -> f64 {
    if delta(shift, 0.0) <= delta_target {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, shift.max(1e-300));
    while delta(shift, high) > delta_target {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if delta(shift, middle) > delta_target { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_of_epsilon_is_delta() {
        for shift in [1e-3, 0.1, 1.0, 5.0, 60.0] {
            for target in [1e-3, 1e-5, 1e-12, 1e-200] {
                let found = epsilon(shift, target);
                let back = delta(shift, found);
                assert!(
                    found == 0.0 || (back / target - 1.0).abs() < 1e-6,
                    "{shift} {target} {found} {back}"
                );
                assert!(back <= target, "{shift} {target}");
            }
        }
    }
}
