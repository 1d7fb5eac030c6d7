//! The thread that has the state: it alone changes it, and answers when what it changed is on the disk.
//!
//! Whatever arrives while one commit is under way is carried out together and shares the next: the busier the
//! service, the more transactions share the price of a commit, and an idle one waits for nobody.

use super::ModelFormat;
use super::error::SqliteError;
use super::folder::Folder;
use crate::crash::CrashPoint;
use crate::journal::Journal;
use crate::service::Charter;
use crate::store::state::{Change, State};
use crate::store::{Stage, StoreError};
use privet_core::privacy::NoiseSeed;
use privet_core::round::Phase;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// How many transactions share a commit at the most.
const BATCH: usize = 64;

/// Something to be done with the state; it gives what is to be told when that is kept, or cannot be.
pub(super) type Job = Box<dyn FnOnce(&mut State, &mut Vec<Change>) -> Answer + Send>;
/// Tells whoever waits.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The writer of a state folder.
pub(super) struct Writer {
    pub(super) folder: Folder,
    pub(super) charter: Charter,
    pub(super) format: ModelFormat,
    pub(super) noise_seed: Arc<NoiseSeed>,
    pub(super) journal: Journal,
    pub(super) stage: watch::Sender<Stage>,
    /// Absent after a fault: what is on the disk is then read again.
    pub(super) state: Option<State>,
}

impl Writer {
    /// Works until nobody can ask for anything any more.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH);
        while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.carry_out(std::mem::take(&mut batch));
        }
    }

    fn carry_out(&mut self, batch: Vec<Job>) {
        let mut state = match self.take_state() {
            Ok(state) => state,
            Err(error) => {
                tracing::error!(%error, "the state cannot be read");
                // Dropped without an answer: whoever waits is told that the store is broken.
                return;
            }
        };
        let mut changes = Vec::new();
        let answers: Vec<Answer> = batch.into_iter().map(|job| job(&mut state, &mut changes)).collect();
        if changes.is_empty() {
            // A masked round goes from stage to stage with nothing to be kept.
            self.show_stage(&state);
            answers.into_iter().for_each(|answer| answer(Ok(())));
            self.state = Some(state);
            return;
        }
        CrashPoint::Applied.reach();
        match self.folder.keep(&changes, &state) {
            Ok(()) => {
                self.publish(changes, &state);
                answers.into_iter().for_each(|answer| answer(Ok(())));
                CrashPoint::Told.reach();
                self.state = Some(state);
                self.collect();
            }
            Err(error) => {
                tracing::error!(%error, "what has changed cannot be kept: it has not happened");
                let is_beside =
                    |change: &Change| matches!(change, Change::NonceUsed(_) | Change::Late { .. });
                if changes.iter().all(is_beside) {
                    // Memory has some nonces more than the disk, with which nobody got in or gets in any more, and it never has
                    // who came late. Nothing has to be undone, and a masked round, of which the disk knows next to nothing,
                    // goes on.
                    self.show_stage(&state);
                    self.state = Some(state);
                }
                let error = Arc::new(error);
                answers.into_iter().for_each(|answer| answer(Err(StoreError::NotKept(Arc::clone(&error)))));
            }
        }
    }

    fn take_state(&mut self) -> Result<State, SqliteError> {
        match self.state.take() {
            Some(state) => Ok(state),
            None => {
                let state = self.folder.load(&self.charter, &self.format, &self.noise_seed)?;
                if let Phase::Interrupted(round) = state.federation().phase() {
                    let round = round.masked_round;
                    tracing::error!(
                        round,
                        "the masked round is lost: it releases nothing, and the next one begins"
                    );
                }
                self.show_stage(&state);
                Ok(state)
            }
        }
    }

    fn publish(&self, changes: Vec<Change>, state: &State) {
        changes.into_iter().for_each(|change| change.tell(&self.journal));
        self.show_stage(state);
    }

    fn show_stage(&self, state: &State) {
        self.stage.send_if_modified(|stage| std::mem::replace(stage, state.stage()) != state.stage());
    }

    fn collect(&self) {
        if let Err(error) = self.folder.collect() {
            tracing::warn!(%error, "files that are no longer needed stay until the next are removed");
        }
        CrashPoint::Collected.reach();
    }
}
