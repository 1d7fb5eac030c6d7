//! Stage 2: a vector that looks uniform to everybody.

use super::Word;
use super::codec::{DecodeError, Reader, header, write_len};

/// A client's masked input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedInput<W> {
    /// The round.
    pub round: u32,
    /// Who sends it.
    pub client: u32,
    /// The input and all masks, added.
    pub words: Vec<W>,
}

impl<W: Word> MaskedInput<W> {
    const STAGE: u8 = 5;
    const HEADER: usize = 9 + 4 + 1 + 4;

    /// How many bytes it has.
    pub fn encoded_len(words: usize) -> usize {
        Self::HEADER + words * W::RING.bytes()
    }

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(Self::STAGE, self.round);
        bytes.reserve(Self::encoded_len(self.words.len()));
        bytes.extend(self.client.to_le_bytes());
        bytes.push(W::RING.bits() as u8);
        write_len(&mut bytes, self.words.len());
        W::write(&self.words, &mut bytes);
        bytes
    }

    /// Reads it from bytes. The length is checked before anything is allocated.
    pub fn decode(bytes: &[u8]) -> Result<MaskedInput<W>, DecodeError> {
        let (mut reader, round) = Reader::new(bytes, Self::STAGE)?;
        let client = reader.number()?;
        if client == 0 {
            return Err(DecodeError::Order { client });
        }
        let [bits] = reader.array()?;
        if u32::from(bits) != W::RING.bits() {
            return Err(DecodeError::Ring { expected: W::RING.bits(), found: u32::from(bits) });
        }
        let length = u64::from(reader.number()?);
        let words = W::read(reader.bytes(length * W::RING.bytes() as u64)?);
        reader.finish()?;
        Ok(MaskedInput { round, client, words })
    }
}
