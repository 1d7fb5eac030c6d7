//! What a federation remembers of rounds that are over.

use super::{ResumeError, RoundRecord};
use std::collections::{BTreeMap, BTreeSet};

/// What a federation remembers of the rounds that are over: how many they are, and how often and when last each client was
/// asked, from which cohorts are drawn that rest. It grows with the clients and never with the rounds. The records are
/// kept by whoever carries the events; what is asked about one of them is answered by [`Belated`](super::Belated).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    rounds: u32,
    /// How many of them tell what was spent.
    private: u32,
    asked: BTreeMap<u32, Asked>,
}

/// How often a client was asked, and in which round last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) times: usize,
    /// 0 before the first.
    pub(super) last: u32,
}

impl Past {
    /// Takes the record of the round that follows: a stream of all records in their order gives what was remembered.
    ///
    /// # Errors
    /// [`ResumeError::Order`] if it is the record of another round.
    pub fn add(&mut self, record: &RoundRecord) -> Result<(), ResumeError> {
        let expected = self.rounds + 1;
        if record.round != expected {
            return Err(ResumeError::Order { expected, found: record.round });
        }
        self.private += u32::from(record.epsilon.is_some());
        self.ask(&record.cohort);
        Ok(())
    }

    /// How many rounds are over.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Whether this round is over.
    pub fn has(&self, round: u32) -> bool {
        (1..=self.rounds).contains(&round)
    }

    /// How many rounds told what was spent.
    pub(super) fn private(&self) -> u32 {
        self.private
    }

    /// How often and when a client was asked.
    pub(super) fn asked(&self, client: u32) -> Asked {
        self.asked.get(&client).copied().unwrap_or_default()
    }

    /// Ends the round that follows, to which these were asked.
    pub(super) fn ask(&mut self, cohort: &BTreeSet<u32>) {
        self.rounds += 1;
        for client in cohort {
            let asked = self.asked.entry(*client).or_default();
            *asked = Asked { times: asked.times + 1, last: self.rounds };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::{Outcome, Timestamp};

    fn record(round: u32) -> RoundRecord {
        RoundRecord {
            round,
            opened: Timestamp(0),
            closed: Timestamp(1),
            cohort: BTreeSet::from([1, 2 + round % 2]),
            contributions: BTreeMap::new(),
            declined: BTreeSet::new(),
            late: BTreeSet::new(),
            outcome: Outcome::Abandoned { minimum: 2 },
            epsilon: (round > 5).then_some(1.0),
            diagnostics: None,
            masked: None,
        }
    }

    #[test]
    fn it_grows_with_the_clients_and_not_with_the_rounds() {
        let mut past = Past::default();
        for round in 1..=10_000 {
            past.add(&record(round)).unwrap();
        }
        assert_eq!((past.rounds(), past.private(), past.asked.len()), (10_000, 9_995, 3));
        assert_eq!(past.asked(1), Asked { times: 10_000, last: 10_000 });
        assert_eq!(past.asked(3), Asked { times: 5_000, last: 9_999 });
        assert_eq!(past.asked(4), Asked::default());
        assert!(past.has(1) && past.has(10_000) && !past.has(0) && !past.has(10_001));
    }

    #[test]
    fn a_record_that_is_missing_is_noticed() {
        let mut past = Past::default();
        past.add(&record(1)).unwrap();
        assert_eq!(past.add(&record(3)), Err(ResumeError::Order { expected: 2, found: 3 }));
        assert_eq!(past.add(&record(1)), Err(ResumeError::Order { expected: 2, found: 1 }));
    }
}
