//! The discrete Laplace law: `P(x) ~ e^(-|x| / scale)` (Canonne, Kamath and Steinke 2020, Alg. 2).

use rand::CryptoRng;

use super::SamplingError;
use super::coin::{exponential_coin, run_of_inverse_e, uniform_below};

/// Discrete Laplace noise of scale `numerator / denominator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscreteLaplace {
    numerator: u64,
    denominator: u64,
}

impl DiscreteLaplace {
    /// The law of scale `numerator / denominator` (one over the rate).
    ///
    /// # Errors
    /// [`SamplingError::Scale`] unless both are between 1 and 2^40.
    pub fn new(numerator: u64, denominator: u64) -> Result<DiscreteLaplace, SamplingError> {
        let range = 1..=1 << 40;
        if range.contains(&numerator) && range.contains(&denominator) {
            Ok(DiscreteLaplace { numerator, denominator })
        } else {
            Err(SamplingError::Scale { numerator, denominator })
        }
    }

    /// One draw.
    #[inline]
    pub fn sample(&self, stream: &mut impl CryptoRng) -> i64 {
        loop {
            let drawn = geometric(self.numerator, stream);
            let magnitude = if self.denominator == 1 { drawn } else { drawn / self.denominator };
            let negative = stream.next_u32() & 1 == 1;
            // Zero would otherwise have both signs.
            if negative && magnitude == 0 {
                continue;
            }
            // At most 179 * 2^40.
            let magnitude = magnitude as i64;
            return if negative { -magnitude } else { magnitude };
        }
    }

    /// Fills `noise` with draws.
    pub fn fill(&self, noise: &mut [i64], stream: &mut impl CryptoRng) {
        noise.fill_with(|| self.sample(stream));
    }
}

/// `P(x) ~ e^(-x / scale)` on 0, 1, 2, ...: a rest below `scale` and a number of whole scales, at most 178.
#[inline]
fn geometric(scale: u64, stream: &mut impl CryptoRng) -> u64 {
    let inverse = 1.0 / scale as f64;
    let rest = loop {
        let rest = uniform_below(scale, stream);
        let near = rest as i64 as f64 * inverse;
        if exponential_coin(near, || (u128::from(rest), u128::from(scale)), stream) {
            break rest;
        }
    };
    rest + run_of_inverse_e(stream) * scale
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chi_square_of, moments, stream};
    use super::*;

    #[test]
    fn draws_follow_the_law() {
        for (numerator, denominator) in [(1u64, 2u64), (1, 1), (7, 2), (50, 1)] {
            let law = DiscreteLaplace::new(numerator, denominator).unwrap();
            let scale = numerator as f64 / denominator as f64;
            let mut noise = vec![0; 200_000];
            law.fill(&mut noise, &mut stream(numerator));
            chi_square_of(&noise, |x| (0.5 / scale).tanh() * (-(x.abs() as f64) / scale).exp());
            let decay = (-1.0 / scale).exp();
            moments(&noise, 2.0 * decay / (1.0 - decay).powi(2));
        }
    }

    #[test]
    fn known_answers() {
        // From an independent implementation in arithmetic of 600 bits on the same key stream.
        let law = DiscreteLaplace::new(10, 1).unwrap();
        let mut noise = [0; 8];
        law.fill(&mut noise, &mut stream(9));
        assert_eq!(noise, [28, -11, -1, 1, 3, -13, 9, -4]);
    }

    #[test]
    fn scales_are_checked() {
        for (numerator, denominator) in [(0, 1), (1, 0), (u64::MAX, 1)] {
            assert_eq!(
                DiscreteLaplace::new(numerator, denominator),
                Err(SamplingError::Scale { numerator, denominator })
            );
        }
    }
}
