//! The coordinator and its clients' agents, as they are, over a network that delays, drops, holds back, repeats and cuts
//! off, with processes that die and start again: whatever happens, an acknowledged update counts once, and when the faults
//! stop the federation finishes.
//!
//! Everything happens in one thread and in simulated time: a seed says all, so that a run that fails can be run again. A seed
//! that has failed becomes a test with a name.
//!
//! ```text
//! federation  each client's update is a unit vector of its own      weather   which faults there are, and when
//! line, tls   requests over the simulated network                   keeper    a store that outlives the process
//! simulation  the hosts, and time                                   door      connections that outlive it too
//! oracle      what must be true of a run                            sight     what happened in it
//! ```

mod door;
mod federation;
mod keeper;
mod line;
mod oracle;
mod sight;
mod simulation;
mod tls;
mod weather;

use crate::harness::Remembers;
use federation::{Kind, first_model, plan};
use keeper::at_once;
use oracle::Remains;
use privet_coordinator::{
    Charter, Journal, MemoryStore, ModelFormat, ServiceEvent, SqliteStore, Store, check_folder,
};
use privet_core::nn;
use privet_core::params::Params;
use privet_core::round::Federation;
use sight::Sight;
use simulation::{simulate, tally};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The seeds of an ordinary run; `PRIVET_SEEDS`, for example `1000..5000`, asks for others.
const SEEDS: std::ops::Range<u64> = 0..300;
/// Those over TLS, in which a connection is cut off in the middle of a greeting too.
const SEEDS_SECURED: std::ops::Range<u64> = 0..40;
/// Those of masked rounds, in which clients keep on a disk what they have answered.
const SEEDS_MASKED: std::ops::Range<u64> = 0..10;
/// Those that are run twice.
const SEEDS_TWICE: std::ops::Range<u64> = 0..10;
/// Those of runs that keep their state in a folder: a disk takes its time.
const SEEDS_ON_DISK: std::ops::Range<u64> = 0..4;

/// Runs a seed on a store in memory that outlives the coordinator. Gives the trace.
fn in_memory(kind: Kind, seed: u64) -> Vec<String> {
    let (plan, network) = plan(kind);
    let (journal, events) = Journal::new();
    let charter = Charter::new(&plan, &network);
    let federation = Federation::new(charter.rules.clone(), first_model(&network));
    let encode = move |model: &Params| nn::to_safetensors(&network, model);
    let store = Arc::new(MemoryStore::new(
        federation,
        &charter,
        encode,
        journal.clone(),
        crate::harness::lease_key(),
    ));
    run(kind, seed, journal, events, move || Arc::clone(&store))
}

/// Runs a seed on a state folder, which is opened whenever the coordinator starts. Gives the trace.
fn in_folder(kind: Kind, seed: u64) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (journal, events) = Journal::new();
    let (path, of_store) = (folder.path().to_owned(), journal.clone());
    let trace = run(kind, seed, journal, events, move || Arc::new(open(kind, &path, of_store.clone())));
    check_folder(folder.path()).unwrap();
    trace
}

fn open(kind: Kind, path: &Path, journal: Journal) -> SqliteStore {
    let (plan, network) = plan(kind);
    let (charter, first) = (Charter::new(&plan, &network), first_model(&network));
    let format = ModelFormat {
        encode: Arc::new(move |model: &Params| nn::to_safetensors(&network, model)),
        decode: Arc::new(|bytes: &[u8]| Ok(nn::from_safetensors(bytes)?.1)),
    };
    SqliteStore::open(path, &charter, &first, crate::harness::noise_seed(), format, journal).unwrap()
}

fn run<S: Store>(
    kind: Kind,
    seed: u64,
    journal: Journal,
    mut events: tokio::sync::mpsc::UnboundedReceiver<ServiceEvent>,
    open: impl Fn() -> Arc<S> + Clone + 'static,
) -> Vec<String> {
    let (plan, network) = plan(kind);
    let sight = Arc::new(Sight::new(seed));
    let finished = simulate(kind, seed, &journal, &sight, open.clone());
    let rounds = std::iter::from_fn(|| events.try_recv().ok()).filter_map(|event| match event {
        ServiceEvent::RoundClosed(closed) => Some(*closed),
        _ => None,
    });
    let remains = Remains {
        kind,
        finished,
        failures: sight.failures.lock().unwrap().clone(),
        plan_sha256: plan.digest(),
        first_model: first_model(&network),
        rounds: rounds.collect(),
        records: at_once(async { open().records().await }).unwrap(),
        receipts: sight.receipts.lock().unwrap().clone(),
        stage_receipts: sight.stage_receipts.lock().unwrap().clone(),
        answers: sight.answers.lock().unwrap().clone(),
        told: sight.told.lock().unwrap().clone(),
    };
    let trace = sight.trace();
    if let Err(violation) = remains.check() {
        panic!("{kind:?}, seed {seed}: {violation:?}\n{}", trace.join("\n"));
    }
    trace
}

fn seeds(usual: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var("PRIVET_SEEDS") else { return usual };
    let (first, end) = asked.split_once("..").expect("PRIVET_SEEDS is written as 0..300");
    first.parse().unwrap()..end.parse().unwrap()
}

#[test]
fn whatever_the_network_does_an_acknowledged_update_counts_once() {
    let mut seen = BTreeMap::new();
    let kinds = [
        "Begins",
        "ClientStarts",
        "CoordinatorStarts",
        "dies before",
        "dies after",
        "dies after counts",
        "echo of",
        "nothing",
        "PUT",
        "nonce-used",
        "too-late",
        "lease-lapsed",
        "Missed",
    ];
    for seed in seeds(SEEDS) {
        tally(&in_memory(Kind::Plain, seed), &mut seen, &kinds);
    }
    // A simulation in which a fault never happens proves nothing about it.
    assert!(seen.values().all(|times| *times > 0), "{seen:?}");
}

#[test]
fn over_tls_an_acknowledged_update_counts_once_too() {
    let mut seen = BTreeMap::new();
    let kinds = ["CoordinatorStarts", "dies after counts", "echo of", "nothing", "PUT", "Missed"];
    for seed in seeds(SEEDS_SECURED) {
        tally(&in_memory(Kind::Secured, seed), &mut seen, &kinds);
    }
    assert!(seen.values().all(|times| *times > 0), "{seen:?}");
}

#[test]
fn a_state_folder_loses_nothing_either() {
    for seed in seeds(SEEDS_ON_DISK) {
        in_folder(Kind::Plain, seed);
    }
}

/// The coordinator's process dies here as well, and the round with it only where its state is on a disk: then it is
/// abandoned.
#[test]
fn whatever_the_network_does_masks_come_off_a_sum_of_what_was_acknowledged() {
    let mut seen = BTreeMap::new();
    let kinds = [
        "ClientStarts",
        "CoordinatorStarts",
        "dies after takes",
        "echo of",
        "stages/answer",
        "lease-lapsed",
        "Counted",
        "Missed",
        "Left",
    ];
    for seed in seeds(SEEDS_MASKED) {
        tally(&in_memory(Kind::Masked, seed), &mut seen, &kinds);
    }
    for seed in seeds(SEEDS_ON_DISK) {
        tally(&in_folder(Kind::Masked, seed), &mut seen, &kinds);
    }
    assert!(seen.values().all(|times| *times > 0), "{seen:?}");
}

#[test]
fn a_seed_says_everything() {
    for seed in seeds(SEEDS_TWICE) {
        for kind in [Kind::Plain, Kind::Secured, Kind::Masked] {
            let (once, again) = (in_memory(kind, seed), in_memory(kind, seed));
            let differs = (0..once.len().max(again.len())).find(|at| once.get(*at) != again.get(*at));
            let lines = differs.map(|at| (&once[at.min(once.len())..], &again[at.min(again.len())..]));
            assert_eq!(lines, None, "{kind:?}, seed {seed}");
        }
    }
    assert_eq!(in_folder(Kind::Plain, 0), in_folder(Kind::Plain, 0));
}
