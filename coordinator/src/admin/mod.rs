//! The administration: health, figures, and who may take part. Served apart from the public addresses, on loopback.
//!
//! | | | |
//! |---|---|---|
//! | `GET`  | `/livez`                  | whether the process answers |
//! | `GET`  | `/readyz`                 | whether it takes requests: the state is there, and it is not stopping |
//! | `GET`  | `/metrics`                | figures in Prometheus' text format |
//! | `GET`  | `/v1/clients`             | the clients, those that are shut out included |
//! | `POST` | `/v1/clients/{n}/revoke`  | shuts a client out |
//! | `POST` | `/v1/tokens`              | makes a one-time token |
//!
//! What changes something takes JSON, if only `{}`: a web page that its reader's browser shows cannot send that here.

mod figures;

use crate::extract::{At, json};
use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use privet_core::protocol::{EnrolledClient, Token};
use serde::{Deserialize, Serialize};

/// The most bytes of a request's body.
const BODY_LIMIT: usize = 4096;

/// A one-time token that has just been made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewToken {
    /// The token, which is kept nowhere else.
    pub token: Token,
}

/// A request that needs no more than its address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The routes of the administration.
pub fn administration<S: Store>(service: Service<S>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(ready::<S>))
        .route("/metrics", get(metrics::<S>))
        .route("/v1/clients", get(clients::<S>))
        .route("/v1/clients/{client}/revoke", post(revoke::<S>))
        .route("/v1/tokens", post(make_token::<S>))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(service)
}

async fn ready<S: Store>(State(service): State<Service<S>>) -> (StatusCode, &'static str) {
    if *service.draining().borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match service.store().standing().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the state is not there\n"),
    }
}

async fn metrics<S: Store>(State(service): State<Service<S>>) -> Result<impl IntoResponse, RequestError> {
    let text = figures::text(&service).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

async fn clients<S: Store>(
    State(service): State<Service<S>>,
) -> Result<Json<Vec<EnrolledClient>>, RequestError> {
    Ok(Json(service.store().clients().await?))
}

async fn revoke<S: Store>(
    State(service): State<Service<S>>,
    At(client): At<u32>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, RequestError> {
    let Nothing {} = json(&headers, &body)?;
    service.store().revoke(client, service.now()).await?;
    tracing::warn!(client, "a client has been shut out");
    Ok(StatusCode::NO_CONTENT)
}

async fn make_token<S: Store>(
    State(service): State<Service<S>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<NewToken>, RequestError> {
    let Nothing {} = json(&headers, &body)?;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| RequestError::Internal(error.into()))?;
    let token = Token::from_random(bytes);
    service.store().invite(token.digest()).await?;
    Ok(Json(NewToken { token }))
}
