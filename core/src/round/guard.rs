//! What stands between the sums of a protected federation and the world: the ledger, and the noise.

use crate::aggregation::{Mean, Sum};
use crate::encoding::FixedPoint;
use crate::plan::{NoiseAt, Protection};
use crate::privacy::accounting::Accountant;
use crate::privacy::{Ledger, Next, NoisePurpose, NoiseSeed, NoiseStream};
use std::fmt;
use std::sync::Arc;

/// The ledger of a federation and the seed of its noise.
///
/// Invariant: no round opens before its event is in the ledger.
#[derive(Clone)]
pub(super) struct Guard {
    protection: Protection,
    seed: Arc<NoiseSeed>,
    ledger: Ledger,
    epsilon: f64,
    exhausted: bool,
}

impl Guard {
    pub(super) fn new(protection: Protection, seed: Arc<NoiseSeed>) -> Guard {
        let ledger = protection.ledger();
        Guard { protection, seed, ledger, epsilon: 0.0, exhausted: false }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was spent by the rounds that have been opened.
    pub(super) fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Whether a round was held back because of what it would have cost.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Writes down what the next round will release, unless it would pass the target. Whatever becomes of the round,
    /// it counts.
    pub(super) fn admits_round(&mut self) -> bool {
        let (event, distance) = (self.protection.event(), self.protection.distance());
        let next = self.ledger.next(&[event], distance, &mut Accountant::default());
        match next {
            Ok(Next::Fits(epsilon)) if self.ledger.record(event, distance).is_ok() => {
                self.epsilon = epsilon;
                true
            }
            // What cannot be accounted for is not done.
            _ => {
                self.exhausted = true;
                false
            }
        }
    }

    /// The stream from which a cohort is drawn, where nobody may know it.
    pub(super) fn cohort_stream(&self, round: u32) -> Option<NoiseStream> {
        let hidden = self.protection.hides_cohorts();
        hidden.then(|| self.seed.stream_for(NoisePurpose::Cohort, round, 0))
    }

    /// The mean that may be released: with the noise that the coordinator owes, over the plan's denominator.
    pub(super) fn mean(&self, mut sum: Sum, round: u32, grid: FixedPoint) -> Mean {
        if self.protection.noise_at() == NoiseAt::Coordinator {
            let mut stream = self.seed.stream_for(NoisePurpose::Update, round, 0);
            sum.add_noise(|| self.protection.noise().sample(&mut stream));
        }
        sum.mean_over(self.protection.denominator(), grid)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
