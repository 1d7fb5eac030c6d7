//! A round that is over, as it is read where a store keeps it.

use privet_core::protocol::{MaskedSummary, RoundOutcome, RoundSummary};
use privet_core::round::{Outcome, SealedRecord};
use std::collections::BTreeSet;

/// A round that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRound {
    /// Its sealed record.
    pub sealed: SealedRecord,
    /// Who came after its end, which was not known when it was sealed.
    pub late: BTreeSet<u32>,
}

impl PastRound {
    /// What anybody may know of it; who took part is left out where it must stay hidden.
    pub fn summary(&self, hidden: bool) -> RoundSummary {
        fn shown<'a>(clients: impl Iterator<Item = &'a u32>, hidden: bool) -> Vec<u32> {
            if hidden { Vec::new() } else { clients.copied().collect() }
        }
        let record = &self.sealed.record;
        RoundSummary {
            round: record.round,
            opened: record.opened.0,
            closed: record.closed.0,
            cohort: shown(record.cohort.iter(), hidden),
            contributed: shown(record.contributors().iter(), hidden),
            declined: shown(record.declined.iter(), hidden),
            late: shown(self.late.iter(), hidden),
            outcome: match record.outcome {
                Outcome::Released { train_loss, .. } => RoundOutcome::Released { train_loss },
                Outcome::Abandoned { minimum } => RoundOutcome::Abandoned { minimum },
            },
            epsilon: record.epsilon,
            clip: record.diagnostics.map(|diagnostics| diagnostics.clip),
            masked: record.masked.as_ref().map(|masked| MaskedSummary {
                missed: masked.missed.clone(),
                late: masked.late.clone(),
                repeated: masked.repeated.clone(),
                altered: masked.altered.clone(),
                complaints: masked.complaints.clone(),
                failure: masked.failure.clone(),
            }),
            model_sha256: self.sealed.model_out,
        }
    }
}
