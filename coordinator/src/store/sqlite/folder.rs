//! A state folder: a lock, a database, and the files that it points at.
//!
//! ```text
//! lock           held while a process has the folder
//! state.sqlite   everything but vectors
//! blobs/         models and the partial sum, named by their digest
//! ```
//!
//! A file is written before the transaction that points at it, and removed after the one that no longer does: a
//! process that ends in between leaves a file that nothing points at, which the next one removes.

use super::blobs::{Blobs, at};
use super::difference::difference;
use super::error::SqliteError;
use super::records;
use super::rows::{self, OpenRow, Rows, Written};
use super::schema::migrate;
use super::{ModelDecoder, ModelFormat};
use crate::crash::CrashPoint;
use crate::service::Charter;
use crate::store::Totals;
use crate::store::nonces::Nonces;
use crate::store::state::{Change, Kept, ModelFile, State};
use bytes::Bytes;
use privet_core::aggregation::Sum;
use privet_core::params::Params;
use privet_core::privacy::NoiseSeed;
use privet_core::protocol::HexDigest;
use privet_core::round::{
    Chain, ChainError, Collecting, Federation, Interrupted, LeaseKey, NoiseState, Past, Phase, Saved,
};
use rusqlite::{Connection, TransactionBehavior};
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::Arc;

const LOCK: &str = "lock";
pub(super) const DATABASE: &str = "state.sqlite";
const BLOBS: &str = "blobs";

/// A state folder that this process has.
pub(super) struct Folder {
    pub(super) connection: Connection,
    pub(super) blobs: Blobs,
    /// Held as long as the folder is; the system lets go of it also when the process is killed.
    _lock: File,
}

impl Folder {
    /// Takes a folder, and makes it if it is not there.
    pub(super) fn open(path: &Path) -> Result<Folder, SqliteError> {
        fs::create_dir_all(path).map_err(at(path))?;
        let lock = lock(path)?;
        let mut connection = Connection::open(path.join(DATABASE))?;
        // WAL: readers of a backup do not stop the writer. FULL: a commit is on the disk when it returns.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
        )?;
        migrate(&mut connection)?;
        CrashPoint::Migrated.reach();
        let blobs = Blobs::open(path.join(BLOBS))?;
        // The names of the database and of the folder of files are on the disk before anything is acknowledged.
        File::open(path).and_then(|folder| folder.sync_all()).map_err(at(path))?;
        Ok(Folder { connection, blobs, _lock: lock })
    }

    /// Takes a folder that is there.
    pub(super) fn open_existing(path: &Path) -> Result<Folder, SqliteError> {
        let database = path.join(DATABASE);
        match database.try_exists().map_err(at(&database))? {
            true => Folder::open(path),
            false => Err(SqliteError::NoFederation { path: path.into() }),
        }
    }

    /// Founds the charter's federation, unless the folder has it already.
    pub(super) fn found(
        &mut self,
        charter: &Charter,
        first_model: &Params,
        format: &ModelFormat,
        noise_seed: &NoiseSeed,
    ) -> Result<(), SqliteError> {
        let given_noise = charter.rules.protection.is_some() && !noise_seed.is_secret();
        match rows::read(&self.connection)? {
            Some(rows) if rows.plan == charter.plan => match (rows.given_noise, given_noise) {
                (false, true) => Err(SqliteError::GivenNoise),
                (true, false) => Err(SqliteError::SecretNoise),
                _ => rows::complete(&self.connection, &LeaseKey::new(noise_seed)),
            },
            Some(rows) => {
                let difference = difference(&rows.plan, &charter.plan);
                Err(SqliteError::AnotherPlan { difference })
            }
            None => {
                let model = ModelFile::new((format.encode)(first_model));
                self.blobs.put(model.sha256, &model.bytes)?;
                CrashPoint::FirstModelWritten.reach();
                let lease_key = LeaseKey::new(noise_seed);
                rows::found(&self.connection, &charter.plan, model.sha256, given_noise, &lease_key)?;
                CrashPoint::Founded.reach();
                Ok(())
            }
        }
    }

    /// The charter's federation as it was kept.
    pub(super) fn load(
        &self,
        charter: &Charter,
        format: &ModelFormat,
        noise_seed: &Arc<NoiseSeed>,
    ) -> Result<State, SqliteError> {
        let rows = rows::read(&self.connection)?.expect("a federation is founded before it is loaded");
        let whole = self.whole(&rows, &*format.decode)?;
        let kept = Kept {
            federation: Federation::resume(charter.rules.clone(), whole.saved, Arc::clone(noise_seed))?,
            members: rows.members,
            nonces: Nonces::resume(rows.nonces),
            current: whole.current,
            previous: whole.previous,
            chain: whole.chain,
            totals: whole.totals,
            lease_key: rows.lease_key.expect("a federation that is founded has a key of its leases"),
        };
        Ok(State::resume(kept, Arc::clone(&format.encode)))
    }

    /// Reads what the rows point at and, one after the other, all records, and checks that everything fits together.
    pub(super) fn whole(&self, rows: &Rows, decode: &ModelDecoder) -> Result<Whole, SqliteError> {
        let mut chain = Chain::new(HexDigest::of(rows.plan.as_bytes()));
        let (mut past, mut totals) = (Past::default(), Totals::default());
        records::all(&self.connection, |sealed| {
            chain.follow(&sealed)?;
            past.add(&sealed.record)?;
            totals.add(&sealed.record);
            Ok(())
        })?;
        check_current(rows, &chain)?;
        let current = ModelFile::new(self.blobs.get(rows.model)?);
        let model = decode(&current.bytes)
            .map_err(|source| SqliteError::NoModel { digest: current.sha256, source })?;
        let previous = rows.previous.map(|digest| self.blobs.get(digest)).transpose()?.map(ModelFile::new);
        let interrupted = rows.open.as_ref().and_then(interrupted);
        let open = rows.open.as_ref().filter(|_| interrupted.is_none());
        let open = open.map(|open| self.open_round(open, model.len())).transpose()?;
        let enrolled = rows.members.keys.keys().copied().collect();
        let (identities, recorded) = (rows.members.keys.clone(), rows.recorded.clone());
        let memory = rows.noise.map(|digest| self.blobs.get(digest)).transpose()?;
        let noise = memory.map(|bytes| NoiseState::from_bytes(bytes.into()));
        let saved = Saved { enrolled, identities, model, past, open, interrupted, recorded, noise };
        saved.check()?;
        Ok(Whole { saved, chain, totals, current, previous })
    }

    /// Keeps what some transactions changed: when this returns, it is on the disk.
    pub(super) fn keep(&mut self, changes: &[Change], state: &State) -> Result<(), SqliteError> {
        let moves_sum = |change: &Change| matches!(change, Change::Counted(_) | Change::Opened { .. });
        let sum = match state.federation().phase() {
            Phase::Collecting(open) if open.contributed() > 0 && changes.iter().any(moves_sum) => {
                let bytes = Bytes::from(open.sum().encode());
                let digest = HexDigest::of(&bytes);
                self.blobs.put(digest, &bytes)?;
                CrashPoint::SumWritten.reach();
                Some(digest)
            }
            _ => None,
        };
        let mut noise = None;
        if changes.iter().any(|change| matches!(change, Change::Closed(_))) {
            for file in [Some(state.current()), state.previous()].into_iter().flatten() {
                self.blobs.put(file.sha256, &file.bytes)?;
            }
            if let Some(memory) = state.federation().noise_state() {
                let digest = HexDigest::of(memory.as_bytes());
                self.blobs.put(digest, &Bytes::copy_from_slice(memory.as_bytes()))?;
                noise = Some(digest);
            }
            CrashPoint::ModelWritten.reach();
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        rows::write(&transaction, changes, state, Written { sum, noise })?;
        CrashPoint::Uncommitted.reach();
        transaction.commit()?;
        CrashPoint::Committed.reach();
        Ok(())
    }

    /// Removes the files that nothing points at, and gives how many that were.
    pub(super) fn collect(&self) -> Result<usize, SqliteError> {
        let Some(rows) = rows::read_pointers(&self.connection)? else { return self.blobs.retain(&[]) };
        self.blobs.retain(&rows)
    }

    fn open_round(&self, row: &OpenRow, parameters: usize) -> Result<Collecting, SqliteError> {
        let OpenRow { round, ref as_opened, .. } = *row;
        let opened: Collecting =
            serde_json::from_str(as_opened).map_err(|source| SqliteError::NoRecord { round, source })?;
        let sum = match row.sum {
            None => opened.empty_sum(parameters),
            Some(digest) => Sum::decode(&self.blobs.get(digest)?)
                .map_err(|source| SqliteError::NoSum { digest, source })?,
        };
        Ok(opened.resume(row.contributions.clone(), row.declined.clone(), sum)?)
    }
}

/// What is kept of a federation, read whole.
pub(super) struct Whole {
    pub(super) saved: Saved,
    pub(super) chain: Chain,
    pub(super) totals: Totals,
    pub(super) current: ModelFile,
    pub(super) previous: Option<ModelFile>,
}

fn lock(path: &Path) -> Result<File, SqliteError> {
    let file = path.join(LOCK);
    let lock = File::options().create(true).truncate(false).write(true).open(&file).map_err(at(&file))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(SqliteError::InUse { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(SqliteError::File { path: file, source }),
    }
}

fn check_current(rows: &Rows, chain: &Chain) -> Result<(), SqliteError> {
    match chain.model() {
        Some(recorded) if recorded != rows.model => {
            Err(SqliteError::AnotherModel { current: rows.model, recorded })
        }
        None if rows.previous.is_some() => Err(ChainError::Order { expected: 1, found: 0 }.into()),
        _ => Ok(()),
    }
}

/// The masked round that was open, if it was one.
fn interrupted(row: &OpenRow) -> Option<Interrupted> {
    let opened: Interrupted = serde_json::from_str(&row.as_opened).ok()?;
    Some(Interrupted { inputs: row.hidden.clone(), declined: row.declined.clone(), ..opened })
}
