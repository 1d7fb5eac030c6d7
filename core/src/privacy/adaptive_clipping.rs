//! Adaptive clipping: the clip follows a quantile of the updates' norms (Andrew, Thakkar, McMahan and Ramaswamy 2021).
//!
//! Each participant votes whether its update was within the clip: +1 if it was, -1 if it was cut. The noised sum of votes
//! estimates the share within, and the clip moves against its distance from the wanted quantile:
//! `C <- C exp(-eta (share - quantile))`. Too many within and the clip shrinks.
//!
//! Votes of +-1 are the paper's indicators recentred to +-1/2 and doubled, so that one participant moves their sum by 1 and the noise
//! can be an integer. The joint release of update and vote is one Gaussian mechanism of multiplier `z` when
//! `1/z^2 = 1/z_update^2 + 1/z_votes^2` ([`NoiseSplit`]).
//!
//! Invariant: the clip changes only by [`AdaptiveClip::observe`], from a noised sum.

use serde::{Deserialize, Serialize};

use super::clipping::{Clip, ClippingError};

/// How a clip adapts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Adaptation {
    /// The clip of the first round.
    pub initial: f64,
    /// The quantile of norms to follow, in (0, 1); the paper's 0.5 is a good one.
    pub quantile: f64,
    /// The rate `eta` of the geometric steps, in (0, 1]; the paper's is 0.2.
    pub learning_rate: f64,
    /// How many votes a round is expected to hold: the fixed denominator of the share.
    pub expected_cohort: u32,
    /// The paper's `sigma_b`: deviation of the noise on the count of participants within the clip. It suggests a
    /// twentieth of the cohort.
    pub count_deviation: f64,
}

/// Why a clip cannot adapt in this way.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdaptiveClippingError {
    /// A first clip that is none.
    #[error(transparent)]
    Clip(#[from] ClippingError),
    /// A quantile outside (0, 1).
    #[error("the quantile is {0}: give a number between 0 and 1, for example 0.5")]
    Quantile(f64),
    /// A learning rate outside (0, 1].
    #[error("the clip's learning rate is {0}: give a number above 0 and at most 1, for example 0.2")]
    LearningRate(f64),
    /// No cohort.
    #[error("the expected cohort is 0: give the number of participants of a usual round")]
    Cohort,
    /// Noise that is not a positive number.
    #[error(
        "the deviation of the count's noise is {0}: give a positive number, for example a twentieth of the cohort"
    )]
    CountDeviation(f64),
    /// The votes alone would spend the whole budget.
    #[error(
        "votes with a count deviation of {count_deviation} spend more than a noise multiplier of {noise_multiplier} allows: raise the count deviation above {least}"
    )]
    NothingLeft {
        /// The deviation of the count's noise.
        count_deviation: f64,
        /// The multiplier for both together.
        noise_multiplier: f64,
        /// The count deviation that must be passed.
        least: f64,
    },
}

impl AdaptiveClippingError {
    /// The key of [`Adaptation`] that is at fault.
    pub fn key(&self) -> &'static str {
        match self {
            AdaptiveClippingError::Clip(_) => "initial",
            AdaptiveClippingError::Quantile(_) => "quantile",
            AdaptiveClippingError::LearningRate(_) => "learning-rate",
            AdaptiveClippingError::Cohort => "expected-cohort",
            AdaptiveClippingError::CountDeviation(_) | AdaptiveClippingError::NothingLeft { .. } => {
                "count-deviation"
            }
        }
    }
}

/// The clip of the coming round, and how it will move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveClip {
    clip: Clip,
    adaptation: Adaptation,
    range: (f64, f64),
}

/// A clip never leaves this range, whatever the votes say: its square must stay a number.
const RANGE: (f64, f64) = (1e-100, 1e100);

impl AdaptiveClip {
    /// Before the first round.
    ///
    /// # Errors
    /// A number out of its range.
    pub fn new(adaptation: Adaptation) -> Result<AdaptiveClip, AdaptiveClippingError> {
        let Adaptation { initial, quantile, learning_rate, expected_cohort, count_deviation } = adaptation;
        if !(quantile > 0.0 && quantile < 1.0) {
            return Err(AdaptiveClippingError::Quantile(quantile));
        }
        if !(learning_rate > 0.0 && learning_rate <= 1.0) {
            return Err(AdaptiveClippingError::LearningRate(learning_rate));
        }
        if expected_cohort == 0 {
            return Err(AdaptiveClippingError::Cohort);
        }
        if !(count_deviation > 0.0 && count_deviation.is_finite()) {
            return Err(AdaptiveClippingError::CountDeviation(count_deviation));
        }
        Ok(AdaptiveClip { clip: Clip::new(initial)?, adaptation, range: RANGE })
    }

    /// The same, but never outside of this range of positive numbers, which the first clip must be in.
    pub fn within(self, least: f64, most: f64) -> AdaptiveClip {
        debug_assert!(
            RANGE.0 <= least && least <= self.clip.norm() && self.clip.norm() <= most && most <= RANGE.1
        );
        AdaptiveClip { range: (least, most), ..self }
    }

    /// The same with the clip that it had come to; `None` if it cannot have come to that.
    pub fn at(self, clip: Clip) -> Option<AdaptiveClip> {
        let reached = self.range.0 <= clip.norm() && clip.norm() <= self.range.1;
        reached.then_some(AdaptiveClip { clip, ..self })
    }

    /// The clip of this round.
    pub fn clip(&self) -> Clip {
        self.clip
    }

    /// The largest that it can come to.
    pub fn largest(&self) -> Clip {
        Clip::new(self.range.1).expect("the ends of the range are clips")
    }

    /// How it adapts.
    pub fn adaptation(&self) -> &Adaptation {
        &self.adaptation
    }

    /// A participant's vote on an update of this norm before clipping.
    pub fn vote(&self, norm: f64) -> i64 {
        if norm <= self.clip.norm() { 1 } else { -1 }
    }

    /// The standard deviation of the integer noise on the sum of votes.
    pub fn vote_deviation(&self) -> f64 {
        2.0 * self.adaptation.count_deviation
    }

    /// Moves the clip by a round's noised sum of votes, and gives the share within it that the sum tells of.
    pub fn observe(&mut self, noised_votes: f64) -> f64 {
        let Adaptation { quantile, learning_rate, expected_cohort, .. } = self.adaptation;
        let share = 0.5 + noised_votes / (2.0 * f64::from(expected_cohort));
        // Noise can carry the estimate out of [0, 1]; no share lies there.
        let share = share.clamp(0.0, 1.0);
        let norm = self.clip.norm() * (-learning_rate * (share - quantile)).exp();
        let norm = norm.clamp(self.range.0, self.range.1);
        self.clip = Clip::new(norm).expect("a clamped norm is positive and finite");
        share
    }

    /// How a noise multiplier for the joint release is divided.
    ///
    /// # Errors
    /// [`AdaptiveClippingError::NothingLeft`].
    pub fn split(&self, noise_multiplier: f64) -> Result<NoiseSplit, AdaptiveClippingError> {
        NoiseSplit::new(noise_multiplier, self.adaptation.count_deviation)
    }
}

/// The noise multipliers of the two halves of a joint release.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseSplit {
    /// Of the update, over its clip.
    pub update: f64,
    /// Of the sum of votes, over the 1 that a participant moves it.
    pub votes: f64,
}

impl NoiseSplit {
    /// `z_update = (z^-2 - (2 sigma_b)^-2)^(-1/2)` (Andrew et al. 2021, Thm. 1).
    ///
    /// # Errors
    /// [`AdaptiveClippingError::NothingLeft`] unless `2 sigma_b > z`.
    pub fn new(noise_multiplier: f64, count_deviation: f64) -> Result<NoiseSplit, AdaptiveClippingError> {
        let votes = 2.0 * count_deviation;
        let left = noise_multiplier.powi(-2) - votes.powi(-2);
        if left > 0.0 && left.is_finite() {
            return Ok(NoiseSplit { update: left.powf(-0.5), votes });
        }
        let least = 0.5 * noise_multiplier;
        Err(AdaptiveClippingError::NothingLeft { count_deviation, noise_multiplier, least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::accounting::analytic;
    use rand::SeedableRng;
    use rand_distr::{Distribution, LogNormal, Normal};

    fn adaptation(initial: f64) -> Adaptation {
        Adaptation { initial, quantile: 0.5, learning_rate: 0.2, expected_cohort: 100, count_deviation: 5.0 }
    }

    #[test]
    fn the_clip_reaches_the_median_from_both_sides_within_60_rounds() {
        const MEDIAN: f64 = 3.7;
        let norms = LogNormal::new(MEDIAN.ln(), 0.5).unwrap();
        let noise = Normal::new(0.0, 10.0).unwrap();
        for (seed, start) in [(1, 0.1), (2, 10.0)] {
            let mut stream = rand_chacha::ChaCha12Rng::seed_from_u64(seed);
            let mut adaptive = AdaptiveClip::new(adaptation(start * MEDIAN)).unwrap();
            let mut late = Vec::new();
            for round in 1..=80 {
                let votes: i64 = (0..100).map(|_| adaptive.vote(norms.sample(&mut stream))).sum();
                let drawn: f64 = noise.sample(&mut stream);
                adaptive.observe(votes as f64 + drawn.round());
                if round >= 60 {
                    late.push(adaptive.clip().norm());
                }
            }
            assert!(late.iter().all(|clip| (clip / MEDIAN - 1.0).abs() < 0.15), "from {start}: {late:?}");
        }
    }

    #[test]
    fn more_within_the_clip_makes_it_smaller() {
        let mut adaptive = AdaptiveClip::new(adaptation(1.0)).unwrap();
        assert_eq!(adaptive.observe(100.0), 1.0);
        assert!((adaptive.clip().norm() - (-0.1f64).exp()).abs() < 1e-15);
        adaptive.observe(-100.0);
        assert_eq!(adaptive.observe(f64::MIN), 0.0);
        assert!((adaptive.clip().norm() - 0.1f64.exp()).abs() < 1e-15);
    }

    #[test]
    fn it_stays_in_its_range_and_goes_on_where_it_was() {
        let mut adaptive = AdaptiveClip::new(adaptation(1.0)).unwrap().within(0.5, 2.0);
        for _ in 0..50 {
            adaptive.observe(100.0);
        }
        assert_eq!(adaptive.clip().norm(), 0.5);
        for _ in 0..50 {
            adaptive.observe(-100.0);
        }
        assert_eq!(adaptive.clip().norm(), 2.0);
        let resumed = adaptive.at(Clip::new(0.7).unwrap()).unwrap();
        assert_eq!((resumed.clip().norm(), resumed.adaptation()), (0.7, adaptive.adaptation()));
        assert!(adaptive.at(Clip::new(2.1).unwrap()).is_none());
    }

    #[test]
    fn the_split_is_the_joint_release() {
        for (z, count_deviation, expected) in [(1.0, 5.0, 1.005_037_815_26), (1.0, 50.0, 1.000_050_003_75)] {
            let split = NoiseSplit::new(z, count_deviation).unwrap();
            assert!((split.update - expected).abs() < 1e-11);
            let joint = (split.update.powi(-2) + split.votes.powi(-2)).sqrt();
            assert!((analytic::epsilon(joint, 1e-5) / 4.377178096 - 1.0).abs() < 1e-9);
        }
        let refused = NoiseSplit::new(1.0, 0.5);
        assert!(matches!(refused, Err(AdaptiveClippingError::NothingLeft { .. })));
        assert_eq!(refused.unwrap_err().key(), "count-deviation");
    }

    #[test]
    fn bad_numbers_are_named() {
        let good = adaptation(1.0);
        let bad = [
            (Adaptation { initial: 0.0, ..good }, "initial"),
            (Adaptation { quantile: 1.0, ..good }, "quantile"),
            (Adaptation { learning_rate: f64::NAN, ..good }, "learning-rate"),
            (Adaptation { expected_cohort: 0, ..good }, "expected-cohort"),
            (Adaptation { count_deviation: 0.0, ..good }, "count-deviation"),
        ];
        for (adaptation, key) in bad {
            assert_eq!(AdaptiveClip::new(adaptation).unwrap_err().key(), key);
        }
    }
}
