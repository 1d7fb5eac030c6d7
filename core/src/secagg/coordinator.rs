//! The coordinator's half: one state for each stage, which collects messages and is closed into the next.
//!
//! ```text
//! Advertising --roster--> Sharing --deliveries--> Collecting --survivor set--> Confirming
//!             --confirmations--> Unmasking --> the sum
//! ```
//!
//! A message is checked whole before it is counted. A stage that ends with too few fails the round, and what was
//! collected is dropped: nothing is released.

use super::advert::{Advert, AdvertMessage, Roster, RoundContext, check_round};
use super::answer::Answer;
use super::masked_input::MaskedInput;
use super::sealed_shares::{DeliveryMessage, Sealed, SharesMessage};
use super::setup::{Session, Setup};
use super::survivors::{Confirmation, Confirmations, SurvivorSet};
use super::unmasking;
use super::{CoordinatorError, Word, agreement};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The stages at which a client can be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It sent no keys.
    Advertise,
    /// It sent no shares.
    Share,
    /// It sent no masked input.
    Input,
    /// It did not sign who survived.
    Confirm,
    /// It did not answer.
    Answer,
}

/// Who was missed at which stage; each client once, at the first.
pub type Missing = BTreeMap<Stage, BTreeSet<u32>>;

/// Who gave a wrong share of whose secret: the holders, by owner. Either the holder altered it, or the owner dealt it so
/// when it shared; the coordinator cannot tell which. Shares that were not needed are not looked at, so that not everybody
/// who gave a wrong one is here.
pub type Altered = BTreeMap<u32, BTreeSet<u32>>;

/// A round that releases nothing.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[error("{reason}")]
pub struct Failed {
    /// Why.
    pub reason: CoordinatorError,
    /// Who was missed until then.
    pub missing: Missing,
    /// Who gave wrong shares, as far as it is known.
    pub altered: Altered,
}

/// A finished sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmasked<W> {
    /// The sum of the survivors' inputs in the ring: exact.
    pub sum: Vec<W>,
    /// Whose inputs it has.
    pub survivors: BTreeSet<u32>,
    /// Who was missed.
    pub missing: Missing,
    /// Who gave wrong shares, which were left out.
    pub altered: Altered,
}

/// Awaits the adverts of a cohort.
#[derive(Debug, Clone)]
pub struct Advertising {
    setup: Arc<Setup>,
    context: RoundContext,
    cohort: BTreeSet<u32>,
    adverts: BTreeMap<u32, Advert>,
}

/// Awaits the shares of all that advertised.
#[derive(Debug, Clone)]
pub struct Sharing {
    round: Round,
    sealed: BTreeMap<u32, Vec<(u32, Sealed)>>,
}

/// Awaits the masked inputs of all that shared. Its memory is one sum, however many come.
#[derive(Debug, Clone)]
pub struct Collecting<W> {
    round: Round,
    sealed: BTreeMap<u32, Vec<(u32, Sealed)>>,
    survivors: BTreeSet<u32>,
    sum: Vec<W>,
}

/// Awaits the survivors' signatures of who survived.
#[derive(Debug, Clone)]
pub struct Confirming<W> {
    round: Round,
    set: SurvivorSet,
    transcript: Vec<u8>,
    signatures: BTreeMap<u32, [u8; 64]>,
    sum: Vec<W>,
}

/// Awaits the answers of all that signed.
#[derive(Clone)]
pub struct Unmasking<W> {
    round: Round,
    set: SurvivorSet,
    signatures: BTreeMap<u32, [u8; 64]>,
    answers: BTreeMap<u32, Answer>,
    sum: Vec<W>,
}

/// What stays the same through the stages once the roster is there.
#[derive(Debug, Clone)]
struct Round {
    setup: Arc<Setup>,
    session: Arc<Session>,
    missing: Missing,
}

impl Advertising {
    /// Opens a round with a cohort.
    pub fn open(setup: Arc<Setup>, context: RoundContext, cohort: BTreeSet<u32>) -> Advertising {
        Advertising { setup, context, cohort, adverts: BTreeMap::new() }
    }

    /// What both halves of the round agree on.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// What the round is about.
    pub fn context(&self) -> RoundContext {
        self.context
    }

    /// Who is still awaited.
    pub fn awaited(&self) -> impl Iterator<Item = u32> {
        self.cohort.iter().copied().filter(|client| !self.adverts.contains_key(client))
    }

    /// Counts an advert.
    pub fn accept(&mut self, message: AdvertMessage) -> Result<(), CoordinatorError> {
        let AdvertMessage { context, advert } = message;
        let client = advert.client;
        let key = self.setup.identities.get(&client).filter(|_| self.cohort.contains(&client));
        let key = key.ok_or(CoordinatorError::NotAwaited { client })?;
        self.context.check(&context).map_err(|source| CoordinatorError::Context { client, source })?;
        if self.adverts.contains_key(&client) {
            return Err(CoordinatorError::SentBefore { client });
        }
        if !advert.is_signed_by(key, &context) {
            return Err(CoordinatorError::ForgedAdvert { client });
        }
        if ![advert.channel_key, advert.mask_key].iter().all(agreement::is_contributory) {
            return Err(CoordinatorError::SmallOrderKey { client });
        }
        self.adverts.insert(client, advert);
        Ok(())
    }

    /// Closes the stage: there is a roster, if enough advertised.
    pub fn close(self) -> Result<Sharing, Failed> {
        let missing = Missing::from([(Stage::Advertise, self.awaited().collect())]);
        let Advertising { setup, context, adverts, .. } = self;
        let session = at_least(setup.minimum, adverts.len()).and_then(|()| {
            let roster = Roster { context, adverts: adverts.into_values().collect() };
            Ok(Session::new(roster, &setup.assumptions)?)
        });
        match session {
            Ok(session) => {
                let round = Round { setup, session: Arc::new(session), missing };
                Ok(Sharing { round, sealed: BTreeMap::new() })
            }
            Err(reason) => Err(Failed { reason, missing, altered: Altered::new() }),
        }
    }
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

impl<W: Word> Confirming<W> {
    /// Who survived and who did not: for every survivor to sign.
    pub fn survivor_set(&self) -> &SurvivorSet {
        &self.set
    }

    /// Who is still awaited.
    pub fn awaited(&self) -> impl Iterator<Item = u32> {
        self.set.survivors.iter().copied().filter(|client| !self.signatures.contains_key(client))
    }

    /// Counts a confirmation.
    pub fn accept(&mut self, message: &Confirmation) -> Result<(), CoordinatorError> {
        let Confirmation { round, client, signature } = *message;
        self.round.check(client, round)?;
        let is_survivor = self.set.survivors.binary_search(&client).is_ok();
        let key = self.round.setup.identities.get(&client).filter(|_| is_survivor);
        let key = key.ok_or(CoordinatorError::NotAwaited { client })?;
        if self.signatures.contains_key(&client) {
            return Err(CoordinatorError::SentBefore { client });
        }
        if !key.verifies(&self.transcript, &signature) {
            return Err(CoordinatorError::ForgedConfirmation { client });
        }
        self.signatures.insert(client, signature);
        Ok(())
    }

    /// Closes the stage: those who signed can be asked for shares, if they hold enough of every secret.
    pub fn close(self) -> Result<Unmasking<W>, Failed> {
        let missing = self.awaited().collect();
        let Confirming { mut round, set, signatures, sum, .. } = self;
        round.missing.insert(Stage::Confirm, missing);
        match unmasking::check_holders(&round.session, &set, |client| signatures.contains_key(&client)) {
            Ok(()) => Ok(Unmasking { round, set, signatures, answers: BTreeMap::new(), sum }),
            Err(reason) => Err(round.failed(reason)),
        }
    }
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
        match unmasking::remove_masks(&round.session, &set, &answers, &mut sum, &mut altered) {
            Ok(()) => {
                let survivors = set.survivors.into_iter().collect();
                Ok(Unmasked { sum, survivors, missing: round.missing, altered })
            }
            Err(reason) => Err(Failed { altered, ..round.failed(reason) }),
        }
    }
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Stage; 5] = [Stage::Advertise, Stage::Share, Stage::Input, Stage::Confirm, Stage::Answer];

    /// Its name, as in addresses and records.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Advertise => "advertise",
            Stage::Share => "share",
            Stage::Input => "input",
            Stage::Confirm => "confirm",
            Stage::Answer => "answer",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<W> fmt::Debug for Unmasking<W> {
    /// The answers are secrets until they are used: they do not print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmasking").field("set", &self.set).finish_non_exhaustive()
    }
}

impl Round {
    fn check(&self, client: u32, round: u32) -> Result<(), CoordinatorError> {
        check_round(self.session.round(), round)
            .map_err(|source| CoordinatorError::Context { client, source })
    }

    fn failed(self, reason: CoordinatorError) -> Failed {
        Failed { reason, missing: self.missing, altered: Altered::new() }
    }
}

fn at_least(minimum: u32, found: usize) -> Result<(), CoordinatorError> {
    if found < minimum as usize { Err(CoordinatorError::TooFewClients { minimum, found }) } else { Ok(()) }
}
