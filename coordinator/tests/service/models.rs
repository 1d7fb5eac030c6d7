//! Model files: named by their digest, kept while a task may name them.

use crate::harness::{Garden, encode, first_model};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use privet_core::protocol::{CheckInAnswer, FederationState, HexDigest, Problem, RoundSummary};

#[tokio::test]
async fn a_model_is_named_by_its_digest_and_never_changes() {
    let garden = Garden::collecting().await;
    let CheckInAnswer::Train { model_sha256, .. } = garden.check_in(1).await.assignment() else {
        panic!("the first round is open")
    };
    let answer = garden.get(&format!("/v1/models/{model_sha256}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(HexDigest::of(&answer.body), model_sha256);
    assert_eq!(*answer.body, *encode(&first_model()));
    assert_eq!(answer.headers["etag"], format!("\"{model_sha256}\""));
    assert_eq!(answer.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
}

#[tokio::test]
async fn a_model_that_is_held_is_not_sent_again() {
    let garden = Garden::new();
    let digest = HexDigest::of(&encode(&first_model()));
    let conditional = |held: String| {
        let request = Request::get(format!("/v1/models/{digest}")).header("if-none-match", held);
        garden.send(request.body(Body::empty()).unwrap())
    };
    for held in
        [format!("\"{digest}\""), format!("W/\"{digest}\""), format!("\"x\", \"{digest}\""), "*".into()]
    {
        let answer = conditional(held).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
        assert!(answer.body.is_empty());
        assert_eq!(answer.headers["etag"], format!("\"{digest}\""));
    }
    assert_eq!(conditional("\"another\"".into()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_current_model_and_the_one_before_are_kept() {
    let garden = Garden::collecting().await;
    let first = garden.get("/v1/federation").await.json::<FederationState>().model_sha256;
    garden.upload_all(1).await;
    assert_eq!(garden.get(&format!("/v1/models/{first}")).await.status, StatusCode::OK);
    garden.upload_all(2).await;
    assert_eq!(garden.get(&format!("/v1/models/{first}")).await.problem(), Problem::NotFound);
    for round in garden.get("/v1/rounds").await.json::<Vec<RoundSummary>>() {
        let file = garden.get(&format!("/v1/models/{}", round.model_sha256)).await;
        assert_eq!(HexDigest::of(&file.body), round.model_sha256);
    }
}
