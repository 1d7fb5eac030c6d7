//! Wide discrete Gaussian noise from two small tables: coarse noise on multiples of 256, and fine noise on all integers.
//!
//! One table for a deviation of 400,000 would not fit a cache, or anywhere. By the convolution theorem for lattice Gaussians (Peikert
//! 2010, Thm. 3.1) the sum of `x` from the discrete Gaussian law of parameter `s` on multiples of 256 and of `y` from that of
//! parameter `f` on the integers is within total variation `16 e^(-2 pi^2 r^2)` of the discrete Gaussian law of parameter
//! `sqrt(s^2 + f^2)`, with `r = s f / (256 sqrt(s^2 + f^2))`. Here `f` = 1536 and `s` = 256 x 1536, so that `r` > 5.9 and that
//! distance is below 10^-290: what the tables are off, below 2^-111 a draw, is all that counts.

use std::sync::LazyLock;

use rand::CryptoRng;

use super::{TableSampler, Variance};

/// On the multiples of which number the coarse noise lies.
const COARSE: i32 = 256;
/// The parameter of both tables.
const DEVIATION: f64 = 1536.0;
/// So many draws of each table at a time: they stay in the first cache.
const PART: usize = 1024;

/// Discrete Gaussian noise whose parameter is the root of [`LayeredSampler::VARIANCE`].
#[derive(Clone, Copy)]
pub struct LayeredSampler(&'static TableSampler);

impl LayeredSampler {
    /// The square of the parameter: both layers together.
    pub const VARIANCE: f64 = DEVIATION * DEVIATION * ((COARSE * COARSE) as f64 + 1.0);

    /// The sampler. Its table is built once in a process.
    pub fn new() -> LayeredSampler {
        static TABLE: LazyLock<TableSampler> = LazyLock::new(|| {
            let variance = Variance::at_least(DEVIATION).expect("the deviation is in the range of variances");
            TableSampler::discrete_gaussian(variance).expect("a table of 20,000 entries is not too large")
        });
        LayeredSampler(&TABLE)
    }

    /// How far the law of one draw is from the exact one, in total variation.
    pub fn distance(&self) -> f64 {
        2.0 * self.0.distance()
    }

    /// The largest magnitude it can draw.
    pub fn reach(&self) -> u32 {
        (COARSE as u32 + 1) * self.0.reach()
    }

    /// Fills `noise` with draws.
    pub fn fill(&self, noise: &mut [i32], stream: &mut impl CryptoRng) {
        let mut coarse = [0; PART];
        for part in noise.chunks_mut(PART) {
            let coarse = &mut coarse[..part.len()];
            self.0.fill(coarse, stream);
            self.0.fill(part, stream);
            part.iter_mut().zip(coarse).for_each(|(fine, coarse)| *fine += COARSE * *coarse);
        }
    }
}

impl Default for LayeredSampler {
    fn default() -> LayeredSampler {
        LayeredSampler::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chi_square_of, moments, stream};
    use super::*;

    #[test]
    fn draws_follow_the_law() {
        let mut noise = vec![0; 400_000];
        LayeredSampler::new().fill(&mut noise, &mut stream(1));
        let wide: Vec<i64> = noise.iter().map(|&value| i64::from(value)).collect();
        moments(&wide, LayeredSampler::VARIANCE);
        // In cells of a twentieth of the deviation, each as likely as its middle is dense.
        let sigma = LayeredSampler::VARIANCE.sqrt();
        let cell = (sigma / 20.0).round();
        let cells: Vec<i64> = wide.iter().map(|&value| (value as f64 / cell).round() as i64).collect();
        chi_square_of(&cells, |at| {
            let edge = |x: f64| 0.5 * libm::erfc(-x * cell / (sigma * std::f64::consts::SQRT_2));
            edge(at as f64 + 0.5) - edge(at as f64 - 0.5)
        });
        // No residue is preferred: the fine layer covers the gaps of the coarse one.
        let mut residues = [0f64; 256];
        wide.iter().for_each(|value| residues[value.rem_euclid(256) as usize] += 1.0);
        let expected = wide.len() as f64 / 256.0;
        let square: f64 = residues.iter().map(|count| (count - expected).powi(2) / expected).sum();
        // Chi-square of 255 degrees of freedom at five deviations.
        assert!((square - 255.0).abs() < 5.0 * (2.0f64 * 255.0).sqrt(), "{square}");
    }

    #[test]
    fn it_is_as_close_to_its_law_as_is_charged() {
        let sampler = LayeredSampler::new();
        assert!(sampler.distance() < 2f64.powi(-111));
        assert!(f64::from(sampler.reach()) > 13.2 * LayeredSampler::VARIANCE.sqrt());
        let r = DEVIATION * f64::from(COARSE) / (f64::from(COARSE * COARSE) + 1.0).sqrt() / f64::from(COARSE);
        assert!(r > 5.9);
    }
}
