//! An invitation: whoever has it may enrol, once.

use super::{HexDigest, HexDigestError};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A one-time token: 32 bytes from a cryptographic generator, written as 64 hexadecimal digits. It does not print, and is
/// wiped when dropped. A coordinator keeps its digest alone.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Token([u8; 32]);

impl Token {
    /// Takes 32 bytes from a cryptographic generator.
    pub fn from_random(bytes: [u8; 32]) -> Token {
        Token(bytes)
    }

    /// The token as text, to be given to whoever is invited.
    pub fn to_text(&self) -> String {
        hex::encode(self.0)
    }

    /// The digest that the coordinator may keep. Tokens are compared by it: it tells nothing of how near a guess is.
    pub fn digest(&self) -> HexDigest {
        HexDigest::of(&self.0)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl FromStr for Token {
    type Err = HexDigestError;

    fn from_str(text: &str) -> Result<Token, HexDigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HexDigestError)?;
        Ok(Token(bytes))
    }
}

impl From<Token> for String {
    fn from(token: Token) -> String {
        token.to_text()
    }
}

impl TryFrom<String> for Token {
    type Error = HexDigestError;

    fn try_from(text: String) -> Result<Token, HexDigestError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written_and_does_not_print() {
        let token = Token::from_random([7; 32]);
        assert_eq!(token.to_text().parse::<Token>().unwrap().digest(), token.digest());
        assert_ne!(Token::from_random([8; 32]).digest(), token.digest());
        assert_eq!(format!("{token:?}"), "Token");
        assert!("secret".parse::<Token>().is_err());
    }
}
