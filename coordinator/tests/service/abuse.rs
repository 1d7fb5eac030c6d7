//! Requests that are made to do harm: each gets the right refusal, and the federation goes on.

use crate::harness::{
    Garden, HOST, ManualClock, ONE, enrolment, identity, lease_key, post, put, put_as, put_at, seconds,
    service_with, signature_of, update, update_of,
};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use privet_coordinator::{Options, app};
use privet_core::protocol::signature::SignedParts;
use privet_core::protocol::{CheckInAnswer, HexDigest, Problem, ReceiptMessage, RoundSummary};
use privet_core::round::LEASES;
use privet_core::secagg::Stage;
use std::time::Duration;

/// A sound upload of client 1 with one header put in the place of another.
fn upload_with(name: &'static str, value: &str) -> Request<Body> {
    let mut request = put(1, 1, update(1, 1));
    let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
    request.headers_mut().insert(HeaderName::from_static(name), value);
    request
}

/// A sound upload of client 1, with a change to what it says of its signature.
fn upload_saying(from: &str, to: &str) -> Request<Body> {
    let mut request = put(1, 1, update(1, 1));
    let input = request.headers()["signature-input"].to_str().unwrap().to_owned();
    assert!(input.contains(from), "{input}");
    let input = input.replacen(from, to, 1).parse().unwrap();
    request.headers_mut().insert("signature-input", input);
    request
}

/// An upload of client 1 that was signed as these parts, at this time.
fn upload_signed(change: impl FnOnce(&mut SignedParts<'_>), created: u64) -> Request<Body> {
    let (path, body) = ("/v1/rounds/1/updates/1", update(1, 1));
    let mut parts =
        SignedParts { method: "PUT", authority: HOST, path, query: "", content: HexDigest::of(&body) };
    change(&mut parts);
    let mut request =
        Request::put(path).header("host", HOST).header("content-type", "application/octet-stream");
    for (name, value) in signature_of(&parts, 1, created) {
        request = request.header(name, value);
    }
    request.body(Body::from(body)).unwrap()
}

fn checkin(body: &str) -> Request<Body> {
    post("/v1/checkins", Some(1), body)
}

fn weighing(weight: u32) -> Vec<u8> {
    let mut body = update(1, 1);
    body[16..20].copy_from_slice(&weight.to_le_bytes());
    body
}

/// Forgeries: what only the client itself can send.
fn forgeries() -> Vec<(&'static str, Request<Body>, Problem)> {
    use Problem::{NotAuthorized, StaleSignature};
    let key = identity(1).key().to_string();
    let mut highest = "ff".repeat(31);
    highest += "7f";
    let one = format!("01{}", "00".repeat(31));
    let now = seconds();
    vec![
        ("A uploads as B", put_as(1, 2, 1, update(1, 2)), NotAuthorized),
        ("A checks in as B", post("/v1/checkins", Some(2), r#"{"client":1}"#), NotAuthorized),
        (
            "A declines for B",
            post("/v1/rounds/1/declines/2", Some(1), r#"{"reason":"diverged"}"#),
            NotAuthorized,
        ),
        ("A enrols B's key", post("/v1/clients", Some(1), &enrolment(2, None)), NotAuthorized),
        ("signed for another method", upload_signed(|parts| parts.method = "POST", now), NotAuthorized),
        (
            "signed for another host",
            upload_signed(|parts| parts.authority = "meadow.example", now),
            NotAuthorized,
        ),
        (
            "signed for another path",
            upload_signed(|parts| parts.path = "/v1/rounds/1/updates/2", now),
            NotAuthorized,
        ),
        ("signed for a query", upload_signed(|parts| parts.query = "a=b", now), NotAuthorized),
        (
            "signed for other content",
            upload_signed(|parts| parts.content = HexDigest([0; 32]), now),
            NotAuthorized,
        ),
        ("signed long ago", upload_signed(|_| {}, now - 3_600), StaleSignature),
        ("signed in the future", upload_signed(|_| {}, now + 3_600), StaleSignature),
        ("signed in 1970", upload_signed(|_| {}, 0), StaleSignature),
        ("signed at the end of time", upload_signed(|_| {}, u64::MAX), StaleSignature),
        ("a key of small order", upload_saying(&key, &one), NotAuthorized),
        ("the key of zeros", upload_saying(&key, &"00".repeat(32)), NotAuthorized),
        ("a key that is not canonical", upload_saying(&key, &highest), NotAuthorized),
        ("a key that is none", upload_saying(&key, "nobody"), NotAuthorized),
        ("another algorithm", upload_saying("ed25519", "hmac-sha256"), NotAuthorized),
        ("another use", upload_saying("privet-request", "login"), NotAuthorized),
        ("less is covered", upload_saying("\"@path\" ", ""), NotAuthorized),
        ("the content is not covered", upload_saying(" \"content-digest\"", ""), NotAuthorized),
        ("more is covered", upload_saying("\"@path\"", "\"@path\" \"cookie\""), NotAuthorized),
        ("nothing is covered", upload_with("signature-input", "privet=()"), NotAuthorized),
        ("no structured field", upload_with("signature-input", "((((((((((((("), NotAuthorized),
        (
            "a signature of zeros",
            upload_with("signature", &format!("privet=:{}==:", "A".repeat(86))),
            NotAuthorized,
        ),
        ("a short signature", upload_with("signature", "privet=:AAAA:"), NotAuthorized),
        ("a signature with a strange byte", upload_with("signature", "privet=:\u{e9}:"), NotAuthorized),
        ("no digest that is known", upload_with("content-digest", "md5=:AAAA:"), NotAuthorized),
        ("a bearer token", upload_with("signature", "Bearer x"), NotAuthorized),
        ("a stranger checks in", post("/v1/checkins", Some(8), r#"{"client":8}"#), Problem::NotEnrolled),
    ]
}

/// Sound signatures under messages that are not.
fn nonsense() -> Vec<(&'static str, Request<Body>, Problem)> {
    use Problem::{BodyTooLarge, MalformedRequest, UnsupportedMediaType, WeightNotAllowed};
    let decline = |body: &str| post("/v1/rounds/1/declines/1", Some(1), body);
    let mut other_client = update(1, 1);
    other_client[12] = 2;
    let packed = |mut request: Request<Body>, how: &'static str| {
        request.headers_mut().insert("content-encoding", HeaderValue::from_static(how));
        request
    };
    let zipped = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    vec![
        ("weightless", put(1, 1, weighing(0)), WeightNotAllowed),
        ("too heavy", put(1, 1, weighing(u32::MAX)), WeightNotAllowed),
        ("too short", put(1, 1, update_of(1, 1, vec![ONE])), Problem::WrongLength),
        ("too long", put(1, 1, update_of(1, 1, vec![ONE; 3])), BodyTooLarge),
        ("far too long", put(1, 1, vec![0; 1 << 20]), BodyTooLarge),
        ("empty", put(1, 1, vec![]), MalformedRequest),
        ("of floats", put(1, 1, f32::NAN.to_le_bytes().repeat(9)), MalformedRequest),
        ("zipped without a word", put(1, 1, zipped.clone()), MalformedRequest),
        ("zipped", packed(put(1, 1, zipped), "gzip"), UnsupportedMediaType),
        ("said to be zipped", packed(put(1, 1, update(1, 1)), "gzip"), UnsupportedMediaType),
        ("packed in a way nobody knows", packed(put(1, 1, update(1, 1)), "x"), UnsupportedMediaType),
        ("packed in two ways", packed(put(1, 1, update(1, 1)), "br, zstd"), UnsupportedMediaType),
        ("a zipped check-in", packed(checkin(r#"{"client":1}"#), "deflate"), UnsupportedMediaType),
        ("inside it is B's", put(1, 1, other_client), MalformedRequest),
        ("of another round inside", put(1, 1, update(2, 1)), MalformedRequest),
        ("a round that is not open", put(2, 1, update(2, 1)), Problem::RoundNotOpen),
        ("the last round there is", put(u32::MAX, 1, update(u32::MAX, 1)), Problem::RoundNotOpen),
        ("round nought", put(0, 1, update(0, 1)), Problem::RoundNotOpen),
        ("deep nesting", checkin(&"[".repeat(4_000)), MalformedRequest),
        ("deep objects", checkin(&"{\"client\":".repeat(400)), MalformedRequest),
        ("more than one value", checkin(r#"{"client":1}{"client":2}"#), MalformedRequest),
        ("the same key twice", checkin(r#"{"client":1,"client":1}"#), MalformedRequest),
        ("a number beyond all", checkin(r#"{"client":1e999}"#), MalformedRequest),
        ("no UTF-8", checkin("{\"client\":\"\u{0}\"}"), MalformedRequest),
        ("too much", checkin(&" ".repeat(5_000)), BodyTooLarge),
        ("an unknown reason", decline(r#"{"reason":"bored"}"#), MalformedRequest),
        (
            "a message without its type",
            {
                let mut request = checkin(r#"{"client":1}"#);
                request.headers_mut().remove("content-type");
                request
            },
            UnsupportedMediaType,
        ),
        ("an update as JSON", upload_with("content-type", "application/json"), UnsupportedMediaType),
    ]
}

#[tokio::test]
async fn whatever_is_sent_is_refused_as_it_should_be_and_the_federation_goes_on() {
    let garden = Garden::collecting().await;
    let cases: Vec<_> = forgeries().into_iter().chain(nonsense()).chain(leases()).collect();
    assert!(cases.len() >= 50, "{}", cases.len());
    for (what, request, problem) in cases {
        let answer = garden.send(request).await;
        assert_eq!(answer.problem(), problem, "{what}: {answer:?}");
        assert_eq!(answer.status.as_u16(), problem.status(), "{what}");
    }
    garden.upload_all(1).await;
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert_eq!(rounds[0].contributed, [1, 2, 3]);
}

/// Sound updates under leases that are not good.
fn leases() -> Vec<(&'static str, Request<Body>, Problem)> {
    use Problem::{LeaseLapsed, MalformedRequest, NotAuthorized};
    let under = |query: String| put_at(&format!("/v1/rounds/1/updates/1{query}"), 1, update(1, 1));
    let token = |round, client, term| lease_key().token(round, None, client, term);
    let good = token(1, 1, 0);
    let mut swapped = put(1, 1, update(1, 1));
    *swapped.uri_mut() = format!("/v1/rounds/1/updates/1?lease={}", token(1, 1, 1)).parse().unwrap();
    vec![
        ("no lease", under(String::new()), LeaseLapsed),
        ("the lease that comes next", under(format!("?lease={}", token(1, 1, 1))), LeaseLapsed),
        ("a lease of another client", under(format!("?lease={}", token(1, 2, 0))), LeaseLapsed),
        ("a lease of another round", under(format!("?lease={}", token(2, 1, 0))), LeaseLapsed),
        (
            "a lease of a masked round",
            under(format!("?lease={}", lease_key().token(1, Some(Stage::Input), 1, 0))),
            LeaseLapsed,
        ),
        ("a lease that is made up", under(format!("?lease={}", "0".repeat(32))), LeaseLapsed),
        ("half a lease", under(format!("?lease={}", &good.to_string()[..16])), MalformedRequest),
        ("two leases", under(format!("?lease={good}&lease={good}")), MalformedRequest),
        ("another question", under(format!("?token={good}")), MalformedRequest),
        ("an empty lease", under("?lease=".into()), MalformedRequest),
        ("a lease that was put in on the way", swapped, NotAuthorized),
    ]
}

#[tokio::test]
async fn a_lease_that_has_lapsed_is_refused_and_the_next_is_not() {
    let clock = ManualClock::new();
    let garden = Garden { app: app(service_with(clock.clone(), Options::default()).0) };
    garden.enrol_all().await;
    let lease = async || match garden.check_in(1).await.assignment() {
        CheckInAnswer::Train { round: 1, lease, .. } => lease,
        other => panic!("{other:?}"),
    };
    let upload = async |token| {
        garden.send(put_at(&format!("/v1/rounds/1/updates/1?lease={token}"), 1, update(1, 1))).await
    };
    let first = lease().await;
    assert_eq!((first.milliseconds_left, lease().await), (2_500, first));
    clock.advance(Duration::from_millis(2_500));
    let answer = upload(first.token).await;
    assert_eq!((answer.problem(), answer.status), (Problem::LeaseLapsed, StatusCode::CONFLICT));
    let next = lease().await;
    assert_ne!(next.token, first.token);
    let receipt: ReceiptMessage = upload(next.token).await.json();
    clock.advance(Duration::from_millis(2_500));
    for token in [first.token, next.token] {
        assert_eq!(upload(token).await.json::<ReceiptMessage>(), receipt, "it is acknowledged for good");
    }
}

#[tokio::test]
async fn a_request_for_another_coordinator_is_refused() {
    let options = Options { authorities: vec!["Garden.example".into()], ..Options::default() };
    let garden = Garden { app: app(service_with(ManualClock::new(), options).0) };
    garden.enrol_all().await;
    assert_eq!(garden.check_in(1).await.status, StatusCode::OK);
    // As a coordinator of another name would pass on what was sent to it.
    let (path, body) = ("/v1/checkins", br#"{"client":1}"#);
    let authority = "meadow.example";
    let parts = SignedParts { method: "POST", authority, path, query: "", content: HexDigest::of(body) };
    let mut request =
        Request::post(path).header("host", authority).header("content-type", "application/json");
    for (name, value) in signature_of(&parts, 1, seconds()) {
        request = request.header(name, value);
    }
    let answer = garden.send(request.body(Body::from(&body[..])).unwrap()).await;
    assert_eq!(answer.problem(), Problem::NotAuthorized);
}

#[tokio::test]
async fn an_upload_at_the_moment_the_round_closes_counts_or_is_late() {
    let clock = ManualClock::new();
    let garden = Garden { app: app(service_with(clock.clone(), Options::default()).0) };
    garden.enrol_all().await;
    garden.upload(1, 1, update(1, 1)).await;
    garden.upload(1, 2, update(1, 2)).await;
    clock.advance(Duration::from_millis(9_999));
    let path = format!("/v1/rounds/1/updates/3?lease={}", lease_key().token(1, None, 3, LEASES - 1));
    let (third, first) = tokio::join!(garden.send(put_at(&path, 3, update(1, 3))), async {
        clock.advance(Duration::from_millis(1));
        garden.upload(1, 1, update(1, 1)).await
    });
    assert_eq!(first.status, StatusCode::OK, "it was counted before");
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    match third.status {
        StatusCode::OK => assert_eq!(rounds[0].contributed, [1, 2, 3]),
        _ => {
            assert_eq!(third.problem(), Problem::TooLate);
            assert_eq!((&rounds[0].contributed[..], &rounds[0].late[..]), (&[1, 2][..], &[3][..]));
        }
    }
}
