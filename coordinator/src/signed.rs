//! Requests that are signed by a client.

use crate::extract::{body as body_of, json};
use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::request::Parts;
use privet_core::protocol::HexDigest;
use privet_core::protocol::signature::{Claim, SignatureHeaders, SignedParts};
use serde::de::DeserializeOwned;

/// What a request with a sound signature claims. Whether the key is a client's is for [`Service::authorize`] to say,
/// whether the content is the announced one for [`Signed::content`].
pub(crate) struct Signed(pub(crate) Claim);

/// A signed message in JSON; its content is the announced one.
pub(crate) struct SignedMessage<T>(pub(crate) Signed, pub(crate) T);

impl Signed {
    /// Checks that this is the content that was signed, and gives its digest. It takes time in proportion.
    pub(crate) fn content(&self, body: &[u8]) -> Result<HexDigest, RequestError> {
        match HexDigest::of(body) {
            digest if digest == self.0.content => Ok(digest),
            found => Err(RequestError::AnotherContent { announced: self.0.content, found }),
        }
    }
}

impl<S: Store> FromRequestParts<Service<S>> for Signed {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, service: &Service<S>) -> Result<Signed, RequestError> {
        let headers = SignatureHeaders {
            content_digest: field(&parts.headers, "content-digest")?,
            signature_input: field(&parts.headers, "signature-input")?,
            signature: field(&parts.headers, "signature")?,
        };
        let authority = authority(parts).ok_or(RequestError::NoAuthority)?;
        if !service.answers_to(&authority) {
            return Err(RequestError::AnotherAuthority { authority });
        }
        let signed = SignedParts {
            method: parts.method.as_str(),
            authority: &authority,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            content: HexDigest([0; 32]),
        };
        Ok(Signed(headers.verify(&signed, service.wall_seconds())?))
    }
}

impl<T: DeserializeOwned, S: Store> FromRequest<Service<S>> for SignedMessage<T> {
    type Rejection = RequestError;

    async fn from_request(request: Request, service: &Service<S>) -> Result<SignedMessage<T>, RequestError> {
        let (mut parts, body) = request.into_parts();
        let signed = Signed::from_request_parts(&mut parts, service).await?;
        let headers = parts.headers.clone();
        let body = body_of(Request::from_parts(parts, body), service.options().limits.body).await?;
        signed.content(&body)?;
        let message = json(&headers, &body)?;
        Ok(SignedMessage(signed, message))
    }
}

/// A header as RFC 9421, section 2.1, has it: all its lines together.
fn field(headers: &HeaderMap, name: &'static str) -> Result<String, RequestError> {
    let lines: Option<Vec<&str>> =
        headers.get_all(name).iter().map(|line| Some(line.to_str().ok()?.trim())).collect();
    match lines {
        Some(lines) if !lines.is_empty() => Ok(lines.join(", ")),
        _ => Err(RequestError::NotSigned(name)),
    }
}

/// Whom the client thinks that it talks to.
fn authority(parts: &Parts) -> Option<String> {
    let named = parts.uri.authority().map(|authority| authority.as_str());
    let named = named.or_else(|| parts.headers.get(HOST)?.to_str().ok());
    named.map(str::to_ascii_lowercase)
}
