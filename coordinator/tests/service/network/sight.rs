//! What a run of the simulation is seen to do.

use privet_core::protocol::{HexDigest, ReceiptMessage, StageReceipt};
use privet_core::random::{Purpose, Seed, Stream};
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The odds that a request of a client also arrives a second time, while there are faults.
const ECHO: f64 = 0.08;
/// The odds that the coordinator dies before a transaction, and that it dies after it, while there are faults.
const DEATH: f64 = 0.015;

/// What all hosts of a simulation share: what happened to them, and the draws that decide it.
pub(super) struct Sight {
    trace: Mutex<Trace>,
    draws: Mutex<Stream>,
    /// Whether there are faults.
    pub(super) stormy: AtomicBool,
    /// Whether the coordinator's process is to end with this step of the simulation.
    pub(super) doomed: AtomicBool,
    /// The receipts that clients got.
    pub(super) receipts: Mutex<Vec<ReceiptMessage>>,
    /// The receipts that they got for messages of masked rounds.
    pub(super) stage_receipts: Mutex<Vec<StageReceipt>>,
    /// The answers by which they helped to unmask a round, by the round and the client, whether or not they arrived.
    pub(super) answers: Mutex<BTreeMap<(u32, u32), BTreeSet<HexDigest>>>,
    /// The final model, by each client that knows it.
    pub(super) told: Mutex<BTreeMap<u32, HexDigest>>,
    /// Agents that could not go on.
    pub(super) failures: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Trace {
    now: Duration,
    lines: Vec<String>,
}

impl Sight {
    pub(super) fn new(seed: u64) -> Sight {
        Sight {
            trace: Mutex::default(),
            draws: Mutex::new(Seed(seed).stream(Purpose::Arrival)),
            stormy: AtomicBool::new(true),
            doomed: AtomicBool::new(false),
            receipts: Mutex::default(),
            stage_receipts: Mutex::default(),
            answers: Mutex::default(),
            told: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Notes something that happened.
    pub(super) fn note(&self, who: impl Display, what: impl Display) {
        let mut trace = self.trace.lock().unwrap();
        let line = format!("{:>6} ms  {who}: {what}", trace.now.as_millis());
        trace.lines.push(line);
    }

    /// What happens from now on happens at this time.
    pub(super) fn set_time(&self, now: Duration) {
        self.trace.lock().unwrap().now = now;
    }

    pub(super) fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap().lines.clone()
    }

    /// Whether a request arrives a second time as well, and after how long.
    pub(super) fn echo(&self) -> Option<Duration> {
        let echoed = self.happens(ECHO);
        echoed.then(|| Duration::from_millis(self.draws.lock().unwrap().random_range(0..3_000)))
    }

    /// Whether the coordinator dies here; if so, it does nothing from now on.
    pub(super) fn coordinator_dies(&self) -> bool {
        if self.happens(DEATH) {
            self.doomed.store(true, Ordering::Relaxed);
        }
        self.doomed.load(Ordering::Relaxed)
    }

    fn happens(&self, odds: f64) -> bool {
        self.stormy.load(Ordering::Relaxed) && self.draws.lock().unwrap().random_bool(odds)
    }
}
