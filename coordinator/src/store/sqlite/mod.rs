//! State in a folder: what was acknowledged is there after the process was killed, or the machine lost its power.
//!
//! ```text
//! mod      the store: hands transactions to the writer and waits for its answer
//! writer   one thread that has the state; what arrives during a commit shares the next
//! folder   the lock, founding, loading, and what is written in which order
//! rows     the state as rows            schema   the tables and their versions
//! records  rounds that are over         reader   one thread that reads them for whoever asks
//! blobs    models and partial sums      check    whether a folder is sound
//! ```
//!
//! Of the updates of an open round only their sum is kept. While it has a single contribution the sum is that update;
//! each sum takes the place of the one before, which is removed.

mod blobs;
mod check;
mod difference;
mod error;
mod folder;
mod reader;
mod records;
mod rows;
mod schema;
mod writer;

pub use check::{CheckError, Checked, Finding, check};
pub use error::SqliteError;

use super::state::{Change, State};
use super::transact::Transact;
use super::{ModelEncoder, PastRound, Stage, StoreError};
use crate::crash::CrashPoint;
use crate::journal::Journal;
use crate::service::Charter;
use folder::{DATABASE, Folder};
use privet_core::params::Params;
use privet_core::privacy::NoiseSeed;
use privet_core::round::Refusal;
use reader::Reader;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot, watch};
use writer::{Answer, Job, Writer};

/// How many transactions may wait for the writer; who comes after that waits to be let in.
const QUEUE: usize = 256;

/// How the bytes of a model file become parameters again.
pub type ModelDecoder =
    dyn Fn(&[u8]) -> Result<Params, Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// How models are written and read. What was written is read as the same parameters, bit for bit.
#[derive(Clone)]
pub struct ModelFormat {
    /// Writes a model file.
    pub encode: Arc<ModelEncoder>,
    /// Reads it.
    pub decode: Arc<ModelDecoder>,
}

/// A [`Store`](super::Store) that is kept in a folder. Of rounds that are over it has in memory what they come to, and no
/// record but the last one that was asked for.
pub struct SqliteStore {
    /// Lets go of the database before the writer does. Absent while the store is dropped.
    reader: Option<Reader>,
    jobs: Option<mpsc::Sender<Job>>,
    stage: watch::Receiver<Stage>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Takes the federation up where the folder has it, or founds it there with its first model. Noise and hidden cohorts
    /// are drawn from the seed from now on; it is not kept, and every process brings a new one.
    ///
    /// # Errors
    /// Another process has the folder; it has the federation of another plan; it is damaged; the seed was given and
    /// the federation began with a secret one, or the other way round.
    pub fn open(
        folder: &Path,
        charter: &Charter,
        first_model: &Params,
        noise_seed: Arc<NoiseSeed>,
        format: ModelFormat,
        journal: Journal,
    ) -> Result<SqliteStore, SqliteError> {
        let mut folder_of_state = Folder::open(folder)?;
        folder_of_state.found(charter, first_model, &format, &noise_seed)?;
        let state = folder_of_state.load(charter, &format, &noise_seed)?;
        CrashPoint::Resumed.reach();
        let orphans = folder_of_state.collect()?;
        tracing::info!(orphans, "removed what an earlier process left behind");

        let reader = Some(Reader::open(&folder.join(DATABASE))?);
        let (stage_of, stage) = watch::channel(state.stage());
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let writer = Writer {
            folder: folder_of_state,
            charter: charter.clone(),
            format,
            noise_seed,
            journal,
            stage: stage_of,
            state: Some(state),
        };
        let writer = std::thread::Builder::new()
            .name("state-writer".into())
            .spawn(move || writer.run(waiting))
            .map_err(blobs::at(folder))?;
        Ok(SqliteStore { reader, jobs: Some(jobs), stage, writer: Some(writer) })
    }
}

impl SqliteStore {
    fn reader(&self) -> &Reader {
        self.reader.as_ref().expect("it is there until the store is dropped")
    }
}

impl Transact for SqliteStore {
    async fn transact<T: Send + 'static>(
        &self,
        transaction: impl FnOnce(&mut State, &mut Vec<Change>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |state, changes| -> Answer {
            let answer = transaction(state, changes);
            // Nobody waiting is no fault: the change has happened all the same.
            Box::new(move |kept| drop(tell.send(kept.and_then(|()| Ok(answer?)))))
        });
        let jobs = self.jobs.as_ref().expect("the queue is closed when the store is dropped");
        jobs.send(job).await.map_err(|_| StoreError::Broken)?;
        told.await.map_err(|_| StoreError::Broken)?
    }

    async fn read_round(&self, round: u32) -> Result<PastRound, StoreError> {
        self.reader().round(round).await
    }

    async fn read_after(&self, round: u32) -> Result<Vec<PastRound>, StoreError> {
        self.reader().after(round).await
    }

    fn waiting(&self) -> usize {
        self.jobs.as_ref().map_or(0, |jobs| jobs.max_capacity() - jobs.capacity())
    }

    fn watch(&self) -> watch::Receiver<Stage> {
        self.stage.clone()
    }
}

impl Drop for SqliteStore {
    /// Waits until everything that was asked for is kept, and lets go of the folder.
    fn drop(&mut self) {
        drop(self.reader.take());
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the state folder broke off");
        }
    }
}
