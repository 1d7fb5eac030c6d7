//! Room for what arrives is taken until the store has dealt with it.

use crate::harness::{Garden, ManualClock, Remembers, charter, rules, store, update};
use crate::meddled::Meddled;
use axum::http::StatusCode;
use privet_coordinator::{Journal, Limits, Options, Service, app};
use privet_core::protocol::{Problem, RoundSummary};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Nobody else gets the room of an update that waits to be committed, also when its client has gone away; then it counts.
#[tokio::test(start_paused = true)]
async fn an_update_that_waits_to_be_committed_keeps_its_room_when_its_client_goes_away() {
    let (journal, _events) = Journal::new();
    let gate = Arc::new(Semaphore::new(0));
    let store = Meddled { gate: Arc::clone(&gate), ..Meddled::new(store(rules(), journal.clone())) };
    // As much as one update takes.
    let limits = Limits { bytes_in_flight: 1, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let service = Service::new(store, charter(rules()), ManualClock::new(), options, journal);
    let garden = Garden { app: app(service.clone()) };
    garden.enrol_all().await;

    let goes_away = tokio::time::timeout(Duration::from_millis(1), garden.upload(1, 1, update(1, 1))).await;
    assert!(goes_away.is_err(), "it is not answered before it is committed");
    let second = tokio::time::timeout(Duration::from_secs(60), garden.upload(1, 2, update(1, 2))).await;
    assert_eq!(second.expect("it is sent away").problem(), Problem::Overloaded);
    gate.add_permits(3);
    tokio::task::yield_now().await;
    for client in 2..=3 {
        assert_eq!(garden.upload(1, client, update(1, client)).await.status, StatusCode::OK);
    }
    let rounds: Vec<RoundSummary> = service.store().history().await.unwrap();
    assert_eq!(rounds[0].contributed, [1, 2, 3]);
}
