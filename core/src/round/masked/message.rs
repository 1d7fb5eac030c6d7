//! What participants of a masked round send, stage by stage.

use crate::aggregation::WordLayout;
use crate::protocol::HexDigest;
use crate::secagg::{
    AdvertMessage, Answer, Confirmation, DecodeError, MaskedInput, Ring, Roster, SharesMessage, Stage,
};
use std::fmt;

/// The message of a stage on its way in.
#[derive(Debug)]
pub struct StageMessage {
    /// Who sends it: whoever it was proven to come from. The content must say the same.
    pub client: u32,
    /// The round it is for.
    pub round: u32,
    /// The digest of the body that brought it, if it was sent.
    pub digest: Option<HexDigest>,
    /// What it says.
    pub content: StageContent,
}

/// What the message of a stage says.
pub enum StageContent {
    /// A client's keys for the round.
    Advert(Box<AdvertMessage>),
    /// Its secrets, in sealed shares.
    Shares(SharesMessage),
    /// Its update, masked, in words of 32 bits.
    Input(MaskedInput<u32>),
    /// Its update, masked, in words of 64 bits.
    WideInput(MaskedInput<u64>),
    /// Its signature of who survived.
    Confirmation(Confirmation),
    /// Its shares that unmask the sum.
    Answer(Answer),
}

impl StageContent {
    /// Reads the message of a stage, in a federation whose sums are made in this ring.
    pub fn decode(stage: Stage, ring: Ring, bytes: &[u8]) -> Result<StageContent, DecodeError> {
        Ok(match stage {
            Stage::Advertise => StageContent::Advert(AdvertMessage::decode(bytes)?.into()),
            Stage::Share => StageContent::Shares(SharesMessage::decode(bytes)?),
            Stage::Input if ring.is_wide() => StageContent::WideInput(MaskedInput::decode(bytes)?),
            Stage::Input => StageContent::Input(MaskedInput::decode(bytes)?),
            Stage::Confirm => StageContent::Confirmation(Confirmation::decode(bytes)?),
            Stage::Answer => StageContent::Answer(Answer::decode(bytes)?),
        })
    }

    /// The most bytes that the message of a stage has in a federation of so many clients.
    pub fn longest(stage: Stage, layout: &WordLayout, clients: u32) -> usize {
        // Messages name a round and a client, and have a fixed part for each neighbour: see the table of the stages.
        let neighbours = clients as usize;
        match stage {
            Stage::Advertise => 285,
            Stage::Share => 17 + 100 * neighbours,
            Stage::Input => MaskedInput::<u64>::encoded_len(layout.ring(), layout.words()),
            Stage::Confirm => 77,
            Stage::Answer => 21 + 44 * neighbours,
        }
    }

    /// The most bytes that a participant is sent for its part in a stage, in a federation of so many clients.
    pub fn longest_task(stage: Stage, clients: u32) -> usize {
        // As the roster, the others have a fixed part for each client or neighbour: see the table of the stages.
        let clients = clients as usize;
        match stage {
            Stage::Advertise => 0,
            Stage::Share => Roster::encoded_len(clients),
            Stage::Input => 17 + 100 * clients,
            Stage::Confirm => 17 + 4 * clients,
            Stage::Answer => 13 + 68 * clients,
        }
    }

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            StageContent::Advert(message) => message.encode(),
            StageContent::Shares(message) => message.encode(),
            StageContent::Input(message) => message.encode(),
            StageContent::WideInput(message) => message.encode(),
            StageContent::Confirmation(message) => message.encode(),
            // It leaves the client: from here on it is no secret of this memory any more.
            StageContent::Answer(message) => message.encode().to_vec(),
        }
    }

    /// The stage it is for.
    pub fn stage(&self) -> Stage {
        match self {
            StageContent::Advert(_) => Stage::Advertise,
            StageContent::Shares(_) => Stage::Share,
            StageContent::Input(_) | StageContent::WideInput(_) => Stage::Input,
            StageContent::Confirmation(_) => Stage::Confirm,
            StageContent::Answer(_) => Stage::Answer,
        }
    }

    /// The round it says it is for, and the client it says it is of.
    pub fn address(&self) -> (u32, u32) {
        match self {
            StageContent::Advert(message) => (message.context.round, message.advert.client),
            StageContent::Shares(message) => (message.round, message.from),
            StageContent::Input(message) => (message.round, message.client),
            StageContent::WideInput(message) => (message.round, message.client),
            StageContent::Confirmation(message) => (message.round, message.client),
            StageContent::Answer(message) => (message.round(), message.client()),
        }
    }
}

impl fmt::Debug for StageContent {
    /// The stage alone: an answer is a secret, and nobody wants to read a vector.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of client {}", self.stage(), self.address().1)
    }
}
