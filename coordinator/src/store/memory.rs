//! State in memory: for simulations, tests, and federations that may start anew when the process ends.

use super::{Orders, Spending, Stage, Standing, Store, StoreError};
use crate::journal::{ClosedRound, Journal, ServiceEvent};
use bytes::Bytes;
use privet_core::params::Params;
use privet_core::plan::Protection;
use privet_core::protocol::{CredentialDigest, Enrol, HexDigest, PhaseName, RoundOutcome, RoundSummary};
use privet_core::round::{
    Effect, Event, Federation, Outcome, Phase, Receipt, RoundRecord, Submission, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use tokio::sync::watch;

/// How parameters become the bytes of a model file. The same parameters must give the same bytes.
pub type ModelEncoder = dyn Fn(&Params) -> Vec<u8> + Send + Sync;

/// A [`Store`] that lasts as long as the process.
pub struct MemoryStore {
    state: Mutex<State>,
    stage: watch::Sender<Stage>,
    encode: Box<ModelEncoder>,
    journal: Journal,
}

struct State {
    /// Absent only inside a step, which consumes it.
    federation: Option<Federation>,
    credentials: BTreeMap<u32, CredentialDigest>,
    current: ModelFile,
    previous: Option<ModelFile>,
    /// The model after each round that is over.
    released: Vec<HexDigest>,
}

#[derive(Clone)]
struct ModelFile {
    sha256: HexDigest,
    bytes: Bytes,
}

impl MemoryStore {
    /// Holds a federation, writes its models with `encode` and what happens to it into `journal`.
    pub fn new(
        federation: Federation,
        encode: impl Fn(&Params) -> Vec<u8> + Send + Sync + 'static,
        journal: Journal,
    ) -> MemoryStore {
        let current = ModelFile::new(encode(federation.model()));
        let (stage, _) = watch::channel(stage_of(&federation));
        let state = State {
            federation: Some(federation),
            credentials: BTreeMap::new(),
            current,
            previous: None,
            released: Vec::new(),
        };
        MemoryStore { state: Mutex::new(state), stage, encode: Box::new(encode), journal }
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        self.state.lock().map_err(|_| StoreError::Broken)
    }

    /// What is overdue comes first and on its own, so that a step closes one round at the most and the model
    /// after a round can be told from the next.
    fn step(&self, state: &mut State, event: Event, now: Timestamp) -> Result<Option<Effect>, StoreError> {
        self.step_once(state, Event::Tick, now);
        match self.step_once(state, event, now) {
            Some(Effect::Refused(refusal)) => Err(refusal.into()),
            answer => Ok(answer),
        }
    }

    fn step_once(&self, state: &mut State, event: Event, now: Timestamp) -> Option<Effect> {
        let federation = state.federation.take().expect("every step puts the federation back");
        let (federation, effects) = federation.step(event, now);
        let mut answer = None;
        for effect in effects {
            match effect {
                Effect::Closed(record) => self.close(state, record, federation.model()),
                Effect::Opened { round } => self.journal.note(ServiceEvent::RoundOpened { round }),
                Effect::Finished => {
                    self.journal.note(ServiceEvent::Finished { model_sha256: state.current.sha256 });
                }
                Effect::Enrolled { client } => {
                    self.journal.note(ServiceEvent::Enrolled { client });
                    answer = Some(effect);
                }
                Effect::Accepted(_) | Effect::Declined | Effect::Refused(_) => answer = Some(effect),
            }
        }
        self.stage.send_if_modified(|stage| {
            let before = std::mem::replace(stage, stage_of(&federation));
            before != *stage
        });
        state.federation = Some(federation);
        answer
    }

    fn close(&self, state: &mut State, record: RoundRecord, model: &Params) {
        if let Outcome::Released { .. } = record.outcome {
            let next = ModelFile::new((self.encode)(model));
            state.previous = Some(std::mem::replace(&mut state.current, next));
        }
        let model_sha256 = state.current.sha256;
        state.released.push(model_sha256);
        self.journal.note(ServiceEvent::RoundClosed(Box::new(ClosedRound {
            record,
            model: model.clone(),
            model_sha256,
            traffic: self.journal.take_traffic(),
        })));
    }
}

impl Store for MemoryStore {
    async fn enrol(&self, request: Enrol, now: Timestamp) -> Result<u32, StoreError> {
        let mut state = self.lock()?;
        let Enrol { credential, place } = request;
        if let Some(client) = state.client_with(&credential) {
            return Ok(client);
        }
        match self.step(&mut state, Event::Enrol { place }, now)? {
            Some(Effect::Enrolled { client }) => {
                state.credentials.insert(client, credential);
                Ok(client)
            }
            answer => unreachable!("an enrolment is answered with a number, not with {answer:?}"),
        }
    }

    async fn credential(&self, client: u32) -> Result<Option<CredentialDigest>, StoreError> {
        Ok(self.lock()?.credentials.get(&client).copied())
    }

    async fn check_in(&self, client: u32, now: Timestamp) -> Result<Orders, StoreError> {
        let mut state = self.lock()?;
        self.step(&mut state, Event::Tick, now)?;
        let assignment = state.federation().assignment(client)?;
        Ok(Orders { assignment, model_sha256: state.current.sha256 })
    }

    async fn submit(&self, submission: Submission, now: Timestamp) -> Result<Receipt, StoreError> {
        match self.step(&mut *self.lock()?, Event::Submit(submission), now)? {
            Some(Effect::Accepted(receipt)) => Ok(receipt),
            answer => unreachable!("an update is answered with a receipt, not with {answer:?}"),
        }
    }

    async fn decline(&self, client: u32, round: u32, now: Timestamp) -> Result<(), StoreError> {
        self.step(&mut *self.lock()?, Event::Decline { client, round }, now).map(drop)
    }

    async fn tick(&self, now: Timestamp) -> Result<(), StoreError> {
        self.step(&mut *self.lock()?, Event::Tick, now).map(drop)
    }

    async fn model(&self, digest: HexDigest) -> Result<Option<Bytes>, StoreError> {
        let state = self.lock()?;
        let mut kept = std::iter::once(&state.current).chain(&state.previous);
        Ok(kept.find(|file| file.sha256 == digest).map(|file| file.bytes.clone()))
    }

    async fn history(&self) -> Result<Vec<RoundSummary>, StoreError> {
        let state = self.lock()?;
        let federation = state.federation();
        let hidden = federation.rules().protection.as_ref().is_some_and(Protection::hides_cohorts);
        let rounds = federation.history().iter().zip(&state.released);
        Ok(rounds.map(|(record, model)| summary(record, *model, hidden)).collect())
    }

    async fn spending(&self) -> Result<Option<Spending>, StoreError> {
        let state = self.lock()?;
        let federation = state.federation();
        let spending = federation.ledger().zip(federation.epsilon()).map(|(ledger, epsilon)| Spending {
            ledger: ledger.clone(),
            epsilon,
            exhausted: federation.is_exhausted(),
        });
        Ok(spending)
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        let state = self.lock()?;
        let federation = state.federation();
        let rounds_over = federation.history().len() as u32;
        let (phase, round) = match federation.phase() {
            Phase::Gathering => (PhaseName::Gathering, rounds_over),
            Phase::Collecting(collecting) => (PhaseName::Collecting, collecting.round()),
            Phase::Finished => (PhaseName::Finished, rounds_over),
        };
        Ok(Standing {
            phase,
            round,
            enrolled: federation.enrolled().len() as u32,
            model_sha256: state.current.sha256,
        })
    }

    fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }
}

impl State {
    fn federation(&self) -> &Federation {
        self.federation.as_ref().expect("every step puts the federation back")
    }

    fn client_with(&self, credential: &CredentialDigest) -> Option<u32> {
        self.credentials.iter().find(|(_, known)| known.same(credential)).map(|(client, _)| *client)
    }
}

impl ModelFile {
    fn new(bytes: Vec<u8>) -> ModelFile {
        ModelFile { sha256: HexDigest::of(&bytes), bytes: bytes.into() }
    }
}

fn stage_of(federation: &Federation) -> Stage {
    match federation.phase() {
        Phase::Gathering => Stage::Gathering,
        Phase::Collecting(round) => Stage::Round { round: round.round(), deadline: round.deadline() },
        Phase::Finished => Stage::Finished,
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
        contributed: shown(record.contributions.keys(), hidden),
        declined: shown(record.declined.iter(), hidden),
        late: shown(record.late.iter(), hidden),
        outcome: match record.outcome {
            Outcome::Released { train_loss, .. } => RoundOutcome::Released { train_loss },
            Outcome::Abandoned { minimum } => RoundOutcome::Abandoned { minimum },
        },
        epsilon: record.epsilon,
        model_sha256,
    }
}
