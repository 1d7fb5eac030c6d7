//! Every secret is derived for one use: HKDF-SHA-256 (RFC 5869) with one named constant for each.
//!
//! The salt is the round and the digest of its adverts, so that nothing derived is of use in another round or among
//! other clients.

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const CHANNEL: &[u8] = b"privet/secagg/v1/channel";
const PAIRWISE_MASK: &[u8] = b"privet/secagg/v1/pairwise-mask";
const SELF_MASK: &[u8] = b"privet/secagg/v1/self-mask";
const MASK_KEY: &[u8] = b"privet/secagg/v1/mask-key";
const SELF_COMMITMENT: &[u8] = b"privet/secagg/v1/self-commitment";
const RING_ORDER: &[u8] = b"privet/secagg/v1/ring-order";

/// Which round a secret is for: its number, and the digest of its adverts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt {
    pub(crate) round: u32,
    pub(crate) roster: [u8; 32],
}

impl Salt {
    /// The keys under which shares travel: from one client to another, and back.
    pub(crate) fn channels(&self, agreement: &[u8; 32], one: u32, other: u32) -> [Zeroizing<[u8; 32]>; 2] {
        let extracted = self.extract(agreement);
        let direction =
            |from: u32, to: u32| expand(&extracted, &[CHANNEL, &from.to_le_bytes(), &to.to_le_bytes()]);
        [direction(one, other), direction(other, one)]
    }

    /// The seed of the mask that two clients share.
    pub(crate) fn pairwise_mask(&self, agreement: &[u8; 32], one: u32, other: u32) -> Zeroizing<[u8; 32]> {
        let (low, high) = (one.min(other), one.max(other));
        expand(&self.extract(agreement), &[PAIRWISE_MASK, &low.to_le_bytes(), &high.to_le_bytes()])
    }

    /// The seed of the mask that one client alone knows.
    pub(crate) fn self_mask(&self, seed: &[u8; 32], client: u32) -> Zeroizing<[u8; 32]> {
        expand(&self.extract(seed), &[SELF_MASK, &client.to_le_bytes()])
    }

    fn extract(&self, secret: &[u8; 32]) -> Hkdf<Sha256> {
        let mut salt = [0; 36];
        salt[..4].copy_from_slice(&self.round.to_le_bytes());
        salt[4..].copy_from_slice(&self.roster);
        Hkdf::new(Some(&salt), secret)
    }
}

/// The X25519 secret whose agreements make pairwise masks, from the seed that is shared. The adverts carry its
/// public half, so that they are not in the salt.
pub(crate) fn mask_key(seed: &[u8; 32], round: u32, client: u32) -> Zeroizing<[u8; 32]> {
    expand(&Hkdf::new(Some(&round.to_le_bytes()), seed), &[MASK_KEY, &client.to_le_bytes()])
}

/// What a client publishes of its self-mask seed, so that a seed put together from altered shares is noticed.
pub(crate) fn self_commitment(seed: &[u8; 32], round: u32, client: u32) -> [u8; 32] {
    hash(&[SELF_COMMITMENT, &round.to_le_bytes(), &client.to_le_bytes(), seed])
}

/// By what the ring is sorted.
pub(crate) fn ring_order(roster: &[u8; 32], client: u32) -> [u8; 32] {
    hash(&[RING_ORDER, roster, &client.to_le_bytes()])
}

/// SHA-256 of the parts, one after the other.
pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

fn expand(extracted: &Hkdf<Sha256>, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    extracted.expand_multi_info(info, &mut *derived).expect("32 bytes are one block of HKDF-SHA-256");
    derived
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_uses_share_a_secret() {
        let salt = |round| Salt { round, roster: [1; 32] };
        let seed = [7; 32];
        let [there, back] = salt(1).channels(&seed, 1, 2);
        let derived = BTreeSet::from([
            *there,
            *back,
            *salt(2).channels(&seed, 1, 2)[0],
            *salt(1).pairwise_mask(&seed, 1, 2),
            *salt(1).pairwise_mask(&seed, 1, 3),
            *salt(1).self_mask(&seed, 1),
            *salt(1).self_mask(&seed, 2),
            *Salt { round: 1, roster: [2; 32] }.self_mask(&seed, 1),
            *mask_key(&seed, 1, 1),
            *mask_key(&seed, 2, 1),
            self_commitment(&seed, 1, 1),
            self_commitment(&seed, 1, 2),
        ]);
        assert_eq!(derived.len(), 12);
    }

    #[test]
    fn one_s_way_there_is_the_other_s_way_back() {
        let salt = Salt { round: 1, roster: [1; 32] };
        let ([there, back], [other_there, other_back]) =
            (salt.channels(&[7; 32], 1, 2), salt.channels(&[7; 32], 2, 1));
        assert!(*there == *other_back && *back == *other_there);
    }

    #[test]
    fn a_pair_derives_one_mask_whoever_asks() {
        let salt = Salt { round: 1, roster: [1; 32] };
        assert_eq!(*salt.pairwise_mask(&[7; 32], 1, 2), *salt.pairwise_mask(&[7; 32], 2, 1));
    }
}
