//! The thread that reads rounds that are over, on a connection of its own: it sees what has been committed, and the writer
//! does not wait for it.

use super::error::SqliteError;
use super::records;
use crate::store::{PastRound, StoreError};
use privet_core::round::SealedRecord;
use rusqlite::{Connection, OpenFlags};
use std::io;
use std::path::Path;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// How many questions may wait to be answered; who comes after that waits to be let in.
const QUEUE: usize = 64;

type Question = Box<dyn FnOnce(&mut Records) + Send>;

/// Asks for rounds that are over.
pub(super) struct Reader {
    questions: Option<mpsc::Sender<Question>>,
    thread: Option<JoinHandle<()>>,
}

/// Where the records are.
struct Records {
    connection: Connection,
    /// The last one that was asked for by itself: who comes late comes for the round that has just ended, and not alone.
    latest: Option<SealedRecord>,
}

impl Reader {
    /// Reads from a database that is there.
    pub(super) fn open(database: &Path) -> Result<Reader, SqliteError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags)?;
        let (questions, mut waiting) = mpsc::channel::<Question>(QUEUE);
        let mut records = Records { connection, latest: None };
        let thread = std::thread::Builder::new()
            .name("state-reader".into())
            .spawn(move || {
                while let Some(question) = waiting.blocking_recv() {
                    question(&mut records);
                }
            })
            .map_err(|source: io::Error| SqliteError::File { path: database.into(), source })?;
        Ok(Reader { questions: Some(questions), thread: Some(thread) })
    }

    /// A round that is over.
    pub(super) async fn round(&self, round: u32) -> Result<PastRound, StoreError> {
        self.ask(move |records| records.round(round)).await
    }

    /// Some of the rounds after one.
    pub(super) async fn after(&self, round: u32) -> Result<Vec<PastRound>, StoreError> {
        self.ask(move |records| records::after(&records.connection, round)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Records) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        // Nobody waiting is no fault: whoever asked has gone away.
        let question: Question = Box::new(move |records| drop(tell.send(question(records))));
        let questions = self.questions.as_ref().expect("the queue is closed when the reader is dropped");
        questions.send(question).await.map_err(|_| StoreError::Broken)?;
        told.await.map_err(|_| StoreError::Broken)?.map_err(|error| StoreError::Unreadable(Box::new(error)))
    }
}

impl Records {
    fn round(&mut self, round: u32) -> Result<PastRound, SqliteError> {
        let sealed = match self.latest.take().filter(|sealed| sealed.record.round == round) {
            Some(sealed) => sealed,
            None => records::record(&self.connection, round)?,
        };
        self.latest = Some(sealed.clone());
        Ok(PastRound { late: records::late(&self.connection, round)?, sealed })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the reader of the state folder broke off");
        }
    }
}
