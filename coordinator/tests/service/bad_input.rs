//! Whatever is sent that should not be: the right status, the right problem, nothing lost.

use crate::harness::{Garden, ONE, enrolment, identity, post, put, put_as, update, update_of};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use privet_core::protocol::{EnrolledClient, HexDigest, Problem, RoundSummary};

/// Sends it and expects this refusal.
async fn refused(garden: &Garden, request: Request<Body>, problem: Problem) {
    let what = format!("{} {}", request.method(), request.uri());
    let answer = garden.send(request).await;
    assert_eq!(answer.status, StatusCode::from_u16(problem.status()).unwrap(), "{what}: {answer:?}");
    assert_eq!(answer.problem(), problem, "{what}: {answer:?}");
}

#[tokio::test]
async fn an_update_that_cannot_count_is_refused_and_the_round_goes_on() {
    let garden = Garden::collecting().await;
    let mut lying = update(1, 1);
    lying[24] = 200;
    let mut other_version = update(1, 1);
    other_version[7] = b'9';
    let mut weightless = update(1, 1);
    weightless[16..20].copy_from_slice(&0_u32.to_le_bytes());
    let mut heavy = update(1, 1);
    heavy[16..20].copy_from_slice(&101_u32.to_le_bytes());
    for (body, problem) in [
        (vec![], Problem::MalformedRequest),
        (b"<html>this is not an update</html>".to_vec(), Problem::MalformedRequest),
        (update(1, 1)[..20].to_vec(), Problem::MalformedRequest),
        (update(1, 1)[..35].to_vec(), Problem::MalformedRequest),
        (lying, Problem::MalformedRequest),
        (other_version, Problem::MalformedRequest),
        (update_of(1, 1, vec![ONE]), Problem::WrongLength),
        (update_of(1, 1, vec![ONE; 3]), Problem::BodyTooLarge),
        (weightless, Problem::WeightNotAllowed),
        (heavy, Problem::WeightNotAllowed),
        (update(2, 1), Problem::MalformedRequest),
        (update(1, 2), Problem::MalformedRequest),
    ] {
        refused(&garden, put(1, 1, body), problem).await;
    }
    refused(&garden, put(2, 1, update(2, 1)), Problem::RoundNotOpen).await;
    refused(&garden, put(0, 1, update(0, 1)), Problem::RoundNotOpen).await;
    refused(&garden, put(1, 9, update(1, 9)), Problem::NotEnrolled).await;

    garden.upload_all(1).await;
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert_eq!(rounds[0].contributed, [1, 2, 3]);
}

#[tokio::test]
async fn a_body_that_hides_its_length_is_bounded_too() {
    let garden = Garden::collecting().await;
    let mut request = put(1, 1, vec![]);
    // In pieces, so that no length is announced.
    let pieces = vec![Ok::<_, std::io::Error>(update(1, 1)), Ok(vec![0])];
    *request.body_mut() = Body::from_stream(Pieces(pieces.into_iter()));
    refused(&garden, request, Problem::BodyTooLarge).await;
}

#[tokio::test]
async fn only_the_client_itself_can_act_in_its_name() {
    let garden = Garden::collecting().await;
    refused(&garden, put_as(1, 1, 2, update(1, 1)), Problem::NotAuthorized).await;
    for header in ["content-digest", "signature-input", "signature", "host"] {
        let mut request = put(1, 1, update(1, 1));
        request.headers_mut().remove(header);
        refused(&garden, request, Problem::NotAuthorized).await;
        let mut request = put(1, 1, update(1, 1));
        request.headers_mut().insert(header, "x".parse().unwrap());
        refused(&garden, request, Problem::NotAuthorized).await;
    }
    let mut other_content = put(1, 1, update(1, 1));
    *other_content.body_mut() = Body::from(update_of(1, 1, vec![-ONE, 0]));
    refused(&garden, other_content, Problem::NotAuthorized).await;
    let mut other_path = put(1, 1, update(1, 1));
    *other_path.uri_mut() = "/v1/rounds/2/updates/1".parse().unwrap();
    refused(&garden, other_path, Problem::NotAuthorized).await;
    refused(&garden, post("/v1/checkins", Some(2), r#"{"client":1}"#), Problem::NotAuthorized).await;
    refused(&garden, post("/v1/checkins", None, r#"{"client":1}"#), Problem::NotAuthorized).await;
    refused(&garden, post("/v1/checkins", Some(9), r#"{"client":9}"#), Problem::NotEnrolled).await;
    let decline = r#"{"reason":"diverged"}"#;
    refused(&garden, post("/v1/rounds/1/declines/1", Some(2), decline), Problem::NotAuthorized).await;
}

#[tokio::test]
async fn a_signed_request_is_taken_once() {
    let garden = Garden::collecting().await;
    let again = |request: &Request<Body>, body: &[u8]| {
        let mut copy = Request::builder().method(request.method()).uri(request.uri());
        *copy.headers_mut().unwrap() = request.headers().clone();
        copy.body(Body::from(body.to_vec())).unwrap()
    };
    let upload = put(1, 1, update(1, 1));
    let replayed = again(&upload, &update(1, 1));
    assert_eq!(garden.send(upload).await.status, StatusCode::OK);
    refused(&garden, replayed, Problem::NonceUsed).await;
    let checkin = post("/v1/checkins", Some(2), r#"{"client":2}"#);
    let replayed = again(&checkin, br#"{"client":2}"#);
    assert_eq!(garden.send(checkin).await.status, StatusCode::OK);
    refused(&garden, replayed, Problem::NonceUsed).await;
}

#[tokio::test]
async fn everybody_sees_the_keys_of_those_who_have_enrolled() {
    let garden = Garden::collecting().await;
    let clients: Vec<EnrolledClient> = garden.get("/v1/clients").await.json();
    let expected =
        [1, 2, 3].map(|client| EnrolledClient { client, key: identity(client).key(), revoked: false });
    assert_eq!(clients, expected);
}

#[tokio::test]
async fn who_is_not_authorized_is_told_how_to_be() {
    let garden = Garden::collecting().await;
    let answer = garden.send(post("/v1/checkins", None, r#"{"client":1}"#)).await;
    assert_eq!(answer.headers["www-authenticate"], "Signature");
}

#[tokio::test]
async fn places_are_given_once() {
    let garden = Garden::new();
    garden.enrol_all().await;
    let enrol = |place| post("/v1/clients", Some(9), &enrolment(9, place));
    refused(&garden, enrol(Some(2)), Problem::PlaceTaken).await;
    refused(&garden, enrol(Some(0)), Problem::NoSuchPlace).await;
    refused(&garden, enrol(Some(4)), Problem::NoSuchPlace).await;
    refused(&garden, enrol(None), Problem::FederationFull).await;
    let stolen = post("/v1/clients", Some(9), &enrolment(1, None));
    refused(&garden, stolen, Problem::NotAuthorized).await;
    // The same key again gets the same place.
    garden.enrol(2).await;
}

#[tokio::test]
async fn control_messages_that_are_none_are_refused() {
    let garden = Garden::collecting().await;
    let nested = "[".repeat(2_000);
    let checkin = |body: &str| post("/v1/checkins", Some(1), body);
    for body in ["", "{", "null", "{}", r#"{"client":-1}"#, r#"{"client":1,"more":1}"#, &nested] {
        refused(&garden, checkin(body), Problem::MalformedRequest).await;
    }
    refused(&garden, checkin(&" ".repeat(5_000)), Problem::BodyTooLarge).await;
    let mut untyped = checkin(r#"{"client":1}"#);
    untyped.headers_mut().remove("content-type");
    refused(&garden, untyped, Problem::UnsupportedMediaType).await;
    let mut untyped = put(1, 1, update(1, 1));
    untyped.headers_mut().insert("content-type", "application/json".parse().unwrap());
    refused(&garden, untyped, Problem::UnsupportedMediaType).await;
    let reason = r#"{"reason":"bored"}"#;
    refused(&garden, post("/v1/rounds/1/declines/1", Some(1), reason), Problem::MalformedRequest).await;
}

#[tokio::test]
async fn addresses_that_are_none_are_refused() {
    let garden = Garden::collecting().await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    for path in ["/", "/v1", "/v1/clients/1", "/v2/federation", "/v1/models/", "/v1/models/../../etc/passwd"]
    {
        refused(&garden, get(path), Problem::NotFound).await;
    }
    let unknown = HexDigest([1; 32]);
    refused(&garden, get(&format!("/v1/models/{unknown}")), Problem::NotFound).await;
    for path in ["/v1/models/abc", "/v1/models/..%2F..%2Fetc%2Fpasswd", "/v1/models/%ff"] {
        refused(&garden, get(path), Problem::MalformedRequest).await;
    }
    for path in ["/v1/rounds/one/updates/1", "/v1/rounds/1/updates/4294967296", "/v1/rounds/-1/updates/1"] {
        let request = Request::put(path).body(Body::empty()).unwrap();
        refused(&garden, request, Problem::MalformedRequest).await;
    }
}

#[tokio::test]
async fn methods_that_do_not_fit_are_refused_with_those_that_do() {
    let garden = Garden::new();
    for (path, allowed) in [
        ("/v1/federation", "GET,HEAD"),
        ("/v1/clients", "GET,HEAD,POST"),
        ("/v1/checkins", "POST"),
        ("/v1/rounds", "GET,HEAD"),
        ("/v1/rounds/1/updates/1", "PUT"),
        ("/v1/rounds/1/declines/1", "POST"),
    ] {
        for method in [Method::DELETE, Method::PATCH, Method::from_bytes(b"BREW").unwrap()] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let answer = garden.send(request).await;
            assert_eq!(answer.problem(), Problem::MethodNotAllowed, "{path}");
            assert_eq!(answer.headers["allow"], allowed, "{path}");
        }
    }
}

/// A body in pieces.
struct Pieces(std::vec::IntoIter<Result<Vec<u8>, std::io::Error>>);

impl futures_core::Stream for Pieces {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}
