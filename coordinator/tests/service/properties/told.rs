//! What a store tells, to be compared.

use crate::harness::Remembers;
use privet_coordinator::{Stage, Store, Totals};
use privet_core::protocol::{HexDigest, PhaseName, RoundSummary};
use privet_core::round::{Assignment, RoundRecord, Timestamp};

/// All that a store tells. Models are left out where their noise differs from one store to the other, and who came
/// late where a refusal may change it.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub(super) phase: (PhaseName, u32, u32),
    pub(super) models: Vec<HexDigest>,
    pub(super) records: Vec<RoundRecord>,
    pub(super) history: Vec<RoundSummary>,
    pub(super) totals: Totals,
    pub(super) spent: Option<(u64, f64, bool)>,
    pub(super) stage: Stage,
    pub(super) assignments: Vec<Option<Assignment>>,
    /// When leases lapse. Each store makes its own tokens.
    pub(super) leases: Vec<Option<Timestamp>>,
}

pub(super) async fn told(store: &impl Store, now: Timestamp, noisy: bool) -> Told {
    let (mut assignments, mut leases) = (Vec::new(), Vec::new());
    for client in 0..=4 {
        let orders = store.check_in(client, now).await.ok();
        assignments.push(orders.map(|orders| orders.assignment));
        leases.push(orders.and_then(|orders| orders.lease).map(|lease| lease.expires));
    }
    let standing = store.standing().await.unwrap();
    let sealed = store.records().await.unwrap();
    let models = [standing.model_sha256].into_iter().chain(sealed.iter().map(|sealed| sealed.model_out));
    let mut history = store.history().await.unwrap();
    if noisy {
        history.iter_mut().for_each(|round| round.model_sha256 = HexDigest([0; 32]));
    }
    let spending = store.spending().await.unwrap();
    Told {
        phase: (standing.phase, standing.round, standing.enrolled),
        models: if noisy { Vec::new() } else { models.collect() },
        records: sealed.into_iter().map(|sealed| without_noise(sealed.record)).collect(),
        history,
        totals: store.totals().await.unwrap(),
        spent: spending.map(|spending| (spending.ledger.releases(), spending.epsilon, spending.exhausted)),
        stage: *store.stage().borrow(),
        assignments,
        leases,
    }
}

/// A store that was opened again draws other noise, and the noised mean tells of it.
fn without_noise(mut record: RoundRecord) -> RoundRecord {
    if let Some(diagnostics) = &mut record.diagnostics {
        diagnostics.signal_to_noise = None;
    }
    record
}

pub(super) fn without_late(mut told: Told) -> Told {
    told.history.iter_mut().for_each(|round| round.late.clear());
    told
}
