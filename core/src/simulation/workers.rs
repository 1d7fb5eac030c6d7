//! The workers of a simulation: threads that train the participants of a round, each with memory of its own.
//!
//! A round is a broadcast of the model and an all-reduce of integer sums: every worker takes clients from the cohort,
//! adds their updates to a sum of its own, and the sums are joined at the end. Which worker took which client
//! changes nothing, because integer sums have no order.

use super::Seconds;
use super::norms::ClippedNorms;
use crate::data::Shard;
use crate::nn::Examples;
use crate::params::Params;
use crate::participant::{LocalTraining, LocalTrainingError, Task, Worker};
use crate::round::{Collecting, Refusal, Submission};
use rayon::ThreadPool;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Tells how much time has passed since some fixed moment; it never goes back.
pub type Clock<'a> = &'a (dyn Fn() -> Duration + Sync);

/// A pool of threads and the memory of each.
pub(super) struct Workers<'a> {
    pool: ThreadPool,
    memory: Vec<Mutex<Worker>>,
    training: LocalTraining,
    shards: &'a [Shard],
    clock: Clock<'a>,
}

/// What one worker made of its share of a round, or all of them together.
pub(super) struct Share {
    /// The updates it collected.
    pub(super) part: Collecting,
    /// Why a participant declined, if one did.
    pub(super) declined: Option<LocalTrainingError>,
    /// The time it spent, summed over workers.
    pub(super) seconds: Seconds,
    /// What the clip did to the updates.
    pub(super) norms: ClippedNorms,
}

impl Share {
    fn of(part: Collecting) -> Share {
        Share { part, declined: None, seconds: Seconds::default(), norms: ClippedNorms::default() }
    }
}

impl<'a> Workers<'a> {
    pub(super) fn new(
        pool: ThreadPool,
        training: LocalTraining,
        shards: &'a [Shard],
        clock: Clock<'a>,
    ) -> Workers<'a> {
        let memory =
            (0..pool.current_num_threads()).map(|_| Mutex::new(training.worker().watching())).collect();
        Workers { pool, memory, training, shards, clock }
    }

    pub(super) fn pool(&self) -> &ThreadPool {
        &self.pool
    }

    pub(super) fn training(&self) -> &LocalTraining {
        &self.training
    }

    pub(super) fn clock(&self) -> Clock<'a> {
        self.clock
    }

    /// The rows of a client.
    pub(super) fn shard(&self, client: u32) -> &Shard {
        &self.shards[client as usize - 1]
    }

    /// Does the same to every item, each on some worker with its memory; the results come in the items' order.
    pub(super) fn each<I: Send, T: Send>(
        &self,
        items: Vec<I>,
        work: impl Fn(I, &mut Worker) -> T + Sync,
    ) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let items: Vec<Mutex<Option<I>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
        let done = self.pool.broadcast(|context| {
            let mut memory = self.memory[context.index()].lock().unwrap_or_else(PoisonError::into_inner);
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(at) else { return done };
                let item = item.lock().unwrap_or_else(PoisonError::into_inner).take();
                done.push((at, work(item.expect("each number is drawn once"), &mut memory)));
            }
        });
        let mut done: Vec<(usize, T)> = done.into_iter().flatten().collect();
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Trains these clients and collects their updates.
    pub(super) fn collect(
        &self,
        round: &Collecting,
        clients: &[u32],
        model: &Params,
    ) -> Result<Vec<Share>, Refusal> {
        let next = AtomicUsize::new(0);
        let shares = self.pool.broadcast(|context| {
            let mut memory = self.memory[context.index()].lock().unwrap_or_else(PoisonError::into_inner);
            let mut share = Share::of(round.part());
            while let Some(client) = clients.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.take(&mut share, *client, model, &mut memory)?;
            }
            Ok(share)
        });
        shares.into_iter().collect()
    }

    fn take(
        &self,
        share: &mut Share,
        client: u32,
        model: &Params,
        memory: &mut Worker,
    ) -> Result<(), Refusal> {
        let round = share.part.round();
        let task = Task { round, client, model, clip: share.part.clip() };
        let shard = self.shard(client);
        let started = (self.clock)();
        let trained = self.training.train(task, shard, memory);
        let ended = (self.clock)();
        let update = self.training.encode(task, shard.len(), trained, memory);
        let encoded = (self.clock)();
        match update {
            Ok(update) => {
                share.norms.take(memory);
                share.part.accept(&Submission { client, round, update, digest: None })?;
            }
            Err(error) => {
                share.part.decline(client, round)?;
                share.declined.get_or_insert(error);
            }
        }
        share.seconds.training += (ended - started).as_secs_f64();
        share.seconds.encoding += (encoded - ended).as_secs_f64();
        share.seconds.aggregating += ((self.clock)() - encoded).as_secs_f64();
        Ok(())
    }
}
