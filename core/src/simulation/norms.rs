//! What the clip did to the updates of a simulated round.

use crate::participant::{LocalTrainingError, Worker};
use serde::{Deserialize, Serialize};

/// What the clip did to the updates of a round, as nobody but a simulation can know it: no noise hides it, and no promise
/// covers it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Norms {
    /// The share of updates that were longer than the clip, or that could not be made: those vote like it.
    pub clipped: f64,
    /// The median of the updates' norms before they were clipped, over those that could be made; 0 if none could.
    pub median: f64,
    /// How many participants sent zeros, because their training failed or came to nothing finite.
    pub zeros: u32,
}

/// The updates' norms before they were clipped, how many were shortened, and how many could not be made.
#[derive(Debug, Default)]
pub(super) struct ClippedNorms {
    norms: Vec<f64>,
    shortened: u32,
    zeros: u32,
    failure: Option<LocalTrainingError>,
}

impl ClippedNorms {
    /// Takes what is told of the update that this worker encoded last.
    pub(super) fn take(&mut self, worker: &mut Worker) {
        if let Some(clipped) = worker.take_clipped() {
            self.norms.push(clipped.norm);
            self.shortened += u32::from(clipped.shortened);
        }
        if let Some(failure) = worker.take_failure() {
            self.zeros += 1;
            self.failure.get_or_insert(failure);
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

    /// `None` for no updates.
    pub(super) fn summary(mut self) -> Option<Norms> {
        self.norms.sort_by(f64::total_cmp);
        let (made, zeros) = (self.norms.len(), self.zeros);
        let updates = made + zeros as usize;
        if updates == 0 {
            return None;
        }
        let median = match made {
            0 => 0.0,
            made => (self.norms[made / 2] + self.norms[(made - 1) / 2]) / 2.0,
        };
        Some(Norms { clipped: f64::from(self.shortened + zeros) / updates as f64, median, zeros })
    }
}
