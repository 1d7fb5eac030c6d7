//! What the coordinator refuses, and why a round fails.

use super::ParametersError;
use super::advert::ContextError;

/// Why a message, or a whole round, is refused.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq)]
pub enum CoordinatorError {
    /// A message speaks of something else.
    #[error("the message of client {client} is refused: {source}")]
    Context {
        /// Who sent it.
        client: u32,
        /// What differs.
        source: ContextError,
    },
    /// A message comes from a client that is not awaited at this stage.
    #[error("client {client} is not awaited at this stage: it was not asked, or dropped out before")]
    NotAwaited {
        /// Who sent it.
        client: u32,
    },
    /// A client sends a stage twice.
    #[error("client {client} has sent this stage before: the first message counts")]
    SentBefore {
        /// Who.
        client: u32,
    },
    /// An advert does not have its client's signature.
    #[error("the advert of client {client} is forged")]
    ForgedAdvert {
        /// Whose it claims to be.
        client: u32,
    },
    /// With a key of an advert everybody could compute the secrets that are agreed on.
    #[error("a key of client {client} is of small order: everybody knows what it agrees on with others")]
    SmallOrderKey {
        /// Whose key.
        client: u32,
    },
    /// Shares are not for the sender's neighbours, each once.
    #[error("client {client} did not share with its neighbours, each once")]
    OtherNeighbours {
        /// Who sent them.
        client: u32,
    },
    /// An input has another length.
    #[error("the input of client {client} has {found} words, {expected} are awaited")]
    WrongLength {
        /// Who sent it.
        client: u32,
        /// How many words are awaited.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// An input is of another ring.
    #[error("the input of client {client} has words of {found} bits, {expected} are awaited")]
    OtherRing {
        /// Who sent it.
        client: u32,
        /// How many bits are awaited.
        expected: u32,
        /// How many each word has.
        found: u32,
    },
    /// A confirmation does not have its client's signature of the survivor set.
    #[error("the confirmation of client {client} is forged, or of another survivor set")]
    ForgedConfirmation {
        /// Whose it claims to be.
        client: u32,
    },
    /// An answer has other shares than the client holds.
    #[error("the answer of client {client} does not have the shares that it holds, one of each neighbour")]
    OtherShares {
        /// Who answered.
        client: u32,
    },
    /// Too few clients for a sum.
    #[error("{found} clients are left, {minimum} at least must be: nothing is released")]
    TooFewClients {
        /// How many there must be.
        minimum: u32,
        /// How many are left.
        found: usize,
    },
    /// There is no safe graph.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// The survivors fall apart.
    #[error("the survivors are not connected: nothing is released")]
    NotConnected,
    /// Too few shares of a secret are left.
    #[error(
        "{found} shares of a secret of client {owner} are left, {threshold} are needed: nothing is released"
    )]
    BelowThreshold {
        /// Whose secret.
        owner: u32,
        /// How many are needed.
        threshold: usize,
        /// How many are left.
        found: usize,
    },
    /// The shares of a secret do not give it back, and too few are to spare to tell which are wrong.
    #[error(
        "{found} shares of a secret of client {owner} do not give it back, of which {threshold} right ones are needed: \
         more were altered than can be told apart; nothing is released"
    )]
    AlteredShares {
        /// Whose secret.
        owner: u32,
        /// How many right ones are needed.
        threshold: usize,
        /// How many there are.
        found: usize,
    },
}
