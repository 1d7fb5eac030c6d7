//! X25519 key agreement (RFC 7748) that refuses keys with which anybody could compute the result.

use rand::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 32 secret bytes. They do not print, nor compare, and are wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret([u8; 32]);

/// One half of a key pair, for one round.
pub(crate) struct AgreementKey(StaticSecret);

/// The agreement is zero whatever the secret: the other's key is of small order.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("the agreement is zero")]
pub(crate) struct ZeroAgreement;

impl Secret {
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Secret {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        Secret(*bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<Zeroizing<[u8; 32]>> for Secret {
    fn from(bytes: Zeroizing<[u8; 32]>) -> Secret {
        Secret(*bytes)
    }
}

impl AgreementKey {
    pub(crate) fn new(secret: &[u8; 32]) -> AgreementKey {
        AgreementKey(StaticSecret::from(*secret))
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }

    /// What both halves compute.
    pub(crate) fn agree(&self, other: &[u8; 32]) -> Result<Secret, ZeroAgreement> {
        let agreement = self.0.diffie_hellman(&PublicKey::from(*other));
        if agreement.was_contributory() { Ok(Secret(agreement.to_bytes())) } else { Err(ZeroAgreement) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with a Montgomery ladder in Python that reproduces RFC 7748, section 5.2.
    #[test]
    fn the_agreement_is_the_standard_one() {
        let one = AgreementKey::new(&std::array::from_fn(|at| at as u8 + 1));
        let other = AgreementKey::new(&std::array::from_fn(|at| at as u8 + 33));
        let public = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c";
        let agreed = "a84dc7c3c8f058b1b2dc4cd1e9b5dc0a7987f88b6a9564cde3391fc421159e77";
        assert_eq!(hex::encode(one.public()), public);
        for (mine, yours) in [(&one, &other), (&other, &one)] {
            let Ok(agreement) = mine.agree(&yours.public()) else { panic!("the keys are sound") };
            assert_eq!(hex::encode(agreement.expose()), agreed);
        }
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let key = AgreementKey::new(&[7; 32]);
        let mut one = [0; 32];
        one[0] = 1;
        assert!(key.agree(&[0; 32]).is_err() && key.agree(&one).is_err());
        assert!(key.agree(&AgreementKey::new(&[8; 32]).public()).is_ok());
    }
}
