//! One request, and what becomes of it.

use crate::signer::{NoNonce, SigningClock};
use crate::transport::{Transport, TransportError};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use privet_core::identity::Identity;
use privet_core::protocol::signature::SignedParts;
use privet_core::protocol::{HexDigest, LeaseToken, Problem, ProblemDocument};
use std::time::Duration;

/// A request that can be sent again: the same bytes, signed anew each time.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// What follows the question mark; empty if there is none.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Who signs it, and the digest of the body.
    pub(crate) signer: Option<(&'a Identity, HexDigest)>,
    /// The most bytes that the answer can have.
    pub(crate) limit: usize,
    /// How long to wait for the answer.
    pub(crate) time: Duration,
}

/// Why a request has no answer that helps.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It did not get there, or the answer did not get back.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer did not come in time.
    #[error("the coordinator did not answer within {0:?}")]
    TimedOut(Duration),
    /// The coordinator refused it.
    #[error("the coordinator refused: {}", .0.detail)]
    Refused(Refused),
    /// The answer is none of the protocol.
    #[error("the answer with status {status} to {path} is none of this protocol: is it a coordinator?")]
    Foreign {
        /// The status of the answer.
        status: StatusCode,
        /// What was asked.
        path: String,
    },
    /// It cannot be signed.
    #[error(transparent)]
    NoNonce(#[from] NoNonce),
    /// The plan is not the one whose digest was announced.
    #[error("the coordinator's plan has the digest {found}, it announced {announced}: its state is damaged")]
    PlanDamaged {
        /// The digest that it announced.
        announced: HexDigest,
        /// The digest of what it sent.
        found: HexDigest,
    },
    /// The time to go on trying is over.
    #[error("gave up after {attempts} attempts in {seconds:.0} s; the last one: {last}", seconds = after.as_secs_f64())]
    GaveUp {
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        after: Duration,
        /// What came of the last attempt.
        last: Box<CallError>,
    },
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which problem the coordinator has with the request.
    pub problem: Problem,
    /// What was wrong, and what to do, in its words.
    pub detail: String,
    /// After how long it may be asked again.
    pub retry_after: Option<Duration>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, path: impl Into<String>, limit: usize, time: Duration) -> Call<'a> {
        let (path, query, headers, body) = (path.into(), String::new(), HeaderMap::new(), Bytes::new());
        Call { method, path, query, headers, body, signer: None, limit, time }
    }

    /// With a body of this type.
    pub(crate) fn with_body(mut self, kind: &'static str, body: impl Into<Bytes>) -> Call<'a> {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        self.body = body.into();
        self
    }

    /// In the name of the client that has this key; with the body that it has by now.
    pub(crate) fn signed_by(mut self, identity: &'a Identity) -> Call<'a> {
        self.signer = Some((identity, HexDigest::of(&self.body)));
        self
    }

    /// The same under a lease.
    pub(crate) fn under(&self, lease: LeaseToken) -> Call<'a> {
        Call { query: format!("lease={lease}"), ..self.clone() }
    }

    /// Sends it once.
    pub(crate) async fn send(
        &self,
        transport: &impl Transport,
        clock: &SigningClock,
    ) -> Result<Response<Bytes>, CallError> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        let uri = match &*self.query {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        };
        *request.uri_mut() = uri.parse().expect("the protocol's paths are made of letters and digits");
        *request.headers_mut() = self.headers.clone();
        if let Some((identity, content)) = self.signer {
            let parts = SignedParts {
                method: self.method.as_str(),
                authority: transport.authority(),
                path: &self.path,
                query: &self.query,
                content,
            };
            clock.sign(identity, &parts, request.headers_mut())?;
        }
        let sending = tokio::time::timeout(self.time, transport.send(request, self.limit));
        let response = sending.await.map_err(|_| CallError::TimedOut(self.time))??;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.refusal(&response)),
        }
    }

    /// The answer was not what the protocol says.
    pub(crate) fn foreign(&self, status: StatusCode) -> CallError {
        CallError::Foreign { status, path: self.path.clone() }
    }

    fn refusal(&self, response: &Response<Bytes>) -> CallError {
        let document = serde_json::from_slice::<ProblemDocument>(response.body()).ok();
        let known = document.and_then(|document| Some((document.problem()?, document.detail)));
        match known {
            Some((problem, detail)) => {
                CallError::Refused(Refused { problem, detail, retry_after: retry_after(response) })
            }
            None => self.foreign(response.status()),
        }
    }
}

impl CallError {
    /// Which problem the coordinator has, if that is it.
    pub fn problem(&self) -> Option<Problem> {
        match self {
            CallError::Refused(refused) => Some(refused.problem),
            _ => None,
        }
    }

    /// Whether the very same request may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            CallError::Transport(TransportError::Unreachable { .. } | TransportError::Broken { .. })
            | CallError::TimedOut(_) => true,
            CallError::Refused(refused) => {
                matches!(
                    refused.problem,
                    Problem::ShuttingDown
                        | Problem::Internal
                        | Problem::NonceUsed
                        | Problem::TooManyRequests
                        | Problem::RequestTimeout
                        | Problem::Overloaded
                )
            }
            // A proxy before a coordinator that is away.
            CallError::Foreign { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            CallError::Transport(TransportError::ResponseTooLarge { .. })
            | CallError::NoNonce(_)
            | CallError::PlanDamaged { .. }
            | CallError::GaveUp { .. } => false,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            CallError::Refused(refused) => refused.retry_after,
            _ => None,
        }
    }
}

/// The time in `Retry-After`, if it is given in seconds.
pub(crate) fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
