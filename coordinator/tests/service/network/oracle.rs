//! What must be true of a run, whatever the network did.

use super::federation::{CLIENTS, Kind};
use privet_coordinator::ClosedRound;
use privet_core::params::Params;
use privet_core::protocol::{HexDigest, ReceiptMessage, StageReceipt};
use privet_core::round::{InclusionError, Outcome, RoundRecord, SealedRecord, check_inclusion};
use privet_core::secagg::Stage;
use std::collections::{BTreeMap, BTreeSet};

/// Rounding, on the grid and in single precision.
const SMALL: f32 = 1e-3;

/// What a run left behind.
pub(super) struct Remains {
    pub(super) kind: Kind,
    pub(super) finished: bool,
    pub(super) failures: Vec<String>,
    pub(super) plan_sha256: HexDigest,
    pub(super) first_model: Params,
    pub(super) rounds: Vec<ClosedRound>,
    pub(super) records: Vec<SealedRecord>,
    pub(super) receipts: Vec<ReceiptMessage>,
    pub(super) stage_receipts: Vec<StageReceipt>,
    pub(super) answers: BTreeMap<(u32, u32), BTreeSet<HexDigest>>,
    pub(super) told: BTreeMap<u32, HexDigest>,
}

/// What is wrong with a run.
#[derive(Debug)]
#[expect(dead_code, reason = "read in the message of a test that failed")]
pub(super) enum Violation {
    /// An agent could not go on.
    AgentFailed(Vec<String>),
    /// The federation did not finish though there were no faults any more.
    NotFinished,
    /// An update that was acknowledged is not in its round's record.
    Lost(InclusionError),
    /// A round moved a client's weight otherwise than by its update, once, if it is counted.
    Miscounted { round: u32, client: u32, times: f32, expected: f32 },
    /// A masked update that was acknowledged is not in the sum of its round, which was released.
    LeftOut { round: u32, client: u32 },
    /// A client has given its shares of a masked round twice, and not the same.
    AnsweredTwice { round: u32, client: u32 },
    /// A round was released below the minimum, or not in its order.
    Disorder { round: u32 },
    /// A client was told of another final model than the last record.
    AnotherEnd { client: u32 },
}

impl Remains {
    /// Checks that no update was lost or counted twice, and that the federation came to its end.
    pub(super) fn check(&self) -> Result<(), Violation> {
        if !self.failures.is_empty() {
            return Err(Violation::AgentFailed(self.failures.clone()));
        }
        check_inclusion(&self.records, self.plan_sha256, &self.receipts).or_else(|error| match error {
            // The round of a receipt may still be open when a run is broken off.
            InclusionError::NoRecord { .. } if !self.finished => Ok(self.plan_sha256),
            error => Err(Violation::Lost(error)),
        })?;
        self.check_masks()?;
        self.check_sums()?;
        if !self.finished || self.records.len() != self.kind.rounds() {
            return Err(Violation::NotFinished);
        }
        let last = self.records.last().map(|record| record.model_out);
        match self.told.iter().find(|(_, model)| Some(**model) != last) {
            Some((&client, _)) => Err(Violation::AnotherEnd { client }),
            None => Ok(()),
        }
    }

    /// Whose masked update was acknowledged is in the sum, if there is one; and nobody helps to unmask a round twice.
    fn check_masks(&self) -> Result<(), Violation> {
        for StageReceipt { round, client, .. } in
            self.stage_receipts.iter().filter(|it| it.stage == Stage::Input)
        {
            let (round, client) = (*round, *client);
            let Some(ClosedRound { record, .. }) = self.rounds.get(round as usize - 1) else { continue };
            let released = matches!(record.outcome, Outcome::Released { .. });
            if released && !record.contributors().contains(&client) {
                return Err(Violation::LeftOut { round, client });
            }
        }
        match self.answers.iter().find(|(_, answers)| answers.len() > 1) {
            Some((&(round, client), _)) => Err(Violation::AnsweredTwice { round, client }),
            None => Ok(()),
        }
    }

    /// Each round moves the weights of those whom it counts by 1, over how many they are, and no other.
    fn check_sums(&self) -> Result<(), Violation> {
        let mut before = &self.first_model;
        for (at, ClosedRound { record, model, .. }) in self.rounds.iter().enumerate() {
            let round = record.round;
            let counted = record.contributors();
            let released = matches!(record.outcome, Outcome::Released { .. });
            let enough = counted.len() >= self.kind.minimum();
            let may_be = released == enough || (!released && lacks_shares(record));
            if round as usize != at + 1 || !may_be {
                return Err(Violation::Disorder { round });
            }
            for client in 1..=CLIENTS {
                let weight = client as usize - 1;
                let moved = model.values()[weight] - before.values()[weight];
                let times = moved * counted.len() as f32;
                let expected = if released && counted.contains(&client) { 1.0 } else { 0.0 };
                if (times - expected).abs() > SMALL {
                    return Err(Violation::Miscounted { round, client, times, expected });
                }
            }
            before = model;
        }
        Ok(())
    }
}

/// Whether a masked sum can be lost though it has enough inputs: for want of shares, or with the coordinator that had it.
fn lacks_shares(record: &RoundRecord) -> bool {
    let Some(masked) = &record.masked else { return false };
    let interrupted = masked.failure.as_ref().is_some_and(|failure| failure.contains("started again"));
    interrupted || [Stage::Confirm, Stage::Answer].iter().any(|stage| masked.missed.contains_key(stage))
}
