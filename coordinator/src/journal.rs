//! What happens, told in order to whoever runs the service: it shows progress and writes the run's files.

use privet_core::params::Params;
use privet_core::protocol::HexDigest;
use privet_core::round::RoundRecord;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Something that happened to the federation.
#[derive(Debug, Clone)]
pub enum ServiceEvent {
    /// A client has enrolled.
    Enrolled {
        /// Its number, from 1.
        client: u32,
    },
    /// A round is open.
    RoundOpened {
        /// Its number, from 1.
        round: u32,
    },
    /// A round is over.
    RoundClosed(Box<ClosedRound>),
    /// The last round is over.
    Finished {
        /// The final model.
        model_sha256: HexDigest,
    },
}

/// A round that is over, and the model after it.
#[derive(Debug, Clone)]
pub struct ClosedRound {
    /// What remains of the round.
    pub record: RoundRecord,
    /// The model after the round; the one before it if nothing was released.
    pub model: Params,
    /// The digest of that model's file.
    pub model_sha256: HexDigest,
    /// What travelled since the round before was closed.
    pub traffic: Traffic,
}

/// Bytes of vectors that travelled, repetitions included; headers and control messages are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes of updates that arrived.
    pub up: u64,
    /// Bytes of model files that were sent.
    pub down: u64,
}

/// Where a store and a service write down what happens. Clones write into the same journal.
///
/// It never makes a writer wait: events queue until they are read, one model for each round that is over. So it grows with the
/// rounds for which its reader is behind, and with no others; a reader that takes longer to judge a model than a round lasts
/// should judge fewer. If nobody reads them any more, they are dropped.
#[derive(Debug, Clone)]
pub struct Journal {
    events: mpsc::UnboundedSender<ServiceEvent>,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
    all_up: Arc<AtomicU64>,
    all_down: Arc<AtomicU64>,
}

impl Journal {
    /// An empty journal, and the end from which it is read.
    pub fn new() -> (Journal, mpsc::UnboundedReceiver<ServiceEvent>) {
        let (events, reader) = mpsc::unbounded_channel();
        let [up, down, all_up, all_down] = std::array::from_fn(|_| Arc::default());
        (Journal { events, up, down, all_up, all_down }, reader)
    }

    /// Notes an event. A store calls this inside its transactions, so that the order is theirs.
    pub fn note(&self, event: ServiceEvent) {
        // Nobody reading is no fault: then nobody wants to know.
        let _ = self.events.send(event);
    }

    /// What travelled since this was last asked.
    pub fn take_traffic(&self) -> Traffic {
        Traffic { up: self.up.swap(0, Ordering::Relaxed), down: self.down.swap(0, Ordering::Relaxed) }
    }

    /// What travelled since the service began.
    pub(crate) fn all_traffic(&self) -> Traffic {
        Traffic { up: self.all_up.load(Ordering::Relaxed), down: self.all_down.load(Ordering::Relaxed) }
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.up.fetch_add(bytes as u64, Ordering::Relaxed);
        self.all_up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.down.fetch_add(bytes as u64, Ordering::Relaxed);
        self.all_down.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
