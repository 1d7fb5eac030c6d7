//! What can be seen of a federation, to hold one against another.

use super::setting::PARAMETERS;
use crate::round::{Assignment, Contribution, Federation, Past, Phase};
use std::collections::{BTreeMap, BTreeSet};

/// What an open round has counted, who has declined, and the sum.
type Collected = (BTreeMap<u32, Contribution>, BTreeSet<u32>, Vec<u8>);

/// All that can be seen of a federation.
#[derive(Debug, PartialEq)]
pub(super) struct Face {
    enrolled: BTreeSet<u32>,
    model: Vec<f32>,
    past: Past,
    phase: String,
    collected: Option<Collected>,
    assignments: Vec<Option<Assignment>>,
    releases: Option<u64>,
    epsilon: Option<f64>,
    is_exhausted: bool,
}

pub(super) fn face(federation: &Federation) -> Face {
    let (phase, collected) = match federation.phase() {
        Phase::Gathering => ("gathering".to_owned(), None),
        Phase::Finished => ("finished".to_owned(), None),
        Phase::Collecting(open) => {
            let parts = (open.contributions.clone(), open.declined.clone(), open.sum().encode());
            (serde_json::to_string(open).unwrap(), Some(parts))
        }
        Phase::Masked(open) => {
            let tasks: Vec<_> = open.cohort().iter().map(|client| open.task(*client, open.stage())).collect();
            let stage = (open.as_opened(), open.stage(), open.deadline(), open.awaited(), &open.declined);
            (format!("{stage:?} {tasks:?}"), None)
        }
        Phase::Interrupted(interrupted) => (format!("{interrupted:?}"), None),
    };
    Face {
        enrolled: federation.enrolled().clone(),
        model: federation.model().values().to_vec(),
        past: federation.past().clone(),
        phase,
        collected,
        assignments: (0..=PARAMETERS as u32).map(|client| federation.assignment(client).ok()).collect(),
        releases: federation.ledger().map(|ledger| ledger.releases()),
        epsilon: federation.epsilon(),
        is_exhausted: federation.is_exhausted(),
    }
}
