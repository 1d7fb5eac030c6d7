//! The records of the rounds as a chain: whoever holds the last digest can tell that nothing before it was changed.

use super::{Outcome, RoundRecord};
use crate::protocol::HexDigest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The record of a round, bound to the plan, to the models before and after it, and to the record of the round
/// before. Its digest is the SHA-256 of its JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedRecord {
    /// The digest of the sealed record of the round before; the plan's digest for the first round.
    pub previous: HexDigest,
    /// The plan that the federation works by.
    pub plan_sha256: HexDigest,
    /// The model that the round began with.
    pub model_in: HexDigest,
    /// The model after the round; the same one if nothing was released.
    pub model_out: HexDigest,
    /// What happened. Who came late is not in it: that is not known when a round closes.
    pub record: RoundRecord,
}

/// What is wrong with a chain of records.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum ChainError {
    /// A record is missing, or stands in another place.
    #[error("the record of round {found} stands where that of round {expected} belongs")]
    Order {
        /// The round whose record belongs there.
        expected: u32,
        /// The round whose record is there.
        found: u32,
    },
    /// A record does not name the one before it: one of the two was changed.
    #[error(
        "the record of round {round} follows another record than the one before it: one of them was changed"
    )]
    Broken {
        /// The round of the record.
        round: u32,
    },
    /// A record is of another plan.
    #[error("the record of round {round} is of another plan")]
    AnotherPlan {
        /// The round of the record.
        round: u32,
    },
    /// A round began with another model than the one before it ended with.
    #[error("round {round} begins with another model than the one before it ended with")]
    AnotherModel {
        /// The round of the record.
        round: u32,
    },
}

impl SealedRecord {
    /// Its JSON: the bytes that are digested.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self)
            .expect("a record has numbers and digests, and its maps have numbers for keys")
    }

    /// Its digest.
    pub fn digest(&self) -> HexDigest {
        HexDigest::of(&self.to_json())
    }
}

/// What must be known of a chain to check the record that follows, or to seal it. However long the chain, that is as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    plan_sha256: HexDigest,
    rounds: u32,
    head: HexDigest,
    model: Option<HexDigest>,
}

impl Chain {
    /// The chain without a record of the federation that works by this plan.
    pub fn new(plan_sha256: HexDigest) -> Chain {
        Chain { plan_sha256, rounds: 0, head: plan_sha256, model: None }
    }

    /// The digest of the last record: the plan's if there is none.
    pub fn head(&self) -> HexDigest {
        self.head
    }

    /// How many records it has.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The model after the last record, if there is one.
    pub fn model(&self) -> Option<HexDigest> {
        self.model
    }

    /// Takes the record that follows, if it is the one that follows.
    pub fn follow(&mut self, sealed: &SealedRecord) -> Result<(), ChainError> {
        let (expected, round) = (self.rounds + 1, sealed.record.round);
        if round != expected {
            return Err(ChainError::Order { expected, found: round });
        }
        if sealed.previous != self.head {
            return Err(ChainError::Broken { round });
        }
        if sealed.plan_sha256 != self.plan_sha256 {
            return Err(ChainError::AnotherPlan { round });
        }
        let kept = matches!(sealed.record.outcome, Outcome::Abandoned { .. });
        if self.model.is_some_and(|model| model != sealed.model_in)
            || (kept && sealed.model_in != sealed.model_out)
        {
            return Err(ChainError::AnotherModel { round });
        }
        self.enter(sealed);
        Ok(())
    }

    /// Binds the record of the round that follows to what was before it, and takes it.
    pub fn seal(
        &mut self,
        record: &RoundRecord,
        (model_in, model_out): (HexDigest, HexDigest),
    ) -> SealedRecord {
        let record = RoundRecord { late: BTreeSet::new(), ..record.clone() };
        let (previous, plan_sha256) = (self.head, self.plan_sha256);
        let sealed = SealedRecord { previous, plan_sha256, model_in, model_out, record };
        self.enter(&sealed);
        sealed
    }

    fn enter(&mut self, sealed: &SealedRecord) {
        self.rounds += 1;
        self.head = sealed.digest();
        self.model = Some(sealed.model_out);
    }
}

/// Checks a chain from its first record to its last, and gives the digest of the last: the plan's if there is none.
pub fn check_chain<'a>(
    records: impl IntoIterator<Item = &'a SealedRecord>,
    plan_sha256: HexDigest,
) -> Result<HexDigest, ChainError> {
    let mut chain = Chain::new(plan_sha256);
    records.into_iter().try_for_each(|sealed| chain.follow(sealed))?;
    Ok(chain.head())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::{Contribution, Timestamp};
    use std::collections::BTreeMap;

    const PLAN: HexDigest = HexDigest([1; 32]);

    fn chain() -> Vec<SealedRecord> {
        let (mut records, mut chain) = (Vec::new(), Chain::new(PLAN));
        for round in 1..=3 {
            let contribution = Contribution { weight: round, digest: Some(HexDigest([9; 32])) };
            let record = RoundRecord {
                round,
                opened: Timestamp(u64::from(round)),
                closed: Timestamp(u64::from(round) + 1),
                cohort: (1..=4).collect(),
                contributions: BTreeMap::from([(2, contribution)]),
                declined: BTreeSet::from([3]),
                late: BTreeSet::from([4]),
                outcome: Outcome::Released { weight: 7, train_loss: Some(0.1 + 0.2) },
                epsilon: None,
                diagnostics: None,
                masked: None,
            };
            let model = |round: u32| HexDigest([round as u8; 32]);
            records.push(chain.seal(&record, (model(round), model(round + 1))));
        }
        assert_eq!((chain.rounds(), chain.model()), (3, Some(HexDigest([4; 32]))));
        records
    }

    #[test]
    fn a_chain_as_it_was_made_holds_also_after_it_was_written_and_read() {
        let chain = chain();
        let read: Vec<SealedRecord> =
            chain.iter().map(|sealed| serde_json::from_slice(&sealed.to_json()).unwrap()).collect();
        assert_eq!(read, chain);
        assert_eq!(check_chain(&read, PLAN), Ok(chain[2].digest()));
        assert_eq!(check_chain(&[], PLAN), Ok(PLAN));
    }

    #[test]
    fn whatever_is_changed_is_found() {
        let broken = |change: &dyn Fn(&mut Vec<SealedRecord>)| {
            let mut chain = chain();
            change(&mut chain);
            check_chain(&chain, PLAN).unwrap_err()
        };
        let weigh = |chain: &mut Vec<SealedRecord>| {
            chain[1].record.contributions.get_mut(&2).unwrap().weight += 1;
        };
        assert_eq!(broken(&weigh), ChainError::Broken { round: 3 });
        assert_eq!(broken(&|chain| drop(chain.remove(1))), ChainError::Order { expected: 2, found: 3 });
        assert_eq!(broken(&|chain| chain[0].previous = HexDigest([2; 32])), ChainError::Broken { round: 1 });
        assert_eq!(broken(&|chain| chain[2].plan_sha256.0[0] = 0), ChainError::AnotherPlan { round: 3 });
        assert_eq!(broken(&|chain| chain[2].model_in.0[0] = 0), ChainError::AnotherModel { round: 3 });
        let abandon = |chain: &mut Vec<SealedRecord>| {
            chain[2].record.outcome = Outcome::Abandoned { minimum: 2 };
        };
        assert_eq!(broken(&abandon), ChainError::AnotherModel { round: 3 });
    }
}
