//! Masked rounds stand behind the same bounds as others: identities, room, time, figures, and who is shut out.

use crate::administration::command;
use crate::harness::{Garden, ManualClock};
use crate::masked::{enrol_all, masker, put, request, rng, service_with, taken, task};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use privet_coordinator::{Limits, Options, administration, app};
use privet_core::encoding::Update;
use privet_core::protocol::{CheckInAnswer, Problem, RoundSummary};
use privet_core::round::StageContent;
use privet_core::secagg::Stage;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;
use tower::ServiceExt;

/// A body that does not come.
struct Silence;

impl futures_core::Stream for Silence {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

/// The same request again, or one like it, with another body.
fn copy(request: &Request<Body>, body: Body) -> Request<Body> {
    let mut copy = Request::builder().method(request.method()).uri(request.uri()).body(body).unwrap();
    *copy.headers_mut() = request.headers().clone();
    copy
}

#[tokio::test(start_paused = true)]
async fn messages_of_stages_wait_for_room_and_may_not_take_for_ever() {
    let limits = Limits { bytes_in_flight: 1, ..Limits::default() };
    let garden =
        Garden { app: app(service_with(ManualClock::new(), Options { limits, ..Options::default() })) };
    enrol_all(&garden).await;
    let message = masker(1).advertise(&mut rng(1)).1;
    // One body that does not come takes all the room there is: that of the largest message.
    let silent = copy(&request("PUT", Stage::Share, 2, &[]), Body::from_stream(Silence));
    let (silent, second) = tokio::join!(garden.send(silent), put(&garden, Stage::Advertise, 1, &message));
    assert_eq!(silent.problem(), Problem::RequestTimeout);
    assert_eq!(second.problem(), Problem::Overloaded);
    assert_eq!(second.headers["retry-after"], "2");
    taken(&garden, Stage::Advertise, 1, &message).await;
}

/// A roster is made for each participant: whoever does not read its own leaves no room for those of the others.
#[tokio::test(start_paused = true)]
async fn what_participants_are_sent_takes_room_until_it_is_sent() {
    let limits = Limits { bytes_in_flight: 1, ..Limits::default() };
    let garden =
        Garden { app: app(service_with(ManualClock::new(), Options { limits, ..Options::default() })) };
    enrol_all(&garden).await;
    for client in 1..=4 {
        taken(&garden, Stage::Advertise, client, &masker(client).advertise(&mut rng(client)).1).await;
    }
    // The room is that of the largest message, and has two rosters.
    let unread = async |client| {
        let response = garden.app.clone().oneshot(request("GET", Stage::Share, client, &[])).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response
    };
    let held = (unread(1).await, unread(2).await);
    let third = garden.send(request("GET", Stage::Share, 3, &[])).await;
    assert_eq!(third.problem(), Problem::Overloaded);
    assert_eq!(third.headers["retry-after"], "2");
    drop(held.0);
    let roster = task(&garden, Stage::Share, 3).await;
    assert_eq!(roster.len(), StageContent::longest_task(Stage::Share, 4));
}

/// One that is enrolled and means harm takes no more of the room than two bodies have, and of the places to wait at two.
#[tokio::test(start_paused = true)]
async fn no_client_takes_the_room_of_the_others() {
    let garden = Garden { app: app(service_with(ManualClock::new(), Options::default())) };
    enrol_all(&garden).await;
    let silent = || copy(&request("PUT", Stage::Input, 2, &[]), Body::from_stream(Silence));
    let message = masker(1).advertise(&mut rng(1)).1;
    let (one, two, three, other) = tokio::join!(
        garden.send(silent()),
        garden.send(silent()),
        garden.send(silent()),
        put(&garden, Stage::Advertise, 1, &message)
    );
    assert_eq!([one.problem(), two.problem()], [Problem::RequestTimeout; 2]);
    assert_eq!(three.problem(), Problem::TooManyRequests);
    assert_eq!(three.headers["retry-after"], "2");
    assert_eq!(other.status, StatusCode::OK);

    // Client 1 has nothing more to do until the others have advertised.
    let began = Instant::now();
    let (_, _, third) = tokio::join!(garden.check_in(1), garden.check_in(1), async {
        garden.check_in(1).await;
        began.elapsed()
    });
    let hold = Options::default().hold;
    assert!(third < hold && began.elapsed() >= hold, "{third:?}");
}

#[tokio::test]
async fn messages_of_stages_are_each_bounded_by_what_the_stage_takes() {
    let garden = Garden { app: app(service_with(ManualClock::new(), Options::default())) };
    enrol_all(&garden).await;
    // 17 bytes and 100 for each of four places, 77, 21 and 44: docs/secure-aggregation.md.
    for (stage, longest) in
        [(Stage::Advertise, 285), (Stage::Share, 417), (Stage::Confirm, 77), (Stage::Answer, 197)]
    {
        let fits = put(&garden, stage, 1, &vec![0; longest]).await;
        assert_eq!(fits.problem(), Problem::MalformedRequest, "{stage}");
        let longer = put(&garden, stage, 1, &vec![0; longest + 1]).await;
        assert_eq!(longer.problem(), Problem::BodyTooLarge, "{stage}");
    }
    let far = put(&garden, Stage::Input, 1, &vec![0; 1 << 16]).await;
    assert_eq!(far.problem(), Problem::BodyTooLarge);
}

#[tokio::test]
async fn a_stage_is_for_the_client_that_signs_and_a_request_is_for_one_use() {
    let service = service_with(ManualClock::new(), Options::default());
    let (garden, figures) = (Garden { app: app(service.clone()) }, Garden { app: administration(service) });
    enrol_all(&garden).await;
    let message = masker(1).advertise(&mut rng(1)).1;
    let sound = request("PUT", Stage::Advertise, 1, &message);
    let replayed = copy(&sound, Body::from(message.clone()));
    let fetched = request("GET", Stage::Share, 1, &[]);
    let fetched_again = copy(&fetched, Body::empty());
    // What is signed for one address is for no other: another client, another stage.
    for path in ["/v1/rounds/1/stages/advertise/2", "/v1/rounds/1/stages/share/1"] {
        let mut moved = copy(&sound, Body::from(message.clone()));
        *moved.uri_mut() = path.parse().unwrap();
        assert_eq!(garden.send(moved).await.problem(), Problem::NotAuthorized, "{path}");
    }
    let mut unsigned = copy(&sound, Body::from(message.clone()));
    unsigned.headers_mut().remove("signature");
    assert_eq!(garden.send(unsigned).await.problem(), Problem::NotAuthorized);
    let changed = copy(&request("PUT", Stage::Advertise, 1, &message), Body::from(vec![0; 285]));
    assert_eq!(garden.send(changed).await.problem(), Problem::NotAuthorized);
    assert_eq!(garden.send(sound).await.status, StatusCode::OK);
    assert_eq!(garden.send(replayed).await.problem(), Problem::NonceUsed);
    assert_eq!(garden.send(fetched).await.problem(), Problem::RoundNotOpen);
    assert_eq!(garden.send(fetched_again).await.problem(), Problem::NonceUsed);

    let text = String::from_utf8(figures.get("/metrics").await.body.to_vec()).unwrap();
    let stages = "route=\"/v1/rounds/{round}/stages/{stage}/{client}\"";
    for line in [
        format!("privet_requests_total{{method=\"PUT\",{stages},result=\"ok\"}} 1"),
        format!("privet_requests_total{{method=\"PUT\",{stages},result=\"nonce-used\"}} 1"),
        format!("privet_requests_total{{method=\"PUT\",{stages},result=\"not-authorized\"}} 4"),
        format!("privet_requests_total{{method=\"GET\",{stages},result=\"round-not-open\"}} 1"),
        "privet_missed_total{stage=\"confirm\"} 0".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn no_stage_waits_for_longer_than_its_deadline_for_who_is_shut_out() {
    let clock = ManualClock::new();
    let service = service_with(clock.clone(), Options::default());
    let (garden, commands) = (Garden { app: app(service.clone()) }, Garden { app: administration(service) });
    enrol_all(&garden).await;
    let maskers = [1, 2, 3].map(masker);
    let mut shared = Vec::new();
    for (client, masker) in (1..).zip(&maskers) {
        let (state, message) = masker.advertise(&mut rng(client));
        taken(&garden, Stage::Advertise, client, &message).await;
        shared.push(state);
    }
    // The first stage waits for client 4 alone, and goes on at once without it.
    assert_eq!(command(&commands, "/v1/clients/4/revoke").await.status, StatusCode::NO_CONTENT);
    let message = masker(4).advertise(&mut rng(4)).1;
    assert_eq!(put(&garden, Stage::Advertise, 4, &message).await.problem(), Problem::Revoked);
    let mut masked = Vec::new();
    for (client, state) in (1..).zip(shared) {
        let roster = task(&garden, Stage::Share, client).await;
        let (state, message) = state.share(&roster, &mut rng(client + 10)).unwrap();
        taken(&garden, Stage::Share, client, &message).await;
        masked.push(state);
    }
    for (client, state) in (1..).zip(masked) {
        let delivery = task(&garden, Stage::Input, client).await;
        let update = Update { delta: vec![1, 2], weight: 1, loss: 1 };
        let (_, message) = state.mask(&delivery, &update).unwrap();
        taken(&garden, Stage::Input, client, &message).await;
    }
    // Its update is in already: the others are told so, and only the time of the stage ends it.
    assert_eq!(command(&commands, "/v1/clients/3/revoke").await.status, StatusCode::NO_CONTENT);
    assert_eq!(put(&garden, Stage::Confirm, 3, &[0; 77]).await.problem(), Problem::Revoked);
    let open = garden.check_in(1).await.assignment();
    assert!(matches!(open, CheckInAnswer::Mask { stage: Stage::Confirm, .. }), "{open:?}");
    for _ in 0..2 {
        clock.advance(Duration::from_secs(60));
        garden.check_in(1).await;
    }
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert_eq!((&rounds[0].contributed[..], &rounds[0].declined[..]), (&[1, 2, 3][..], &[4][..]));
    assert!(rounds[0].masked.as_ref().unwrap().failure.is_some());
    let next = garden.check_in(1).await.assignment();
    assert!(matches!(next, CheckInAnswer::Mask { round: 2, stage: Stage::Advertise, .. }), "{next:?}");
}
