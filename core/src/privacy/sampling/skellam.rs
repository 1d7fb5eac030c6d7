//! The Skellam law, the difference of two Poisson variables of one mean: `P(x) = e^(-v) I_|x|(v)` for the variance `v`.
//!
//! A discrete Laplace draw is kept with probability `A(x)`, the ratio of the two laws over its largest value. A uniform number
//! decides: its first 53 bits against a table of `A` in `f64`, and where they lie within the table's error all of 256 bits against
//! `A` in as many. What these leave undecided is refused, and so is everything whose `A` is below `2^-200`: that is the distance
//! from the exact law.

use std::cmp::Ordering;

use rand::CryptoRng;

use super::coin::leading;
use super::fixed::Fixed;
use super::{DiscreteLaplace, SamplingError, Variance};

/// Skellam noise.
pub struct Skellam {
    variance: Variance,
    proposal: DiscreteLaplace,
    scale: u64,
    /// `A(x) 2^53` for `x` of 0, 1, ...
    kept: Vec<f64>,
    /// `A(0)`, as `2^32` over this integer.
    bound: u64,
}

/// The relative error of the table, whose entries are conversions of products of at most a million factors in 256 bits and of
/// one exponential.
const TABLE_ERROR: f64 = 1e-12;
/// `-ln` of the mass beyond which `A` counts as 0.
const LOG_BEYOND: f64 = 150.0;

impl Skellam {
    /// Skellam noise of this variance.
    ///
    /// # Errors
    /// [`SamplingError::Deviation`] above a deviation of 2^16.
    pub fn new(variance: Variance) -> Result<Skellam, SamplingError> {
        if variance.to_f64() > 2f64.powi(32) {
            return Err(SamplingError::Deviation(variance.to_f64().sqrt()));
        }
        let scale = variance.floor_deviation() + 1;
        let proposal = DiscreteLaplace::new(scale, 1).expect("a scale between 1 and 2^16");
        let weights = skellam_weights(variance, LOG_BEYOND);
        let centre = weights[0].to_f64();
        let tilted = weights.iter().enumerate().map(|(x, weight)| {
            // Beyond 2^-150 of the centre f64 is of no use: the digits decide.
            let ratio = weight.to_f64() / centre;
            if ratio > 2f64.powi(-150) { ratio * (x as f64 / scale as f64).exp() } else { 0.0 }
        });
        let tilted: Vec<f64> = tilted.collect();
        let largest = tilted.iter().copied().fold(0.0, f64::max);
        // A little more than the largest, as a ratio of integers.
        let bound = (largest * (1.0 + 1e-8) * 2f64.powi(32)).ceil() as u64;
        let factor = 2f64.powi(32 + 53) / bound as f64;
        let reach = tilted.iter().position(|&ratio| ratio == 0.0).unwrap_or(tilted.len());
        let kept = tilted[..reach].iter().map(|ratio| ratio * factor).collect();
        Ok(Skellam { variance, proposal, scale, kept, bound })
    }

    /// One draw.
    pub fn sample(&self, stream: &mut impl CryptoRng) -> i64 {
        loop {
            let drawn = self.proposal.sample(stream);
            let word = stream.next_u64();
            let kept = match self.kept.get(drawn.unsigned_abs() as usize) {
                Some(threshold) => {
                    let beyond = leading(word) - threshold;
                    if beyond.abs() > TABLE_ERROR * threshold + 2.0 {
                        beyond < 0.0
                    } else {
                        self.kept_by_digits(drawn.unsigned_abs(), word, stream)
                    }
                }
                None => self.kept_by_digits(drawn.unsigned_abs(), word, stream),
            };
            if kept {
                return drawn;
            }
        }
    }

    /// Fills `noise` with draws.
    pub fn fill(&self, noise: &mut [i64], stream: &mut impl CryptoRng) {
        noise.fill_with(|| self.sample(stream));
    }

    /// Whether the uniform number that begins with `word` lies below `A(magnitude)`.
    #[cold]
    fn kept_by_digits(&self, magnitude: u64, word: u64, stream: &mut impl CryptoRng) -> bool {
        // Far out the first word alone is above, but for once in 2^64.
        if magnitude >= self.kept.len() as u64 && word > 1 {
            return false;
        }
        let words = [word, stream.next_u64(), stream.next_u64(), stream.next_u64()];
        Fixed::fraction(words).compare(&self.ratio(magnitude)) == Ordering::Less
    }

    /// `A(magnitude)` in 256 bits.
    fn ratio(&self, magnitude: u64) -> Fixed {
        let weights = skellam_weights(self.variance, LOG_BEYOND);
        let Some(weight) = weights.get(magnitude as usize) else { return Fixed::ZERO };
        let tilt = Fixed::exp_minus(&Fixed::ratio(u128::from(magnitude), u128::from(self.scale))).inverse();
        weight.times(&weights[0].inverse()).times(&tilt).multiplied(1 << 32).divided(self.bound)
    }
}

/// A magnitude beyond which the law has at most twice `e^-log` (Bernstein's inequality).
pub(crate) fn skellam_edge(variance: Variance, log: f64) -> f64 {
    log / 3.0 + (log * log / 9.0 + 2.0 * variance.to_f64() * log).sqrt() + 2.0
}

/// `I_k(variance)` for `k` of 0, 1, ... to the edge for `log`, up to a common factor, by the backward recurrence
/// `I_(k-1) = (2k / variance) I_k + I_(k+1)`, in which errors at its start die out.
///
/// A step errs by `2^-180` of a weight near 1; below that weight only entries of less mass are touched.
pub(crate) fn skellam_weights(variance: Variance, log: f64) -> Vec<Fixed> {
    let edge = skellam_edge(variance, log) as usize;
    // Thirty entries more, so that the arbitrary start does not show in the last one kept.
    let start = edge + 30;
    let (numerator, denominator) = variance.parts();
    let limit = Fixed::ratio(1 << 30, 1);
    let mut weights = vec![Fixed::ZERO; start + 2];
    weights[start] = Fixed::power_of_half(60);
    for k in (1..=start).rev() {
        let scaled = weights[k].divided(numerator).multiplied(denominator).multiplied(2 * k as u64);
        weights[k - 1] = scaled.plus(&weights[k + 1]);
        // The far tail is many orders of magnitude below the centre: it may sink below 2^-256 and vanish.
        if weights[k - 1].compare(&limit) == Ordering::Greater {
            for weight in &mut weights[k - 1..] {
                *weight = weight.divided(1 << 40);
            }
        }
    }
    weights.truncate(edge);
    weights
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chi_square_of, moments, stream};
    use super::*;

    #[test]
    fn draws_follow_the_law() {
        for (seed, variance) in [(1, 0.5f64), (2, 2.0), (3, 9.3), (4, 400.0)] {
            let law = Skellam::new(Variance::at_least(variance.sqrt()).unwrap()).unwrap();
            let mut noise = vec![0; 200_000];
            law.fill(&mut noise, &mut stream(seed));
            let poisson = |n: i64| {
                let half = variance / 2.0;
                if n < 0 { 0.0 } else { (n as f64 * half.ln() - half - libm::lgamma(n as f64 + 1.0)).exp() }
            };
            let masses: Vec<f64> =
                (0..200).map(|x: i64| (0..1200).map(|n| poisson(n) * poisson(n + x)).sum()).collect();
            chi_square_of(&noise, |x| masses.get(x.unsigned_abs() as usize).copied().unwrap_or(0.0));
            moments(&noise, variance);
        }
    }

    #[test]
    fn the_digits_agree_with_the_table() {
        for variance in [0.1f64, 2.0, 31.0, 5000.0] {
            let law = Skellam::new(Variance::at_least(variance.sqrt()).unwrap()).unwrap();
            for x in (0..law.kept.len()).step_by(1 + law.kept.len() / 20) {
                let (exact, table) = (law.ratio(x as u64).to_f64(), law.kept[x] * 2f64.powi(-53));
                assert!(exact <= 1.0);
                assert!(
                    (exact - table).abs() <= 0.1 * TABLE_ERROR * table,
                    "{variance} {x}: {exact} {table}"
                );
            }
        }
    }

    #[test]
    fn known_answers() {
        // From an independent implementation in arithmetic of 600 bits on the same key stream.
        let law = Skellam::new(Variance::at_least(10.0).unwrap()).unwrap();
        let mut noise = [0; 8];
        law.fill(&mut noise, &mut stream(11));
        assert_eq!(noise, [6, -5, 10, 6, 8, -5, -3, -4]);
        assert!(Skellam::new(Variance::at_least(1e6).unwrap()).is_err());
    }
}
