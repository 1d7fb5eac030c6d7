//! What a state tells to those who ask.

use super::State;
use crate::store::{Spending, Stage, Standing};
use bytes::Bytes;
use privet_core::protocol::{EnrolledClient, HexDigest, PhaseName};
use privet_core::round::{Answered, Phase};

impl State {
    pub(crate) fn clients(&self) -> Vec<EnrolledClient> {
        self.members.list()
    }

    pub(crate) fn model(&self, digest: HexDigest) -> Option<Bytes> {
        let mut kept = std::iter::once(&self.current).chain(&self.previous);
        kept.find(|file| file.sha256 == digest).map(|file| file.bytes.clone())
    }

    pub(crate) fn spending(&self) -> Option<Spending> {
        let federation = self.federation();
        let (ledger, epsilon) = federation.ledger().zip(federation.epsilon())?;
        let (clip, exhausted) = (federation.clip()?.norm(), federation.is_exhausted());
        Some(Spending { ledger: ledger.clone(), epsilon, clip, exhausted })
    }

    pub(crate) fn standing(&self) -> Standing {
        let federation = self.federation();
        let rounds_over = federation.past().rounds();
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
