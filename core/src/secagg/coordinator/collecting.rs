//! Stage 2: the sum of the masked inputs.

use super::super::{CoordinatorError, DeliveryMessage, MaskedInput, Sealed, SurvivorSet, Word};
use super::{Confirming, Failed, Round, Stage, at_least};
use std::collections::{BTreeMap, BTreeSet};

/// Awaits the masked inputs of all that shared. Its memory is one sum, however many come.
#[derive(Debug, Clone)]
pub struct Collecting<W> {
    pub(super) round: Round,
    pub(super) sealed: BTreeMap<u32, Vec<(u32, Sealed)>>,
    pub(super) survivors: BTreeSet<u32>,
    pub(super) sum: Vec<W>,
}

impl<W: Word> Collecting<W> {
    /// Whose inputs have arrived.
    pub fn arrived(&self) -> &BTreeSet<u32> {
        &self.survivors
    }

    /// Who is still awaited.
    pub fn awaited(&self) -> impl Iterator<Item = u32> {
        self.sealed.keys().copied().filter(|client| !self.survivors.contains(client))
    }

    /// The shares for a client. `None` if it did not share itself.
    pub fn delivery(&self, client: u32) -> Option<DeliveryMessage> {
        self.sealed.get(&client)?;
        let sent_to = |(from, sealed): (&u32, &Vec<(u32, Sealed)>)| {
            let at = sealed.binary_search_by_key(&client, |(to, _)| *to).ok()?;
            Some((*from, sealed[at].1.clone()))
        };
        let neighbours = self.round.session.graph.neighbours(client);
        let sealed =
            neighbours.iter().filter_map(|other| self.sealed.get_key_value(other)).filter_map(sent_to);
        Some(DeliveryMessage { round: self.round.session.round(), to: client, sealed: sealed.collect() })
    }

    /// Adds a masked input.
    pub fn accept(&mut self, message: &MaskedInput<W>) -> Result<(), CoordinatorError> {
        let MaskedInput { round, client, ring, words } = message;
        let client = *client;
        self.round.check(client, *round)?;
        let (expected, found) = (self.round.setup.ring.bits(), ring.bits());
        if found != expected {
            return Err(CoordinatorError::OtherRing { client, expected, found });
        }
        if !self.sealed.contains_key(&client) {
            return Err(CoordinatorError::NotAwaited { client });
        }
        if self.survivors.contains(&client) {
            return Err(CoordinatorError::SentBefore { client });
        }
        let (expected, found) = (self.sum.len(), words.len());
        if found != expected {
            return Err(CoordinatorError::WrongLength { client, expected, found });
        }
        self.survivors.insert(client);
        for (sum, word) in self.sum.iter_mut().zip(words) {
            *sum = sum.plus(*word);
        }
        Ok(())
    }

    /// Closes the stage: who has not sent an input by now has dropped out.
    pub fn close(self) -> Result<Confirming<W>, Failed> {
        let dropouts: BTreeSet<u32> = self.awaited().collect();
        let Collecting { mut round, survivors, sum, .. } = self;
        round.missing.insert(Stage::Input, dropouts.clone());
        if let Err(reason) = at_least(round.setup.minimum, survivors.len()) {
            return Err(round.failed(reason));
        }
        if !round.session.graph.connects(&survivors) {
            return Err(round.failed(CoordinatorError::NotConnected));
        }
        let set = SurvivorSet {
            round: round.session.round(),
            survivors: survivors.into_iter().collect(),
            dropouts: dropouts.into_iter().collect(),
        };
        let transcript = set.transcript(&round.session.salt.roster);
        Ok(Confirming { round, set, transcript, signatures: BTreeMap::new(), sum })
    }
}
