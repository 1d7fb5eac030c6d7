//! What a federation tells of its privacy, and what it keeps to itself.

use crate::conformance::submit;
use crate::conformance::{enrol_all, format};
use crate::harness::{
    Garden, ManualClock, PARAMETERS, Remembers, charter, encode, first_model, lease_key, noise_seed, put,
};
use axum::http::StatusCode;
use privet_coordinator::{
    Charter, Journal, MemoryStore, Options, Service, ServiceEvent, SqliteError, SqliteStore, Store, app,
    check,
};
use privet_core::encoding::Update;
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use privet_core::protocol::{CheckInAnswer, HexDigest, PrivacyState, Problem, RoundSummary, UpdateMessage};
use privet_core::round::{Federation, Rules, Submission, Timestamp, check_chain};
use std::path::Path;
use std::sync::Arc;

const START: Timestamp = Timestamp(1_000);

/// Three clients, each in a round by a coin that always says yes, so that the cohort must be kept secret.
const PLAN: &str = "\
[federation]
rounds = 1
[data]
source = \"digits\"
[partition]
clients = 3
[cohort]
sampling = \"poisson\"
[aggregation]
weights = \"uniform\"
[encoding]
fraction-bits = 16
[privacy]
clip = 1.0
delta = 1e-5
noise-multiplier = 1.0
";

fn private_rules() -> Rules {
    Rules::new(&Plan::parse(PLAN).unwrap())
}

fn private() -> Garden {
    let rules = private_rules();
    let (journal, _) = Journal::new();
    let seed = Arc::new(NoiseSeed::from_bytes(&mut [1; 32]));
    let federation = Federation::protected(rules.clone(), first_model(), seed);
    let store = MemoryStore::new(federation, &charter(rules.clone()), encode, journal.clone(), lease_key());
    let service = Service::new(store, charter(rules), ManualClock::new(), Options::default(), journal);
    Garden { app: app(service) }
}

fn update(client: u32, steps: i32) -> Vec<u8> {
    let mut delta = vec![0; PARAMETERS];
    delta[0] = steps;
    UpdateMessage { round: 1, client, update: Update { delta, weight: 1, loss: 0 } }.encode()
}

#[tokio::test]
async fn what_was_spent_is_told_and_who_took_part_is_not() {
    let garden = private();
    let before: PrivacyState = garden.get("/v1/privacy").await.json();
    assert_eq!((before.epsilon, before.releases, before.target_epsilon), (0.0, 0, None));
    garden.enrol_all().await;
    // The round is written down when it opens.
    let open: PrivacyState = garden.get("/v1/privacy").await.json();
    assert!((open.epsilon - 4.377_178_096).abs() < 1e-3 && open.releases == 1, "{open:?}");

    for client in 1..=3 {
        let answer = garden.upload(1, client, update(client, 1000)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert!(rounds[0].cohort.is_empty() && rounds[0].contributed.is_empty(), "{rounds:?}");
    assert_eq!(rounds[0].epsilon, Some(open.epsilon));
}

#[tokio::test]
async fn an_update_longer_than_the_clip_is_refused() {
    let garden = private();
    garden.enrol_all().await;
    let answer = garden.send(put(1, 1, update(1, (1 << 16) + 1))).await;
    assert_eq!(answer.problem(), Problem::UpdateNotClipped);
    assert_eq!(garden.upload(1, 1, update(1, 1 << 16)).await.status, StatusCode::OK);
}

/// The private federation in a folder, as a process with this seed would take it up.
fn reopen(folder: &Path, seed: Arc<NoiseSeed>) -> Result<SqliteStore, SqliteError> {
    reopen_as(PLAN, folder, seed)
}

fn reopen_as(plan: &str, folder: &Path, seed: Arc<NoiseSeed>) -> Result<SqliteStore, SqliteError> {
    let plan = Plan::parse(plan).unwrap();
    let charter = Charter { plan: plan.to_toml(), ..charter(Rules::new(&plan)) };
    SqliteStore::open(folder, &charter, &first_model(), seed, format(), Journal::new().0)
}

fn submission(client: u32) -> Submission {
    let update = Update { delta: vec![1000; PARAMETERS], weight: 1, loss: 0 };
    Submission { client, round: 1, update, digest: Some(HexDigest([client as u8; 32])) }
}

async fn spent(store: &SqliteStore) -> (f64, u64) {
    let spending = store.spending().await.unwrap().unwrap();
    (spending.epsilon, spending.ledger.releases())
}

#[tokio::test]
async fn what_was_spent_outlives_the_process_also_if_nothing_was_released_for_it() {
    for noise_at in ["coordinator", "clients", "local"] {
        spent_once(&PLAN.replace("clip = 1.0", &format!("noise-at = \"{noise_at}\"\nclip = 1.0"))).await;
    }
}

async fn spent_once(plan: &str) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let reopen = |folder: &Path, seed| reopen_as(plan, folder, seed);
    let store = reopen(folder, noise_seed()).unwrap();
    enrol_all(&store).await;
    let before = spent(&store).await;
    assert!(before.0 > 4.0 && before.1 == 1, "{before:?}");
    drop(store);

    // Between the entry in the ledger and the release: the round counts, once, and goes on with its cohort.
    let store = reopen(folder, noise_seed()).unwrap();
    assert_eq!(spent(&store).await, before);
    for client in 1..=2 {
        submit(&store, submission(client), START).await.unwrap();
    }
    drop(store);
    assert_eq!(check(folder, &*format().decode).unwrap().epsilon, Some(before.0));

    let store = reopen(folder, noise_seed()).unwrap();
    assert_eq!(spent(&store).await, before);
    submit(&store, submission(3), START).await.unwrap();
    assert_eq!(store.records().await.unwrap()[0].record.contributions.len(), 3);
    let model = store.standing().await.unwrap().model_sha256;
    drop(store);

    let store = reopen(folder, noise_seed()).unwrap();
    assert_eq!((spent(&store).await, store.standing().await.unwrap().model_sha256), (before, model));
}

#[tokio::test]
async fn a_ledger_that_was_changed_is_found() {
    for (statement, words) in [
        ("DELETE FROM ledger", "the ledger has 0"),
        ("UPDATE ledger SET round = 2", "round 2 is kept where round 1 belongs"),
        (
            "UPDATE ledger SET event = replace(event, 'multiplier\":1.0', 'multiplier\":9.0')",
            "not what a round of the plan releases",
        ),
        ("UPDATE ledger SET distance = 0", "not what a round of the plan releases"),
        ("UPDATE ledger SET event = '{}'", "cannot be read"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        enrol_all(&reopen(folder.path(), noise_seed()).unwrap()).await;
        rusqlite::Connection::open(folder.path().join("state.sqlite"))
            .unwrap()
            .execute_batch(statement)
            .unwrap();
        let found = check(folder.path(), &*format().decode).unwrap_err().to_string();
        assert!(found.contains(words), "{statement}: {found}");
        assert_eq!(reopen(folder.path(), noise_seed()).err().unwrap().to_string(), found);
    }
}

#[tokio::test]
async fn noise_that_somebody_knows_and_noise_that_nobody_knows_do_not_mix() {
    let given = || Arc::new(NoiseSeed::given([7; 32]));
    let folder = tempfile::tempdir().unwrap();
    drop(reopen(folder.path(), noise_seed()).unwrap());
    assert!(matches!(reopen(folder.path(), given()), Err(SqliteError::GivenNoise)));
    let folder = tempfile::tempdir().unwrap();
    drop(reopen(folder.path(), given()).unwrap());
    assert!(matches!(reopen(folder.path(), noise_seed()), Err(SqliteError::SecretNoise)));
    reopen(folder.path(), given()).unwrap();
}

/// With a chance below one in ten thousand anybody is drawn: the rounds are over as soon as they are open.
#[tokio::test]
async fn rounds_that_close_in_one_step_have_models_of_their_own() {
    let plan = PLAN
        .replace("rounds = 1", "rounds = 3")
        .replace("sampling = \"poisson\"", "sampling = \"poisson\"\nfraction = 1e-5\nminimum = 0");
    let rules = Rules::new(&Plan::parse(&plan).unwrap());
    let (journal, mut events) = Journal::new();
    let federation = Federation::protected(rules.clone(), first_model(), noise_seed());
    let store = MemoryStore::new(federation, &charter(rules), encode, journal, lease_key());
    enrol_all(&store).await;
    let records = store.records().await.unwrap();
    assert_eq!(records.len(), 3);
    let mut models = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let ServiceEvent::RoundClosed(closed) = event {
            assert_eq!(HexDigest::of(&encode(&closed.model)), closed.model_sha256);
            models.push(closed.model_sha256);
        }
    }
    assert_eq!(models, records.iter().map(|sealed| sealed.model_out).collect::<Vec<_>>());
    assert!(models[0] != models[1] && models[1] != models[2], "each releases noise of its own");
    check_chain(&records, HexDigest::of(b"name = \"garden\"\n")).unwrap();
}

#[tokio::test]
async fn a_task_names_the_clip_that_the_votes_have_made() {
    let plan = PLAN
        .replace("rounds = 1", "rounds = 2")
        .replace("noise-multiplier = 1.0", "noise-multiplier = 1.0\nadaptive-clip = { learning-rate = 1.0 }");
    let rules = Rules::new(&Plan::parse(&plan).unwrap());
    let (journal, _) = Journal::new();
    let federation = Federation::protected(rules.clone(), first_model(), noise_seed());
    let store = MemoryStore::new(federation, &charter(rules.clone()), encode, journal.clone(), lease_key());
    let service = Service::new(store, charter(rules), ManualClock::new(), Options::default(), journal);
    let garden = Garden { app: app(service) };
    garden.enrol_all().await;
    let clip = async || match garden.check_in(1).await.assignment() {
        CheckInAnswer::Train { clip, .. } => clip.unwrap().norm(),
        other => panic!("{other:?}"),
    };
    assert_eq!(clip().await, 1.0);
    let vote = |client, vote| {
        let update = Update { delta: vec![1000, 0, vote], weight: 1, loss: 0 };
        UpdateMessage { round: 1, client, update }.encode()
    };
    assert_eq!(garden.send(put(1, 1, vote(1, 1025))).await.problem(), Problem::UpdateNotClipped);
    assert_eq!(garden.send(put(1, 1, update(1, 0))).await.problem(), Problem::WrongLength);
    for client in 1..=3 {
        assert_eq!(garden.upload(1, client, vote(client, 1024)).await.status, StatusCode::OK);
    }
    let after = clip().await;
    let state: PrivacyState = garden.get("/v1/privacy").await.json();
    assert!(after != 1.0 && state.clip == after, "{after}");
}

#[tokio::test]
async fn without_a_promise_there_is_nothing_to_tell() {
    assert_eq!(Garden::new().get("/v1/privacy").await.problem(), Problem::NotFound);
}
