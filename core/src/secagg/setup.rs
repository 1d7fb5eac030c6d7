//! What both halves of a round agree on before it begins, and what follows from its roster.

use super::advert::{Roster, RoundContext};
use super::derive::Salt;
use super::graph::Graph;
use super::{Assumptions, ClientError, Identities, Parameters, ParametersError, Ring};
use crate::identity::{Signed, first_forged};

/// What a federation's rounds of secure aggregation have in common.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The public identities of all clients.
    pub identities: Identities,
    /// The assumptions on which graphs are built.
    pub assumptions: Assumptions,
    /// No sum of fewer inputs is made.
    pub minimum: u32,
    /// The ring in which inputs are added.
    pub ring: Ring,
}

impl Setup {
    /// Checks that every advert is of an enrolled client, once, and signed for the roster's round; lays the graph.
    pub(crate) fn verify(&self, roster: Roster) -> Result<Session, ClientError> {
        let mut last = 0;
        let mut keys = Vec::with_capacity(roster.adverts.len());
        for advert in &roster.adverts {
            let client = advert.client;
            if client <= last {
                return Err(ClientError::Unordered { client });
            }
            last = client;
            keys.push(*self.identities.get(&client).ok_or(ClientError::UnknownClient { client })?);
        }
        // Of everybody, and not of neighbours alone: who could invent the others would choose how many a sum hides its client
        // among, and could try orders of the ring without anybody's help.
        let transcripts: Vec<Vec<u8>> =
            roster.adverts.iter().map(|advert| advert.transcript(&roster.context)).collect();
        let adverts = keys.into_iter().zip(&transcripts).zip(&roster.adverts);
        let signed: Vec<Signed<'_>> = adverts
            .map(|((key, message), advert)| Signed { key, message, signature: advert.signature })
            .collect();
        if let Some(at) = first_forged(&signed) {
            return Err(ClientError::ForgedAdvert { client: roster.adverts[at].client });
        }
        Ok(Session::new(roster, &self.assumptions)?)
    }
}

/// A roster that was accepted: the round has a graph.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) context: RoundContext,
    pub(crate) roster: Roster,
    pub(crate) salt: Salt,
    pub(crate) graph: Graph,
    pub(crate) parameters: Parameters,
}

impl Session {
    /// Lays the graph over the roster's clients.
    pub(crate) fn new(roster: Roster, assumptions: &Assumptions) -> Result<Session, ParametersError> {
        let clients = u32::try_from(roster.adverts.len()).expect("clients are numbered in 32 bits");
        let parameters = assumptions.parameters(clients)?;
        let salt = Salt { round: roster.context.round, roster: roster.digest() };
        let graph = Graph::new(roster.adverts.iter().map(|advert| advert.client), parameters, &salt.roster);
        Ok(Session { context: roster.context, roster, salt, graph, parameters })
    }

    pub(crate) fn round(&self) -> u32 {
        self.context.round
    }

    pub(crate) fn threshold(&self) -> usize {
        self.parameters.threshold as usize
    }
}

/// Whether `client` adds the mask that it shares with `other`; the other subtracts it then.
pub(crate) fn adds_mask(client: u32, other: u32) -> bool {
    client < other
}
