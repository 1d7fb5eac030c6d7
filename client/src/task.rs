//! A round as it falls to one client: what is asked for, and what comes of it.

use crate::lease::HeldLease;
use privet_core::nn::Examples;
use privet_core::participant::{Declined, HiddenUpdate, OwnLimit, Participant, ParticipantError, Trained};
use privet_core::privacy::Clip;
use privet_core::protocol::HexDigest;
use privet_core::round::MaskingRules;

/// What the coordinator asks for in a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) round: u32,
    pub(crate) model_sha256: HexDigest,
    pub(crate) clip: Option<Clip>,
    pub(crate) masked: bool,
    pub(crate) lease: HeldLease,
}

/// What came of a task.
pub(crate) enum Prepared {
    Trained(Trained),
    Hidden(HiddenUpdate),
    Declined(Declined),
    /// Its privacy is spent on this round already.
    Spent,
    /// The round would spend more than the client allows.
    Beyond(OwnLimit),
    /// The coordinator no longer has the model: the round is over.
    Outdated,
}

/// What came of a task, and what only the client may know of it.
pub(crate) struct Work {
    pub(crate) prepared: Prepared,
    /// Whether the update is zeros, because its training came to nothing.
    pub(crate) zeros: bool,
}

impl From<Prepared> for Work {
    fn from(prepared: Prepared) -> Work {
        Work { prepared, zeros: false }
    }
}

/// The participant's way through a round, up to the update. Long and blocking.
pub(crate) fn train(
    participant: &Participant,
    task: Task,
    masked: Option<MaskingRules>,
    model_file: &[u8],
    rows: &dyn Examples,
) -> Result<Work, ParticipantError> {
    let ready = participant.assign(task.round, task.model_sha256, task.clip).receive(model_file)?;
    let memory = &mut participant.worker();
    let prepared = match masked {
        Some(rules) => ready.train_masked(&rules, rows, memory).map(Prepared::Hidden),
        None => ready.train(rows, memory).map(Prepared::Trained),
    };
    let failure = memory.take_failure();
    if let Some(error) = &failure {
        let (client, round) = (participant.client(), task.round);
        tracing::warn!(client, round, %error, "sending zeros for an update that failed: that it did tells about the rows");
    }
    Ok(Work { prepared: prepared.unwrap_or_else(Prepared::Declined), zeros: failure.is_some() })
}
