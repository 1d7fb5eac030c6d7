//! The phase in which a round collects updates that the coordinator does not see.
//!
//! ```text
//! advertise --> share --> input --> confirm --> answer --> released
//!      \----------\---------\----------\----------\-----> abandoned: nothing is released
//! ```
//!
//! Each stage waits for those that came through the one before, and closes when all of them have sent its message, or
//! at its deadline. Who is missed goes on record, and the round goes on without it as long as enough are left. When the
//! answers are there, the masks may be taken off elsewhere ([`Answered`]).

mod interrupted;
mod message;
mod stages;
mod unmasking;

#[cfg(test)]
mod tests;

pub use interrupted::Interrupted;
pub use message::{StageContent, StageMessage};
pub use unmasking::{Answered, Unmasked};

use super::{Complaints, MaskedRecord, Refusal, Timestamp};
use crate::aggregation::{Sum, WordLayout};
use crate::privacy::Clip;
use crate::protocol::HexDigest;
use crate::secagg::{Advertising, CoordinatorError, Missing, RoundContext, Session, Setup, Stage};
use stages::{Closed, Failure, Finished, Stages};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A masked round. Its memory is one sum and the shares of its cohort.
#[derive(Debug, Clone)]
pub struct MaskedRound {
    pub(super) round: u32,
    pub(super) opened: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) cohort: BTreeSet<u32>,
    pub(super) declined: BTreeSet<u32>,
    clip: Option<Clip>,
    context: RoundContext,
    setup: Arc<Setup>,
    layout: WordLayout,
    stage_deadline: Duration,
    /// What was taken, by the digest of the body that brought it.
    taken: BTreeMap<(Stage, u32), Option<HexDigest>>,
    late: Missing,
    repeated: Missing,
    complaints: Complaints,
    stages: Stages,
}

/// How a masked round begins.
pub(super) struct Opening {
    pub(super) context: RoundContext,
    pub(super) setup: Arc<Setup>,
    pub(super) layout: WordLayout,
    pub(super) cohort: BTreeSet<u32>,
    /// The clip, where privacy is promised.
    pub(super) clip: Option<Clip>,
    /// How long the first stage waits, in which participants train.
    pub(super) first_deadline: Duration,
    pub(super) stage_deadline: Duration,
}

/// What comes after a stage.
pub(super) enum Next {
    /// The next stage.
    Stage(Box<MaskedRound>),
    /// The end: a sum, if there is one, and how it went.
    Over { sum: Option<Sum>, masked: MaskedRecord },
}

impl MaskedRound {
    pub(super) fn open(opening: Opening, now: Timestamp) -> MaskedRound {
        let Opening { context, setup, layout, cohort, clip, first_deadline, stage_deadline } = opening;
        let stages = Stages::Advertising(Advertising::open(Arc::clone(&setup), context, cohort.clone()));
        MaskedRound {
            round: context.round,
            opened: now,
            deadline: now.after(first_deadline),
            cohort,
            declined: BTreeSet::new(),
            clip,
            context,
            setup,
            layout,
            stage_deadline,
            taken: BTreeMap::new(),
            late: Missing::new(),
            repeated: Missing::new(),
            complaints: Complaints::new(),
            stages,
        }
    }

    /// The number of the round, from 1.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// The clients that are asked to take part.
    pub fn cohort(&self) -> &BTreeSet<u32> {
        &self.cohort
    }

    /// The stage that awaits messages.
    pub fn stage(&self) -> Stage {
        self.stages.stage()
    }

    /// When the open stage stops waiting.
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// When the open stage was opened.
    pub(super) fn stage_opened(&self) -> Timestamp {
        match self.stage() {
            Stage::Advertise => self.opened,
            _ => self.deadline.before(self.stage_deadline),
        }
    }

    /// The clip of the round, where privacy is promised.
    pub fn clip(&self) -> Option<Clip> {
        self.clip
    }

    /// What the round is about.
    pub fn context(&self) -> RoundContext {
        self.context
    }

    /// What both halves of the round agree on.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// How updates are written in the ring.
    pub fn layout(&self) -> WordLayout {
        self.layout
    }

    /// Those whose message the open stage awaits.
    pub fn awaited(&self) -> BTreeSet<u32> {
        self.stages.awaited().difference(&self.declined).copied().collect()
    }

    /// Whether the open stage waits for this client.
    pub fn awaits(&self, client: u32) -> bool {
        !self.declined.contains(&client) && self.stages.awaited().contains(&client)
    }

    /// What a client needs for its part in the open stage: the roster, its delivery, the survivor set, or the
    /// confirmations of its neighbours.
    pub fn task(&self, client: u32, stage: Stage) -> Result<Vec<u8>, Refusal> {
        let round = self.round;
        self.check_participant(client)?;
        self.check_stage(client, stage)?;
        self.stages.task(client).ok_or(Refusal::StageOver { round, client, stage })
    }

    /// The roster as both halves work with it, while it is published.
    pub(crate) fn session(&self) -> Option<&Arc<Session>> {
        match &self.stages {
            Stages::Sharing(state) => Some(state.session()),
            _ => None,
        }
    }

    /// Counts the message of a stage: checks everything, then records it. The same body again changes nothing.
    pub(super) fn accept(&mut self, message: StageMessage) -> Result<Stage, Refusal> {
        let StageMessage { client, digest, content, .. } = message;
        let (round, stage) = (self.round, content.stage());
        self.check_participant(client)?;
        if let Some(taken) = self.taken.get(&(stage, client)) {
            if digest.is_some() && *taken == digest {
                return Ok(stage);
            }
            self.repeated.entry(stage).or_default().insert(client);
            return Err(Refusal::AnotherMessage { round, client, stage });
        }
        if stage < self.stage() {
            self.late.entry(stage).or_default().insert(client);
        }
        self.check_stage(client, stage)?;
        if content.address() != (round, client) {
            let source = CoordinatorError::NotAwaited { client: content.address().1 };
            return Err(Refusal::Stage { round, source });
        }
        match self.stages.accept(content) {
            Ok(()) => {
                self.taken.insert((stage, client), digest);
                Ok(stage)
            }
            Err(CoordinatorError::NotAwaited { .. }) => Err(Refusal::StageOver { round, client, stage }),
            Err(source) => Err(Refusal::Stage { round, source }),
        }
    }

    /// Notes that a participant cannot take part, and because of whom, if that is another participant. What it has sent
    /// before stays. Its complaint goes on record and changes nothing: it can be a lie.
    pub(super) fn decline(&mut self, client: u32, accused: Option<u32>) -> Result<(), Refusal> {
        match self.check_participant(client) {
            Err(Refusal::HasDeclined { .. }) => Ok(()),
            Err(refusal) => Err(refusal),
            Ok(()) if self.taken.contains_key(&(Stage::Input, client)) => {
                Err(Refusal::AnotherUpdate { round: self.round, client })
            }
            Ok(()) => {
                self.declined.insert(client);
                let is_other = |accused: &u32| *accused != client && self.cohort.contains(accused);
                if let Some(accused) = accused.filter(is_other) {
                    self.complaints.entry(accused).or_default().insert(client);
                }
                Ok(())
            }
        }
    }

    /// Whether the open stage has nothing more to wait for.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        match self.stages {
            Stages::Answered(_) => false,
            _ => now >= self.deadline || self.awaited().is_empty(),
        }
    }

    /// Ends the open stage.
    pub(super) fn close_stage(self, now: Timestamp) -> Next {
        let MaskedRound { stages, taken, late, repeated, complaints, .. } = self;
        let (sum, inputs, mut missed, altered, failure) = match stages.close(&self.layout) {
            Closed::Next(stages) => {
                let deadline = now.after(self.stage_deadline);
                let open = MaskedRound { deadline, stages, taken, late, repeated, complaints, ..self };
                return Next::Stage(Box::new(open));
            }
            Closed::Sum(Finished { sum, inputs, missing, altered }) => {
                (Some(sum), inputs, missing, altered, None)
            }
            Closed::Failed(Failure { reason, missing, altered }) => {
                let is_input = |(stage, _): &&(Stage, u32)| *stage == Stage::Input;
                let arrived = taken.keys().filter(is_input).map(|(_, client)| *client).collect();
                (None, arrived, missing, altered, Some(reason))
            }
        };
        missed.retain(|_, clients| !clients.is_empty());
        let masked = MaskedRecord { inputs, missed, late, repeated, altered, complaints, failure };
        Next::Over { sum, masked }
    }

    fn check_participant(&self, client: u32) -> Result<(), Refusal> {
        let round = self.round;
        if !self.cohort.contains(&client) {
            return Err(Refusal::NotInCohort { round, client });
        }
        if self.declined.contains(&client) {
            return Err(Refusal::HasDeclined { round, client });
        }
        Ok(())
    }

    fn check_stage(&self, client: u32, stage: Stage) -> Result<(), Refusal> {
        let round = self.round;
        match stage.cmp(&self.stage()) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(Refusal::StageOver { round, client, stage }),
            std::cmp::Ordering::Greater => Err(Refusal::StageNotOpen { round, stage }),
        }
    }
}
