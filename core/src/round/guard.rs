//! What stands between the sums of a protected federation and the world: the ledger, and the noise.

use super::ResumeError;
use crate::aggregation::{Mean, Sum};
use crate::encoding::FixedPoint;
use crate::plan::{NoiseAt, Protection};
use crate::privacy::accounting::Accountant;
use crate::privacy::{Event, Ledger, Next, NoisePurpose, NoiseSeed, NoiseStream};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What a round was about to release when it was opened: an entry of the ledger. Whatever becomes of the round, it counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The round.
    pub round: u32,
    /// What it releases.
    pub event: Event,
    /// How far that may be from what the event says, in total variation.
    pub distance: f64,
}

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

    /// A guard that remembers what was recorded for each round that has been opened. The seed is another one than
    /// before, so that no noise is drawn twice.
    pub(super) fn resume(
        protection: Protection,
        seed: Arc<NoiseSeed>,
        recorded: &[Recorded],
    ) -> Result<Guard, ResumeError> {
        let (expected, distance) = (protection.event(), protection.distance());
        let mut guard = Guard::new(protection, seed);
        for entry in recorded {
            let another = ResumeError::AnotherEvent { round: entry.round };
            if entry.event != expected || entry.distance != distance {
                return Err(another);
            }
            guard.ledger.record(entry.event, entry.distance).map_err(|_| another)?;
        }
        if let Some(last) = recorded.last() {
            let epsilon = guard.ledger.epsilon(&mut Accountant::default());
            guard.epsilon = epsilon.map_err(|_| ResumeError::AnotherEvent { round: last.round })?.0;
        }
        Ok(guard)
    }

    /// Remembers that a round was held back because of what it would have cost.
    pub(super) fn exhaust(&mut self) {
        self.exhausted = true;
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

    /// Writes down what a round will release, unless it would pass the target: then it does not open.
    pub(super) fn admit(&mut self, round: u32) -> Option<Recorded> {
        let (event, distance) = (self.protection.event(), self.protection.distance());
        let next = self.ledger.next(&[event], distance, &mut Accountant::default());
        match next {
            Ok(Next::Fits(epsilon)) if self.ledger.record(event, distance).is_ok() => {
                self.epsilon = epsilon;
                Some(Recorded { round, event, distance })
            }
            // What cannot be accounted for is not done.
            _ => {
                self.exhaust();
                None
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
        let denominator = match self.protection.noise_at() {
            // Nobody's presence is hidden: the mean is over who contributed.
            NoiseAt::Examples => sum.weight().max(1),
            _ => self.protection.denominator(),
        };
        sum.mean_over(denominator, grid)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
