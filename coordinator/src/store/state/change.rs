//! What a transaction changed: what a durable store has to write, and what the journal is told.

use crate::journal::{ClosedRound, Journal, ServiceEvent};
use crate::store::nonces::UsedNonce;
use privet_core::identity::IdentityKey;
use privet_core::params::Params;
use privet_core::protocol::HexDigest;
use privet_core::round::{Federation, Phase, Receipt, Recorded, SealedRecord};

/// What a transaction changed, in order: what a durable store has to write, and what the journal is told.
#[derive(Debug)]
pub(crate) enum Change {
    Enrolled {
        client: u32,
        key: IdentityKey,
        /// The one-time token that is spent by it.
        token: Option<HexDigest>,
    },
    Invited {
        token: HexDigest,
    },
    Revoked {
        client: u32,
    },
    NonceUsed(UsedNonce),
    /// A round is open; with the round as it was opened, in JSON, unless nobody was drawn for it: then it is over
    /// already.
    Opened {
        round: u32,
        as_opened: Option<String>,
    },
    /// The ledger has what a round is about to release.
    Recorded(Recorded),
    Counted(Receipt),
    /// A masked update has arrived.
    Hidden {
        round: u32,
        client: u32,
    },
    Declined {
        round: u32,
        client: u32,
    },
    Late {
        round: u32,
        client: u32,
    },
    Closed(Box<Closed>),
    Finished {
        model_sha256: HexDigest,
    },
}

/// A round that is over.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) sealed: SealedRecord,
    pub(crate) model: Params,
}

impl Change {
    /// A round has just been opened.
    pub(super) fn opened(round: u32, federation: &Federation) -> Change {
        let as_opened = match federation.phase() {
            Phase::Collecting(open) if open.round() == round => {
                Some(serde_json::to_string(open).expect("a round as it is opened is lists of numbers"))
            }
            Phase::Masked(open) if open.round() == round => {
                let opened = serde_json::to_string(&open.as_opened());
                Some(opened.expect("a round as it is opened is lists of numbers"))
            }
            _ => None,
        };
        Change::Opened { round, as_opened }
    }

    /// Tells the journal, if it is of interest there.
    pub(crate) fn tell(self, journal: &Journal) {
        journal.note(match self {
            Change::Enrolled { client, .. } => ServiceEvent::Enrolled { client },
            Change::Opened { round, .. } => ServiceEvent::RoundOpened { round },
            Change::Closed(closed) => ServiceEvent::RoundClosed(Box::new(ClosedRound {
                record: closed.sealed.record,
                model: closed.model,
                model_sha256: closed.sealed.model_out,
                traffic: journal.take_traffic(),
            })),
            Change::Finished { model_sha256 } => ServiceEvent::Finished { model_sha256 },
            Change::Recorded(_) | Change::Counted(_) | Change::Hidden { .. } => return,
            Change::Invited { .. } | Change::Revoked { .. } | Change::NonceUsed(_) => return,
            Change::Declined { .. } | Change::Late { .. } => return,
        });
    }
}
