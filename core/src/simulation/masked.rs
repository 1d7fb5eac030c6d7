//! A masked round of a simulation: both halves of the protocol, message by message, in one process.
//!
//! Messages are bytes, as on a network. One thing is shared that a network does not share: what follows from the roster
//! is worked out once, by the coordinator's half, and not verified by every client again.

use super::norms::ClippedNorms;
use super::workers::Workers;
use super::{Seconds, SimulationError};
use crate::nn::Examples;
use crate::params::Params;
use crate::participant::{LocalTrainingError, Masker, Shared, Task, Worker};
use crate::privacy::{Clip, NoisePurpose, NoiseSeed};
use crate::round::{
    Belated, Effect, Event, Federation, MaskedRound, Phase, Refusal, StageContent, StageMessage, Timestamp,
};
use crate::secagg::{Identity, LatestAnswer, Member, Ring, Stage};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The identity of a simulated client.
pub(super) fn identity(seed: &NoiseSeed, client: u32) -> Identity {
    Identity::generate(&mut seed.stream_for(NoisePurpose::Identity, 0, client))
}

/// What came of a masked round.
pub(super) struct Went {
    pub(super) federation: Federation,
    pub(super) effects: Vec<Effect>,
    pub(super) declined: Option<LocalTrainingError>,
    pub(super) seconds: Seconds,
    /// What the clip did to the updates.
    pub(super) norms: ClippedNorms,
    /// Bytes of messages, but for the model.
    pub(super) bytes: (u64, u64),
}

/// A masked round and those who carry its messages.
pub(super) struct MaskedDriver<'a> {
    pub(super) workers: &'a Workers<'a>,
    pub(super) seed: &'a NoiseSeed,
    /// Who vanishes before which stage.
    pub(super) vanish: BTreeMap<u32, Stage>,
    pub(super) now: &'a (dyn Fn() -> Timestamp + Sync),
}

/// The coordinator's half, which one worker at a time can speak to.
struct Engine<'a> {
    round: u32,
    ring: Ring,
    now: &'a (dyn Fn() -> Timestamp + Sync),
    held: Mutex<Held>,
}

struct Held {
    /// Absent only inside a step, which consumes it.
    federation: Option<Federation>,
    effects: Vec<Effect>,
    bytes: (u64, u64),
}

/// What a worker's clients cost, and why one of them declined.
#[derive(Default)]
struct Work {
    seconds: Seconds,
    declined: Option<LocalTrainingError>,
    norms: ClippedNorms,
}

impl MaskedDriver<'_> {
    /// Runs the masked round that is open to its end.
    pub(super) fn run(self, federation: Federation, model: &Params) -> Result<Went, SimulationError> {
        let Phase::Masked(open) = federation.phase() else { unreachable!("a masked round is open") };
        let (maskers, clip) = (self.maskers(open), open.clip());
        let (round, ring) = (open.round(), open.layout().ring());
        let engine = Engine::new(federation, round, ring, self.now);
        let work = Mutex::new(Work::default());
        self.carry(&engine, &maskers, (model, clip), &work)?;
        let Held { federation, effects, bytes } =
            engine.held.into_inner().unwrap_or_else(PoisonError::into_inner);
        let federation = federation.expect("every step puts the federation back");
        let Work { seconds, declined, norms } = work.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Went { federation, effects, declined, seconds, norms, bytes })
    }

    fn maskers(&self, open: &MaskedRound) -> BTreeMap<u32, Masker> {
        let (context, layout, setup) = (open.context(), open.layout(), open.setup());
        let masker = |client: u32| {
            let member = Member::new(client, identity(self.seed, client), setup.clone());
            (client, Masker::new(member, context, layout))
        };
        open.cohort().iter().copied().map(masker).collect()
    }

    fn carry(
        &self,
        engine: &Engine<'_>,
        maskers: &BTreeMap<u32, Masker>,
        training: (&Params, Option<Clip>),
        work: &Mutex<Work>,
    ) -> Result<(), SimulationError> {
        let all = maskers.iter().map(|(client, masker)| (*client, masker)).collect();
        let advertised = self.stage(engine, Stage::Advertise, all, |client, masker, _| {
            let mut rng = self.seed.stream_for(NoisePurpose::Masks, engine.round, client);
            let (state, message) = masker.advertise(&mut rng);
            Some(((state, rng), message))
        })?;
        let Some(session) = engine.session() else { return Ok(()) };
        let shared = self.stage(engine, Stage::Share, advertised, |_, (state, mut rng), _| {
            state.share_in(session.clone(), &mut rng).ok()
        })?;
        let masked = self.workers.each(self.there(Stage::Input, shared), |(client, shared), memory| {
            self.train_and_mask(engine, client, shared, training, memory, work)
        });
        let masked = masked.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
        engine.expire(Stage::Input);
        let confirmed =
            self.stage(engine, Stage::Confirm, masked, |_, state, survivors| state.confirm(&survivors).ok())?;
        self.stage(engine, Stage::Answer, confirmed, |_, state, confirmations| {
            let answer = state.answer(&confirmations, &mut LatestAnswer::default()).ok()?;
            Some(((), answer.to_vec()))
        })?;
        Ok(())
    }

    /// Every client that is there does its part in a stage; then the stage closes.
    fn stage<S: Send, T: Send>(
        &self,
        engine: &Engine<'_>,
        stage: Stage,
        states: Vec<(u32, S)>,
        part: impl Fn(u32, S, Vec<u8>) -> Option<(T, Vec<u8>)> + Sync,
    ) -> Result<Vec<(u32, T)>, SimulationError> {
        let done = self.workers.each(self.there(stage, states), |(client, state), _| {
            let task = engine.task(client, stage)?;
            part(client, state, task).map(|(state, message)| (client, state, message))
        });
        let mut left = Vec::with_capacity(done.len());
        // Unmasking, at the end of the last stage, is parallel itself.
        self.workers.pool().install(|| {
            for (client, state, message) in done.into_iter().flatten() {
                engine.send(client, stage, &message)?;
                left.push((client, state));
            }
            engine.expire(stage);
            Ok::<(), SimulationError>(())
        })?;
        Ok(left)
    }

    fn there<S>(&self, stage: Stage, states: Vec<(u32, S)>) -> Vec<(u32, S)> {
        let stays = |client: &u32| self.vanish.get(client).is_none_or(|last| stage < *last);
        states.into_iter().filter(|(client, _)| stays(client)).collect()
    }

    fn train_and_mask<'b>(
        &self,
        engine: &Engine<'_>,
        client: u32,
        shared: Shared<'b>,
        (model, clip): (&Params, Option<Clip>),
        memory: &mut Worker,
        work: &Mutex<Work>,
    ) -> Result<Option<(u32, crate::participant::Masked<'b>)>, SimulationError> {
        let Some(delivery) = engine.task(client, Stage::Input) else { return Ok(None) };
        let task = Task { round: engine.round, client, model, clip };
        let (shard, clock) = (self.workers.shard(client), self.workers.clock());
        let started = clock();
        let trained = self.workers.training().train(task, shard, memory);
        let ended = clock();
        let training = self.workers.training();
        let update = training.encode(task, shard.len(), trained, memory);
        let masked = match update {
            Ok(update) => {
                lock(work).norms.take(memory);
                shared.mask(&delivery, &update).ok()
            }
            Err(error) => {
                engine.step(Event::Decline { client, round: engine.round, accused: None })?;
                lock(work).declined.get_or_insert(error);
                None
            }
        };
        let encoded = clock();
        let sent = masked.map(|(state, message)| engine.send(client, Stage::Input, &message).map(|()| state));
        let mut work = lock(work);
        work.seconds.training += (ended - started).as_secs_f64();
        work.seconds.encoding += (encoded - ended).as_secs_f64();
        work.seconds.aggregating += (clock() - encoded).as_secs_f64();
        Ok(sent.transpose()?.map(|state| (client, state)))
    }
}

impl<'a> Engine<'a> {
    fn new(federation: Federation, round: u32, ring: Ring, now: &'a (dyn Fn() -> Timestamp + Sync)) -> Self {
        let held = Held { federation: Some(federation), effects: Vec::new(), bytes: (0, 0) };
        Engine { round, ring, now, held: Mutex::new(held) }
    }

    /// What a client needs for a stage, if the stage is open and it takes part; nothing is needed for the first.
    fn task(&self, client: u32, stage: Stage) -> Option<Vec<u8>> {
        if stage == Stage::Advertise {
            return Some(Vec::new());
        }
        let mut held = lock(&self.held);
        let task = held.federation().task(self.round, client, stage).ok()?;
        held.bytes.1 += task.len() as u64;
        Some(task)
    }

    fn send(&self, client: u32, stage: Stage, message: &[u8]) -> Result<(), SimulationError> {
        let content = StageContent::decode(stage, self.ring, message)
            .map_err(|source| SimulationError::Unreadable { client, stage, source })?;
        lock(&self.held).bytes.0 += message.len() as u64;
        self.step(Event::Send(Box::new(StageMessage { client, round: self.round, digest: None, content })))
    }

    /// Closes a stage for which somebody is missing.
    fn expire(&self, stage: Stage) {
        let is_open = match lock(&self.held).federation().phase() {
            Phase::Masked(open) => open.round() == self.round && open.stage() == stage,
            _ => false,
        };
        if is_open {
            self.step(Event::Expire).expect("that time is over is never refused");
        }
    }

    fn session(&self) -> Option<std::sync::Arc<crate::secagg::Session>> {
        match lock(&self.held).federation().phase() {
            Phase::Masked(open) if open.round() == self.round => open.session().cloned(),
            _ => None,
        }
    }

    fn step(&self, event: Event) -> Result<(), SimulationError> {
        let now = (self.now)();
        let mut held = lock(&self.held);
        let federation = held.federation.take().expect("every step puts the federation back");
        let (federation, effects) = federation.step(event, now);
        held.federation = Some(federation);
        let mut refused = None;
        for effect in effects {
            match effect {
                Effect::Refused(refusal) => refused = Some(refusal),
                Effect::Belated(Belated { round, client, .. }) => {
                    refused = Some(Refusal::RoundOver { round, client });
                }
                effect => held.effects.push(effect),
            }
        }
        refused.map_or(Ok(()), |refusal: Refusal| Err(refusal.into()))
    }
}

impl Held {
    fn federation(&self) -> &Federation {
        self.federation.as_ref().expect("every step puts the federation back")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
