//! Signs the requests of a client.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use privet_core::identity::Identity;
use privet_core::protocol::signature::{Nonce, SignatureHeaders, SignedParts};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// By how much the machine's clock must differ from what was read of it to be worth another attempt.
const WORTH_IT: Duration = Duration::from_secs(1);

/// The operating system gives no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes, so that no request can be signed: {0}")]
pub struct NoNonce(getrandom::Error);

/// What time it is where requests are signed: read from the machine's clock once, and again when the coordinator finds
/// it wrong. In between it runs as the runtime's time does, so that a simulated network has a simulated clock.
pub(crate) struct SigningClock {
    wall: Box<dyn Fn() -> Duration + Send + Sync>,
    /// What it said, and when.
    read: Mutex<(Duration, Instant)>,
}

impl SigningClock {
    pub(crate) fn new() -> SigningClock {
        SigningClock::reading(since_epoch)
    }

    /// A clock that is set by this one, which gives the time since the Unix epoch.
    pub(crate) fn reading(wall: impl Fn() -> Duration + Send + Sync + 'static) -> SigningClock {
        let read = Mutex::new((wall(), Instant::now()));
        SigningClock { wall: Box::new(wall), read }
    }

    fn now(&self) -> Duration {
        let (origin, read) = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        origin + read.elapsed()
    }

    /// Reads the machine's clock again, and says whether that makes a difference: a machine that has slept has.
    pub(crate) fn read_again(&self) -> bool {
        let (before, now) = (self.now(), (self.wall)());
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = (now, Instant::now());
        now.abs_diff(before) > WORTH_IT
    }

    /// Adds the signature to the headers of a request.
    pub(crate) fn sign(
        &self,
        identity: &Identity,
        parts: &SignedParts<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), NoNonce> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(NoNonce)?;
        let signed = parts.sign(identity, self.now().as_secs(), Nonce(nonce));
        let SignatureHeaders { content_digest, signature_input, signature } = signed;
        for (name, value) in [
            ("content-digest", content_digest),
            ("signature-input", signature_input),
            ("signature", signature),
        ] {
            let value = HeaderValue::try_from(value).expect("structured fields are plain ASCII");
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }
}

impl fmt::Debug for SigningClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningClock").field("read", &self.read).finish_non_exhaustive()
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
