//! Who may enrol, who is shut out, and what whoever runs the service is told.

use crate::harness::{Answer, Garden, HOST, ManualClock, identity, post, service_with, signature, update};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use privet_coordinator::{Enrolment, NewToken, Options, administration, app};
use privet_core::protocol::{Enrol, Enrolled, EnrolledClient, Problem, RoundSummary, Token};
use std::collections::BTreeSet;

/// A service that takes clients by invitation, and its administration.
fn invited(listed: &[u32]) -> (Garden, Garden, ManualClock) {
    let listed: BTreeSet<[u8; 32]> = listed.iter().map(|client| identity(*client).key().to_bytes()).collect();
    let options = Options { enrolment: Enrolment::Invited { listed }, ..Options::default() };
    let clock = ManualClock::new();
    let (service, _) = service_with(clock.clone(), options);
    (Garden { app: app(service.clone()) }, Garden { app: administration(service) }, clock)
}

pub(crate) async fn command(administration: &Garden, path: &str) -> Answer {
    let request = Request::post(path).header("content-type", "application/json").body(Body::from("{}"));
    administration.send(request.unwrap()).await
}

async fn enrol(garden: &Garden, client: u32, token: Option<&Token>) -> Answer {
    let message = Enrol { key: identity(client).key(), place: None, token: token.cloned() };
    garden.send(post("/v1/clients", Some(client), &serde_json::to_string(&message).unwrap())).await
}

#[tokio::test]
async fn a_token_lets_one_client_in_once() {
    let (garden, administration, _) = invited(&[3]);
    let NewToken { token } = command(&administration, "/v1/tokens").await.json();
    assert_eq!(enrol(&garden, 1, None).await.problem(), Problem::NotInvited);
    let made_up = Token::from_random([9; 32]);
    assert_eq!(enrol(&garden, 1, Some(&made_up)).await.problem(), Problem::NotInvited);
    assert_eq!(enrol(&garden, 1, Some(&token)).await.json::<Enrolled>().client, 1);
    assert_eq!(enrol(&garden, 2, Some(&token)).await.problem(), Problem::NotInvited, "it is spent");
    // Who has enrolled needs none any more; who is on the list never did.
    assert_eq!(enrol(&garden, 1, None).await.json::<Enrolled>().client, 1);
    assert_eq!(enrol(&garden, 1, Some(&token)).await.json::<Enrolled>().client, 1);
    assert_eq!(enrol(&garden, 3, None).await.json::<Enrolled>().client, 2);
}

#[tokio::test]
async fn who_is_shut_out_is_refused_from_then_on_and_no_round_waits_for_it() {
    let (garden, administration, _) = invited(&[1, 2, 3]);
    garden.enrol_all().await;
    garden.upload(1, 1, update(1, 1)).await;
    garden.upload(1, 2, update(1, 2)).await;
    // The round waits for client 3.
    assert_eq!(command(&administration, "/v1/clients/3/revoke").await.status, StatusCode::NO_CONTENT);
    let rounds: Vec<RoundSummary> = garden.get("/v1/rounds").await.json();
    assert_eq!((&rounds[0].contributed[..], &rounds[0].declined[..]), (&[1, 2][..], &[3][..]));
    assert_eq!(garden.upload(2, 3, update(2, 3)).await.problem(), Problem::Revoked);
    assert_eq!(garden.check_in(3).await.problem(), Problem::Revoked);
    assert_eq!(enrol(&garden, 3, None).await.problem(), Problem::Revoked);
    garden.upload(2, 1, update(2, 1)).await;
    garden.upload(2, 2, update(2, 2)).await;
    assert_eq!(garden.get("/v1/rounds").await.json::<Vec<RoundSummary>>().len(), 2);

    let clients: Vec<EnrolledClient> = administration.get("/v1/clients").await.json();
    assert_eq!(clients.iter().map(|client| client.revoked).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(command(&administration, "/v1/clients/9/revoke").await.problem(), Problem::NotEnrolled);
    assert_eq!(command(&administration, "/v1/clients/3/revoke").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_web_page_cannot_command() {
    let (_, administration, _) = invited(&[]);
    // What a browser sends for a page of another origin without asking first.
    let request = Request::post("/v1/tokens").header("content-type", "text/plain").body(Body::from("{}"));
    let answer = administration.send(request.unwrap()).await;
    assert_eq!(answer.problem(), Problem::UnsupportedMediaType);
    assert_eq!(administration.get("/v1/tokens").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_public_addresses_have_no_administration() {
    let garden = Garden::collecting().await;
    for path in ["/metrics", "/livez", "/readyz", "/v1/tokens"] {
        assert_eq!(garden.get(path).await.problem(), Problem::NotFound, "{path}");
    }
    let revoke = post("/v1/clients/1/revoke", Some(1), "{}");
    assert_eq!(garden.send(revoke).await.problem(), Problem::NotFound);
}

#[tokio::test]
async fn figures_tell_what_happened_and_no_secret() {
    let (garden, administration, clock) = invited(&[1, 2, 3]);
    garden.enrol_all().await;
    clock.advance(std::time::Duration::from_millis(2_250));
    garden.upload_all(1).await;
    garden.upload(1, 1, update(2, 1)).await;
    let forged = signature("POST", HOST, "/v1/checkins", 2, b"{}");
    let mut request = post("/v1/checkins", Some(1), r#"{"client":1}"#);
    request.headers_mut().insert("signature", forged[2].1.parse().unwrap());
    garden.send(request).await;
    for method in ["BREW", "STEEP"] {
        garden.send(Request::builder().method(method).uri("/v1/checkins").body(Body::empty()).unwrap()).await;
    }

    let answer = administration.get("/metrics").await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let upload = "/v1/rounds/{round}/updates/{client}";
    for line in [
        "privet_phase{phase=\"collecting\"} 1",
        "privet_phase{phase=\"finished\"} 0",
        "privet_round 2",
        "privet_rounds_planned 2",
        "privet_clients_enrolled 3",
        "privet_rounds_total{outcome=\"released\"} 1",
        "# TYPE privet_round_seconds histogram",
        "privet_round_seconds_bucket{le=\"1\"} 0",
        "privet_round_seconds_bucket{le=\"5\"} 1",
        "privet_round_seconds_bucket{le=\"604800\"} 1",
        "privet_round_seconds_bucket{le=\"+Inf\"} 1",
        "privet_round_seconds_sum 2.25",
        "privet_round_seconds_count 1",
        "privet_vector_bytes_total{direction=\"up\"} 144",
        &format!("privet_requests_total{{method=\"PUT\",route=\"{upload}\",result=\"ok\"}} 3"),
        &format!("privet_requests_total{{method=\"PUT\",route=\"{upload}\",result=\"malformed-request\"}} 1"),
        "privet_requests_total{method=\"POST\",route=\"/v1/checkins\",result=\"not-authorized\"} 1",
        "privet_requests_total{method=\"other\",route=\"/v1/checkins\",result=\"method-not-allowed\"} 2",
        "privet_requests_in_flight 0",
        "privet_store_queue 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    // Every line is a comment or `name{labels} number`.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("privet_") && value.parse::<f64>().is_ok(), "{line}");
    }
    assert_eq!(administration.get("/livez").await.status, StatusCode::OK);
    assert_eq!(administration.get("/readyz").await.status, StatusCode::OK);
}
