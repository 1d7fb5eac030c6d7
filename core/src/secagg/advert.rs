//! Stage 0: every member of the cohort makes its keys known, signed.

use super::codec::{DecodeError, Reader, header, write_len};
use super::derive;
use crate::identity::{Identity, IdentityKey, is_canonical_coordinate};

const ADVERT: &[u8] = b"privet/secagg/v1/advert";
const ROSTER: &[u8] = b"privet/secagg/v1/roster";

/// What a round is about. Every signature covers it, so that a client of another plan or another model is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundContext {
    /// The digest of the federation's name.
    pub federation: [u8; 32],
    /// The round, from 1.
    pub round: u32,
    /// The digest of the plan.
    pub plan: [u8; 32],
    /// The digest of the model that is trained.
    pub model: [u8; 32],
}

/// Two parties speak of different things.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum ContextError {
    /// Another federation.
    #[error("it is for another federation")]
    Federation,
    /// Another round.
    #[error("it is for round {found}, not {expected}")]
    Round {
        /// The round that is open.
        expected: u32,
        /// The round in the message.
        found: u32,
    },
    /// Another plan.
    #[error("it is for another plan")]
    Plan,
    /// Another model.
    #[error("it is for another model")]
    Model,
}

/// A client's keys for one round, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Who signs.
    pub client: u32,
    /// The X25519 key under whose agreements shares travel.
    pub channel_key: [u8; 32],
    /// The X25519 key under whose agreements masks are made.
    pub mask_key: [u8; 32],
    /// The commitment to the seed of the self mask.
    pub commitment: [u8; 32],
    /// A number used once.
    pub nonce: [u8; 16],
    /// The Ed25519 signature of all of this and the context.
    pub signature: [u8; 64],
}

/// A client's advert on its way to the coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertMessage {
    /// What the client takes part in.
    pub context: RoundContext,
    /// Its keys.
    pub advert: Advert,
}

/// The adverts of all members, in ascending order of clients, as the coordinator publishes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// What the round is about.
    pub context: RoundContext,
    /// The adverts.
    pub adverts: Vec<Advert>,
}

impl RoundContext {
    const LEN: usize = 3 * 32;

    /// Checks that another party speaks of the same.
    pub(crate) fn check(&self, found: &RoundContext) -> Result<(), ContextError> {
        if found.federation != self.federation {
            return Err(ContextError::Federation);
        }
        check_round(self.round, found.round)?;
        if found.plan != self.plan {
            return Err(ContextError::Plan);
        }
        if found.model != self.model {
            return Err(ContextError::Model);
        }
        Ok(())
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        [self.federation, self.plan, self.model].iter().for_each(|digest| bytes.extend(digest));
    }

    fn read(reader: &mut Reader<'_>, round: u32) -> Result<RoundContext, DecodeError> {
        let (federation, plan, model) = (reader.array()?, reader.array()?, reader.array()?);
        Ok(RoundContext { federation, round, plan, model })
    }
}

/// Checks the round of a message that says no more of its context.
pub(crate) fn check_round(expected: u32, found: u32) -> Result<(), ContextError> {
    if found == expected { Ok(()) } else { Err(ContextError::Round { expected, found }) }
}

impl Advert {
    const LEN: usize = 4 + 3 * 32 + 16 + 64;

    /// Signs the advert in place.
    pub(crate) fn sign(mut self, context: &RoundContext, identity: &Identity) -> Advert {
        self.signature = identity.sign(&self.transcript(context));
        self
    }

    /// Whether the client signed just this.
    pub(crate) fn is_signed_by(&self, key: &IdentityKey, context: &RoundContext) -> bool {
        key.verifies(&self.transcript(context), &self.signature)
    }

    /// What the client signs.
    pub(crate) fn transcript(&self, context: &RoundContext) -> Vec<u8> {
        let mut bytes = ADVERT.to_vec();
        bytes.extend(context.round.to_le_bytes());
        context.write(&mut bytes);
        self.write_unsigned(&mut bytes);
        bytes
    }

    fn write_unsigned(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.client.to_le_bytes());
        [self.channel_key, self.mask_key, self.commitment].iter().for_each(|field| bytes.extend(field));
        bytes.extend(self.nonce);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        self.write_unsigned(bytes);
        bytes.extend(self.signature);
    }

    /// Reads what follows the client's number.
    fn read(client: u32, reader: &mut Reader<'_>) -> Result<Advert, DecodeError> {
        let advert = Advert {
            client,
            channel_key: reader.array()?,
            mask_key: reader.array()?,
            commitment: reader.array()?,
            nonce: reader.array()?,
            signature: reader.array()?,
        };
        let keys = [&advert.channel_key, &advert.mask_key];
        if keys.into_iter().all(is_canonical_coordinate) {
            Ok(advert)
        } else {
            Err(DecodeError::Point { client })
        }
    }
}

impl AdvertMessage {
    const STAGE: u8 = 1;

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(Self::STAGE, self.context.round);
        self.context.write(&mut bytes);
        self.advert.write(&mut bytes);
        bytes
    }

    /// Reads it from bytes.
    pub fn decode(bytes: &[u8]) -> Result<AdvertMessage, DecodeError> {
        let (mut reader, round) = Reader::new(bytes, Self::STAGE)?;
        let context = RoundContext::read(&mut reader, round)?;
        let client = reader.number()?;
        if client == 0 {
            return Err(DecodeError::Order { client });
        }
        let advert = Advert::read(client, &mut reader)?;
        reader.finish()?;
        Ok(AdvertMessage { context, advert })
    }
}

impl Roster {
    const STAGE: u8 = 2;

    /// How many bytes a roster of so many clients has.
    pub fn encoded_len(clients: usize) -> usize {
        9 + RoundContext::LEN + 4 + clients * Advert::LEN
    }

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(Self::STAGE, self.context.round);
        bytes.reserve(Self::encoded_len(self.adverts.len()));
        self.context.write(&mut bytes);
        write_len(&mut bytes, self.adverts.len());
        self.adverts.iter().for_each(|advert| advert.write(&mut bytes));
        bytes
    }

    /// Reads it from bytes.
    pub fn decode(bytes: &[u8]) -> Result<Roster, DecodeError> {
        let (mut reader, round) = Reader::new(bytes, Self::STAGE)?;
        let context = RoundContext::read(&mut reader, round)?;
        let adverts = reader.list(Advert::LEN, Advert::read)?;
        reader.finish()?;
        Ok(Roster { context, adverts })
    }

    /// The digest that everything later is bound to.
    pub(crate) fn digest(&self) -> [u8; 32] {
        derive::hash(&[ROSTER, &self.encode()])
    }

    pub(crate) fn advert(&self, client: u32) -> Option<&Advert> {
        let at = self.adverts.binary_search_by_key(&client, |advert| advert.client).ok()?;
        Some(&self.adverts[at])
    }
}
