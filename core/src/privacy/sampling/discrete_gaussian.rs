//! The discrete Gaussian law: `P(x) ~ e^(-x^2 / (2 sigma^2))` (Canonne, Kamath and Steinke 2020, Alg. 3).
//!
//! A discrete Laplace draw `y` of scale `t = floor(sigma) + 1` is kept with probability
//! `e^(-(|y| - sigma^2/t)^2 / (2 sigma^2))`, an exponential of a rational when `sigma^2` is one.

use rand::CryptoRng;

use super::coin::exponential_coin;
use super::{DiscreteLaplace, Variance};

/// Discrete Gaussian noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscreteGaussian {
    variance: Variance,
    proposal: DiscreteLaplace,
    scale: u64,
    /// `2 n d t^2`.
    denominator: u128,
    /// `sigma^2 / t`.
    centre: f64,
    /// `1 / (2 sigma^2)`.
    halved_precision: f64,
}

impl DiscreteGaussian {
    /// The law of parameter `sigma^2 = variance` (which its actual variance never exceeds).
    pub fn new(variance: Variance) -> DiscreteGaussian {
        let scale = variance.floor_deviation() + 1;
        let proposal = DiscreteLaplace::new(scale, 1).expect("the deviation of a Variance is below 2^26");
        let (n, d) = variance.parts();
        let denominator = 2 * u128::from(n) * u128::from(d) * u128::from(scale) * u128::from(scale);
        let (centre, halved_precision) = (variance.to_f64() / scale as f64, 0.5 / variance.to_f64());
        DiscreteGaussian { variance, proposal, scale, denominator, centre, halved_precision }
    }

    /// The parameter.
    pub fn variance(&self) -> Variance {
        self.variance
    }

    /// One draw.
    #[inline]
    pub fn sample(&self, stream: &mut impl CryptoRng) -> i64 {
        let (numerator, denominator) = self.variance.parts();
        let (numerator, denominator) = (u128::from(numerator), u128::from(denominator));
        let scale = u128::from(self.scale);
        loop {
            let drawn = self.proposal.sample(stream);
            let magnitude = drawn.unsigned_abs();
            // (|y| - n/(d t))^2 / (2 n/d) over the common denominator. |y| is at most 179 t and Variance bounds n and d t^2 by
            // 2^54, so the square stays below 2^124 and the denominator below 2^110.
            let exact = || {
                let distance = (u128::from(magnitude) * denominator * scale).abs_diff(numerator);
                (distance * distance, self.denominator)
            };
            // As a number: |y| and sigma^2 / t err by 2^-53 of at most 179 t each.
            let near = (magnitude as i64 as f64 - self.centre).powi(2) * self.halved_precision;
            if exponential_coin(near, exact, stream) {
                return drawn;
            }
        }
    }

    /// Fills `noise` with draws.
    pub fn fill(&self, noise: &mut [i64], stream: &mut impl CryptoRng) {
        noise.fill_with(|| self.sample(stream));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chi_square_of, moments, stream};
    use super::*;

    #[test]
    fn draws_follow_the_law() {
        for (seed, sigma) in [(1, 0.3), (2, 0.99), (3, 1.0), (4, 3.7), (5, 40.0)] {
            let law = DiscreteGaussian::new(Variance::at_least(sigma).unwrap());
            let mut noise = vec![0; 200_000];
            law.fill(&mut noise, &mut stream(seed));
            let weight = |x: i64| (-0.5 * (x as f64 / sigma).powi(2)).exp();
            let reach = (40.0 * sigma) as i64 + 2;
            let total: f64 = (-reach..=reach).map(weight).sum();
            let variance = (-reach..=reach).map(|x| (x * x) as f64 * weight(x)).sum::<f64>() / total;
            chi_square_of(&noise, |x| weight(x) / total);
            moments(&noise, variance);
        }
    }

    #[test]
    fn large_deviations_keep_their_moments() {
        let sigma = 1e6;
        let law = DiscreteGaussian::new(Variance::at_least(sigma).unwrap());
        let mut noise = vec![0; 200_000];
        law.fill(&mut noise, &mut stream(6));
        moments(&noise, sigma * sigma);
    }

    #[test]
    fn known_answers() {
        // From an independent implementation in arithmetic of 600 bits on the same key stream.
        let law = DiscreteGaussian::new(Variance::at_least(25.0).unwrap());
        let mut noise = [0; 8];
        law.fill(&mut noise, &mut stream(10));
        assert_eq!(noise, [-6, -11, 66, -6, -15, -21, 62, -4]);
    }
}
