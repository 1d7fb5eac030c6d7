//! An agent's way through a masked round.
//!
//! Its secrets of the round are in memory alone: an agent that was started again during a round has none of them, and
//! leaves the round. That it answers is on record before it does, beside its key if it has a file for that, so that a
//! coordinator that plays a round again gets no second answer.

use crate::agent_error::AgentError;
use crate::answered_rounds::AnsweredRounds;
use crate::call::CallError;
use crate::connection::Connection;
use crate::event::AgentEvent;
use crate::lease::HeldLease;
use crate::seen_keys::SeenKeys;
use crate::transport::Transport;
use bytes::Bytes;
use privet_core::identity::Identity;
use privet_core::participant::{HiddenUpdate, MaskedRoundError, Masker};
use privet_core::plan::Plan;
use privet_core::privacy::{NoisePurpose, NoiseSeed};
use privet_core::protocol::{CheckInAnswer, DeclineReason, HexDigest, Problem};
use privet_core::round::MaskingRules;
use privet_core::secagg::{Identities, Member, Setup, Stage};
use std::sync::Arc;

/// How a client hides its updates.
#[derive(Debug, Clone)]
pub struct Masks {
    /// The plan's masks.
    pub rules: MaskingRules,
    /// How many places the federation has.
    pub places: u32,
    /// It takes part in no round of fewer clients, and in no sum of fewer updates.
    pub minimum: u32,
    /// The keys of the clients that it takes part with, if it knows them: then it believes no others. Otherwise it
    /// believes those that the coordinator publishes, as long as none of them changes.
    pub known: Option<Identities>,
    /// The keys that the coordinator has published before.
    pub seen: SeenKeys,
}

/// What a client remembers of masked rounds.
pub(crate) struct Masking {
    pub(crate) masks: Masks,
}

/// A client in the masked rounds of a federation.
pub(crate) struct Place<'a, T> {
    pub(crate) connection: &'a Connection<T>,
    pub(crate) client: u32,
    pub(crate) identity: &'a Arc<Identity>,
}

/// Why a masked round goes on without this client.
enum Left {
    /// It is over, or a stage of it is.
    Missed,
    /// What the coordinator sent would harm this client.
    Refused(MaskedRoundError),
    /// There is more to it than this round.
    Failed(AgentError),
}

impl Masks {
    /// The masks of a plan, if it has any, for a client that asks for at least so many others.
    pub fn of(plan: &Plan, minimum: u32, known: Option<Identities>) -> Option<Masks> {
        let rules = MaskingRules::new(plan)?;
        let minimum = plan.minimum().max(minimum);
        Some(Masks { rules, places: plan.clients(), minimum, known, seen: SeenKeys::default() })
    }
}

impl Masking {
    pub(crate) fn new(masks: Masks) -> Masking {
        Masking { masks }
    }

    /// Carries an update through all stages of its round.
    pub(crate) async fn hide<T: Transport>(
        &mut self,
        place: Place<'_, T>,
        hidden: HiddenUpdate,
        lease: HeldLease,
        answered: &mut AnsweredRounds,
    ) -> Result<AgentEvent, AgentError> {
        let (round, weight) = (hidden.context.round, hidden.update.weight);
        match self.carry(&place, hidden, lease, answered).await {
            Ok(()) => Ok(AgentEvent::Counted { round, weight }),
            Err(Left::Missed) => Ok(AgentEvent::Missed { round }),
            Err(Left::Refused(error)) => {
                tracing::warn!(client = place.client, round, %error, "leaving a masked round");
                place.leave(round, DeclineReason::Refused, error.accused()).await?;
                Ok(AgentEvent::Left { round })
            }
            Err(Left::Failed(error)) => Err(error),
        }
    }

    async fn carry<T: Transport>(
        &mut self,
        place: &Place<'_, T>,
        hidden: HiddenUpdate,
        lease: HeldLease,
        answered: &mut AnsweredRounds,
    ) -> Result<(), Left> {
        let HiddenUpdate { context, update } = hidden;
        let (round, places) = (context.round, self.masks.places);
        let mut rng = secrets()?.stream_for(NoisePurpose::Masks, round, place.client);
        let setup = Arc::new(self.setup(place).await?);
        let member = Member::new(place.client, Arc::clone(place.identity), setup);
        let masker = Masker::new(member, context, self.masks.rules.masking.layout(update.delta.len()));

        // Masks take milliseconds: not long enough to be worth a thread of their own.
        let (advertised, message) = masker.advertise(&mut rng);
        place.send(round, Stage::Advertise, lease, message).await?;
        let (roster, lease) = place.task(round, Stage::Share, places).await?;
        let (shared, message) = advertised.share(&roster, &mut rng)?;
        place.send(round, Stage::Share, lease, message).await?;
        let (delivery, lease) = place.task(round, Stage::Input, places).await?;
        let (masked, message) = shared.mask(&delivery, &update)?;
        drop(update);
        place.send(round, Stage::Input, lease, message).await?;
        let (survivors, lease) = place.task(round, Stage::Confirm, places).await?;
        let (confirmed, message) = masked.confirm(&survivors)?;
        place.send(round, Stage::Confirm, lease, message).await?;
        let (confirmations, lease) = place.task(round, Stage::Answer, places).await?;
        let mut record = answered.of_plan(self.masks.rules.plan);
        let answer = confirmed.answer(&confirmations, &mut record);
        if let Some(failure) = record.failure() {
            return Err(Left::Failed(failure.into()));
        }
        let answer = answer?;
        place.send(round, Stage::Answer, lease, answer.to_vec()).await
    }

    /// What this client believes of the others.
    async fn setup<T: Transport>(&mut self, place: &Place<'_, T>) -> Result<Setup, Left> {
        let Masks { rules, minimum, known, seen, .. } = &mut self.masks;
        let identities = match known {
            Some(known) => known.clone(),
            None => {
                let published = place.connection.clients().await.map_err(Left::from)?;
                seen.learn(rules.plan, &published).map_err(|error| Left::Failed(error.into()))?
            }
        };
        let (assumptions, ring) = (rules.masking.assumptions(), rules.masking.ring());
        Ok(Setup { identities, assumptions, minimum: *minimum, ring })
    }
}

impl<T: Transport> Place<'_, T> {
    async fn send(&self, round: u32, stage: Stage, lease: HeldLease, message: Vec<u8>) -> Result<(), Left> {
        let message = Bytes::from(message);
        let digest = HexDigest::of(&message);
        let at = (round, stage, self.client);
        let receipt = self.connection.send_stage(at, self.identity, lease, message).await?;
        match (receipt.round, receipt.stage, receipt.client) == (round, stage, self.client)
            && receipt.message_sha256 == digest
        {
            true => Ok(()),
            false => Err(Left::Failed(AgentError::OtherReceipt { round, stage, client: self.client })),
        }
    }

    /// Tells the coordinator that the round goes on without this client, so that nobody waits for it.
    pub(crate) async fn leave(
        &self,
        round: u32,
        reason: DeclineReason,
        accused: Option<u32>,
    ) -> Result<(), AgentError> {
        match self.connection.decline(round, self.client, self.identity, (reason, accused)).await {
            Err(CallError::Refused(refused)) => {
                tracing::debug!(client = self.client, round, detail = %refused.detail, "leaving without a word");
                Ok(())
            }
            told => Ok(told?),
        }
    }

    /// Waits until a stage is open, and gives what it takes, and for how long it is lent.
    async fn task(&self, round: u32, stage: Stage, places: u32) -> Result<(Bytes, HeldLease), Left> {
        let lease = match self.connection.check_in(self.client, self.identity).await? {
            CheckInAnswer::Mask { round: open, stage: awaited, lease, .. }
                if (open, awaited) == (round, stage) =>
            {
                HeldLease::from(lease)
            }
            _ => return Err(Left::Missed),
        };
        let at = (round, stage, self.client);
        Ok((self.connection.stage_task(at, self.identity, places).await?, lease))
    }
}

impl From<CallError> for Left {
    fn from(error: CallError) -> Left {
        match error.problem() {
            Some(
                Problem::TooLate
                | Problem::HasDeclined
                | Problem::RoundNotOpen
                | Problem::NotInCohort
                | Problem::NotEnrolled,
            ) => Left::Missed,
            _ => Left::Failed(error.into()),
        }
    }
}

impl From<MaskedRoundError> for Left {
    fn from(error: MaskedRoundError) -> Left {
        Left::Refused(error)
    }
}

/// Where the secrets of one round come from: nowhere else and never again.
fn secrets() -> Result<NoiseSeed, Left> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Left::Failed(AgentError::Random(error)))?;
    Ok(NoiseSeed::from_bytes(&mut seed))
}
