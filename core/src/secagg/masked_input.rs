//! Stage 2: a vector that looks uniform to everybody.

use super::codec::{DecodeError, Reader, header, write_len};
use super::packing::{pack, unpack};
use super::{Ring, Word};

/// A client's masked input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedInput<W> {
    /// The round.
    pub round: u32,
    /// Who sends it.
    pub client: u32,
    /// The ring in which it is added.
    pub ring: Ring,
    /// The input and all masks, added.
    pub words: Vec<W>,
}

impl<W: Word> MaskedInput<W> {
    const STAGE: u8 = 5;
    const HEADER: usize = 9 + 4 + 1 + 4;

    /// How many bytes it has in a ring.
    pub fn encoded_len(ring: Ring, words: usize) -> usize {
        Self::HEADER + ring.bytes(words)
    }

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(Self::STAGE, self.round);
        bytes.reserve(Self::encoded_len(self.ring, self.words.len()));
        bytes.extend(self.client.to_le_bytes());
        bytes.push(self.ring.bits() as u8);
        write_len(&mut bytes, self.words.len());
        pack(&self.words, self.ring, &mut bytes);
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
        let bits = u32::from(bits);
        let is_held = |ring: &Ring| ring.is_wide() == (W::BITS > u32::BITS);
        let ring = Ring::new(bits).filter(is_held);
        let ring = ring.ok_or(DecodeError::Ring { expected: W::BITS, found: bits })?;
        let length = reader.number()?;
        let packed = reader.bytes((u64::from(length) * u64::from(bits)).div_ceil(8))?;
        let words = unpack(packed, ring, length as usize).ok_or(DecodeError::Padding)?;
        reader.finish()?;
        Ok(MaskedInput { round, client, ring, words })
    }
}
