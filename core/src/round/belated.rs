//! What comes for a round that is over: the round's record has the answer.

#[cfg(doc)]
use super::Federation;
use super::{Receipt, Refusal, RoundRecord};
use crate::protocol::HexDigest;

/// An update, or the message of a stage, for a round that is over. [`Federation`] remembers no records; whoever carries its
/// events keeps them, and answers by the one of this round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belated {
    /// The round, which is over.
    pub round: u32,
    /// Who sends it.
    pub client: u32,
    /// What it is.
    pub content: BelatedContent,
}

/// What comes for a round that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BelatedContent {
    /// An update, with the digest of the body that brought it, if it was sent.
    Update(Option<HexDigest>),
    /// The message of a stage.
    Message,
}

impl Belated {
    /// The answer, by the record of the round.
    ///
    /// # Errors
    /// [`Refusal::TooLate`] for a participant that missed the round's end: it is one of those who came late, from now on.
    /// Any other refusal has no consequence.
    pub fn answer(&self, record: &RoundRecord) -> Result<Receipt, Refusal> {
        debug_assert_eq!(record.round, self.round, "each round has a record of its own");
        match self.content {
            BelatedContent::Update(digest) => self.update(digest, record),
            BelatedContent::Message => Err(self.message(record)),
        }
    }

    fn update(&self, digest: Option<HexDigest>, record: &RoundRecord) -> Result<Receipt, Refusal> {
        let Belated { round, client, .. } = *self;
        match record.receipt(client) {
            Some(receipt) if receipt.contribution.digest == digest => Ok(receipt),
            Some(_) => Err(Refusal::AnotherUpdate { round, client }),
            None if record.cohort.contains(&client) => Err(Refusal::TooLate { round, client }),
            None => Err(Refusal::NotInCohort { round, client }),
        }
    }

    fn message(&self, record: &RoundRecord) -> Refusal {
        let Belated { round, client, .. } = *self;
        let Some(masked) = &record.masked else { return Refusal::NotMasked { round } };
        if !record.cohort.contains(&client) {
            return Refusal::NotInCohort { round, client };
        }
        match masked.missed.values().any(|missed| missed.contains(&client)) {
            true => Refusal::TooLate { round, client },
            false => Refusal::RoundOver { round, client },
        }
    }
}
