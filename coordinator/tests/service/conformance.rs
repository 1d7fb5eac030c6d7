//! What every store promises, in memory and on a disk.

mod leases;
mod past;

use crate::harness::{ONE, Remembers, charter, encode, first_model, identity, noise_seed, rules, store};
use privet_coordinator::{
    Denial, Invitation, Journal, ModelFormat, ServiceEvent, SqliteStore, Stage, Standing, Store, StoreError,
};
use privet_core::encoding::Update;
use privet_core::params::Params;
use privet_core::protocol::signature::{Claim, Nonce};
use privet_core::protocol::{Enrol, HexDigest, PhaseName, RoundOutcome};
use privet_core::round::{
    Assignment, Holding, LEASES, Receipt, Refusal, Rules, Submission, Timestamp, check_chain,
};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use leases::*;

const START: Timestamp = Timestamp(1_000);

/// Every property, for each kind of store.
macro_rules! for_each_store {
    ($($property:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $property() {
                super::$property(super::store(super::rules(), super::Journal::new().0)).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $property() {
                let folder = tempfile::tempdir().unwrap();
                super::$property(super::open(folder.path(), super::Journal::new().0)).await;
            })*
        }
    };
}

for_each_store!(
    a_key_has_one_place,
    of_many_that_bring_one_token_one_is_let_in,
    an_update_that_races_with_its_clients_end_counts_or_is_refused,
    a_nonce_is_taken_once_and_only_with_the_clients_own_key,
    an_update_counts_once_however_often_it_is_sent,
    who_goes_away_cancels_nothing_half_way,
    of_two_updates_of_one_client_that_race_one_counts,
    an_update_that_races_with_the_deadline_counts_or_is_late,
    the_records_are_a_chain_and_tell_the_models,
    what_is_refused_changes_nothing,
    a_task_has_one_good_lease_at_a_time,
    a_lease_is_of_one_client_and_one_round,
    what_was_acknowledged_is_acknowledged_under_any_lease,
    a_model_is_kept_as_long_as_a_task_may_name_it,
);

pub(crate) fn format() -> ModelFormat {
    let decode = |bytes: &[u8]| {
        let (values, _) = bytes.as_chunks::<4>();
        let values = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        Ok(Params::new(Arc::clone(first_model().layout()), values)?)
    };
    ModelFormat { encode: Arc::new(encode), decode: Arc::new(decode) }
}

pub(crate) fn open_with(folder: &Path, rules: Rules, journal: Journal) -> SqliteStore {
    SqliteStore::open(folder, &charter(rules), &first_model(), noise_seed(), format(), journal).unwrap()
}

pub(crate) fn open(folder: &Path, journal: Journal) -> SqliteStore {
    open_with(folder, rules(), journal)
}

pub(crate) fn submission(round: u32, client: u32) -> Submission {
    let update = Update { delta: vec![ONE, client as i32 * ONE], weight: client, loss: ONE };
    Submission { client, round, update, digest: Some(HexDigest([client as u8; 32])) }
}

/// By the machine's clock, in seconds.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn claim(client: u32, nonce: u8) -> Claim {
    let (key, nonce) = (identity(client).key(), Nonce([nonce; 16]));
    Claim { key, created: NOW, nonce, content: HexDigest([0; 32]) }
}

pub(crate) async fn enrol_all(store: &impl Store) {
    for client in 1..=3 {
        let request = Enrol { key: identity(client).key(), place: Some(client), token: None };
        assert_eq!(store.enrol(request, Invitation::NotNeeded, START).await.unwrap(), client);
    }
}

async fn submit_all(store: &impl Store, round: u32) {
    for client in 1..=3 {
        submit(store, submission(round, client), START).await.unwrap();
    }
}

/// Sends an update as a client does that checks in before.
pub(crate) async fn submit(
    store: &impl Store,
    submission: Submission,
    now: Timestamp,
) -> Result<Receipt, StoreError> {
    let holding = holding(store, submission.client, now).await;
    store.submit(submission, holding, now).await
}

/// The lease that a client has at this time, if it has one.
pub(crate) async fn holding(store: &impl Store, client: u32, now: Timestamp) -> Holding {
    let lease = store.check_in(client, now).await.ok().and_then(|orders| orders.lease);
    Holding { token: lease.map(|lease| lease.token), begun: now }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Refusal {
    match answer {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn a_key_has_one_place(store: impl Store) {
    let store = Arc::new(store);
    let mut enrolments = JoinSet::new();
    for turn in 0..30 {
        let store = Arc::clone(&store);
        let request = Enrol { key: identity(1 + turn % 3).key(), place: None, token: None };
        enrolments.spawn(async move {
            (turn % 3, store.enrol(request, Invitation::NotNeeded, START).await.unwrap())
        });
    }
    let mut places: Vec<(u32, u32)> = enrolments.join_all().await;
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 3, "a key always has the same place: {places:?}");
    let mut taken: Vec<u32> = places.into_iter().map(|(_, place)| place).collect();
    taken.sort_unstable();
    assert_eq!(taken, [1, 2, 3]);
    let stranger = Enrol { key: identity(4).key(), place: None, token: None };
    assert_eq!(
        refused(store.enrol(stranger, Invitation::NotNeeded, START).await),
        Refusal::Full { places: 3 }
    );
    let clients = store.clients().await.unwrap();
    let known = |client: u32| clients.iter().any(|known| known.key == identity(client).key());
    assert!(clients.len() == 3 && known(1) && known(2) && known(3));
}

async fn of_many_that_bring_one_token_one_is_let_in(store: impl Store) {
    let store = Arc::new(store);
    let token = HexDigest([7; 32]);
    store.invite(token).await.unwrap();
    let mut enrolments = JoinSet::new();
    for number in 1..=20 {
        let store = Arc::clone(&store);
        let request = Enrol { key: identity(number).key(), place: None, token: None };
        enrolments.spawn(async move { store.enrol(request, Invitation::Token(token), START).await });
    }
    let answers = enrolments.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let spent = |answer: &&Result<u32, _>| matches!(answer, Err(StoreError::Denied(Denial::TokenSpent)));
    assert_eq!(answers.iter().filter(spent).count(), 19);
    assert_eq!(store.standing().await.unwrap().enrolled, 1);
}

/// In either order: what counted before stays in, and the round is over without waiting.
async fn an_update_that_races_with_its_clients_end_counts_or_is_refused(store: impl Store) {
    enrol_all(&store).await;
    for client in 1..=2 {
        submit(&store, submission(1, client), START).await.unwrap();
    }
    let (update, revoked) = tokio::join!(submit(&store, submission(1, 3), START), store.revoke(3, START));
    revoked.unwrap();
    let record = store.records().await.unwrap().remove(0).record;
    assert_eq!(record.contributions.contains_key(&3), update.is_ok(), "{update:?}");
    assert_eq!(record.declined.contains(&3), update.is_err());
    assert_eq!(store.standing().await.unwrap().round, 2);
}

async fn a_nonce_is_taken_once_and_only_with_the_clients_own_key(store: impl Store) {
    let store = Arc::new(store);
    enrol_all(&*store).await;
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&store);
        requests.spawn(async move { store.admit(1, claim(1, 7), NOW).await });
    }
    let admitted = requests.join_all().await;
    assert_eq!(admitted.iter().filter(|answer| answer.is_ok()).count(), 1);
    let denied = async |client, claim| match store.admit(client, claim, NOW).await {
        Err(StoreError::Denied(denial)) => denial,
        other => panic!("expected a denial, got {other:?}"),
    };
    assert_eq!(denied(1, claim(1, 7)).await, Denial::NonceUsed);
    assert_eq!(denied(1, claim(2, 8)).await, Denial::AnotherKey { client: 1 });
    store.admit(2, claim(2, 7), NOW).await.unwrap();
    assert_eq!(refused(store.admit(4, claim(4, 7), NOW).await), Refusal::NotEnrolled { client: 4 });
}

async fn an_update_counts_once_however_often_it_is_sent(store: impl Store) {
    let store = Arc::new(store);
    enrol_all(&*store).await;
    let mut uploads = JoinSet::new();
    for turn in 0..60 {
        let store = Arc::clone(&store);
        uploads.spawn(async move { submit(&*store, submission(1, 1 + turn % 3), START).await.unwrap() });
    }
    for receipt in uploads.join_all().await {
        assert_eq!(receipt.contribution.weight, receipt.client);
    }
    let record = &store.records().await.unwrap()[0];
    assert_eq!(record.record.contributions.len(), 3);
    // Weights 1, 2, 3 and second coordinates 1, 2, 3: (1 + 4 + 9) / 6.
    let model = store.model(record.model_out).await.unwrap().unwrap();
    let expected: Vec<u8> = [1.0_f32, 14.0 / 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(*model, *expected);
}

async fn who_goes_away_cancels_nothing_half_way(store: impl Store) {
    enrol_all(&store).await;
    for client in 1..=3 {
        let holding = holding(&store, client, START).await;
        let submit = pin!(store.submit(submission(1, client), holding, START));
        // Begun, and dropped as the handler of a client that goes away is: all of it happens, or nothing.
        tokio::select! {
            biased;
            _ = submit => {}
            () = std::future::ready(()) => {}
        }
    }
    submit_all(&store, 1).await;
    let record = &store.records().await.unwrap()[0];
    assert_eq!(record.record.contributions.len(), 3);
    let model = store.model(record.model_out).await.unwrap().unwrap();
    let expected: Vec<u8> = [1.0_f32, 14.0 / 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(*model, *expected);
}

async fn of_two_updates_of_one_client_that_race_one_counts(store: impl Store) {
    let store = Arc::new(store);
    enrol_all(&*store).await;
    let mut uploads = JoinSet::new();
    for body in 1..=20 {
        let store = Arc::clone(&store);
        let update = Submission { digest: Some(HexDigest([body; 32])), ..submission(1, 1) };
        uploads.spawn(async move { submit(&*store, update, START).await });
    }
    let answers = uploads.join_all().await;
    let (counted, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(counted.len(), 1);
    for other in others {
        assert_eq!(refused(other), Refusal::AnotherUpdate { round: 1, client: 1 });
    }
}

async fn an_update_that_races_with_the_deadline_counts_or_is_late(store: impl Store) {
    let store = Arc::new(store);
    enrol_all(&*store).await;
    submit(&*store, submission(1, 1), START).await.unwrap();
    submit(&*store, submission(1, 2), START).await.unwrap();
    let deadline = START.after(Duration::from_secs(10));
    let (upload, ticks) = (Arc::clone(&store), Arc::clone(&store));
    let upload = tokio::spawn(async move { submit(&*upload, submission(1, 3), START).await });
    let ticks = tokio::spawn(async move { ticks.tick(deadline).await });
    let answer = upload.await.unwrap();
    ticks.await.unwrap().unwrap();
    let round = &store.history().await.unwrap()[0];
    match answer {
        Ok(_) => assert_eq!((&round.contributed[..], &round.late[..]), (&[1, 2, 3][..], &[][..])),
        late => {
            assert_eq!(refused(late), Refusal::TooLate { round: 1, client: 3 });
            assert_eq!((&round.contributed[..], &round.late[..]), (&[1, 2][..], &[3][..]));
        }
    }
}

async fn the_records_are_a_chain_and_tell_the_models(store: impl Store) {
    enrol_all(&store).await;
    let first = store.standing().await.unwrap().model_sha256;
    submit_all(&store, 1).await;
    let orders = store.check_in(1, START.after(Duration::from_secs(60))).await.unwrap();
    let records = store.records().await.unwrap();
    let plan_sha256 = HexDigest::of(charter(rules()).plan.as_bytes());
    check_chain(&records, plan_sha256).unwrap();
    assert_eq!((records.len(), records[0].model_in), (2, first));
    assert_eq!(orders.assignment, Assignment::Finished);
    assert_eq!(records[1].model_out, orders.model_sha256);
    let history = store.history().await.unwrap();
    assert_eq!(history[1].outcome, RoundOutcome::Abandoned { minimum: 2 });
    assert_eq!(*store.stage().borrow(), Stage::Finished);
}

async fn what_is_refused_changes_nothing(store: impl Store) {
    enrol_all(&store).await;
    let before = store.standing().await.unwrap();
    assert_eq!(refused(submit(&store, submission(2, 1), START).await), Refusal::RoundNotOpen { round: 2 });
    assert_eq!(refused(submit(&store, submission(1, 9), START).await), Refusal::NotEnrolled { client: 9 });
    assert_eq!(refused(store.decline(9, 1, None, START).await), Refusal::NotEnrolled { client: 9 });
    assert_eq!(refused(store.check_in(9, START).await), Refusal::NotEnrolled { client: 9 });
    let mut weighty = submission(1, 1);
    weighty.update.weight = 101;
    assert_eq!(refused(submit(&store, weighty, START).await), Refusal::Weight { weight: 101, cap: 100 });
    assert_eq!(store.standing().await.unwrap(), before);
    submit_all(&store, 1).await;
    assert_eq!(store.history().await.unwrap()[0].contributed, [1, 2, 3]);
}

async fn a_model_is_kept_as_long_as_a_task_may_name_it(store: impl Store) {
    enrol_all(&store).await;
    let mut models = vec![store.standing().await.unwrap().model_sha256];
    for round in 1..=2 {
        submit_all(&store, round).await;
        models.push(store.standing().await.unwrap().model_sha256);
    }
    assert!(store.model(models[0]).await.unwrap().is_none());
    for digest in &models[1..] {
        assert_eq!(HexDigest::of(&store.model(*digest).await.unwrap().unwrap()), *digest);
    }
    let expected = Standing { phase: PhaseName::Finished, round: 2, enrolled: 3, model_sha256: models[2] };
    assert_eq!(store.standing().await.unwrap(), expected);
}

/// What happens is told in the same order by all stores.
#[tokio::test]
async fn both_stores_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, events) = Journal::new();
    run(&store(rules(), journal)).await;
    let memory = told(events);
    let (journal, events) = Journal::new();
    run(&open(folder.path(), journal)).await;
    let sqlite = told(events);
    assert_eq!(memory, sqlite);
    assert_eq!(memory.len(), 8, "{memory:#?}");
}

async fn run(store: &impl Store) {
    enrol_all(store).await;
    submit_all(store, 1).await;
    store.decline(1, 2, None, START).await.unwrap();
    store.tick(START.after(Duration::from_secs(10))).await.unwrap();
}

fn told(mut events: mpsc::UnboundedReceiver<ServiceEvent>) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(match event {
            ServiceEvent::RoundClosed(closed) => format!("{:?} {}", closed.record, closed.model_sha256),
            event => format!("{event:?}"),
        });
    }
    told
}
