//! Named, seeded streams of random numbers.
//!
//! Every random choice of a federation is drawn from a stream of its own, addressed by what it is for:
//! `(seed, purpose, round, client)`. No stream is shared and none is advanced by another's use, so that the
//! order in which clients train, the number of threads and the transport cannot change a single draw.
//!
//! These streams make runs repeatable. They are not a source of secrets: whoever knows the plan knows the seed.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A stream of random numbers: ChaCha with 12 rounds, the same numbers on every machine.
pub type Stream = ChaCha12Rng;

/// Separates these keys from every other use of SHA-256 in the project.
const DOMAIN: &[u8] = b"privet/random/v1";

/// What a stream is for. Each purpose has streams of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The first model of the federation.
    Initialization,
    /// Which rows are the test split.
    TestSplit,
    /// Which rows belong to which client.
    Partition,
    /// Which clients are the cohort of a round.
    Cohort,
    /// Which members of a simulated cohort are in time.
    Arrival,
    /// Which members of a simulated cohort vanish, and at which stage.
    Dropout,
    /// To which of two steps of the grid a coordinate is rounded.
    Rounding,
    /// The order of the rows in a participant's local training, and the units that dropout silences in it.
    Shuffle,
    /// Which rows are in which fold of a cross-validation.
    Folds,
    /// Which combinations of values a random search tries.
    Search,
    /// The shuffles of a feature whose importance is asked for.
    Permutation,
}

impl Purpose {
    /// The name that enters the key. Changing one changes every run: never do.
    fn name(self) -> &'static str {
        match self {
            Purpose::Initialization => "initialization",
            Purpose::TestSplit => "test-split",
            Purpose::Partition => "partition",
            Purpose::Cohort => "cohort",
            Purpose::Arrival => "arrival",
            Purpose::Dropout => "dropout",
            Purpose::Rounding => "rounding",
            Purpose::Shuffle => "shuffle",
            Purpose::Folds => "folds",
            Purpose::Search => "search",
            Purpose::Permutation => "permutation",
        }
    }
}

/// The seed of a federation, from its plan. Public: it makes a run repeatable and keeps nothing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream for something that happens once in a federation.
    pub fn stream(self, purpose: Purpose) -> Stream {
        self.stream_for(purpose, 0, 0)
    }

    /// The stream for something that happens in one round (numbered from 1) for one client (numbered from 1);
    /// 0 stands for "not of a round" and "not of a client".
    pub fn stream_for(self, purpose: Purpose, round: u32, client: u32) -> Stream {
        let name = purpose.name().as_bytes();
        let mut hasher = Sha256::new();
        hasher.update(DOMAIN);
        hasher.update(self.0.to_le_bytes());
        hasher.update([name.len() as u8]);
        hasher.update(name);
        hasher.update(round.to_le_bytes());
        hasher.update(client.to_le_bytes());
        Stream::from_seed(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use std::collections::BTreeSet;

    #[test]
    fn every_address_has_a_stream_of_its_own() {
        let mut first = BTreeSet::new();
        let purposes = [
            Purpose::Initialization,
            Purpose::TestSplit,
            Purpose::Partition,
            Purpose::Cohort,
            Purpose::Arrival,
            Purpose::Dropout,
            Purpose::Rounding,
            Purpose::Shuffle,
            Purpose::Folds,
            Purpose::Search,
            Purpose::Permutation,
        ];
        for seed in 0..3 {
            for purpose in purposes {
                for round in 0..3 {
                    for client in 0..3 {
                        let draw: u64 = Seed(seed).stream_for(purpose, round, client).random();
                        assert!(first.insert(draw), "{seed} {purpose:?} {round} {client}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_stream_is_the_same_for_ever() {
        let mut stream = Seed(1).stream(Purpose::Initialization);
        let draws: [u64; 2] = [stream.random(), stream.random()];
        assert_eq!(draws, [1_880_230_860_326_334_128, 7_846_439_411_773_930_780]);
    }
}
