//! Stage 3, second half: one share for each neighbour, of the one kind or of the other, once.

use super::codec::{DecodeError, Reader, header, write_len};
use super::shamir::Share;
use zeroize::Zeroizing;

/// A client's answer: the shares that unmask the sum. Until it is sent it is a secret: it does not print.
#[derive(Clone)]
pub struct Answer {
    /// The round.
    pub(crate) round: u32,
    /// Who answers.
    pub(crate) client: u32,
    /// Of the self-mask seeds of its surviving neighbours.
    pub(crate) of_survivors: Vec<(u32, Share)>,
    /// Of the mask-key seeds of its neighbours that dropped out.
    pub(crate) of_dropouts: Vec<(u32, Share)>,
}

/// Where a client keeps that it answered, so that not even a crash makes it answer twice.
pub trait AnswerRecord {
    /// Records that the client answers in a round. Durable when it returns.
    ///
    /// # Errors
    /// If an answer in this round, or a later one, stands in the record; or if it cannot be written.
    fn record(&mut self, round: u32) -> Result<(), AnswerRecordError>;
}

/// There is no answer, because it cannot stand in the record.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum AnswerRecordError {
    /// The record holds an answer.
    #[error("an answer in round {latest} is on record: round {round} gets none")]
    AlreadyAnswered {
        /// The round in which an answer was asked for.
        round: u32,
        /// The last round that got one.
        latest: u32,
    },
    /// The record cannot be written.
    #[error("that round {round} gets an answer cannot be written down: it gets none")]
    NotWritten {
        /// The round in which an answer was asked for.
        round: u32,
    },
}

/// The last round that got an answer. Rounds are answered in ascending order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LatestAnswer(u32);

impl AnswerRecord for LatestAnswer {
    fn record(&mut self, round: u32) -> Result<(), AnswerRecordError> {
        if round <= self.0 {
            return Err(AnswerRecordError::AlreadyAnswered { round, latest: self.0 });
        }
        self.0 = round;
        Ok(())
    }
}

impl Answer {
    const STAGE: u8 = 9;

    /// The round.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// Who answers.
    pub fn client(&self) -> u32 {
        self.client
    }

    /// Writes it as bytes, which are wiped when dropped.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(header(Self::STAGE, self.round));
        // Reserved at once: a vector that grows leaves copies behind.
        bytes.reserve_exact(12 + (4 + Share::LEN) * (self.of_survivors.len() + self.of_dropouts.len()));
        bytes.extend(self.client.to_le_bytes());
        for shares in [&self.of_survivors, &self.of_dropouts] {
            write_len(&mut bytes, shares.len());
            for (owner, share) in shares {
                bytes.extend(owner.to_le_bytes());
                bytes.extend(&*share.to_bytes());
            }
        }
        bytes
    }

    /// Reads it from bytes.
    pub fn decode(bytes: &[u8]) -> Result<Answer, DecodeError> {
        let (mut reader, round) = Reader::new(bytes, Self::STAGE)?;
        let client = reader.number()?;
        if client == 0 {
            return Err(DecodeError::Order { client });
        }
        let of_survivors = reader.list(4 + Share::LEN, read_share)?;
        let of_dropouts = reader.list(4 + Share::LEN, read_share)?;
        reader.finish()?;
        Ok(Answer { round, client, of_survivors, of_dropouts })
    }
}

fn read_share(client: u32, item: &mut Reader<'_>) -> Result<(u32, Share), DecodeError> {
    let share = Share::from_bytes(&item.array()?).ok_or(DecodeError::FieldElement { client })?;
    Ok((client, share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_answered_once_and_none_before_it_afterwards() {
        let mut record = LatestAnswer::default();
        assert_eq!(record.record(3), Ok(()));
        assert_eq!(record.record(3), Err(AnswerRecordError::AlreadyAnswered { round: 3, latest: 3 }));
        assert_eq!(record.record(2), Err(AnswerRecordError::AlreadyAnswered { round: 2, latest: 3 }));
        assert_eq!(record.record(4), Ok(()));
    }
}
