//! X25519 key agreement (RFC 7748) that refuses keys with which anybody could compute the result.

use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::traits::IsIdentity;
use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 32 secret bytes. They do not print, nor compare, and are wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret([u8; 32]);

/// One half of a key pair, for one round.
pub(crate) struct AgreementKey(Secret);

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
        AgreementKey(Secret(*secret))
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(self.0.0).to_bytes()
    }

    /// What both halves compute.
    ///
    /// On the Edwards form of the curve, whose arithmetic is vectorized: three quarters of the time of the ladder. A coordinate
    /// stands for a point and its negative; multiples of both have one coordinate, so that either does. Half of all
    /// coordinates are of no point of the curve but of its twist: honest keys never are, and the ladder takes them.
    /// Which way is taken depends on the public key alone, and neither's time on the secret.
    pub(crate) fn agree(&self, other: &[u8; 32]) -> Result<Secret, ZeroAgreement> {
        let (secret, other) = (self.0.0, MontgomeryPoint(*other));
        let agreed = match other.to_edwards(0) {
            Some(point) => Zeroizing::new(point.mul_clamped(secret).to_montgomery()),
            None => Zeroizing::new(other.mul_clamped(secret)),
        };
        if agreed.is_identity() { Err(ZeroAgreement) } else { Ok(Secret(agreed.to_bytes())) }
    }
}

/// Whether a public key makes agreements that nobody else can compute. Every secret is a multiple of 8, which is the largest
/// order of the points that are refused: that they give zero shows with any secret.
pub(crate) fn is_contributory(public: &[u8; 32]) -> bool {
    AgreementKey::new(&[0; 32]).agree(public).is_ok()
}

/// The coordinates of all points of small order, of the curve and of its twist: 0, 1, -1, two of order 8; and, in writings that
/// are not canonical, 0 and 1 again.
#[cfg(test)]
pub(crate) const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The coordinate of the base point.
    const BASE: [u8; 32] = {
        let mut bytes = [0; 32];
        bytes[0] = 9;
        bytes
    };

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

    proptest! {
        /// Against the ladder of RFC 7748, for coordinates of the curve and of its twist.
        #[test]
        fn every_coordinate_is_multiplied_as_the_ladder_does(secret: [u8; 32], other: [u8; 32]) {
            let key = AgreementKey::new(&secret);
            let ladder = MontgomeryPoint(other).mul_clamped(secret).to_bytes();
            let Ok(agreed) = key.agree(&other) else { panic!("a random point is of large order") };
            prop_assert_eq!(*agreed.expose(), ladder);
            prop_assert_eq!(key.public(), MontgomeryPoint(BASE).mul_clamped(secret).to_bytes());
        }
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let key = AgreementKey::new(&[7; 32]);
        for small in SMALL_ORDER {
            let small: [u8; 32] = hex::decode(small).unwrap().try_into().unwrap();
            assert!(key.agree(&small).is_err() && !is_contributory(&small));
        }
        let sound = AgreementKey::new(&[8; 32]).public();
        assert!(key.agree(&sound).is_ok() && is_contributory(&sound));
    }
}
