//! Why a request is refused, and the answer that says so: always a problem document.

use crate::store::{Denial, StoreError};
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use privet_core::protocol::signature::SignatureError;
use privet_core::protocol::{HexDigest, LeaseTokenError, Problem, UpdateCodecError};
use privet_core::round::Refusal;
use privet_core::secagg::DecodeError;

/// How many seconds a client should stay away from a coordinator that stops.
const SECONDS_TO_RESTART: HeaderValue = HeaderValue::from_static("5");
/// How many seconds a client should rest that sends too many requests, or finds no room.
const SECONDS_TO_REST: HeaderValue = HeaderValue::from_static("2");

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("a request for a client is signed by it (RFC 9421): the header `{0}` is missing")]
    NotSigned(&'static str),
    #[error("the request names no host")]
    NoAuthority,
    #[error("this is not {authority}: ask for the coordinator by the name that it goes by")]
    AnotherAuthority { authority: String },
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the content has the digest {found}, {announced} was signed: it was changed on its way")]
    AnotherContent { announced: HexDigest, found: HexDigest },
    #[error("an enrolment is signed with the key that it enrols")]
    EnrolsAnother,
    #[error(transparent)]
    Denied(#[from] Denial),
    #[error("there is nothing at {path}: see the protocol's table of addresses")]
    NoSuchAddress { path: String },
    #[error("{method} is not possible at {path}: the header `Allow` says what is")]
    WrongMethod { method: Method, path: String },
    #[error("there is no model {0}: check in for the current task")]
    NoSuchModel(HexDigest),
    #[error("the plan of this federation promises no privacy: it has no [privacy]")]
    NoPrivacy,
    #[error(
        "the records say who took part, and the promise of privacy rests on nobody knowing: they are not shown"
    )]
    HiddenRecords,
    #[error("the address cannot be read: {0}")]
    Path(#[from] PathRejection),
    #[error("the query of this address is `lease=` and a token: {0}")]
    Lease(#[from] LeaseTokenError),
    #[error("{0}")]
    Json(#[from] JsonRejection),
    #[error("{0}")]
    Body(#[from] BytesRejection),
    #[error("the body has {announced} bytes, a message to this address has {expected} at the most")]
    UpdateTooLarge { announced: u64, expected: usize },
    #[error("a message is sent as application/json")]
    NotJson,
    #[error("a vector is sent as application/octet-stream")]
    NotOctets,
    #[error("a body is sent as it is, without `Content-Encoding`")]
    Packed,
    #[error("the body broke off: {0}")]
    BodyBroken(#[source] axum::Error),
    #[error("{0}")]
    Update(#[from] UpdateCodecError),
    #[error("{0}")]
    Stage(#[from] DecodeError),
    #[error(
        "the message says that it is of client {client} for round {round}, \
         the address says client {addressed_client} and round {addressed_round}"
    )]
    Misaddressed { round: u32, client: u32, addressed_round: u32, addressed_client: u32 },
    #[error("the body was not there after {seconds} s: send it faster, or over a better line")]
    BodyTooSlow { seconds: u64 },
    #[error("client {client} has several bodies on their way at once: one after the other")]
    TooManyBodies { client: u32 },
    #[error("client {client} has too many requests under way at once: wait for answers")]
    TooManyUnderWay { client: u32 },
    #[error("the coordinator has no room for a body at present: try again after the time in `Retry-After`")]
    Overloaded,
    #[error("the coordinator is stopping: try again after the time in `Retry-After`")]
    ShuttingDown,
    #[error("the coordinator has a fault of its own, which is in its log: try again later")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl RequestError {
    /// The table: which problem each reason is told as.
    fn problem(&self) -> Problem {
        match self {
            RequestError::Refused(refusal) => Problem::from(*refusal),
            RequestError::NotSigned(_) | RequestError::NoAuthority => Problem::NotAuthorized,
            RequestError::AnotherAuthority { .. } | RequestError::AnotherContent { .. } => {
                Problem::NotAuthorized
            }
            RequestError::EnrolsAnother => Problem::NotAuthorized,
            RequestError::Signature(SignatureError::Stale { .. }) => Problem::StaleSignature,
            RequestError::Signature(_) => Problem::NotAuthorized,
            RequestError::Denied(denial) => problem_of_denial(denial),
            RequestError::NoSuchAddress { .. }
            | RequestError::NoSuchModel(_)
            | RequestError::NoPrivacy
            | RequestError::HiddenRecords => Problem::NotFound,
            RequestError::WrongMethod { .. } => Problem::MethodNotAllowed,
            RequestError::Json(rejection) => problem_of_status(rejection.status()),
            RequestError::Body(rejection) => problem_of_status(rejection.status()),
            RequestError::UpdateTooLarge { .. } => Problem::BodyTooLarge,
            RequestError::NotJson | RequestError::NotOctets | RequestError::Packed => {
                Problem::UnsupportedMediaType
            }
            RequestError::Path(_)
            | RequestError::Lease(_)
            | RequestError::BodyBroken(_)
            | RequestError::Update(_)
            | RequestError::Stage(_)
            | RequestError::Misaddressed { .. } => Problem::MalformedRequest,
            RequestError::BodyTooSlow { .. } => Problem::RequestTimeout,
            RequestError::TooManyBodies { .. } | RequestError::TooManyUnderWay { .. } => {
                Problem::TooManyRequests
            }
            RequestError::Overloaded => Problem::Overloaded,
            RequestError::ShuttingDown => Problem::ShuttingDown,
            RequestError::Internal(_) => Problem::Internal,
        }
    }
}

fn problem_of_denial(denial: &Denial) -> Problem {
    match denial {
        Denial::AnotherKey { .. } => Problem::NotAuthorized,
        Denial::Revoked { .. } => Problem::Revoked,
        Denial::NotInvited | Denial::TokenSpent => Problem::NotInvited,
        Denial::NonceUsed => Problem::NonceUsed,
        Denial::TooOld { .. } => Problem::StaleSignature,
        Denial::TooMany { .. } => Problem::TooManyRequests,
    }
}

/// What axum refuses, it refuses with a status.
fn problem_of_status(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::UnsupportedMediaType,
        _ => Problem::MalformedRequest,
    }
}

impl From<StoreError> for RequestError {
    fn from(error: StoreError) -> RequestError {
        match error {
            StoreError::Refused(refusal) => RequestError::Refused(refusal),
            StoreError::Denied(denial) => RequestError::Denied(denial),
            StoreError::Broken | StoreError::NotKept(_) | StoreError::Unreadable(_) => {
                RequestError::Internal(Box::new(error))
            }
        }
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        if let RequestError::Internal(source) = &self {
            tracing::error!(error = &**source, "a request failed");
        }
        let problem = self.problem();
        let document = problem.document(self.to_string());
        let status = StatusCode::from_u16(document.status).expect("the table of problems has HTTP statuses");
        let body = serde_json::to_vec(&document).expect("a problem document is plain text and a number");
        let mut response = (status, body).into_response();
        // For whoever counts requests.
        response.extensions_mut().insert(problem);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match problem {
            Problem::ShuttingDown => drop(headers.insert(RETRY_AFTER, SECONDS_TO_RESTART)),
            Problem::TooManyRequests | Problem::Overloaded => {
                drop(headers.insert(RETRY_AFTER, SECONDS_TO_REST))
            }
            Problem::NotAuthorized | Problem::StaleSignature | Problem::NonceUsed => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Signature"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_of_the_coordinator_tells_nothing_of_itself() {
        let error = RequestError::from(StoreError::Broken);
        let response = error.into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(!text.contains("transaction") && !text.contains("memory"), "{text}");
    }
}
