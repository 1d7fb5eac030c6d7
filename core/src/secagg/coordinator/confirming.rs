//! Stage 3, first half: everybody's signature of who survived.

use super::super::unmasking::check_holders;
use super::super::{Confirmation, CoordinatorError, SurvivorSet, Word};
use super::{Failed, Round, Stage, Unmasking};
use std::collections::BTreeMap;

/// Awaits the survivors' signatures of who survived.
#[derive(Debug, Clone)]
pub struct Confirming<W> {
    pub(super) round: Round,
    pub(super) set: SurvivorSet,
    pub(super) transcript: Vec<u8>,
    pub(super) signatures: BTreeMap<u32, [u8; 64]>,
    pub(super) sum: Vec<W>,
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
        match check_holders(&round.session, &set, |client| signatures.contains_key(&client)) {
            Ok(()) => Ok(Unmasking { round, set, signatures, answers: BTreeMap::new(), sum }),
            Err(reason) => Err(round.failed(reason)),
        }
    }
}
