//! How a request reaches the coordinator.

use bytes::Bytes;
use http::{Request, Response};
use std::error::Error;

/// Carries a request to the coordinator and its response back: over HTTP in production, over a simulated network
/// in tests. It neither repeats nor interprets, and need not limit the time: whoever calls it does.
pub trait Transport: Send + Sync + 'static {
    /// The host that the coordinator goes by, and its port unless that is the scheme's own; in small letters.
    fn authority(&self) -> &str;

    /// Sends a request, whose address is a path, and a query if it has one, and reads a response with a body of `limit` bytes or fewer.
    fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send;
}

/// Why there is no response. Whether the request arrived is not known, except where it says so.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nobody answers at the address; the request did not arrive.
    #[error("the coordinator at {address} cannot be reached: {}", innermost(&**source))]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection broke before the response was complete.
    #[error("the connection to {address} broke: {}", innermost(&**source))]
    Broken {
        /// Where the coordinator is.
        address: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The response is larger than any that makes sense.
    #[error(
        "{address} sent more than {limit} bytes, which no coordinator of this federation would: is it one?"
    )]
    ResponseTooLarge {
        /// Who sent it.
        address: String,
        /// How many bytes were expected at the most.
        limit: usize,
    },
}

/// The error at the bottom, which says what happened; those above it say only where.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    std::iter::successors(Some(error), |error| (*error).source()).last().unwrap_or(error)
}
