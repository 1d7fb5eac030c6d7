//! State in memory: for simulations, tests, and federations that may start anew when the process ends.

use super::state::{Change, State};
use super::transact::Transact;
use super::{Stage, StoreError};
use crate::journal::Journal;
use crate::service::Charter;
use privet_core::params::Params;
use privet_core::protocol::HexDigest;
use privet_core::round::{Federation, LeaseKey, Refusal};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// How parameters become the bytes of a model file. The same parameters must give the same bytes.
pub type ModelEncoder = dyn Fn(&Params) -> Vec<u8> + Send + Sync;

/// A [`Store`](super::Store) that lasts as long as the process.
pub struct MemoryStore {
    state: Mutex<State>,
    stage: watch::Sender<Stage>,
    journal: Journal,
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
        MemoryStore { state: Mutex::new(state), stage, journal }
    }
}

impl Transact for MemoryStore {
    async fn transact<T: Send + 'static>(
        &self,
        transaction: impl FnOnce(&mut State, &mut Vec<Change>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut state = self.state.lock().map_err(|_| StoreError::Broken)?;
        let mut changes = Vec::new();
        let answer = transaction(&mut state, &mut changes);
        changes.into_iter().for_each(|change| change.tell(&self.journal));
        self.stage.send_if_modified(|stage| std::mem::replace(stage, state.stage()) != state.stage());
        Ok(answer?)
    }

    fn watch(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }
}
