//! What the clip did to the updates, or to the gradients, of a simulated round.

use crate::participant::{GradientNorms, LocalTrainingError, Worker};
use serde::{Deserialize, Serialize};

/// What the clip did in a round to what it bounds, as nobody but a simulation can know it: no noise hides it, and no promise
/// covers it. Where clients are protected that is their updates; where single examples are, the gradients of those that
/// were drawn, over all steps of all participants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Norms {
    /// How many updates or gradients there were.
    pub count: u64,
    /// The share of them that were longer than the clip, or that were zeros because they could not be made.
    pub clipped: f64,
    /// The median of their norms before they were clipped, over those that could be made; 0 if none could.
    pub median: f64,
    /// How many were zeros, because a training failed or a gradient came to nothing finite.
    pub zeros: u64,
}

/// The norms before the clip, how many were shortened, and how many could not be made.
#[derive(Debug, Default)]
pub(super) struct ClippedNorms {
    norms: Vec<f64>,
    shortened: u64,
    zeros: u64,
    failure: Option<LocalTrainingError>,
}

impl ClippedNorms {
    /// Takes what is told of the update that this worker encoded last.
    pub(super) fn take(&mut self, worker: &mut Worker) {
        if let Some(clipped) = worker.take_clipped() {
            self.norms.push(clipped.norm);
            self.shortened += u64::from(clipped.shortened);
        }
        if let Some(failure) = worker.take_failure() {
            self.zeros += 1;
            self.failure.get_or_insert(failure);
        }
        if let Some(GradientNorms { norms, shortened, zeros }) = worker.take_gradients() {
            self.join(ClippedNorms { norms, shortened, zeros, failure: None });
        }
    }

    pub(super) fn join(&mut self, other: ClippedNorms) {
        self.norms.extend(other.norms);
        self.shortened += other.shortened;
        self.zeros += other.zeros;
        self.failure = self.failure.take().or(other.failure);
    }

    /// Why one of those sent zeros that did.
    pub(super) fn take_failure(&mut self) -> Option<LocalTrainingError> {
        self.failure.take()
    }

    /// `None` where nothing was clipped.
    pub(super) fn summary(mut self) -> Option<Norms> {
        self.norms.sort_unstable_by(f64::total_cmp);
        let (made, zeros) = (self.norms.len(), self.zeros);
        let count = made as u64 + zeros;
        if count == 0 {
            return None;
        }
        let median = match made {
            0 => 0.0,
            made => (self.norms[made / 2] + self.norms[(made - 1) / 2]) / 2.0,
        };
        Some(Norms { count, clipped: (self.shortened + zeros) as f64 / count as f64, median, zeros })
    }
}
