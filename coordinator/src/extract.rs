//! How the parts of a request are read. What cannot be read is refused with a problem document.

use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use bytes::BytesMut;
use futures_core::Stream;
use privet_core::protocol::LeaseTokenError;
use privet_core::round::Holding;
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

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
    plain(headers)?;
    match header(headers, CONTENT_TYPE.as_str()) {
        Some(kind) if kind.starts_with("application/json") => Ok(Json::from_bytes(body)?.0),
        _ => Err(RequestError::NotJson),
    }
}

/// Reads a body of vectors, which has `expected` bytes or fewer. One that announces more is refused
/// before any of it is read.
pub(crate) async fn octets(request: Request, expected: usize, time: Duration) -> Result<Bytes, RequestError> {
    let headers = request.headers();
    plain(headers)?;
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/octet-stream") {
        return Err(RequestError::NotOctets);
    }
    let announced = header(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    if let Some(announced) = announced.filter(|announced| *announced > expected as u64) {
        return Err(RequestError::UpdateTooLarge { announced, expected });
    }
    let length = announced.map_or(expected, |announced| announced as usize);
    match timeout(time, in_one_piece(request.into_body(), length, expected)).await {
        Ok(body) => body,
        Err(_) => Err(RequestError::BodyTooSlow { seconds: time.as_secs() }),
    }
}

/// Reads a body as it arrives into memory that was taken for it at once: to put its pieces together at the end would take
/// it twice.
async fn in_one_piece(body: Body, length: usize, expected: usize) -> Result<Bytes, RequestError> {
    let mut pieces = pin!(body.into_data_stream());
    let mut read = BytesMut::with_capacity(length);
    while let Some(piece) = poll_fn(|context| pieces.as_mut().poll_next(context)).await {
        let piece = piece.map_err(RequestError::BodyBroken)?;
        let announced = (read.len() + piece.len()) as u64;
        if announced > expected as u64 {
            return Err(RequestError::UpdateTooLarge { announced, expected });
        }
        read.extend_from_slice(&piece);
    }
    Ok(read.freeze())
}

/// Checks that a body is sent as it is. One that is packed may become anything.
fn plain(headers: &HeaderMap) -> Result<(), RequestError> {
    match headers.contains_key(CONTENT_ENCODING) {
        true => Err(RequestError::Packed),
        false => Ok(()),
    }
}

/// Reads a body, which must not take longer than this.
pub(crate) async fn body(request: Request, time: Duration) -> Result<Bytes, RequestError> {
    match timeout(time, Bytes::from_request(request, &())).await {
        Ok(body) => Ok(body?),
        Err(_) => Err(RequestError::BodyTooSlow { seconds: time.as_secs() }),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
