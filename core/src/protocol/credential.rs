//! How a client shows that it is the one that enrolled.
//!
//! A client draws a credential, sends only its digest when it enrols, and the credential itself with every request
//! that acts in its name. The coordinator keeps digests alone, so that its state lets nobody in.

use super::{HexDigest, HexDigestError};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A client's secret: 32 bytes from the operating system's generator. It does not print and is wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Credential([u8; 32]);

/// The digest by which the coordinator knows a credential.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialDigest(HexDigest);

impl Credential {
    /// Takes 32 bytes from a cryptographic generator.
    pub fn from_random(bytes: [u8; 32]) -> Credential {
        Credential(bytes)
    }

    /// Reads what [`Credential::to_text`] wrote.
    pub fn from_text(text: &str) -> Result<Credential, HexDigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HexDigestError)?;
        Ok(Credential(bytes))
    }

    /// The secret as text, to be sent as a bearer token or kept in a file that only its owner can read.
    pub fn to_text(&self) -> String {
        hex::encode(self.0)
    }

    /// The digest that the coordinator may know.
    pub fn digest(&self) -> CredentialDigest {
        CredentialDigest(HexDigest::of(&self.0))
    }
}

impl CredentialDigest {
    /// Takes a digest that was kept.
    pub fn new(digest: HexDigest) -> CredentialDigest {
        CredentialDigest(digest)
    }

    /// The digest, to be kept. Not to be compared with `==`: see [`CredentialDigest::same`].
    pub fn digest(&self) -> HexDigest {
        self.0
    }

    /// Whether this is the digest of that credential; takes the same time for every answer.
    pub fn matches(&self, credential: &Credential) -> bool {
        self.same(&credential.digest())
    }

    /// Whether two digests are the same; takes the same time for every answer.
    pub fn same(&self, other: &CredentialDigest) -> bool {
        self.0.0.ct_eq(&other.0.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_matches_its_credential_only() {
        let credential = Credential::from_random([7; 32]);
        assert!(credential.digest().matches(&Credential::from_text(&credential.to_text()).unwrap()));
        assert!(!credential.digest().matches(&Credential::from_random([8; 32])));
    }

    #[test]
    fn a_text_that_is_no_credential_is_refused() {
        assert!(Credential::from_text("secret").is_err());
    }
}
