//! The Gaussian mechanism of one step of DP-SGD, on integers (Abadi et al. 2016, algorithm 1).
//!
//! A step sums clipped gradients over a Poisson sample, adds noise, and divides by a fixed number. The sum goes onto a
//! grid, the noise is discrete Gaussian on that grid, and what is divided is an integer: no floating-point noise is
//! drawn. The noise always has the parameter `t` of a [`LayeredSampler`], in steps of the grid; it is the grid that is chosen so
//! that this is the noise multiplier `z` times the sensitivity.
//!
//! # The sensitivity, with everything that rounding adds
//!
//! Take two sets of examples that differ in one, `x`, and a sample of them, with and without `x`. The order of a sample
//! is uniformly random and secret, and the sum is made chunk by chunk. Pair each order of the sample with `x` with that order
//! without it in which the last example takes the place of `x`: both are uniform, and all chunks but two, that of `x` and the last, hold the same
//! examples in the same places. Then
//!
//! - the exact sums differ by the contribution of `x`: at most the clip, `s` steps;
//! - each of the two chunks, with `x` and without, is off by [`CLIPPED_SUM_ERROR`] clips: `4 s CLIPPED_SUM_ERROR` steps;
//! - each is rounded to integers, at most `1/2 + 2^-15` steps a coordinate: below `2.01 sqrt(d)` steps for `d` parameters;
//! - all other chunks have the same bits, since an example's contribution depends on nothing but itself, and sums of
//!   integers are exact.
//!
//! The sum of these is what `z` multiplies. Mixing over samples and orders keeps the bound, since the curves of privacy are
//! jointly convex. With `t^2 = (z * sensitivity)^2 + 4^2` the noise is Gaussian noise of multiplier `z`, rounded at random
//! by something that looks at nothing else (Peikert 2010, Thm. 3.1): the step is the Poisson-subsampled Gaussian mechanism up to
//! [`STEP_DISTANCE`]. Whatever follows sees released integers alone.

use rand::Rng;
use rand::rand_core::SeedableRng;

use super::poisson::PoissonSample;
use super::sampling::LayeredSampler;
use super::step_grid::StepGrid;
use super::{Clip, NoisePurpose, NoiseSeed, NoiseStream};
use crate::nn::{CLIPPED_SUM_ERROR, GradientMechanism, LARGEST_PART};
use crate::random::Stream;

/// How far a step may be from its event in total variation, for any model that there can be: 2^30 parameters, and draws that
/// are within 2^-111 of their law.
pub const STEP_DISTANCE: f64 = 1e-24;

/// The parameter of the random rounding that makes Gaussian noise discrete, in steps.
const ROUNDING: f64 = 4.0;
/// Steps of rounding that the two chunks cost, for each unit of `sqrt(d)`; a little more than 2, since what is rounded is itself
/// off by as much as 2^-15 steps ([`StepGrid`]).
const ROUNDED: f64 = 2.01;

/// The noise of a step: which grid its sum goes onto, and what comes off it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExampleNoise {
    clip: Clip,
    noise_multiplier: f64,
    /// Steps of the grid to a unit of the gradient.
    scale: f32,
}

/// Why there is no such noise.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExampleNoiseError {
    /// So much noise that a clip is lost among the roundings.
    #[error(
        "noise of multiplier {noise_multiplier} on {parameters} parameters leaves the clip less than the roundings: \
         lower the noise multiplier (a larger epsilon, larger samples, fewer epochs), or make the model smaller"
    )]
    TooMuchNoise {
        /// The noise multiplier.
        noise_multiplier: f64,
        /// How long the gradient is.
        parameters: usize,
    },
    /// So many examples that their sum could leave the grid.
    #[error(
        "the sum of {examples} gradients could leave the grid of integers below 2^51: use more noise, or fewer rows"
    )]
    TooManyExamples {
        /// How many.
        examples: usize,
    },
}

impl ExampleNoise {
    /// The noise of so many deviations over the clip, for a gradient of so many `parameters`.
    ///
    /// # Errors
    /// [`ExampleNoiseError::TooMuchNoise`] where more than half of the noise would be for roundings.
    pub fn new(
        clip: Clip,
        noise_multiplier: f64,
        parameters: usize,
    ) -> Result<ExampleNoise, ExampleNoiseError> {
        let sensitivity = (LayeredSampler::VARIANCE - ROUNDING * ROUNDING).sqrt() / noise_multiplier;
        let rounded = ROUNDED * (parameters as f64).sqrt();
        if rounded > 0.5 * sensitivity {
            return Err(ExampleNoiseError::TooMuchNoise { noise_multiplier, parameters });
        }
        let steps = (sensitivity - rounded) / (1.0 + 4.0 * CLIPPED_SUM_ERROR);
        Ok(ExampleNoise { clip, noise_multiplier, scale: at_most(steps / clip.norm()) })
    }

    /// The most that the gradient of one example may measure.
    pub fn clip(&self) -> Clip {
        self.clip
    }

    /// The noise multiplier that the accountant is told.
    pub fn noise_multiplier(&self) -> f64 {
        self.noise_multiplier
    }

    /// The standard deviation of the noise on the sum of a step: above the noise multiplier times the clip by what pays for
    /// roundings.
    pub fn deviation(&self) -> f64 {
        LayeredSampler::VARIANCE.sqrt() / f64::from(self.scale)
    }

    /// The mechanism over some rows of one holder: samples of rate `q`, sums divided by `denominator`, all drawn from the streams
    /// of one round and one client. Comes with the stream for the draws of dropout.
    ///
    /// Each pair of a round and a client is to be used once.
    ///
    /// # Errors
    /// [`ExampleNoiseError::TooManyExamples`].
    pub fn mechanism(
        &self,
        rows: usize,
        q: f64,
        denominator: f64,
        seed: &NoiseSeed,
        (round, client): (u32, u32),
    ) -> Result<(ExampleMechanism, Stream), ExampleNoiseError> {
        let sampler = LayeredSampler::new();
        let largest = |rows: usize| {
            2.0 * rows as f64 * self.clip.norm() * f64::from(self.scale) + f64::from(sampler.reach())
        };
        if largest(rows) >= StepGrid::LARGEST_SUM {
            return Err(ExampleNoiseError::TooManyExamples { examples: rows });
        }
        let mut examples = seed.stream_for(NoisePurpose::Examples, round, client);
        let mut key = [0; 32];
        examples.fill_bytes(&mut key);
        let mechanism = ExampleMechanism {
            sample: PoissonSample::new(q),
            grid: StepGrid::new(self.scale, denominator, largest(LARGEST_PART)),
            sampler,
            examples,
            gradient: seed.stream_for(NoisePurpose::Gradient, round, client),
            sum: Vec::new(),
            noise: Vec::new(),
        };
        Ok((mechanism, Stream::from_seed(key)))
    }
}

/// The largest number of single precision that is not above this one.
fn at_most(value: f64) -> f32 {
    let single = value as f32;
    if f64::from(single) > value { single.next_down() } else { single }
}

/// The Poisson-subsampled Gaussian mechanism on clipped gradients, one step after the other.
pub struct ExampleMechanism {
    sample: PoissonSample,
    grid: StepGrid,
    sampler: LayeredSampler,
    examples: NoiseStream,
    gradient: NoiseStream,
    /// The sum of all parts of this step but the last, on the grid; empty where there is one part alone.
    sum: Vec<i64>,
    noise: Vec<i32>,
}

impl GradientMechanism for ExampleMechanism {
    fn draw(&mut self, rows: u32, batch: &mut Vec<u32>) {
        self.sample.draw(rows, batch, &mut self.examples);
        self.sum.clear();
    }

    fn add(&mut self, part: &[f32]) {
        self.grid.add(part, &mut self.sum);
    }

    fn release(&mut self, from: usize, last: &mut [f32]) {
        self.noise.resize(last.len(), 0);
        self.sampler.fill(&mut self.noise, &mut self.gradient);
        let others = if self.sum.is_empty() { &[] } else { &self.sum[from..][..last.len()] };
        self.grid.release(last, others, &self.noise);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::sampling::testing::moments;

    const MODEL: usize = 200_000;

    fn noise(clip: f64, multiplier: f64) -> ExampleNoise {
        ExampleNoise::new(Clip::new(clip).unwrap(), multiplier, MODEL).unwrap()
    }

    fn mechanism(noise: &ExampleNoise, denominator: f64, seed: u8) -> ExampleMechanism {
        let seed = NoiseSeed::from_bytes(&mut [seed; 32]);
        noise.mechanism(1000, 0.1, denominator, &seed, (1, 1)).unwrap().0
    }

    #[test]
    fn the_noise_is_the_multiplier_times_all_that_a_neighbour_can_change() {
        for (clip, multiplier) in [(1.0, 1.1), (0.01, 0.5), (30.0, 8.0)] {
            let noise = noise(clip, multiplier);
            let steps = clip * f64::from(noise.scale);
            let sensitivity = steps * (1.0 + 4.0 * CLIPPED_SUM_ERROR) + 2.0 * (MODEL as f64).sqrt();
            let continuous = LayeredSampler::VARIANCE - 16.0;
            assert!(continuous >= (multiplier * sensitivity).powi(2), "{clip} {multiplier}");
            // And little more than that: the roundings cost some hundredths.
            assert!(noise.deviation() < multiplier * clip * 1.04, "{}", noise.deviation());
        }
        let refused = ExampleNoise::new(Clip::new(1.0).unwrap(), 500.0, MODEL).unwrap_err();
        assert!(refused.to_string().contains("lower the noise multiplier"), "{refused}");
    }

    #[test]
    fn a_step_releases_the_mean_with_its_noise() {
        let noise = noise(1.0, 1.3);
        let mut mechanism = mechanism(&noise, 50.0, 1);
        let mut sum = vec![0.0f32; MODEL];
        (sum[0], sum[1]) = (40.0, -7.25);
        let (mut parts, mut whole) = (vec![0.0; MODEL], vec![0.0; MODEL]);
        mechanism.add(&sum);
        parts.copy_from_slice(&sum);
        let (first, rest) = parts.split_at_mut(1);
        mechanism.release(0, first);
        mechanism.release(1, rest);
        // The next step begins anew, and an empty one releases noise.
        mechanism.draw(1000, &mut Vec::new());
        mechanism.release(0, &mut whole);
        let deviation = noise.deviation() / 50.0;
        assert!((f64::from(parts[0]) - 80.0 / 50.0).abs() < 6.0 * deviation, "{}", parts[0]);
        assert!((f64::from(parts[1]) + 14.5 / 50.0).abs() < 6.0 * deviation, "{}", parts[1]);
        for released in [&parts[2..], &whole[..]] {
            let in_units: Vec<i64> =
                released.iter().map(|&value| (f64::from(value) / deviation * 1e6).round() as i64).collect();
            moments(&in_units, 1e12);
        }
        assert!(parts != whole);
    }

    #[test]
    fn equal_seeds_give_equal_steps_and_no_others_do() {
        let noise = noise(1.0, 1.0);
        let run = |seed: u8| {
            let mut mechanism = mechanism(&noise, 1.0, seed);
            let (mut batch, mut gradient) = (Vec::new(), vec![0.0; 100]);
            mechanism.draw(1000, &mut batch);
            mechanism.release(0, &mut gradient);
            (batch, gradient)
        };
        assert_eq!(run(1), run(1));
        assert!(run(1).0 != run(2).0 && run(1).1 != run(2).1);
    }

    #[test]
    fn what_a_step_is_charged_covers_its_draws() {
        let most = 2f64.powi(30);
        assert!(most * LayeredSampler::new().distance() < STEP_DISTANCE);
    }

    #[test]
    fn a_sum_that_could_leave_the_grid_is_refused() {
        let seed = NoiseSeed::from_bytes(&mut [1; 32]);
        let noise = ExampleNoise::new(Clip::new(1.0).unwrap(), 1e-3, 10).unwrap();
        let refused = noise.mechanism(3_000_000, 0.1, 1.0, &seed, (1, 1)).err().unwrap();
        assert_eq!(refused, ExampleNoiseError::TooManyExamples { examples: 3_000_000 });
    }
}
