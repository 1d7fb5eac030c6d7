//! Stage 3, second half: the shares that take the masks off.

use super::super::unmasking::remove_masks;
use super::super::{Answer, Confirmations, CoordinatorError, SurvivorSet, Word};
use super::{Altered, Failed, Round, Stage, Unmasked};
use std::collections::BTreeMap;
use std::fmt;

/// Awaits the answers of all that signed.
#[derive(Clone)]
pub struct Unmasking<W> {
    pub(super) round: Round,
    pub(super) set: SurvivorSet,
    pub(super) signatures: BTreeMap<u32, [u8; 64]>,
    pub(super) answers: BTreeMap<u32, Answer>,
    pub(super) sum: Vec<W>,
}

impl<W: Word> Unmasking<W> {
    /// The signatures that a client is to check: its neighbours'. `None` if it did not sign itself.
    pub fn confirmations(&self, client: u32) -> Option<Confirmations> {
        self.signatures.get(&client)?;
        let neighbours = self.round.session.graph.neighbours(client);
        let signatures =
            neighbours.into_iter().filter_map(|other| Some((other, *self.signatures.get(&other)?)));
        Some(Confirmations { round: self.round.session.round(), signatures: signatures.collect() })
    }

    /// Who is still awaited.
    pub fn awaited(&self) -> impl Iterator<Item = u32> {
        self.signatures.keys().copied().filter(|client| !self.answers.contains_key(client))
    }

    /// Counts an answer.
    pub fn accept(&mut self, answer: Answer) -> Result<(), CoordinatorError> {
        let client = answer.client;
        self.round.check(client, answer.round)?;
        if !self.signatures.contains_key(&client) {
            return Err(CoordinatorError::NotAwaited { client });
        }
        if self.answers.contains_key(&client) {
            return Err(CoordinatorError::SentBefore { client });
        }
        let neighbours = self.round.session.graph.neighbours(client);
        let held = |owners: &[u32]| -> Vec<u32> {
            owners.iter().copied().filter(|owner| neighbours.contains(owner)).collect()
        };
        let given = |shares: &[(u32, _)]| -> Vec<u32> { shares.iter().map(|(owner, _)| *owner).collect() };
        let expected = (held(&self.set.survivors), held(&self.set.dropouts));
        if (given(&answer.of_survivors), given(&answer.of_dropouts)) != expected {
            return Err(CoordinatorError::OtherShares { client });
        }
        self.answers.insert(client, answer);
        Ok(())
    }

    /// Closes the stage: puts the secrets together, and removes all masks, in parallel.
    pub fn close(self) -> Result<Unmasked<W>, Failed> {
        let missing = self.awaited().collect();
        let Unmasking { mut round, set, answers, mut sum, .. } = self;
        round.missing.insert(Stage::Answer, missing);
        let mut altered = Altered::new();
        match remove_masks(&round.session, &set, &answers, &mut sum, &mut altered) {
            Ok(()) => {
                let survivors = set.survivors.into_iter().collect();
                Ok(Unmasked { sum, survivors, missing: round.missing, altered })
            }
            Err(reason) => Err(Failed { altered, ..round.failed(reason) }),
        }
    }
}

impl<W> fmt::Debug for Unmasking<W> {
    /// The answers are secrets until they are used: they do not print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmasking").field("set", &self.set).finish_non_exhaustive()
    }
}
