//! Why a client leaves a round: what it was sent would harm it.

use super::ParametersError;
use super::advert::ContextError;
use super::answer::AnswerRecordError;
use super::survivors::SurvivorSetError;

/// What a coordinator, or another client, did that a client does not accept. It answers nothing more in this round.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq)]
pub enum ClientError {
    /// A message speaks of something else.
    #[error("the coordinator's message is refused: {0}")]
    Context(#[from] ContextError),
    /// A message is for another client.
    #[error("the coordinator sent client {client} a message for client {found}")]
    OtherClient {
        /// Who got it.
        client: u32,
        /// Whose it is.
        found: u32,
    },
    /// The client's own advert is not in the list, or not as it sent it.
    #[error("the published list does not have the advert of client {client} as it was sent")]
    NotListed {
        /// Who misses it.
        client: u32,
    },
    /// The list is not in order, or has a client twice.
    #[error("client {client} stands in the published list twice, or out of order")]
    Unordered {
        /// Who.
        client: u32,
    },
    /// An advert is of a client that is not enrolled.
    #[error("the published list has client {client}, which is not enrolled")]
    UnknownClient {
        /// Who.
        client: u32,
    },
    /// An advert does not have its client's signature.
    #[error("the advert of client {client} is forged, or for another plan or model")]
    ForgedAdvert {
        /// Whose it claims to be.
        client: u32,
    },
    /// Keys of another client make an agreement that everybody knows.
    #[error("a key of client {client} is of small order")]
    ZeroAgreement {
        /// Whose key.
        client: u32,
    },
    /// Too few take part for this client.
    #[error("{found} clients take part, client {client} asks for {minimum}")]
    CohortTooSmall {
        /// Who asks.
        client: u32,
        /// How many it asks for.
        minimum: u32,
        /// How many there are.
        found: u32,
    },
    /// There is no safe graph.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// A share comes from a client that is no neighbour, or comes twice.
    #[error("a share of client {from} was delivered, which is no neighbour, or a second one")]
    UnexpectedShare {
        /// From whom.
        from: u32,
    },
    /// A share was altered on its way, or meant for somebody else.
    #[error("the share of client {from} does not open: it was altered, or is not for this client")]
    AlteredShare {
        /// From whom.
        from: u32,
    },
    /// Too few neighbours have shared.
    #[error("{found} neighbours have shared their secrets, {threshold} at least must")]
    TooFewNeighbours {
        /// How many have.
        found: usize,
        /// The threshold.
        threshold: usize,
    },
    /// The survivor set cannot be true.
    #[error("the survivor set is refused: {0}")]
    SurvivorSet(#[from] SurvivorSetError),
    /// The survivor set is without this client, which sent its input.
    #[error("the survivor set is without client {client}, which sent its input")]
    NotASurvivor {
        /// Who.
        client: u32,
    },
    /// A neighbour is in the lists that this client shares no mask with, or the other way round.
    #[error("the survivor set and the delivered shares disagree about client {neighbour}")]
    OtherSharers {
        /// Which neighbour.
        neighbour: u32,
    },
    /// The survivors fall apart, so that more than one sum would be shown.
    #[error("the survivors are not connected: more than one sum would be shown")]
    NotConnected,
    /// Somebody confirmed that is no survivor.
    #[error("client {client} confirmed, and is not in the survivor set")]
    UnexpectedConfirmation {
        /// Who.
        client: u32,
    },
    /// A neighbour confirmed something else, or did not confirm at all.
    #[error("the confirmation of client {client} is forged, or of another survivor set")]
    ForgedConfirmation {
        /// Whose it claims to be.
        client: u32,
    },
    /// Too few neighbours heard the same.
    #[error("{found} neighbours confirmed the survivor set, {threshold} at least must")]
    TooFewConfirmations {
        /// How many did.
        found: usize,
        /// The threshold.
        threshold: usize,
    },
    /// The round was answered before.
    #[error(transparent)]
    Unrecorded(#[from] AnswerRecordError),
}

impl ClientError {
    /// The other client that is the cause if the coordinator is honest. None where an honest coordinator would have
    /// refused what came: then it is the cause itself.
    pub fn accused(&self) -> Option<u32> {
        match *self {
            ClientError::AlteredShare { from } => Some(from),
            ClientError::ZeroAgreement { client } => Some(client),
            _ => None,
        }
    }
}
