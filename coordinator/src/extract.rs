//! How the parts of a request are read. What cannot be read is refused with a problem document.

use crate::request_error::RequestError;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use privet_core::protocol::Credential;
use serde::de::DeserializeOwned;

/// What the address names.
pub(crate) struct At<T>(pub(crate) T);

/// A message in JSON.
pub(crate) struct Message<T>(pub(crate) T);

/// The credential that a request carries.
pub(crate) struct Bearer(pub(crate) Credential);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<At<T>, RequestError> {
        let Path(named) = Path::from_request_parts(parts, state).await?;
        Ok(At(named))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Message<T> {
    type Rejection = RequestError;

    async fn from_request(request: Request, state: &S) -> Result<Message<T>, RequestError> {
        let Json(message) = Json::from_request(request, state).await?;
        Ok(Message(message))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Bearer, RequestError> {
        let credential = bearer(&parts.headers).and_then(|text| Credential::from_text(text).ok());
        credential.map(Bearer).ok_or(RequestError::NoCredential)
    }
}

/// Reads the body of an update, which has exactly `expected` bytes or fewer. One that announces more is refused
/// before any of it is read.
pub(crate) async fn octets(request: Request, expected: usize) -> Result<Bytes, RequestError> {
    let headers = request.headers();
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/octet-stream") {
        return Err(RequestError::NotOctets);
    }
    match header(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok()) {
        Some(announced) if announced > expected as u64 => {
            Err(RequestError::UpdateTooLarge { announced, expected })
        }
        _ => Ok(Bytes::from_request(request, &()).await?),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = header(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
