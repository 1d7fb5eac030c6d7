//! The federation's state, and the transactions on it. A store keeps it, in memory or on a disk.
//!
//! ```text
//! mod     the transactions      change   what they changed      told   what may be asked
//! ```

mod change;
#[cfg(test)]
mod tests;
mod told;

pub(crate) use change::{Change, Closed};

use super::members::Members;
use super::nonces::{Denial, Nonces};
use super::{ModelEncoder, Orders, Totals};
use crate::enrolment::Invitation;
use bytes::Bytes;
use privet_core::params::Params;
use privet_core::protocol::signature::Claim;
use privet_core::protocol::{Enrol, HexDigest};
use privet_core::round::{
    Belated, Chain, Effect, Event, Federation, Holding, LeaseKey, Outcome, Phase, Receipt, Refusal,
    RoundRecord, StageMessage, Submission, Timestamp, Unmasked,
};
use privet_core::secagg::Stage as MaskStage;
use std::sync::Arc;

/// The state of a federation. It grows with the clients and not with the rounds: of those that are over, a store keeps the
/// records elsewhere.
pub(crate) struct State {
    /// Absent only inside a step, which consumes it.
    federation: Option<Federation>,
    members: Members,
    nonces: Nonces,
    current: ModelFile,
    previous: Option<ModelFile>,
    chain: Chain,
    totals: Totals,
    encode: Arc<ModelEncoder>,
    lease_key: LeaseKey,
}

/// A model as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct ModelFile {
    pub(crate) sha256: HexDigest,
    pub(crate) bytes: Bytes,
}

/// A state's parts, as they were kept.
pub(crate) struct Kept {
    pub(crate) federation: Federation,
    pub(crate) members: Members,
    pub(crate) nonces: Nonces,
    pub(crate) current: ModelFile,
    pub(crate) previous: Option<ModelFile>,
    /// The chain of the records of the rounds that are over.
    pub(crate) chain: Chain,
    pub(crate) totals: Totals,
    pub(crate) lease_key: LeaseKey,
}

impl State {
    /// A federation that has just been founded.
    pub(crate) fn new(
        federation: Federation,
        plan_sha256: HexDigest,
        encode: Arc<ModelEncoder>,
        lease_key: LeaseKey,
    ) -> State {
        let current = ModelFile::new(encode(federation.model()));
        let kept = Kept {
            federation,
            members: Members::default(),
            nonces: Nonces::default(),
            current,
            previous: None,
            chain: Chain::new(plan_sha256),
            totals: Totals::default(),
            lease_key,
        };
        State::resume(kept, encode)
    }

    /// A federation that goes on where it was.
    pub(crate) fn resume(kept: Kept, encode: Arc<ModelEncoder>) -> State {
        let Kept { federation, members, nonces, current, previous, chain, totals, lease_key } = kept;
        State {
            federation: Some(federation.unmasking_apart()),
            members,
            nonces,
            current,
            previous,
            chain,
            totals,
            encode,
            lease_key,
        }
    }

    pub(crate) fn federation(&self) -> &Federation {
        self.federation.as_ref().expect("every step puts the federation back")
    }

    pub(crate) fn current(&self) -> &ModelFile {
        &self.current
    }

    pub(crate) fn previous(&self) -> Option<&ModelFile> {
        self.previous.as_ref()
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(crate) fn enrol(
        &mut self,
        request: &Enrol,
        invitation: Invitation,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<Result<u32, Denial>, Refusal> {
        let (key, place) = (request.key, request.place);
        match self.members.number(key) {
            Ok(None) => {}
            known => return Ok(known.map(|client| client.expect("a client that has enrolled has a number"))),
        }
        if let Err(denial) = self.members.check(invitation) {
            return Ok(Err(denial));
        }
        let token = match invitation {
            Invitation::Token(token) => Some(token),
            Invitation::NotNeeded | Invitation::Missing => None,
        };
        let enrolled = |effect: &Effect| match *effect {
            Effect::Enrolled { client } => Some(Change::Enrolled { client, key, token }),
            _ => None,
        };
        match self.step(Event::Enrol { place, key: Some(key) }, now, changes, enrolled)? {
            Some(Effect::Enrolled { client }) => {
                self.members.keys.insert(client, key);
                token.map(|token| self.members.tokens.remove(&token));
                Ok(Ok(client))
            }
            answer => unreachable!("an enrolment is answered with a number, not with {answer:?}"),
        }
    }

    /// Keeps a one-time token.
    pub(crate) fn invite(&mut self, token: HexDigest, changes: &mut Vec<Change>) {
        if self.members.tokens.insert(token) {
            changes.push(Change::Invited { token });
        }
    }

    /// Shuts a client out.
    pub(crate) fn revoke(
        &mut self,
        client: u32,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<(), Refusal> {
        if !self.members.keys.contains_key(&client) {
            return Err(Refusal::NotEnrolled { client });
        }
        self.tick(now, changes);
        if self.members.revoked.insert(client) {
            changes.push(Change::Revoked { client });
        }
        self.excuse_revoked(now, changes);
        Ok(())
    }

    /// No round waits for clients that have been shut out: they count as having declined it.
    fn excuse_revoked(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        while let Some((round, client)) = self.awaited_but_revoked() {
            let at = changes.len();
            match self.step_once(Event::Decline { client, round, accused: None }, now, changes) {
                Some(Effect::Declined) => changes.insert(at, Change::Declined { round, client }),
                _ => return,
            }
        }
    }

    fn awaited_but_revoked(&self) -> Option<(u32, u32)> {
        let mut revoked = self.members.revoked.iter().copied();
        match self.federation().phase() {
            Phase::Collecting(open) => {
                revoked.find(|client| open.awaits(*client)).map(|client| (open.round(), client))
            }
            // Whose masked update has arrived cannot decline any more; what it still owes, the stage's deadline ends.
            Phase::Masked(open) if open.stage() <= MaskStage::Input => {
                revoked.find(|client| open.awaits(*client)).map(|client| (open.round(), client))
            }
            Phase::Gathering | Phase::Masked(_) | Phase::Interrupted(_) | Phase::Finished => None,
        }
    }

    /// Lets a signed request in, once.
    pub(crate) fn admit(
        &mut self,
        client: u32,
        claim: &Claim,
        now: u64,
        changes: &mut Vec<Change>,
    ) -> Result<Result<(), Denial>, Refusal> {
        if !self.members.keys.contains_key(&client) {
            return Err(Refusal::NotEnrolled { client });
        }
        let authorized = self.members.authorize(client, claim.key);
        let used = authorized.and_then(|()| self.nonces.take(client, claim, now));
        Ok(used.map(|used| changes.push(Change::NonceUsed(used))))
    }

    pub(crate) fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    pub(crate) fn check_in(
        &mut self,
        client: u32,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<Orders, Refusal> {
        self.tick(now, changes);
        let assignment = self.federation().assignment(client)?;
        let federation = self.federation();
        let adapts = federation.rules().protection.as_ref().is_some_and(|it| it.adaptive().is_some());
        let clip = federation.clip().filter(|_| adapts);
        let lease = federation.lease(&self.lease_key, client, now);
        Ok(Orders { assignment, lease, model_sha256: self.current.sha256, clip })
    }

    /// Counts an update. What comes for a round that is over is handed back, to be answered by the record of that round.
    pub(crate) fn submit(
        &mut self,
        submission: Submission,
        holding: Holding,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<Result<Receipt, Belated>, Refusal> {
        let Submission { client, round, .. } = submission;
        self.tick(now, changes);
        self.federation().check_lease(&self.lease_key, (round, None, client), holding)?;
        let counts_already = self.federation().receipt(round, client).is_some();
        let submitted = |effect: &Effect| match *effect {
            Effect::Accepted(receipt) if !counts_already => Some(Change::Counted(receipt)),
            _ => None,
        };
        match self.step(Event::Submit(submission), now, changes, submitted)? {
            Some(Effect::Accepted(receipt)) => Ok(Ok(receipt)),
            Some(Effect::Belated(belated)) => Ok(Err(belated)),
            answer => unreachable!("an update is answered with a receipt, not with {answer:?}"),
        }
    }

    /// Takes the message of a stage, or hands it back as [`State::submit`] does.
    pub(crate) fn send(
        &mut self,
        message: StageMessage,
        holding: Holding,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<Result<(), Belated>, Refusal> {
        let task = (message.round, Some(message.content.stage()), message.client);
        self.tick(now, changes);
        self.federation().check_lease(&self.lease_key, task, holding)?;
        let taken = |effect: &Effect| match *effect {
            Effect::Taken { round, client, stage: MaskStage::Input } => {
                Some(Change::Hidden { round, client })
            }
            _ => None,
        };
        Ok(match self.step(Event::Send(Box::new(message)), now, changes, taken)? {
            Some(Effect::Belated(belated)) => Err(belated),
            _ => Ok(()),
        })
    }

    pub(crate) fn task(
        &mut self,
        round: u32,
        client: u32,
        stage: MaskStage,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<u8>, Refusal> {
        self.tick(now, changes);
        self.federation().task(round, client, stage)
    }

    /// Enters the sum of the masked round whose answers are there.
    pub(crate) fn unmasked(&mut self, unmasked: Unmasked, now: Timestamp, changes: &mut Vec<Change>) {
        self.step_once(Event::Unmasked(Box::new(unmasked)), now, changes);
        self.excuse_revoked(now, changes);
    }

    pub(crate) fn decline(
        &mut self,
        client: u32,
        round: u32,
        accused: Option<u32>,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<(), Refusal> {
        let declined = |effect: &Effect| {
            matches!(effect, Effect::Declined).then_some(Change::Declined { round, client })
        };
        self.step(Event::Decline { client, round, accused }, now, changes, declined).map(drop)
    }

    pub(crate) fn tick(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        self.step_once(Event::Tick, now, changes);
        self.excuse_revoked(now, changes);
    }

    /// What is overdue comes first and on its own. `of_answer` says what the engine's answer changes; that comes
    /// before whatever follows from it.
    fn step(
        &mut self,
        event: Event,
        now: Timestamp,
        changes: &mut Vec<Change>,
        of_answer: impl FnOnce(&Effect) -> Option<Change>,
    ) -> Result<Option<Effect>, Refusal> {
        self.tick(now, changes);
        let at = changes.len();
        let answer = self.step_once(event, now, changes);
        if let Some(change) = answer.as_ref().and_then(of_answer) {
            changes.insert(at, change);
        }
        self.excuse_revoked(now, changes);
        match answer {
            Some(Effect::Refused(refusal)) => Err(refusal),
            answer => Ok(answer),
        }
    }

    fn step_once(&mut self, event: Event, now: Timestamp, changes: &mut Vec<Change>) -> Option<Effect> {
        let federation = self.federation.take().expect("every step puts the federation back");
        let (federation, effects) = federation.step(event, now);
        let mut answer = None;
        for effect in effects {
            match effect {
                Effect::Closed { record, model } => changes.push(self.close(&record, model)),
                Effect::Recorded(recorded) => changes.push(Change::Recorded(recorded)),
                Effect::Opened { round } => changes.push(Change::opened(round, &federation)),
                Effect::Finished => {
                    changes.push(Change::Finished { model_sha256: self.current.sha256 });
                }
                // The watch on the stage tells those who wait.
                Effect::StageOpened { .. } => {}
                answered => answer = Some(answered),
            }
        }
        self.federation = Some(federation);
        answer
    }

    fn close(&mut self, record: &RoundRecord, model: Params) -> Change {
        let model_in = self.current.sha256;
        if let Outcome::Released { .. } = record.outcome {
            let next = ModelFile::new((self.encode)(&model));
            self.previous = Some(std::mem::replace(&mut self.current, next));
        }
        let models = (model_in, self.current.sha256);
        let sealed = self.chain.seal(record, models);
        self.totals.add(record);
        Change::Closed(Box::new(Closed { sealed, model }))
    }
}

impl ModelFile {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> ModelFile {
        let bytes = bytes.into();
        ModelFile { sha256: HexDigest::of(&bytes), bytes }
    }
}
