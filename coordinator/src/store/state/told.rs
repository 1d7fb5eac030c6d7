//! What a state tells to those who ask.

use super::State;
use crate::store::{Spending, Stage, Standing};
use bytes::Bytes;
use privet_core::plan::Protection;
use privet_core::protocol::{
    EnrolledClient, HexDigest, MaskedSummary, PhaseName, RoundOutcome, RoundSummary,
};
use privet_core::round::{Answered, Outcome, Phase, RoundRecord};

impl State {
    pub(crate) fn clients(&self) -> Vec<EnrolledClient> {
        self.members.list()
    }

    pub(crate) fn model(&self, digest: HexDigest) -> Option<Bytes> {
        let mut kept = std::iter::once(&self.current).chain(&self.previous);
        kept.find(|file| file.sha256 == digest).map(|file| file.bytes.clone())
    }

    pub(crate) fn history(&self) -> Vec<RoundSummary> {
        let federation = self.federation();
        let hidden = federation.rules().protection.as_ref().is_some_and(Protection::hides_cohorts);
        let rounds = federation.history().iter().zip(&self.sealed);
        rounds.map(|(record, sealed)| summary(record, sealed.model_out, hidden)).collect()
    }

    pub(crate) fn spending(&self) -> Option<Spending> {
        let federation = self.federation();
        let (ledger, epsilon) = federation.ledger().zip(federation.epsilon())?;
        let (clip, exhausted) = (federation.clip()?.norm(), federation.is_exhausted());
        Some(Spending { ledger: ledger.clone(), epsilon, clip, exhausted })
    }

    pub(crate) fn standing(&self) -> Standing {
        let federation = self.federation();
        let rounds_over = federation.history().len() as u32;
        let (phase, round) = match federation.phase() {
            Phase::Gathering => (PhaseName::Gathering, rounds_over),
            Phase::Collecting(collecting) => (PhaseName::Collecting, collecting.round()),
            Phase::Masked(masked) => (PhaseName::Collecting, masked.round()),
            Phase::Interrupted(interrupted) => (PhaseName::Collecting, interrupted.masked_round),
            Phase::Finished => (PhaseName::Finished, rounds_over),
        };
        let enrolled = federation.enrolled().len() as u32;
        Standing { phase, round, enrolled, model_sha256: self.current.sha256 }
    }

    pub(crate) fn answered(&self) -> Option<Answered> {
        match self.federation().phase() {
            Phase::Masked(open) => open.answered(),
            _ => None,
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.federation().phase() {
            Phase::Gathering | Phase::Interrupted(_) => Stage::Gathering,
            Phase::Collecting(open) => {
                Stage::Round { round: open.round(), masked: None, deadline: open.deadline() }
            }
            Phase::Masked(open) if open.answered().is_some() => Stage::Unmasking { round: open.round() },
            Phase::Masked(open) => {
                Stage::Round { round: open.round(), masked: Some(open.stage()), deadline: open.deadline() }
            }
            Phase::Finished => Stage::Finished,
        }
    }
}

/// What anybody may know of a round; who took part is left out where it must stay hidden.
fn summary(record: &RoundRecord, model_sha256: HexDigest, hidden: bool) -> RoundSummary {
    fn shown<'a>(clients: impl Iterator<Item = &'a u32>, hidden: bool) -> Vec<u32> {
        if hidden { Vec::new() } else { clients.copied().collect() }
    }
    RoundSummary {
        round: record.round,
        opened: record.opened.0,
        closed: record.closed.0,
        cohort: shown(record.cohort.iter(), hidden),
        contributed: shown(record.contributors().iter(), hidden),
        declined: shown(record.declined.iter(), hidden),
        late: shown(record.late.iter(), hidden),
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
        model_sha256,
    }
}
