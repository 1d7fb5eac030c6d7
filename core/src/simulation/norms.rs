//! What the clip did to the updates of a simulated round.

use crate::privacy::Clipped;
use serde::{Deserialize, Serialize};

/// What the clip did to the updates of a round, as nobody but a simulation can know it: no noise hides it, and no promise
/// covers it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Norms {
    /// The share of updates that were longer than the clip.
    pub clipped: f64,
    /// The median of the updates' norms before they were clipped.
    pub median: f64,
}

/// The updates' norms before they were clipped, and how many were shortened.
#[derive(Debug, Default)]
pub(super) struct ClippedNorms {
    norms: Vec<f64>,
    shortened: u32,
}

impl ClippedNorms {
    pub(super) fn add(&mut self, clipped: Clipped) {
        self.norms.push(clipped.norm);
        self.shortened += u32::from(clipped.shortened);
    }

    pub(super) fn join(&mut self, other: ClippedNorms) {
        self.norms.extend(other.norms);
        self.shortened += other.shortened;
    }

    /// `None` for no norms.
    pub(super) fn summary(mut self) -> Option<Norms> {
        self.norms.sort_by(f64::total_cmp);
        let number = self.norms.len();
        let (upper, lower) = (self.norms.get(number / 2)?, self.norms.get((number - 1) / 2)?);
        Some(Norms { clipped: f64::from(self.shortened) / number as f64, median: (upper + lower) / 2.0 })
    }
}
