//! A store in memory and one on a disk, and what they have acknowledged.

use super::told::{told, without_late};
use super::{Body, Lease, Operation, Pause};
use crate::conformance::{NOW, claim, format, submission};
use crate::harness::{encode, first_model, identity, lease_key, noise_seed};
use privet_coordinator::{
    Charter, Denial, Invitation, Journal, MemoryStore, SqliteStore, Stage, Store, StoreError, check,
};
use privet_core::protocol::{Enrol, HexDigest};
use privet_core::round::{Federation, Holding, Receipt, Rules, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;
use tempfile::TempDir;

/// What was acknowledged.
#[derive(Default)]
pub(super) struct Acknowledged {
    pub(super) places: BTreeMap<u32, u32>,
    pub(super) receipts: BTreeMap<(u32, u32), Receipt>,
    pub(super) declined: BTreeSet<(u32, u32)>,
    pub(super) admitted: BTreeSet<(u32, u8)>,
    pub(super) epsilon: f64,
}

pub(super) struct World {
    pub(super) charter: fn() -> Charter,
    pub(super) rules: Rules,
    pub(super) folder: TempDir,
    pub(super) memory: MemoryStore,
    /// Absent only while it is started again.
    pub(super) sqlite: Option<SqliteStore>,
    pub(super) now: Timestamp,
    pub(super) acknowledged: Acknowledged,
}

impl World {
    pub(super) fn new(charter: fn() -> Charter) -> World {
        let folder = tempfile::tempdir().unwrap();
        let rules = charter().rules;
        let federation = Federation::protected(rules.clone(), first_model(), noise_seed());
        World {
            charter,
            memory: MemoryStore::new(federation, &charter(), encode, Journal::new().0, lease_key()),
            sqlite: Some(open(folder.path(), &charter())),
            folder,
            rules,
            now: Timestamp(1_000),
            acknowledged: Acknowledged::default(),
        }
    }

    pub(super) fn sqlite(&self) -> &SqliteStore {
        self.sqlite.as_ref().expect("it is started")
    }

    pub(super) fn noisy(&self) -> bool {
        self.rules.protection.is_some()
    }

    pub(super) async fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Enrol { key, place } => self.enrol(key, place).await,
            Operation::Submit { client, back, body, lease } => {
                self.submit(client, self.round(back).await, (body, lease)).await
            }
            Operation::Decline { client, back } => {
                let round = self.round(back).await;
                let answers = (
                    self.memory.decline(client, round, None, self.now).await,
                    self.sqlite().decline(client, round, None, self.now).await,
                );
                if agreed(answers).is_ok() {
                    self.acknowledged.declined.insert((round, client));
                }
            }
            Operation::CheckIn { client } => {
                let memory = self.memory.check_in(client, self.now).await.map(|orders| orders.assignment);
                let sqlite = self.sqlite().check_in(client, self.now).await.map(|orders| orders.assignment);
                drop(agreed((memory, sqlite)));
            }
            Operation::Admit { client, signer, nonce } => self.admit(client, signer, nonce).await,
            Operation::Wait(pause) => self.wait(pause).await,
            Operation::Tick => {
                self.memory.tick(self.now).await.unwrap();
                self.sqlite().tick(self.now).await.unwrap();
            }
            Operation::Restart => self.restart().await,
        }
        self.check().await;
    }

    async fn round(&self, back: u32) -> u32 {
        (self.memory.standing().await.unwrap().round + 1).saturating_sub(back)
    }

    async fn enrol(&mut self, key: u32, place: Option<u32>) {
        let request = || Enrol { key: identity(key).key(), place, token: None };
        let memory = self.memory.enrol(request(), Invitation::NotNeeded, self.now).await;
        let sqlite = self.sqlite().enrol(request(), Invitation::NotNeeded, self.now).await;
        if let Ok(client) = agreed((memory, sqlite)) {
            assert_eq!(*self.acknowledged.places.entry(key).or_insert(client), client);
        }
    }

    /// What a client shows, by the key of a store, and whether that is the lease that it has.
    async fn holding(&self, store: &impl Store, client: u32, lease: Lease) -> (Holding, bool) {
        let ask = async |client, at| store.check_in(client, at).await.ok()?.lease.map(|lease| lease.token);
        let good = ask(client, self.now).await;
        let token = match lease {
            Lease::Good => good,
            Lease::First => ask(client, Timestamp(0)).await,
            Lease::OfAnother => ask(client % 3 + 1, self.now).await,
            Lease::None => None,
        };
        (Holding { token, begun: self.now }, token.is_some() && token == good)
    }

    async fn submit(&mut self, client: u32, round: u32, (body, lease): (Body, Lease)) {
        let mut update = submission(round, client);
        update.update.weight = if self.noisy() { 1 } else { client.max(1) };
        update.digest =
            Some(HexDigest([client as u8, round as u8, body as u8, 0].repeat(8).try_into().unwrap()));
        match body {
            Body::Right => {}
            Body::Other => update.update.delta[0] = 0,
            Body::Overweight => update.update.weight = self.rules.weight_cap + 1,
            Body::Short => update.update.delta.truncate(1),
        }
        if self.noisy() {
            update.update.delta.iter_mut().for_each(|steps| *steps /= 8);
        }
        self.memory.tick(self.now).await.unwrap();
        self.sqlite().tick(self.now).await.unwrap();
        let before = without_late(told(self.sqlite(), self.now, false).await);
        let (in_memory, good) = self.holding(&self.memory, client, lease).await;
        let (on_disk, _) = self.holding(self.sqlite(), client, lease).await;
        let memory = self.memory.submit(update.clone(), in_memory, self.now).await;
        let sqlite = self.sqlite().submit(update, on_disk, self.now).await;
        match agreed((memory, sqlite)) {
            Ok(receipt) => {
                let known = self.acknowledged.receipts.contains_key(&(round, client));
                assert!(known || good, "what is new counts under a good lease alone");
                let first = self.acknowledged.receipts.entry((round, client)).or_insert(receipt);
                assert_eq!(*first, receipt, "the same update has one receipt");
            }
            Err(_) => assert_eq!(without_late(told(self.sqlite(), self.now, false).await), before),
        }
    }

    async fn admit(&mut self, client: u32, signer: u32, nonce: u8) {
        let memory = self.memory.admit(client, claim(signer, nonce), NOW).await;
        let sqlite = self.sqlite().admit(client, claim(signer, nonce), NOW).await;
        match agreed((memory, sqlite)) {
            Ok(()) => {
                assert_eq!(self.acknowledged.places.get(&signer), Some(&client));
                assert!(self.acknowledged.admitted.insert((client, nonce)), "a nonce is used once");
            }
            Err(StoreError::Denied(Denial::NonceUsed)) => {
                assert!(self.acknowledged.admitted.contains(&(client, nonce)));
            }
            Err(_) => assert_ne!(self.acknowledged.places.get(&signer), Some(&client)),
        }
    }

    async fn wait(&mut self, pause: Pause) {
        let left = match *self.memory.stage().borrow() {
            Stage::Round { deadline, .. } => self.now.until(deadline).as_millis() as u64,
            Stage::Gathering | Stage::Unmasking { .. } | Stage::Finished => 0,
        };
        self.now.0 += match pause {
            Pause::Short => 400,
            Pause::UntilJustBefore => left.saturating_sub(1),
            Pause::Until => left,
        };
    }

    /// Between the end and the new beginning, the folder is sound.
    async fn restart(&mut self) {
        let before = told(self.sqlite(), self.now, false).await;
        self.sqlite = None;
        let checked = check(self.folder.path(), &*format().decode).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(checked.orphans, 0);
        self.sqlite = Some(open(self.folder.path(), &(self.charter)()));
        assert_eq!(told(self.sqlite(), self.now, false).await, before);
    }
}

/// The answer that both stores gave.
fn agreed<T: Debug + PartialEq>(
    (memory, sqlite): (Result<T, StoreError>, Result<T, StoreError>),
) -> Result<T, StoreError> {
    match (&memory, &sqlite) {
        (Ok(memory), Ok(sqlite)) => assert_eq!(memory, sqlite),
        (Err(memory), Err(sqlite)) => assert_eq!(memory.to_string(), sqlite.to_string()),
        _ => panic!("the stores disagree: {memory:?} in memory, {sqlite:?} on the disk"),
    }
    sqlite
}

fn open(folder: &Path, charter: &Charter) -> SqliteStore {
    SqliteStore::open(folder, charter, &first_model(), noise_seed(), format(), Journal::new().0).unwrap()
}
