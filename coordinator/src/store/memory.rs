//! State in memory: for simulations, tests, and federations that may start anew when the process ends. It has the record of
//! every round in memory too, and so grows with the rounds, as a state folder does on the disk.

use super::state::{Change, State};
use super::transact::Transact;
use super::{PastRound, Stage, StoreError};
use crate::journal::Journal;
use crate::service::Charter;
use privet_core::params::Params;
use privet_core::protocol::HexDigest;
use privet_core::round::{Federation, LeaseKey, Refusal};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// How parameters become the bytes of a model file. The same parameters must give the same bytes.
pub type ModelEncoder = dyn Fn(&Params) -> Vec<u8> + Send + Sync;

/// How many rounds are handed out at once.
const PAGE: usize = 64;

/// A [`Store`](super::Store) that lasts as long as the process.
pub struct MemoryStore {
    held: Mutex<Held>,
    stage: watch::Sender<Stage>,
    journal: Journal,
}

struct Held {
    state: State,
    /// The rounds that are over, in their order.
    past: Vec<PastRound>,
}

impl MemoryStore {
    /// Holds the charter's federation, writes its models with `encode` and what happens to it into `journal`, and makes its
    /// leases by this key.
    pub fn new(
        federation: Federation,
        charter: &Charter,
        encode: impl Fn(&Params) -> Vec<u8> + Send + Sync + 'static,
        journal: Journal,
        lease_key: LeaseKey,
    ) -> MemoryStore {
        let plan_sha256 = HexDigest::of(charter.plan.as_bytes());
        let state = State::new(federation, plan_sha256, Arc::new(encode), lease_key);
        let (stage, _) = watch::channel(state.stage());
        MemoryStore { held: Mutex::new(Held { state, past: Vec::new() }), stage, journal }
    }

    fn held(&self) -> Result<MutexGuard<'_, Held>, StoreError> {
        self.held.lock().map_err(|_| StoreError::Broken)
    }
}

impl Transact for MemoryStore {
    async fn transact<T: Send + 'static>(
        &self,
        transaction: impl FnOnce(&mut State, &mut Vec<Change>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut held = self.held()?;
        let Held { state, past } = &mut *held;
        let mut changes = Vec::new();
        let answer = transaction(state, &mut changes);
        for change in changes {
            keep(past, &change);
            change.tell(&self.journal);
        }
        self.stage.send_if_modified(|stage| std::mem::replace(stage, state.stage()) != state.stage());
        Ok(answer?)
    }

    async fn read_round(&self, round: u32) -> Result<PastRound, StoreError> {
        let held = self.held()?;
        let found = (round as usize).checked_sub(1).and_then(|at| held.past.get(at));
        Ok(found.expect("a round that is over has a record").clone())
    }

    async fn read_after(&self, round: u32) -> Result<Vec<PastRound>, StoreError> {
        Ok(self.held()?.past.iter().skip(round as usize).take(PAGE).cloned().collect())
    }

    fn watch(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }
}

/// Keeps what a change says of rounds that are over.
fn keep(past: &mut Vec<PastRound>, change: &Change) {
    match change {
        Change::Closed(closed) => {
            past.push(PastRound { sealed: closed.sealed.clone(), late: BTreeSet::new() });
        }
        Change::Late { round, client } => {
            past[*round as usize - 1].late.insert(*client);
        }
        _ => {}
    }
}
