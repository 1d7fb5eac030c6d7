//! The phase in which a round waits for the updates of its cohort.

use super::{Contribution, Receipt, Refusal, Rules, Submission, Timestamp};
use crate::aggregation::Sum;
use crate::plan::{SamplingRule, VOTE};
use crate::privacy::Clip;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A round that awaits updates. Its memory is one sum, however large the cohort.
///
/// What is serialized is the round as it was opened; what it has collected since is kept apart, and put back by
/// [`Collecting::resume`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Collecting {
    pub(super) round: u32,
    pub(super) opened: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) cohort: BTreeSet<u32>,
    pub(super) wanted: u32,
    pub(super) weight_cap: u32,
    pub(super) norm_limit: Option<u64>,
    /// The clip of the round, where privacy is promised.
    #[serde(default)]
    pub(super) clip: Option<Clip>,
    /// Whether the last number of an update is a vote on the clip.
    #[serde(default)]
    pub(super) votes: bool,
    #[serde(skip)]
    pub(super) contributions: BTreeMap<u32, Contribution>,
    #[serde(skip)]
    pub(super) declined: BTreeSet<u32>,
    #[serde(skip)]
    pub(super) sum: Sum,
}

impl Collecting {
    /// Opens a round for a cohort that was drawn from so many enrolled clients, with a clip if privacy is promised.
    pub(super) fn open(
        rules: &Rules,
        round: u32,
        cohort: BTreeSet<u32>,
        enrolled: u32,
        parameters: usize,
        clip: Option<Clip>,
        now: Timestamp,
    ) -> Collecting {
        let coordinates = rules.coordinates(parameters);
        Collecting {
            round,
            opened: now,
            deadline: now.after(rules.deadline),
            wanted: match rules.cohort.sampling {
                SamplingRule::Poisson => cohort.len() as u32,
                SamplingRule::Fixed | SamplingRule::All => rules.cohort.wanted(enrolled),
            },
            cohort,
            norm_limit: clip.and_then(|clip| rules.norm_limit(clip)),
            clip,
            votes: coordinates > parameters,
            weight_cap: rules.weight_cap,
            contributions: BTreeMap::new(),
            declined: BTreeSet::new(),
            sum: Sum::new(coordinates),
        }
    }

    /// The number of the round, from 1.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// The clients that are asked to take part.
    pub fn cohort(&self) -> &BTreeSet<u32> {
        &self.cohort
    }

    /// How many updates the round wants: it closes when it has them.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// When the round stops waiting.
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// The clip of the round, where privacy is promised.
    pub fn clip(&self) -> Option<Clip> {
        self.clip
    }

    /// How many updates have been counted.
    pub fn contributed(&self) -> usize {
        self.contributions.len()
    }

    /// The sum of what has been counted.
    pub fn sum(&self) -> &Sum {
        &self.sum
    }

    /// The sum of nothing, for a model of so many parameters.
    pub fn empty_sum(&self, parameters: usize) -> Sum {
        Sum::new(parameters + usize::from(self.votes))
    }

    /// Whether the round still waits for this client.
    pub fn awaits(&self, client: u32) -> bool {
        self.cohort.contains(&client)
            && !self.contributions.contains_key(&client)
            && !self.declined.contains(&client)
    }

    /// The same round with nothing collected: a worker fills it with the updates of participants that no other
    /// worker has, and [`Collecting::absorb`] joins the parts.
    pub fn part(&self) -> Collecting {
        Collecting {
            contributions: BTreeMap::new(),
            declined: BTreeSet::new(),
            sum: Sum::new(self.sum.parameters()),
            cohort: self.cohort.clone(),
            ..*self
        }
    }

    /// Counts an update: checks everything, records it, then adds it. The same body again gives the same receipt
    /// and is not counted again.
    pub fn accept(&mut self, submission: &Submission) -> Result<Receipt, Refusal> {
        let Submission { client, round, ref update, digest } = *submission;
        self.check_participant(client, round)?;
        if let Some(contribution) = self.contributions.get(&client) {
            return match digest.is_some() && contribution.digest == digest {
                true => Ok(Receipt { round, client, contribution: *contribution }),
                false => Err(Refusal::AnotherUpdate { round, client }),
            };
        }
        let expected = self.sum.parameters();
        if update.delta.len() != expected {
            return Err(Refusal::WrongLength { expected, found: update.delta.len() });
        }
        if let Some(limit) = self.norm_limit {
            let (movement, vote) = update.delta.split_at(expected - usize::from(self.votes));
            if squared_norm(movement) > u128::from(limit).pow(2) {
                return Err(Refusal::NotClipped { round, client });
            }
            if vote.iter().any(|vote| vote.unsigned_abs() != VOTE.unsigned_abs()) {
                return Err(Refusal::NoVote { round, client });
            }
        }
        if !(1..=self.weight_cap).contains(&update.weight) {
            return Err(Refusal::Weight { weight: update.weight, cap: self.weight_cap });
        }

        let contribution = Contribution { weight: update.weight, digest };
        self.contributions.insert(client, contribution);
        self.sum.add(update);
        Ok(Receipt { round, client, contribution })
    }

    /// Notes that a participant cannot take part, so that the round need not wait for it.
    pub fn decline(&mut self, client: u32, round: u32) -> Result<(), Refusal> {
        match self.check_participant(client, round) {
            Err(Refusal::HasDeclined { .. }) => Ok(()),
            Err(refusal) => Err(refusal),
            Ok(()) if self.contributions.contains_key(&client) => {
                Err(Refusal::AnotherUpdate { round, client })
            }
            Ok(()) => {
                self.declined.insert(client);
                Ok(())
            }
        }
    }

    /// Joins a part of the same round that has collected other participants.
    ///
    /// # Panics
    /// If a participant is in both: its update would count twice.
    pub fn absorb(&mut self, part: Collecting) {
        assert_eq!(self.round, part.round, "parts of one round are joined");
        for (client, contribution) in part.contributions {
            let counted_before = self.contributions.insert(client, contribution);
            assert!(counted_before.is_none(), "client {client} was collected by two workers");
        }
        self.declined.extend(part.declined);
        self.sum.merge(&part.sum);
    }

    /// Whether there is nothing more to wait for.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let contributed = self.contributions.len();
        contributed >= self.wanted as usize
            || contributed + self.declined.len() >= self.cohort.len()
            || now >= self.deadline
    }

    fn check_participant(&self, client: u32, round: u32) -> Result<(), Refusal> {
        if round != self.round {
            return Err(Refusal::RoundNotOpen { round });
        }
        if !self.cohort.contains(&client) {
            return Err(Refusal::NotInCohort { round, client });
        }
        if self.declined.contains(&client) {
            return Err(Refusal::HasDeclined { round, client });
        }
        Ok(())
    }
}

/// The sum of squares, exactly.
fn squared_norm(delta: &[i32]) -> u128 {
    delta.iter().map(|value| u128::from(value.unsigned_abs()).pow(2)).sum()
}
