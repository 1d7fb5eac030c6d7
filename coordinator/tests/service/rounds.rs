//! Rounds over HTTP: each update counts exactly once.

use crate::harness::{
    Garden, HOST, ManualClock, ONE, encode, first_model, post, service, signature, update, update_of,
};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use privet_coordinator::{ServiceEvent, Traffic, app};
use privet_core::params::Params;
use privet_core::protocol::{
    CheckInAnswer, FederationState, HexDigest, PhaseName, Problem, ReceiptMessage, RoundOutcome, RoundSummary,
};
use privet_core::round::{SealedRecord, check_inclusion};
use std::time::Duration;

#[tokio::test]
async fn a_federation_runs_to_its_end_and_tells_what_happened() {
    let (service, mut events) = service(ManualClock::new());
    let garden = Garden { app: app(service) };
    garden.enrol_all().await;
    let first = HexDigest::of(&encode(&first_model()));
    garden.get(&format!("/v1/models/{first}")).await;
    garden.upload_all(1).await;
    garden.upload_all(2).await;

    // Weights 1, 2, 3 and second coordinates 1, 2, 3: (1 + 4 + 9) / 6, twice.
    let expected: Vec<u8> = [2.0_f32, 28.0 / 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let state: FederationState = garden.get("/v1/federation").await.json();
    assert_eq!((state.phase, state.round, state.enrolled), (PhaseName::Finished, 2, 3));
    assert_eq!(*garden.get(&format!("/v1/models/{}", state.model_sha256)).await.body, *expected);
    let finished = CheckInAnswer::Finished { model_sha256: state.model_sha256 };
    assert_eq!(garden.check_in(1).await.assignment(), finished);

    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(match event {
            ServiceEvent::Enrolled { client } => format!("enrolled {client}"),
            ServiceEvent::RoundOpened { round } => format!("opened {round}"),
            ServiceEvent::RoundClosed(closed) => {
                assert_eq!(HexDigest::of(&encode(&closed.model)), closed.model_sha256);
                let Traffic { up, down } = closed.traffic;
                format!("closed {}, {up} up, {down} down", closed.record.round)
            }
            ServiceEvent::Finished { .. } => "finished".into(),
        });
    }
    let expected = [
        "enrolled 1",
        "enrolled 2",
        "enrolled 3",
        "opened 1",
        "closed 1, 108 up, 8 down",
        "opened 2",
        "closed 2, 108 up, 0 down",
        "finished",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_update_sent_twice_counts_once_and_has_one_receipt() {
    let garden = Garden::collecting().await;
    let once = Garden::collecting().await;
    let first: ReceiptMessage = garden.upload(1, 1, update(1, 1)).await.json();
    assert_eq!(first.update_sha256, HexDigest::of(&update(1, 1)));
    assert_eq!((first.round, first.client, first.weight), (1, 1, 1));
    assert_eq!(garden.upload(1, 1, update(1, 1)).await.json::<ReceiptMessage>(), first);
    for client in [3, 2] {
        garden.upload(1, client, update(1, client)).await;
    }
    // The round is closed now.
    assert_eq!(garden.upload(1, 1, update(1, 1)).await.json::<ReceiptMessage>(), first);

    once.upload_all(1).await;
    let model = |rounds: Vec<RoundSummary>| rounds[0].model_sha256;
    assert_eq!(
        model(garden.get("/v1/rounds").await.json()),
        model(once.get("/v1/rounds").await.json()),
        "neither order nor repetition changes a bit"
    );
}

#[tokio::test]
async fn another_update_is_refused_while_the_round_is_open_and_after() {
    let garden = Garden::collecting().await;
    let another = || update_of(1, 1, vec![-ONE, 0]);
    garden.upload(1, 1, update(1, 1)).await;
    assert_eq!(garden.upload(1, 1, another()).await.problem(), Problem::AnotherUpdate);
    garden.upload_all(1).await;
    let answer = garden.upload(1, 1, another()).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.problem(), Problem::AnotherUpdate);
}

#[tokio::test]
async fn a_straggler_is_told_that_it_is_late() {
    let clock = ManualClock::new();
    let garden = Garden { app: app(service(clock.clone()).0) };
    garden.enrol_all().await;
    garden.upload(1, 1, update(1, 1)).await;
    garden.upload(1, 2, update(1, 2)).await;
    clock.advance(Duration::from_millis(9_999));
    let CheckInAnswer::Train { milliseconds_left, .. } = garden.check_in(3).await.assignment() else {
        panic!("the round is open until its deadline")
    };
    assert_eq!(milliseconds_left, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(garden.upload(1, 3, update(1, 3)).await.problem(), Problem::TooLate);
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert_eq!((&rounds[0].contributed[..], &rounds[0].late[..]), (&[1, 2][..], &[3][..]));
    assert!(matches!(garden.check_in(3).await.assignment(), CheckInAnswer::Train { round: 2, .. }));
}

#[tokio::test]
async fn a_round_does_not_wait_for_who_declined() {
    let garden = Garden::collecting().await;
    let decline = || garden.send(post("/v1/rounds/1/declines/3", Some(3), r#"{"reason":"diverged"}"#));
    let answer = decline().await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(decline().await.status, StatusCode::NO_CONTENT, "a decline sent twice is one");
    assert_eq!(garden.upload(1, 3, update(1, 3)).await.problem(), Problem::HasDeclined);
    garden.upload(1, 1, update(1, 1)).await;
    garden.upload(1, 2, update(1, 2)).await;
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert_eq!(rounds[0].declined, [3]);
    assert_eq!(decline().await.problem(), Problem::TooLate);
}

#[tokio::test]
async fn a_round_below_its_minimum_keeps_the_model() {
    let clock = ManualClock::new();
    let (service, mut events) = service(clock.clone());
    let garden = Garden { app: app(service) };
    garden.enrol_all().await;
    garden.upload(1, 1, update(1, 1)).await;
    clock.advance(Duration::from_secs(10));
    garden.check_in(1).await;
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert_eq!(rounds[0].outcome, RoundOutcome::Abandoned { minimum: 2 });
    assert_eq!(rounds[0].model_sha256, HexDigest::of(&encode(&first_model())));
    let closed = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
        ServiceEvent::RoundClosed(closed) => Some(closed.model),
        _ => None,
    });
    assert_eq!(closed.as_ref().map(Params::values), Some(&[0.0, 0.0][..]));
}

#[tokio::test]
async fn records_are_told_to_those_who_have_enrolled_and_bear_out_receipts() {
    let garden = Garden::collecting().await;
    let mut receipts = Vec::new();
    for (round, client) in [(1, 1), (1, 2), (1, 3), (2, 2), (2, 1), (2, 3)] {
        receipts.push(garden.upload(round, client, update(round, client)).await.json::<ReceiptMessage>());
    }
    let path = "/v1/clients/2/records";
    let ask = |client| {
        let mut request = Request::get(path).header("host", HOST);
        for (name, value) in signature("GET", HOST, path, client, b"") {
            request = request.header(name, value);
        }
        garden.send(request.body(Body::empty()).unwrap())
    };
    let records: Vec<SealedRecord> = ask(2).await.json();
    let plan_sha256 = garden.get("/v1/federation").await.json::<FederationState>().plan_sha256;
    assert_eq!(check_inclusion(&records, plan_sha256, &receipts), Ok(records[1].digest()));
    let forged = ReceiptMessage { weight: 99, ..receipts[0] };
    assert!(check_inclusion(&records, plan_sha256, [&forged]).is_err());
    assert_eq!(ask(1).await.problem(), Problem::NotAuthorized);
    assert_eq!(garden.get(path).await.problem(), Problem::NotAuthorized);
}
