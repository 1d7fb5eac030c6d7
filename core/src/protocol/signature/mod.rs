//! Signed requests: HTTP Message Signatures (RFC 9421) with Ed25519, over a digest of the content (RFC 9530).
//!
//! ```text
//! Content-Digest:  sha-256=:...:
//! Signature-Input: privet=("@method" "@authority" "@path" "@query" "content-digest");
//!                  created=...;nonce="...";alg="ed25519";keyid="...";tag="privet-request"
//! Signature:       privet=:...:
//! ```
//!
//! `keyid` is the client's public key itself, `created` is in seconds since the Unix epoch. These five components must
//! be covered, in any order, and nothing else; all parameters but `alg` must be there. Whether a key is enrolled and
//! whether a nonce is new is not for this module to say.

mod base;
mod verify;

pub use verify::{Claim, SignatureError, SignatureHeaders};

use super::HexDigest;
use crate::identity::Identity;
use base::{COVERED, line, signature_base};
use sfv::{DictSerializer, KeyRef, ListSerializer, StringRef, key_ref, string_ref};
use std::time::Duration;

/// How far the time at which a request was signed may lie from the coordinator's, in either direction.
pub const SIGNATURE_WINDOW: Duration = Duration::from_secs(120);

const LABEL: &KeyRef = key_ref("privet");
const DIGEST: &KeyRef = key_ref("sha-256");
const CREATED: &KeyRef = key_ref("created");
const KEY_ID: &KeyRef = key_ref("keyid");
const NONCE: &KeyRef = key_ref("nonce");
const ALGORITHM: &KeyRef = key_ref("alg");
const TAG: &KeyRef = key_ref("tag");
const ED25519: &StringRef = string_ref("ed25519");
const REQUEST: &StringRef = string_ref("privet-request");

/// A number that a client uses once: 16 random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub [u8; 16]);

/// The parts of a request that its signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedParts<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The host, and the port unless it is the scheme's own; in small letters.
    pub authority: &'a str,
    /// The path, from the first slash.
    pub path: &'a str,
    /// What follows the question mark; empty if there is none.
    pub query: &'a str,
    /// The SHA-256 of the content; that of no bytes if there is none.
    pub content: HexDigest,
}

impl SignedParts<'_> {
    /// Signs them. `created` is in seconds since the Unix epoch; the nonce must be new.
    pub fn sign(&self, identity: &Identity, created: u64, nonce: Nonce) -> SignatureHeaders {
        let parameters = parameters(&identity.key().to_string(), created, nonce);
        let lines = COVERED.map(|component| line(component, self.value(component.as_str())));
        let signature = identity.sign(signature_base(lines, &parameters).as_bytes());
        let mut signatures = DictSerializer::new();
        let _ = signatures.bare_item(LABEL, &signature[..]);
        SignatureHeaders {
            content_digest: self.content_digest(),
            signature_input: format!("{LABEL}={parameters}"),
            signature: signatures.finish().expect("the dictionary has a member"),
        }
    }

    fn content_digest(&self) -> String {
        let mut digests = DictSerializer::new();
        let _ = digests.bare_item(DIGEST, &self.content.0[..]);
        digests.finish().expect("the dictionary has a member")
    }

    /// The value of a covered component.
    fn value(&self, component: &str) -> String {
        match component {
            "@method" => self.method.to_owned(),
            "@authority" => self.authority.to_owned(),
            "@path" => self.path.to_owned(),
            "@query" => format!("?{}", self.query),
            _ => self.content_digest(),
        }
    }
}

/// What a signature says of itself, which it covers too.
fn parameters(key: &str, created: u64, nonce: Nonce) -> String {
    let text = |text: &str| StringRef::from_str(text).map(ToOwned::to_owned).expect("hexadecimal digits");
    let (key, nonce) = (text(key), text(&hex::encode(nonce.0)));
    let created = i64::try_from(created).ok().and_then(|seconds| sfv::Integer::try_from(seconds).ok());
    let mut list = ListSerializer::new();
    let mut covered = list.inner_list();
    for component in COVERED {
        let _ = covered.bare_item(component);
    }
    let _ = covered
        .finish()
        .parameter(CREATED, created.unwrap_or(sfv::Integer::MAX))
        .parameter(NONCE, &*nonce)
        .parameter(ALGORITHM, ED25519)
        .parameter(KEY_ID, &*key)
        .parameter(TAG, REQUEST);
    list.finish().expect("the list has a member")
}

#[cfg(test)]
mod tests;
