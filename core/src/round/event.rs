//! What happens to a federation, and what it asks to be done.

#[cfg(doc)]
use super::Federation;
use super::{Belated, Collecting, Receipt, Recorded, Refusal, RoundRecord, StageMessage, Unmasked};
use crate::encoding::Update;
use crate::params::Params;
use crate::protocol::HexDigest;
use crate::secagg::{IdentityKey, Stage};

/// An update on its way in.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The client that sends it.
    pub client: u32,
    /// The round it is for.
    pub round: u32,
    /// The update.
    pub update: Update,
    /// The digest of the body that brought it, if it was sent.
    pub digest: Option<HexDigest>,
}

/// Something that happens to a federation.
#[derive(Debug)]
pub enum Event {
    /// A client asks to be enrolled, at a place of its choice or at any.
    Enrol {
        /// The place, from 1.
        place: Option<u32>,
        /// Its public identity; needed where rounds are masked.
        key: Option<IdentityKey>,
    },
    /// A participant of a masked round sends the message of a stage.
    Send(Box<StageMessage>),
    /// A participant sends its update.
    Submit(Submission),
    /// A participant says that it cannot take part: its training failed.
    Decline {
        /// Who it is.
        client: u32,
        /// The round it declines.
        round: u32,
        /// Because of whom, if another participant of a masked round is the cause.
        accused: Option<u32>,
    },
    /// The masks of a round's sum have been taken off, where that is done apart: see [`Federation::unmasking_apart`].
    Unmasked(Box<Unmasked>),
    /// Some participants have been collected apart from the others, as the simulator's workers do.
    Absorb(Collecting),
    /// Time has passed.
    Tick,
    /// Nobody else will come: what is open closes as at its deadline. A simulator knows that; a network does not.
    Expire,
}

/// Something to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell the client its number.
    Enrolled {
        /// The number, from 1.
        client: u32,
    },
    /// Give the participant its receipt.
    Accepted(Receipt),
    /// Tell the client what the record of the round says, which is over.
    Belated(Belated),
    /// The message of a stage is taken.
    Taken {
        /// The round.
        round: u32,
        /// Who sent it.
        client: u32,
        /// The stage.
        stage: Stage,
    },
    /// The decline is noted.
    Declined,
    /// Tell the client why not. Nothing changed.
    Refused(Refusal),
    /// A round is over: keep its record and the model after it, which is another one if it released.
    Closed {
        /// Its record.
        record: Box<RoundRecord>,
        /// The model after it. A step can close several rounds, each with a model of its own.
        model: Params,
    },
    /// The ledger has what the round that is about to open will release: keep it before anything else.
    Recorded(Recorded),
    /// A round is open: tell its cohort.
    Opened {
        /// Its number, from 1.
        round: u32,
    },
    /// A further stage of the open, masked round awaits its messages: tell those who are awaited.
    StageOpened {
        /// The round.
        round: u32,
        /// The stage.
        stage: Stage,
    },
    /// The last round is over: the model is final.
    Finished,
}
