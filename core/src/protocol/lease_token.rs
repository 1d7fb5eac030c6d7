//! What a client shows for the task that it does.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// The token of a lease: 16 bytes, written as 32 hexadecimal digits. The coordinator alone can make one; it does not
/// print.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LeaseToken(pub(crate) [u8; 16]);

/// A text is no token of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token of a lease is written as 32 hexadecimal digits")]
pub struct LeaseTokenError;

impl PartialEq for LeaseToken {
    /// How long it takes tells nothing of how near a guess is.
    fn eq(&self, other: &LeaseToken) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for LeaseToken {}

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaseToken")
    }
}

impl FromStr for LeaseToken {
    type Err = LeaseTokenError;

    fn from_str(text: &str) -> Result<LeaseToken, LeaseTokenError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| LeaseTokenError)?;
        Ok(LeaseToken(bytes))
    }
}

impl From<LeaseToken> for String {
    fn from(token: LeaseToken) -> String {
        token.to_string()
    }
}

impl TryFrom<String> for LeaseToken {
    type Error = LeaseTokenError;

    fn try_from(text: String) -> Result<LeaseToken, LeaseTokenError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written_and_nothing_else_is_read() {
        let token = LeaseToken([0xa5; 16]);
        assert_eq!(token.to_string(), "a5".repeat(16));
        assert_eq!(token.to_string().parse(), Ok(token));
        assert_eq!(format!("{token:?}"), "LeaseToken");
        assert_ne!(token, LeaseToken([0xa4; 16]));
        for text in ["", "a5", &"a5".repeat(17), &"xy".repeat(16)] {
            assert_eq!(text.parse::<LeaseToken>(), Err(LeaseTokenError), "{text}");
        }
    }
}
