//! What a federation tells of its privacy, and what it keeps to itself.

use crate::conformance::format;
use crate::harness::{Garden, PARAMETERS, charter, encode, first_model, put};
use axum::http::StatusCode;
use privet_coordinator::{
    Journal, MemoryStore, Options, Service, SqliteError, SqliteStore, SystemClock, app,
};
use privet_core::encoding::Update;
use privet_core::plan::Plan;
use privet_core::privacy::NoiseSeed;
use privet_core::protocol::{PrivacyState, Problem, RoundSummary, UpdateMessage};
use privet_core::round::{Federation, Rules};
use std::sync::Arc;

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
    let store = MemoryStore::new(federation, &charter(rules.clone()), encode, journal.clone());
    let service = Service::new(store, charter(rules), SystemClock::new(), Options::default(), journal);
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

#[tokio::test]
async fn a_promise_is_not_kept_in_a_folder_which_would_forget_what_was_spent() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let charter = charter(private_rules());
    let refused = SqliteStore::open(&state, &charter, &first_model(), format(), Journal::new().0);
    assert!(matches!(refused, Err(SqliteError::PromisesPrivacy)));
    assert!(!state.exists());
}

#[tokio::test]
async fn without_a_promise_there_is_nothing_to_tell() {
    assert_eq!(Garden::new().get("/v1/privacy").await.problem(), Problem::NotFound);
}
