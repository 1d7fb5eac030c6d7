//! Stage 0: a list of everybody's keys.

use super::super::advert::{Advert, AdvertMessage, Roster, RoundContext};
use super::super::setup::{Session, Setup};
use super::super::{CoordinatorError, agreement};
use super::{Altered, Failed, Missing, Round, Sharing, Stage, at_least};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Awaits the adverts of a cohort.
#[derive(Debug, Clone)]
pub struct Advertising {
    setup: Arc<Setup>,
    context: RoundContext,
    cohort: BTreeSet<u32>,
    adverts: BTreeMap<u32, Advert>,
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
