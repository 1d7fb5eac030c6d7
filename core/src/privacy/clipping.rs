//! Clipping: how far one unit can move a sum.
//!
//! The clip *is* the sensitivity. A [`Clip`] is made once; what it has clipped is no longer than it, to the last bit, and
//! the noise of a release is asked of it. No function takes a clip and a sensitivity apart (McMahan et al. 2018).
//!
//! Invariant: after a successful call the L2 norm, summed in `f64` or exactly on integers, is at most the clip.

use serde::{Deserialize, Serialize};

/// A bound on the L2 norm of what one unit contributes, and with it the sensitivity of a sum of contributions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Clip {
    norm: f64,
}

/// Why something cannot be clipped.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClippingError {
    /// A clip that is not a positive number.
    #[error("the clip is {0}: give a positive number, near the median norm of an update")]
    Bound(f64),
    /// A coordinate that is not a number, or infinite.
    #[error("coordinate {index} of the update is {value}: the training diverged; lower the learning rate")]
    NotFinite {
        /// Which coordinate.
        index: usize,
        /// What it is.
        value: f32,
    },
    /// A grid so coarse that the clip is less than one step.
    #[error(
        "the clip {clip} is less than one step of a grid of {steps_per_unit} steps per unit: use a finer grid"
    )]
    GridTooCoarse {
        /// The clip.
        clip: f64,
        /// Steps to one.
        steps_per_unit: f64,
    },
    /// A weight cap of zero.
    #[error("the weight cap is 0: give the largest weight that a client may have")]
    WeightCap,
}

/// What clipping did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clipped {
    /// The L2 norm before.
    pub norm: f64,
    /// Whether it was above the clip.
    pub shortened: bool,
}

impl Clip {
    /// A clip.
    ///
    /// # Errors
    /// [`ClippingError::Bound`] unless it is positive and finite.
    pub fn new(norm: f64) -> Result<Clip, ClippingError> {
        if norm > 0.0 && norm.is_finite() { Ok(Clip { norm }) } else { Err(ClippingError::Bound(norm)) }
    }

    /// The bound.
    pub fn norm(&self) -> f64 {
        self.norm
    }

    /// The clip of a contribution that is multiplied by a weight of at most `cap`: the sensitivity of the weighted sum.
    ///
    /// # Errors
    /// [`ClippingError::WeightCap`] for a cap of 0.
    pub fn weighted(&self, cap: u32) -> Result<Clip, ClippingError> {
        if cap == 0 {
            return Err(ClippingError::WeightCap);
        }
        Clip::new(self.norm * f64::from(cap))
    }

    /// The standard deviation of noise with this multiplier.
    pub fn deviation(&self, noise_multiplier: f64) -> f64 {
        noise_multiplier * self.norm
    }

    /// The noise multiplier of noise with this standard deviation.
    pub fn noise_multiplier(&self, deviation: f64) -> f64 {
        deviation / self.norm
    }

    /// Scales `update` so that its norm is at most the clip; a shorter one stays as it is.
    ///
    /// # Errors
    /// [`ClippingError::NotFinite`]; the update is then untouched.
    pub fn clip(&self, update: &mut [f32]) -> Result<Clipped, ClippingError> {
        let norm = finite_norm(update)?;
        if norm <= self.norm {
            return Ok(Clipped { norm, shortened: false });
        }
        // Rounding to f32 moves a coordinate by 2^-24 of itself at most; scaling by a little less keeps the bound.
        let factor = self.norm / norm * (1.0 - 2f64.powi(-22));
        for value in update.iter_mut() {
            // Towards zero where the product is too small for f32 to have full precision.
            let scaled = f64::from(*value) * factor;
            let rounded = scaled as f32;
            *value = if rounded.abs() < f32::MIN_POSITIVE { 0.0 } else { rounded };
        }
        Ok(Clipped { norm, shortened: true })
    }

    /// The largest integer norm on a grid of `steps_per_unit`: the sensitivity in steps.
    ///
    /// # Errors
    /// [`ClippingError::GridTooCoarse`].
    pub fn steps(&self, steps_per_unit: f64) -> Result<u64, ClippingError> {
        let steps = (self.norm * steps_per_unit).floor();
        if steps >= 1.0 && steps < 2f64.powi(62) {
            Ok(steps as u64)
        } else {
            Err(ClippingError::GridTooCoarse { clip: self.norm, steps_per_unit })
        }
    }

    /// Clips an update that is already on a grid of `steps_per_unit`. The bound is exact: squares are summed as integers,
    /// and scaled coordinates are rounded towards zero.
    ///
    /// # Errors
    /// [`ClippingError::GridTooCoarse`].
    pub fn clip_on_grid(&self, steps_per_unit: f64, update: &mut [i32]) -> Result<Clipped, ClippingError> {
        let bound = self.steps(steps_per_unit)?;
        let square = integer_square(update);
        let norm = (square as f64).sqrt();
        if square <= u128::from(bound) * u128::from(bound) {
            return Ok(Clipped { norm: norm / steps_per_unit, shortened: false });
        }
        let factor = bound as f64 / norm * (1.0 - 2f64.powi(-48));
        for value in update.iter_mut() {
            *value = (f64::from(*value) * factor) as i32;
        }
        debug_assert!(integer_square(update) <= u128::from(bound) * u128::from(bound));
        Ok(Clipped { norm: norm / steps_per_unit, shortened: true })
    }
}

impl TryFrom<f64> for Clip {
    type Error = ClippingError;
    fn try_from(norm: f64) -> Result<Clip, ClippingError> {
        Clip::new(norm)
    }
}

impl From<Clip> for f64 {
    fn from(clip: Clip) -> f64 {
        clip.norm
    }
}

/// The L2 norm in `f64`: no `f32` squared overflows there, nor does a sum of 2^64 of them.
fn finite_norm(update: &[f32]) -> Result<f64, ClippingError> {
    let square: f64 = update.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    if square.is_finite() {
        return Ok(square.sqrt());
    }
    let (index, &value) = update
        .iter()
        .enumerate()
        .find(|(_, value)| !value.is_finite())
        .expect("squares of finite f32 have a finite sum in f64");
    Err(ClippingError::NotFinite { index, value })
}

/// The sum of squares, exactly.
fn integer_square(update: &[i32]) -> u128 {
    // Two squares of i32 are at most 2^63: additions of u128 are halved.
    let chunks = update.chunks(2).map(|pair| {
        let sum: u64 = pair.iter().map(|&value| u64::from(value.unsigned_abs()).pow(2)).sum();
        u128::from(sum)
    });
    chunks.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    fn norm(update: &[f32]) -> f64 {
        update.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_clipped_is_longer_than_the_clip(
            mut update in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL, 1..40),
            log_clip in -80f64..80.0,
        ) {
            let clip = Clip::new(log_clip.exp()).unwrap();
            let before = norm(&update);
            let clipped = clip.clip(&mut update).unwrap();
            prop_assert_eq!(clipped.norm, before);
            prop_assert_eq!(clipped.shortened, before > clip.norm());
            prop_assert!(norm(&update) <= clip.norm());
            prop_assert!(before < 1e-30 || clip.norm() < 1e-30 || norm(&update) >= before.min(clip.norm()) * (1.0 - 1e-5));
        }

        #[test]
        fn nothing_clipped_on_the_grid_is_longer_than_the_clip(
            mut update in prop::collection::vec(any::<i32>(), 1..40), clip in 0.01f64..1e7,
        ) {
            let clip = Clip::new(clip).unwrap();
            let before = integer_square(&update);
            let clipped = clip.clip_on_grid(256.0, &mut update).unwrap();
            let bound = u128::from(clip.steps(256.0).unwrap()).pow(2);
            prop_assert_eq!(clipped.shortened, before > bound);
            prop_assert!(integer_square(&update) <= bound);
        }
    }

    #[test]
    fn what_is_not_finite_is_refused_and_left() {
        let clip = Clip::new(1.0).unwrap();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut update = [3.0, value, 4.0];
            let refused = clip.clip(&mut update);
            assert!(matches!(refused, Err(ClippingError::NotFinite { index: 1, .. })), "{refused:?}");
            assert_eq!((update[0], update[2]), (3.0, 4.0));
        }
        // A norm beyond f32 is no reason to refuse.
        let mut update = [f32::MAX; 4];
        assert!(clip.clip(&mut update).unwrap().shortened);
        assert_eq!(update, [update[0]; 4]);
    }

    #[test]
    fn a_clip_is_positive() {
        for norm in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Clip::new(norm), Err(ClippingError::Bound(_))), "{norm}");
        }
        assert!(serde_json::from_str::<Clip>("0.0").is_err());
        let clip: Clip = serde_json::from_str("0.5").unwrap();
        assert_eq!(clip.weighted(10).unwrap().norm(), 5.0);
        assert_eq!(clip.weighted(0), Err(ClippingError::WeightCap));
        assert!(matches!(clip.steps(1.0), Err(ClippingError::GridTooCoarse { .. })));
    }
}
