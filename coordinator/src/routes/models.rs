//! `GET /v1/models/{sha256}`: a model file, named by its digest. It never changes, so any proxy may keep it.

use crate::extract::At;
use crate::request_error::RequestError;
use crate::service::Service;
use crate::store::Store;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use privet_core::protocol::HexDigest;

const FOR_EVER: &str = "public, max-age=31536000, immutable";

pub(super) async fn download<S: Store>(
    State(service): State<Service<S>>,
    At(digest): At<HexDigest>,
    headers: HeaderMap,
) -> Result<Response, RequestError> {
    let file = service.store().model(digest).await?.ok_or(RequestError::NoSuchModel(digest))?;
    let tag = format!("\"{digest}\"");
    let unchanged = is_held(&headers, &tag);
    let caching = [(ETAG, tag), (CACHE_CONTROL, FOR_EVER.into())];
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    service.journal().sent(file.len());
    Ok((caching, [(CONTENT_TYPE, "application/octet-stream")], file).into_response())
}

/// Whether the client says that it has the file (RFC 9110, section 13.1.2, weak comparison).
fn is_held(headers: &HeaderMap, tag: &str) -> bool {
    let held = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    held.flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
}
