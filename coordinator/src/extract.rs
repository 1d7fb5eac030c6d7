//! How the parts of a request are read. What cannot be read is refused with a problem document.

use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use privet_core::protocol::LeaseTokenError;
use privet_core::round::Holding;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What the address names.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<At<T>, RequestError> {
        let Path(named) = Path::from_request_parts(parts, state).await?;
        Ok(At(named))
    }
}

/// The lease under which a request comes, and when its head was there.
pub(crate) struct Under(pub(crate) Holding);

impl<S: Store> FromRequestParts<Service<S>> for Under {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, service: &Service<S>) -> Result<Under, RequestError> {
        let lease = parts.uri.query().map(|query| query.strip_prefix("lease=").ok_or(LeaseTokenError));
        let token = lease.map(|token| token?.parse()).transpose()?;
        Ok(Under(Holding { token, begun: service.now() }))
    }
}

/// Reads a message in JSON.
pub(crate) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, RequestError> {
    match header(headers, CONTENT_TYPE.as_str()) {
        Some(kind) if kind.starts_with("application/json") => Ok(Json::from_bytes(body)?.0),
        _ => Err(RequestError::NotJson),
    }
}

/// Reads a body of vectors, which has `expected` bytes or fewer. One that announces more is refused
/// before any of it is read.
pub(crate) async fn octets(request: Request, expected: usize, time: Duration) -> Result<Bytes, RequestError> {
    let headers = request.headers();
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/octet-stream") {
        return Err(RequestError::NotOctets);
    }
    match header(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok()) {
        Some(announced) if announced > expected as u64 => {
            return Err(RequestError::UpdateTooLarge { announced, expected });
        }
        _ => {}
    }
    let body = body(request, time).await?;
    match body.len() <= expected {
        true => Ok(body),
        false => Err(RequestError::UpdateTooLarge { announced: body.len() as u64, expected }),
    }
}

/// Reads a body, which must not take longer than this.
pub(crate) async fn body(request: Request, time: Duration) -> Result<Bytes, RequestError> {
    match tokio::time::timeout(time, Bytes::from_request(request, &())).await {
        Ok(body) => Ok(body?),
        Err(_) => Err(RequestError::BodyTooSlow { seconds: time.as_secs() }),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
