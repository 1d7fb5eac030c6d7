//! Stage 1: everybody's secrets, in shares that the coordinator cannot open.

use super::super::setup::Session;
use super::super::{CoordinatorError, Roster, Sealed, SharesMessage, Word};
use super::{Collecting, Failed, Round, Stage, at_least};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Awaits the shares of all that advertised.
#[derive(Debug, Clone)]
pub struct Sharing {
    pub(super) round: Round,
    pub(super) sealed: BTreeMap<u32, Vec<(u32, Sealed)>>,
}

impl Sharing {
    /// What follows from the roster: clients of this process need not work it out each.
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.round.session
    }

    /// The list that is published.
    pub fn roster(&self) -> &Roster {
        &self.round.session.roster
    }

    /// Who is still awaited.
    pub fn awaited(&self) -> impl Iterator<Item = u32> {
        self.roster()
            .adverts
            .iter()
            .map(|advert| advert.client)
            .filter(|client| !self.sealed.contains_key(client))
    }

    /// Counts a client's sealed shares.
    pub fn accept(&mut self, message: SharesMessage) -> Result<(), CoordinatorError> {
        let SharesMessage { round, from: client, sealed } = message;
        self.round.check(client, round)?;
        if self.roster().advert(client).is_none() {
            return Err(CoordinatorError::NotAwaited { client });
        }
        if self.sealed.contains_key(&client) {
            return Err(CoordinatorError::SentBefore { client });
        }
        let neighbours = self.round.session.graph.neighbours(client);
        if !sealed.iter().map(|(to, _)| to).eq(&neighbours) {
            return Err(CoordinatorError::OtherNeighbours { client });
        }
        self.sealed.insert(client, sealed);
        Ok(())
    }

    /// Closes the stage: shares can be delivered, and inputs of so many words of the setup's ring collected. A client with too few
    /// neighbours left could not be unmasked: it is left out here.
    pub fn close<W: Word>(mut self, words: usize) -> Result<Collecting<W>, Failed> {
        loop {
            let threshold = self.round.session.threshold();
            let is_stranded = |client: &u32| {
                let neighbours = self.round.session.graph.neighbours(*client);
                neighbours.iter().filter(|other| self.sealed.contains_key(other)).count() < threshold
            };
            let stranded: Vec<u32> = self.sealed.keys().copied().filter(is_stranded).collect();
            if stranded.is_empty() {
                break;
            }
            stranded.iter().for_each(|client| drop(self.sealed.remove(client)));
        }
        let missing = self.awaited().collect();
        let Sharing { mut round, sealed } = self;
        round.missing.insert(Stage::Share, missing);
        match at_least(round.setup.minimum, sealed.len()) {
            Ok(()) => {
                Ok(Collecting { round, sealed, survivors: BTreeSet::new(), sum: vec![W::default(); words] })
            }
            Err(reason) => Err(round.failed(reason)),
        }
    }
}
