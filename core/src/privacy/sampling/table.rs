//! Symmetric integer noise from a table of cumulative probabilities, for where millions of draws are needed each step.
//!
//! The table holds `P(|X| <= k)` in 128 bits. A uniform number of 128 bits picks the magnitude, its lower half drawn only when the upper
//! does not decide (once in 2^50), and a bit picks the sign.
//!
//! # Distance from the exact law
//! The table ends where the mass beyond is below `2^-124` (for a Gaussian 13.2 deviations out), and the last entry takes that
//! mass. Each of its `n` thresholds is below its exact value by less than `2^-128` for rounding down and `2^-150` for the arithmetic behind
//! it (weights of a relative error below `2^-185 k^2` at magnitude `k`). Moving a threshold by `e` moves mass `e` between neighbours, so that one draw is within
//! total variation `2^-124 + n 2^-127` of the exact law: [`TableSampler::distance`]. The ledger charges it to delta.

use rand::CryptoRng;

use super::fixed::Fixed;
use super::skellam::{skellam_edge, skellam_weights};
use super::{SamplingError, Variance};

/// The most entries.
const MOST_ENTRIES: usize = 1 << 20;

/// A symmetric law on the integers as a table.
pub struct TableSampler {
    /// Upper and lower words of `P(|X| <= k) 2^128`; the last is all ones.
    upper: Vec<u64>,
    lower: Vec<u64>,
    /// The first `k` that a number with these leading bits can pick.
    guide: Vec<u32>,
    shift: u32,
}

impl TableSampler {
    /// Discrete Gaussian noise of parameter `sigma^2 = variance`.
    ///
    /// # Errors
    /// [`SamplingError::TableTooLarge`] beyond a deviation of about 79,000.
    pub fn discrete_gaussian(variance: Variance) -> Result<TableSampler, SamplingError> {
        let deviation = variance.to_f64().sqrt();
        // e^(-13.3^2 / 2) < 2^-127, and twice the sum of a tail is below 8 times that.
        let entries = entries(13.3 * deviation + 3.0)?;
        let (numerator, denominator) = variance.parts();
        // e^(-(2k+1) / (2 sigma^2)), each e^(-1 / sigma^2) times the one before.
        let mut ratio = Fixed::exp_minus(&Fixed::ratio(u128::from(denominator), 2 * u128::from(numerator)));
        let shrink = Fixed::exp_minus(&Fixed::ratio(u128::from(denominator), u128::from(numerator)));
        let mut weight = Fixed::ONE;
        let weights = (0..entries).map(|_| {
            let current = weight;
            weight = weight.times(&ratio);
            ratio = ratio.times(&shrink);
            current
        });
        Ok(TableSampler::from_weights(&weights.collect::<Vec<_>>()))
    }

    /// Skellam noise of this variance.
    ///
    /// # Errors
    /// [`SamplingError::TableTooLarge`] beyond a deviation of about 79,000.
    pub fn skellam(variance: Variance) -> Result<TableSampler, SamplingError> {
        // e^-88 < 2^-126.
        let count = entries(skellam_edge(variance, 88.0))?;
        let mut weights = skellam_weights(variance, 120.0);
        weights.truncate(count);
        Ok(TableSampler::from_weights(&weights))
    }

    /// A law from weights of `|x|`: each counts once at 0 and twice elsewhere.
    fn from_weights(weights: &[Fixed]) -> TableSampler {
        let mut sum = Fixed::ZERO;
        let cumulative: Vec<Fixed> = weights
            .iter()
            .enumerate()
            .map(|(k, weight)| {
                sum = sum.plus(weight);
                if k > 0 {
                    sum = sum.plus(weight);
                }
                sum
            })
            .collect();
        let inverse = sum.inverse();
        let shares =
            cumulative[..cumulative.len() - 1].iter().map(|part| part.times(&inverse).leading_words());
        let (mut upper, mut lower): (Vec<u64>, Vec<u64>) = shares.unzip();
        upper.push(u64::MAX);
        lower.push(u64::MAX);
        let bits = (4 * upper.len()).next_power_of_two().ilog2().clamp(8, 18);
        let shift = 64 - bits;
        let guide = (0..1u64 << bits)
            .map(|lead| upper.partition_point(|&word| word < lead << shift) as u32)
            .collect();
        TableSampler { upper, lower, guide, shift }
    }

    /// How far the law of one draw is from the exact one, in total variation.
    pub fn distance(&self) -> f64 {
        2f64.powi(-124) + self.upper.len() as f64 * 2f64.powi(-127)
    }

    /// The largest magnitude it can draw.
    pub fn reach(&self) -> u32 {
        self.upper.len() as u32 - 1
    }

    /// One draw.
    pub fn sample(&self, stream: &mut impl CryptoRng) -> i32 {
        let sign = stream.next_u32();
        self.signed(self.magnitude(stream), sign & 1 == 1)
    }

    /// Fills `noise` with draws: one word of signs for 64 of them.
    pub fn fill(&self, noise: &mut [i32], stream: &mut impl CryptoRng) {
        for part in noise.chunks_mut(64) {
            let signs = stream.next_u64();
            for (i, value) in part.iter_mut().enumerate() {
                *value = self.signed(self.magnitude(stream), signs >> i & 1 == 1);
            }
        }
    }

    fn signed(&self, magnitude: u32, negative: bool) -> i32 {
        let magnitude = magnitude as i32;
        if negative { -magnitude } else { magnitude }
    }

    #[inline]
    fn magnitude(&self, stream: &mut impl CryptoRng) -> u32 {
        let word = stream.next_u64();
        let mut k = self.guide[(word >> self.shift) as usize] as usize;
        while self.upper[k] < word {
            k += 1;
        }
        if self.upper[k] == word {
            k = self.by_lower_word(k, word, stream.next_u64());
        }
        k as u32
    }

    /// Past the entries whose 128 bits are at or below the number; the last entry takes the rest.
    #[cold]
    fn by_lower_word(&self, mut k: usize, word: u64, low: u64) -> usize {
        let last = self.upper.len() - 1;
        while k < last && self.upper[k] == word && self.lower[k] <= low {
            k += 1;
        }
        k
    }
}

/// A number of entries that a table may have.
fn entries(reach: f64) -> Result<usize, SamplingError> {
    let entries = reach.ceil() as usize + 1;
    if entries <= MOST_ENTRIES { Ok(entries) } else { Err(SamplingError::TableTooLarge { entries }) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chi_square_of, moments, stream, words};
    use super::*;

    fn table(deviation: f64) -> TableSampler {
        TableSampler::discrete_gaussian(Variance::at_least(deviation).unwrap()).unwrap()
    }

    #[test]
    fn draws_follow_the_law() {
        for (seed, sigma) in [(1, 0.3), (2, 1.0), (3, 3.7), (4, 60.0)] {
            let mut noise = vec![0; 200_000];
            table(sigma).fill(&mut noise, &mut stream(seed));
            let noise: Vec<i64> = noise.into_iter().map(i64::from).collect();
            let weight = |x: i64| (-0.5 * (x as f64 / sigma).powi(2)).exp();
            let reach = (40.0 * sigma) as i64 + 2;
            let total: f64 = (-reach..=reach).map(weight).sum();
            chi_square_of(&noise, |x| weight(x) / total);
            moments(&noise, (-reach..=reach).map(|x| (x * x) as f64 * weight(x)).sum::<f64>() / total);
        }
    }

    #[test]
    fn skellam_draws_follow_the_law() {
        for (seed, variance) in [(5, 0.2f64), (6, 7.0), (7, 900.0)] {
            let law = TableSampler::skellam(Variance::at_least(variance.sqrt()).unwrap()).unwrap();
            let mut noise = vec![0; 200_000];
            law.fill(&mut noise, &mut stream(seed));
            let noise: Vec<i64> = noise.into_iter().map(i64::from).collect();
            moments(&noise, variance);
            let poisson = |n: i64| {
                let half = variance / 2.0;
                (n as f64 * half.ln() - half - libm::lgamma(n as f64 + 1.0)).exp()
            };
            let masses: Vec<f64> =
                (0..400).map(|x: i64| (0..2000).map(|n| poisson(n) * poisson(n + x)).sum()).collect();
            chi_square_of(&noise, |x| masses.get(x.unsigned_abs() as usize).copied().unwrap_or(0.0));
        }
    }

    #[test]
    fn thresholds_are_those_of_an_independent_computation() {
        // P(|X| <= k) in 128 bits, rounded down, from arithmetic of 600 bits.
        let close = |law: &TableSampler, k: usize, upper: u64, lower: u64| {
            let word = |upper: u64, lower: u64| u128::from(upper) << 64 | u128::from(lower);
            let error = word(law.upper[k], law.lower[k]).abs_diff(word(upper, lower));
            assert!(error < 64, "{k}: {error}");
        };
        let law = table(2.0);
        close(&law, 0, 3_679_593_073_373_650_817, 11_187_851_168_634_197_613);
        close(&law, 2, 14_637_624_081_956_322_539, 10_000_901_834_549_870_184);
        close(&law, 20, 18_446_744_073_709_551_615, 18_446_587_658_141_531_121);
        assert!(law.reach() >= 26 && law.distance() < 2f64.powi(-120));
        let law = TableSampler::skellam(Variance::at_least(7f64.sqrt()).unwrap()).unwrap();
        close(&law, 0, 2_835_960_830_449_943_790, 12_022_656_779_691_748_216);
        close(&law, 2, 12_257_558_344_395_483_862, 17_337_453_623_800_310_037);
        close(&law, 20, 18_446_744_073_350_037_604, 11_135_118_022_284_977_867);
    }

    #[test]
    fn the_lower_word_decides_where_the_upper_does_not() {
        let law = table(2.0);
        let (upper, lower) = (law.upper[1], law.lower[1]);
        let draw = |first: u64, second: u64| law.magnitude(&mut words(vec![first, second]));
        assert_eq!(draw(upper, lower - 1), 1);
        assert_eq!(draw(upper, lower), 2);
        assert_eq!(draw(upper - 1, u64::MAX), 1);
        assert_eq!(draw(upper + 1, 0), 2);
        assert_eq!(draw(0, 0), 0);
        assert_eq!(draw(u64::MAX, u64::MAX), law.reach());
    }

    #[test]
    fn known_answers() {
        // From an independent implementation in arithmetic of 600 bits on the same key stream.
        let mut noise = [0; 8];
        table(25.0).fill(&mut noise, &mut stream(12));
        assert_eq!(noise, [4, -12, 18, 20, -6, 27, 11, -16]);
        let refused = TableSampler::discrete_gaussian(Variance::at_least(1e5).unwrap());
        assert!(matches!(refused, Err(SamplingError::TableTooLarge { .. })));
    }
}
