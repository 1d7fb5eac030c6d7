//! What the rounds that are over come to, added up as each of them ends.

use privet_core::round::{Outcome, RoundRecord};
use privet_core::secagg::Stage as MaskStage;
use std::collections::{BTreeMap, BTreeSet};

/// The upper ends of the buckets into which rounds are put by how long they were open, in seconds: from moments in a test to
/// the week that a deadline may be.
pub(crate) const ROUND_SECONDS: [u64; 10] = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800];

/// What the rounds that are over come to: however many they are, it is as large.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many were released.
    pub released: u64,
    /// How many were abandoned.
    pub abandoned: u64,
    /// How long they were open together, in milliseconds.
    pub milliseconds: u64,
    /// How many were open for 1, 5, 15, 60, 300, 900, 3,600, 14,400, 86,400 and 604,800 seconds or shorter.
    pub within: [u64; ROUND_SECONDS.len()],
    /// How many participants of masked rounds each stage missed.
    pub missed: BTreeMap<MaskStage, u64>,
}

impl Totals {
    /// Adds a round that is over.
    pub(crate) fn add(&mut self, record: &RoundRecord) {
        match record.outcome {
            Outcome::Released { .. } => self.released += 1,
            Outcome::Abandoned { .. } => self.abandoned += 1,
        }
        let milliseconds = record.closed.0.saturating_sub(record.opened.0);
        self.milliseconds = self.milliseconds.saturating_add(milliseconds);
        for (within, seconds) in self.within.iter_mut().zip(ROUND_SECONDS) {
            *within += u64::from(milliseconds <= 1_000 * seconds);
        }
        let missed = record.masked.iter().flat_map(|masked| &masked.missed);
        for (stage, missed) in missed.map(|(stage, missed)| (*stage, BTreeSet::len(missed) as u64)) {
            *self.missed.entry(stage).or_default() += missed;
        }
    }

    /// How many rounds are over.
    pub fn rounds(&self) -> u64 {
        self.released + self.abandoned
    }
}
