//! Who a client is: an Ed25519 key that outlives rounds, with which it signs its requests and its part of secure
//! aggregation.
//!
//! One key serves both, and no signature of one use is one of the other: what is signed of a request begins with `"@`
//! (RFC 9421, section 2.5), what is signed for secure aggregation with `privet/secagg/`.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A client's secret identity. It does not print, and is wiped when dropped.
pub struct Identity(SigningKey);

/// A client's public identity, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IdentityKey(VerifyingKey);

/// The public identities of the clients, by number. Whoever chooses them chooses whom a client trusts.
pub type Identities = BTreeMap<u32, IdentityKey>;

/// What is claimed to be a client's signature of a message.
pub(crate) struct Signed<'a> {
    pub(crate) key: IdentityKey,
    pub(crate) message: &'a [u8],
    pub(crate) signature: [u8; 64],
}

/// The bytes are no key that an honest client has.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("this is no Ed25519 public key in 64 hexadecimal digits, or a weak one")]
pub struct IdentityKeyError;

/// A text is no secret key.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("this is no Ed25519 secret key in 64 hexadecimal digits")]
pub struct IdentityTextError;

impl Identity {
    /// Draws a new identity.
    pub fn generate(rng: &mut impl CryptoRng) -> Identity {
        let mut secret = zeroize::Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *secret);
        Identity::from_random(&secret)
    }

    /// The identity of 32 secret, random bytes.
    pub fn from_random(secret: &[u8; 32]) -> Identity {
        Identity(SigningKey::from_bytes(secret))
    }

    /// The identity that a key file holds: 32 bytes in 64 hexadecimal digits, with white space around them.
    pub fn from_text(text: &str) -> Result<Identity, IdentityTextError> {
        let mut secret = zeroize::Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), &mut *secret).map_err(|_| IdentityTextError)?;
        Ok(Identity::from_random(&secret))
    }

    /// The public half.
    pub fn key(&self) -> IdentityKey {
        IdentityKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl IdentityKey {
    /// Reads a key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<IdentityKey, IdentityKeyError> {
        let mut coordinate = *bytes;
        coordinate[31] &= 0x7f; // the highest bit is the sign of the other coordinate
        if !is_canonical_coordinate(&coordinate) {
            return Err(IdentityKeyError);
        }
        match VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(IdentityKey(key)),
            _ => Err(IdentityKeyError),
        }
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether the signature is this client's: strictly, so that there is one verdict and no second signature.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// The place of the first of these that its client did not sign; none if all are signed. Many together take a third of the time
/// that each takes alone.
///
/// The batch asks a little less than [`IdentityKey::verifies`]: who owns a key can make signatures, with a part of small
/// order, that pass here and not there. Nobody else can, since no key is of small order.
pub(crate) fn first_forged(signed: &[Signed<'_>]) -> Option<usize> {
    let messages: Vec<&[u8]> = signed.iter().map(|signed| signed.message).collect();
    let signatures: Vec<Signature> =
        signed.iter().map(|signed| Signature::from_bytes(&signed.signature)).collect();
    let keys: Vec<VerifyingKey> = signed.iter().map(|signed| signed.key.0).collect();
    if ed25519_dalek::verify_batch(&messages, &signatures, &keys).is_ok() {
        return None;
    }
    signed.iter().position(|signed| !signed.key.verifies(signed.message, &signed.signature))
}

impl fmt::Display for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_bytes()))
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for IdentityKey {
    type Err = IdentityKeyError;

    fn from_str(text: &str) -> Result<IdentityKey, IdentityKeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdentityKeyError)?;
        IdentityKey::from_bytes(&bytes)
    }
}

impl From<IdentityKey> for String {
    fn from(key: IdentityKey) -> String {
        key.to_string()
    }
}

impl TryFrom<String> for IdentityKey {
    type Error = IdentityKeyError;

    fn try_from(text: String) -> Result<IdentityKey, IdentityKeyError> {
        text.parse()
    }
}

/// Whether these are the bytes of a coordinate below `2^255 - 19`, the only writing that a curve point may have.
pub(crate) fn is_canonical_coordinate(bytes: &[u8; 32]) -> bool {
    let [lowest, middle @ .., highest] = bytes;
    *highest < 0x7f || (*highest == 0x7f && (middle.iter().any(|byte| *byte != 0xff) || *lowest < 0xed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_one_client_s_for_one_message() {
        let (one, other) = (Identity::from_random(&[1; 32]), Identity::from_random(&[2; 32]));
        let signature = one.sign(b"message");
        assert!(one.key().verifies(b"message", &signature));
        assert!(!one.key().verifies(b"massage", &signature));
        assert!(!other.key().verifies(b"message", &signature));
    }

    #[test]
    fn one_forged_signature_among_many_is_found() {
        let sign = |secret: u8| {
            let identity = Identity::from_random(&[secret; 32]);
            (identity.key(), vec![secret; 3], identity.sign(&[secret; 3]))
        };
        let forged = |signed: &[(IdentityKey, Vec<u8>, [u8; 64])]| {
            let signed = signed.iter();
            let signed =
                signed.map(|(key, message, signature)| Signed { key: *key, message, signature: *signature });
            first_forged(&signed.collect::<Vec<_>>())
        };
        for count in [0, 1, 2, 20] {
            assert_eq!(forged(&(0..count).map(sign).collect::<Vec<_>>()), None);
        }
        let mut signed: Vec<_> = (1..=20).map(sign).collect();
        signed[13].1[0] ^= 1;
        assert_eq!(forged(&signed), Some(13));
        signed[13] = signed[12].clone();
        signed[13].0 = signed[11].0;
        assert_eq!(forged(&signed), Some(13));
        signed[4].2[63] |= 0xe0; // no canonical scalar
        assert_eq!(forged(&signed), Some(4));
        signed[4].2 = [0xff; 64]; // no point
        assert_eq!(forged(&signed), Some(4));
    }

    #[test]
    fn keys_that_are_weak_or_written_otherwise_are_refused() {
        let key = Identity::from_random(&[1; 32]).key();
        assert_eq!(IdentityKey::from_bytes(&key.to_bytes()), Ok(key));
        let mut one = [0; 32];
        one[0] = 1; // the neutral element
        let mut beyond = [0xff; 32];
        beyond[0] = 0xee; // p + 1: the neutral element again
        beyond[31] = 0x7f;
        for bytes in [one, beyond, [0; 32], [0xff; 32]] {
            assert_eq!(IdentityKey::from_bytes(&bytes), Err(IdentityKeyError));
            assert_eq!(hex::encode(bytes).parse::<IdentityKey>(), Err(IdentityKeyError));
        }
    }

    #[test]
    fn a_secret_key_is_64_digits_and_nothing_else() {
        let key = Identity::from_random(&[0xab; 32]).key();
        for text in ["ab".repeat(32), "AB".repeat(32) + "\n", format!("  {}\r\n", "aB".repeat(32))] {
            assert_eq!(Identity::from_text(&text).map(|identity| identity.key()).ok(), Some(key));
        }
        for text in [String::new(), "ab".repeat(31), "ab".repeat(33), "a b".repeat(21) + "a", "xy".repeat(32)]
        {
            assert_eq!(Identity::from_text(&text).err(), Some(IdentityTextError), "{text}");
        }
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = Identity::from_random(&[1; 32]).key();
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(serde_json::from_str::<IdentityKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
        for text in ["", "key", &"0".repeat(63), &"g".repeat(64)] {
            assert_eq!(text.parse::<IdentityKey>(), Err(IdentityKeyError));
        }
    }
}
