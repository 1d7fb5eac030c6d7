//! Room for what arrives is taken until the store has dealt with it.

use crate::harness::{Garden, ManualClock, Remembers, charter, rules, store, update};
use crate::meddled::Meddled;
use axum::http::StatusCode;
use privet_coordinator::{Journal, Limits, Options, Service, app};
use privet_core::protocol::{Problem, RoundSummary};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Of one client so many requests are answered at a time, and the others are sent away; those of others are not its.
#[tokio::test(start_paused = true)]
async fn a_client_keeps_no_more_connections_busy_than_its_bound() {
    let (journal, _events) = Journal::new();
    let limits = Limits { requests_per_client: 1, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let store = store(rules(), journal.clone());
    let service = Service::new(store, charter(rules()), ManualClock::new(), options, journal);
    let garden = Garden { app: app(service) };
    for client in 1..=2 {
        assert_eq!(garden.enrol(client).await.status, StatusCode::OK);
    }
    let moment = Duration::from_millis(1);
    {
        // There is nothing to do yet: it is held.
        let mut first = std::pin::pin!(garden.check_in(1));
        assert!(tokio::time::timeout(moment, &mut first).await.is_err());
        assert_eq!(garden.check_in(1).await.problem(), Problem::TooManyRequests);
        assert!(tokio::time::timeout(moment, garden.check_in(2)).await.is_err());
    }
    // The first has gone away, and its place is free again.
    assert!(tokio::time::timeout(moment, garden.check_in(1)).await.is_err());
}

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
