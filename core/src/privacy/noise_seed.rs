//! Seeds of noise: secrets, unlike the seeds of a plan.
//!
//! Whoever knows the seed of a release's noise can subtract it. A [`NoiseSeed`] therefore has no `Debug`, no equality and no
//! serialisation, and is wiped when dropped; so are the streams made from it. Where its bytes come from (the operating system, or a
//! user who gives up the guarantee) is decided outside this crate.
//!
//! Invariant: one purpose, one round and one client have one stream, used once.

use std::convert::Infallible;

use chacha20::ChaCha20Rng;
use rand::rand_core::{SeedableRng, TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Separates these keys from every other use of SHA-256 in the project.
const DOMAIN: &[u8] = b"privet/noise/v1";

/// What noise is for. Each purpose has streams of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoisePurpose {
    /// Noise on a sum of updates, or on one client's share of it.
    Update,
    /// Noise on the votes that adapt the clip.
    Votes,
    /// Noise on the gradients of local training.
    Gradient,
    /// Which examples a step of local training takes, where its privacy rests on nobody knowing.
    Examples,
    /// The identity of a simulated client.
    Identity,
    /// The secrets of a simulated client in a masked round.
    Masks,
    /// Which clients a round takes, where its privacy rests on nobody knowing.
    Cohort,
    /// The key of a federation's leases.
    Leases,
}

impl NoisePurpose {
    /// The name that enters the key.
    fn name(self) -> &'static str {
        match self {
            NoisePurpose::Update => "update",
            NoisePurpose::Votes => "votes",
            NoisePurpose::Gradient => "gradient",
            NoisePurpose::Examples => "examples",
            NoisePurpose::Identity => "identity",
            NoisePurpose::Masks => "masks",
            NoisePurpose::Cohort => "cohort",
            NoisePurpose::Leases => "leases",
        }
    }
}

/// The secret behind all noise of one party, or a number that somebody may know, which protects nobody.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct NoiseSeed {
    bytes: [u8; 32],
    #[zeroize(skip)]
    secret: bool,
}

impl NoiseSeed {
    /// A seed of 32 uniform bytes that nobody knows. The caller's copy is wiped.
    pub fn from_bytes(bytes: &mut [u8; 32]) -> NoiseSeed {
        let seed = NoiseSeed { bytes: *bytes, secret: true };
        bytes.zeroize();
        seed
    }

    /// A seed that was given, so that a run can be repeated: whatever is drawn from it carries no guarantee.
    pub fn given(bytes: [u8; 32]) -> NoiseSeed {
        NoiseSeed { bytes, secret: false }
    }

    /// Whether nobody knows it, on which every guarantee rests.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// The stream for one purpose in one round for one client, both numbered from 1; 0 stands for "not of a round" and "not of a client".
    pub fn stream_for(&self, purpose: NoisePurpose, round: u32, client: u32) -> NoiseStream {
        let name = purpose.name().as_bytes();
        let mut hasher = Sha256::new();
        hasher.update(DOMAIN);
        hasher.update(self.bytes);
        hasher.update([name.len() as u8]);
        hasher.update(name);
        hasher.update(round.to_le_bytes());
        hasher.update(client.to_le_bytes());
        let mut key: [u8; 32] = hasher.finalize().into();
        let stream = NoiseStream(ChaCha20Rng::from_seed(key));
        key.zeroize();
        stream
    }
}

/// A cryptographic stream of random bits (ChaCha20), wiped when dropped.
pub struct NoiseStream(ChaCha20Rng);

impl TryRng for NoiseStream {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    #[inline]
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for NoiseStream {}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use std::collections::BTreeSet;

    #[test]
    fn every_address_has_a_stream_of_its_own_and_the_same_for_ever() {
        let (seed, other) = (NoiseSeed::from_bytes(&mut [1; 32]), NoiseSeed::from_bytes(&mut [2; 32]));
        let purposes = [
            NoisePurpose::Update,
            NoisePurpose::Votes,
            NoisePurpose::Gradient,
            NoisePurpose::Examples,
            NoisePurpose::Cohort,
        ];
        let mut seen = BTreeSet::new();
        for seed in [&seed, &other] {
            for purpose in purposes {
                for (round, client) in [(0, 0), (1, 0), (0, 1), (2, 3)] {
                    assert!(seen.insert(seed.stream_for(purpose, round, client).next_u64()));
                }
            }
        }
        // Computed apart, from RFC 8439's block function over the SHA-256 of the address.
        assert_eq!(seed.stream_for(NoisePurpose::Update, 1, 1).next_u64(), 6_891_719_086_804_971_585);
    }

    #[test]
    fn the_callers_bytes_are_wiped() {
        let mut bytes = [7; 32];
        let _seed = NoiseSeed::from_bytes(&mut bytes);
        assert_eq!(bytes, [0; 32]);
    }
}
