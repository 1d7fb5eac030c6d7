//! Stage 3, first half: the coordinator says who survived, and the clients sign that they heard the same.

use super::codec::{DecodeError, Reader, header, write_len};
use super::derive;
use std::collections::BTreeSet;

const SURVIVORS: &[u8] = b"privet/secagg/v1/survivors";
const CONFIRMATION: &[u8] = b"privet/secagg/v1/confirmation";

/// Who sent a masked input, and who shared secrets but sent none. Both in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurvivorSet {
    /// The round.
    pub round: u32,
    /// Those whose self masks are to be removed.
    pub survivors: Vec<u32>,
    /// Those whose pairwise masks are to be removed.
    pub dropouts: Vec<u32>,
}

/// A client's signature of the survivor set that it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The round.
    pub round: u32,
    /// Who signs.
    pub client: u32,
    /// The Ed25519 signature.
    pub signature: [u8; 64],
}

/// The confirmations that the coordinator passes on, in ascending order of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmations {
    /// The round.
    pub round: u32,
    /// Who signed, and the signature.
    pub signatures: Vec<(u32, [u8; 64])>,
}

/// A survivor set that cannot be true.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum SurvivorSetError {
    /// A client is in one of the lists twice.
    #[error("client {client} is listed twice")]
    Twice {
        /// Who.
        client: u32,
    },
    /// A client is in both lists.
    #[error(
        "client {client} is listed as a survivor and as a dropout: both kinds of its shares would show its update"
    )]
    Both {
        /// Who.
        client: u32,
    },
    /// A client is not of this round.
    #[error("client {client} is listed, and is not in the round")]
    Unknown {
        /// Who.
        client: u32,
    },
}

impl SurvivorSet {
    const STAGE: u8 = 6;

    /// Checks that no client is unknown, twice, or in both lists.
    pub(crate) fn check(&self, is_known: impl Fn(u32) -> bool) -> Result<(), SurvivorSetError> {
        let (mut survivors, mut dropouts) = (BTreeSet::new(), BTreeSet::new());
        for (list, seen) in [(&self.survivors, &mut survivors), (&self.dropouts, &mut dropouts)] {
            for &client in list {
                if !is_known(client) {
                    return Err(SurvivorSetError::Unknown { client });
                }
                if !seen.insert(client) {
                    return Err(SurvivorSetError::Twice { client });
                }
            }
        }
        match survivors.intersection(&dropouts).next() {
            Some(&client) => Err(SurvivorSetError::Both { client }),
            None => Ok(()),
        }
    }

    /// What is signed: the round, its adverts and this set.
    pub(crate) fn transcript(&self, roster: &[u8; 32]) -> Vec<u8> {
        let digest = derive::hash(&[SURVIVORS, &self.encode()]);
        [CONFIRMATION, &self.round.to_le_bytes(), roster, &digest].concat()
    }

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(Self::STAGE, self.round);
        for list in [&self.survivors, &self.dropouts] {
            write_len(&mut bytes, list.len());
            bytes.extend(list.iter().flat_map(|client| client.to_le_bytes()));
        }
        bytes
    }

    /// Reads it from bytes.
    pub fn decode(bytes: &[u8]) -> Result<SurvivorSet, DecodeError> {
        let (mut reader, round) = Reader::new(bytes, Self::STAGE)?;
        let survivors = reader.list(4, |client, _| Ok(client))?;
        let dropouts = reader.list(4, |client, _| Ok(client))?;
        reader.finish()?;
        Ok(SurvivorSet { round, survivors, dropouts })
    }
}

impl Confirmation {
    const STAGE: u8 = 7;

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(Self::STAGE, self.round);
        bytes.extend(self.client.to_le_bytes());
        bytes.extend(self.signature);
        bytes
    }

    /// Reads it from bytes.
    pub fn decode(bytes: &[u8]) -> Result<Confirmation, DecodeError> {
        let (mut reader, round) = Reader::new(bytes, Self::STAGE)?;
        let client = reader.number()?;
        if client == 0 {
            return Err(DecodeError::Order { client });
        }
        let signature = reader.array()?;
        reader.finish()?;
        Ok(Confirmation { round, client, signature })
    }
}

impl Confirmations {
    const STAGE: u8 = 8;

    /// Writes them as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(Self::STAGE, self.round);
        write_len(&mut bytes, self.signatures.len());
        for (client, signature) in &self.signatures {
            bytes.extend(client.to_le_bytes());
            bytes.extend(signature);
        }
        bytes
    }

    /// Reads them from bytes.
    pub fn decode(bytes: &[u8]) -> Result<Confirmations, DecodeError> {
        let (mut reader, round) = Reader::new(bytes, Self::STAGE)?;
        let signatures = reader.list(4 + 64, |client, item| Ok((client, item.array()?)))?;
        reader.finish()?;
        Ok(Confirmations { round, signatures })
    }
}
