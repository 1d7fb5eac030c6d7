//! A SHA-256 as text.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of some bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HexDigest(pub [u8; 32]);

/// The text is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("a SHA-256 is written as 64 hexadecimal digits")]
pub struct HexDigestError;

impl HexDigest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> HexDigest {
        HexDigest(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for HexDigest {
    type Err = HexDigestError;

    fn from_str(text: &str) -> Result<HexDigest, HexDigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HexDigestError)?;
        Ok(HexDigest(bytes))
    }
}

impl From<HexDigest> for String {
    fn from(digest: HexDigest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for HexDigest {
    type Error = HexDigestError;

    fn try_from(text: String) -> Result<HexDigest, HexDigestError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(HexDigest::of(b"").to_string(), text);
        assert_eq!(text.parse(), Ok(HexDigest::of(b"")));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "e3b0", "../../etc/passwd", &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(text.parse::<HexDigest>(), Err(HexDigestError));
        }
    }
}
