//! What the tests of all samplers share: streams, and tests of a sample against its law.

use std::convert::Infallible;

use rand::rand_core::{TryCryptoRng, TryRng};

use crate::privacy::{NoisePurpose, NoiseSeed, NoiseStream};

/// A stream of its own for each number.
pub(crate) fn stream(number: u64) -> NoiseStream {
    NoiseSeed::from_bytes(&mut [42; 32]).stream_for(NoisePurpose::Update, number as u32, 0)
}

/// A stream of given words, over and over.
pub(crate) struct Words {
    words: Vec<u64>,
    next: usize,
}

pub(crate) fn words(words: Vec<u64>) -> Words {
    Words { words, next: 0 }
}

impl TryRng for Words {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| word as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let word = self.words[self.next % self.words.len()];
        self.next += 1;
        Ok(word)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for Words {}

/// Pearson's chi-square over the values that are expected at least ten times, the others in one cell; it fails once in
/// a million seeds under the law.
pub(crate) fn chi_square_of(noise: &[i64], mass: impl Fn(i64) -> f64) {
    let draws = noise.len() as f64;
    let reach = noise.iter().map(|value| value.abs()).max().unwrap_or(0) + 1;
    let (mut statistic, mut cells) = (0.0, 0);
    let (mut rest_seen, mut rest_expected) = (draws, draws);
    let mut counts = vec![0u32; 2 * reach as usize + 1];
    for &value in noise {
        counts[(value + reach) as usize] += 1;
    }
    for value in -reach..=reach {
        let (seen, expected) = (f64::from(counts[(value + reach) as usize]), draws * mass(value));
        if expected >= 10.0 {
            statistic += (seen - expected).powi(2) / expected;
            cells += 1;
            rest_seen -= seen;
            rest_expected -= expected;
        }
    }
    if rest_expected >= 5.0 {
        statistic += (rest_seen - rest_expected).powi(2) / rest_expected;
        cells += 1;
    } else {
        // Under a Poisson law of mean below 5 more than 25 come less than once in a million.
        assert!(rest_seen < 25.0, "{rest_seen} values in the tails, {rest_expected} expected");
    }
    // Wilson and Hilferty: the cube root is nearly normal; 4.75 deviations are passed once in a million.
    let freedom = f64::from(cells - 1).max(1.0);
    let variance = 2.0 / (9.0 * freedom);
    let normal = ((statistic / freedom).cbrt() - (1.0 - variance)) / variance.sqrt();
    assert!(normal < 4.75, "chi-square {statistic} with {freedom} degrees of freedom");
}

/// Mean and variance within five of their deviations.
pub(crate) fn moments(noise: &[i64], variance: f64) {
    let draws = noise.len() as f64;
    let mean = noise.iter().map(|&value| value as f64).sum::<f64>() / draws;
    assert!(mean.abs() <= 5.0 * (variance / draws).sqrt(), "mean {mean} of variance {variance}");
    let squares: Vec<f64> = noise.iter().map(|&value| (value as f64).powi(2)).collect();
    let found = squares.iter().sum::<f64>() / draws;
    let spread = squares.iter().map(|square| (square - found).powi(2)).sum::<f64>() / draws;
    assert!(
        (found - variance).abs() <= 5.0 * (spread / draws).sqrt(),
        "variance {found}, expected {variance}"
    );
}
