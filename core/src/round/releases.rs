//! What the ledger has of a federation that goes on.

use super::{Recorded, ResumeError};
use crate::privacy::Event;

/// What the ledger has, entry by entry in its order. The rounds of a plan all release the same: equal entries that follow each
/// other are one, with their number, so that it does not grow with the rounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Releases {
    number: u32,
    runs: Vec<Run>,
    /// The first entry that does not follow the one before.
    disorder: Option<ResumeError>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    event: Event,
    distance: f64,
    times: u32,
}

impl Releases {
    /// Takes the entry that follows.
    pub fn add(&mut self, Recorded { round, event, distance }: Recorded) {
        self.number += 1;
        if round != self.number && self.disorder.is_none() {
            self.disorder = Some(ResumeError::Order { expected: self.number, found: round });
        }
        match self.runs.last_mut() {
            Some(run) if run.event == event && run.distance == distance => run.times += 1,
            _ => self.runs.push(Run { event, distance, times: 1 }),
        }
    }

    /// How many there are.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Checks that they are of the first rounds, each of one.
    pub(super) fn check_order(&self) -> Result<(), ResumeError> {
        self.disorder.map_or(Ok(()), Err)
    }

    /// All of them.
    pub(super) fn each(&self) -> impl Iterator<Item = Recorded> {
        let repeated = self.runs.iter().flat_map(|run| std::iter::repeat_n(run, run.times as usize));
        (1..).zip(repeated).map(|(round, Run { event, distance, .. })| {
            let (event, distance) = (*event, *distance);
            Recorded { round, event, distance }
        })
    }
}

impl FromIterator<Recorded> for Releases {
    fn from_iter<I: IntoIterator<Item = Recorded>>(entries: I) -> Releases {
        let mut releases = Releases::default();
        entries.into_iter().for_each(|entry| releases.add(entry));
        releases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_entries_are_one_and_come_back_each() {
        let event = |deviation: f64| crate::privacy::Event::sampled_gaussian(deviation, 0.5, 1).unwrap();
        let entry = |round: u32| Recorded {
            round,
            event: event(if round < 900 { 1.0 } else { 2.0 }),
            distance: 1e-12,
        };
        let releases: Releases = (1..=1_000).map(entry).collect();
        assert_eq!((releases.number(), releases.runs.len()), (1_000, 2));
        assert!(releases.each().eq((1..=1_000).map(entry)));
        assert_eq!(releases.check_order(), Ok(()));
    }

    #[test]
    fn an_entry_that_is_missing_is_noticed() {
        let event = crate::privacy::Event::sampled_gaussian(1.0, 0.5, 1).unwrap();
        let releases: Releases =
            [1, 3, 4].map(|round| Recorded { round, event, distance: 0.0 }).into_iter().collect();
        assert_eq!(releases.check_order(), Err(ResumeError::Order { expected: 2, found: 3 }));
    }
}
