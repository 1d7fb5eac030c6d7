//! What happens to a federation, and what it asks to be done.

use super::{Collecting, Receipt, Recorded, Refusal, RoundRecord};
use crate::encoding::Update;
use crate::params::Params;
use crate::protocol::HexDigest;

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
    },
    /// A participant sends its update.
    Submit(Submission),
    /// A participant says that it cannot take part: its training failed.
    Decline {
        /// Who it is.
        client: u32,
        /// The round it declines.
        round: u32,
    },
    /// Some participants have been collected apart from the others, as the simulator's workers do.
    Absorb(Collecting),
    /// Time has passed.
    Tick,
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
    /// The decline is noted.
    Declined,
    /// Tell the client why not. Nothing changed.
    Refused(Refusal),
    /// A round is over: keep its record and the model after it, which is another one if it released.
    Closed {
        /// Its record.
        record: RoundRecord,
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
    /// The last round is over: the model is final.
    Finished,
}
