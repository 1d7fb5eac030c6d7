//! An update as bytes.
//!
//! ```text
//! offset  length  little-endian
//!      0       8  "privet-1"
//!      8       4  round
//!     12       4  client
//!     16       4  weight
//!     20       4  loss, fixed point
//!     24       4  number of parameters, d
//!     28     4*d  delta, fixed point
//! ```

use crate::encoding::Update;

const MAGIC: &[u8; 8] = b"privet-1";
const HEADER: usize = 28;

/// An update, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateMessage {
    /// The round it is for.
    pub round: u32,
    /// Who sends it.
    pub client: u32,
    /// The update.
    pub update: Update,
}

/// Why some bytes are no update.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum UpdateCodecError {
    /// They end before the header does.
    #[error("an update begins with {HEADER} bytes of header, the body has {found} bytes")]
    NoHeader {
        /// How many bytes there are.
        found: usize,
    },
    /// They begin otherwise.
    #[error("the body does not begin with \"privet-1\": it is no update of this protocol")]
    Magic,
    /// They are more or fewer than the header says.
    #[error("the header announces {announced} parameters, {expected} bytes in all; the body has {found}")]
    Length {
        /// The number of parameters in the header.
        announced: u32,
        /// How many bytes that would be.
        expected: u64,
        /// How many bytes there are.
        found: u64,
    },
}

impl UpdateMessage {
    /// How many bytes an update of so many parameters has.
    pub fn encoded_len(parameters: usize) -> usize {
        HEADER + 4 * parameters
    }

    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let UpdateMessage { round, client, update } = self;
        let parameters = u32::try_from(update.delta.len())
            .expect("a model has fewer than 2^32 parameters: a plan is checked");
        let mut bytes = Vec::with_capacity(Self::encoded_len(update.delta.len()));
        bytes.extend_from_slice(MAGIC);
        for number in [*round, *client, update.weight] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&update.loss.to_le_bytes());
        bytes.extend_from_slice(&parameters.to_le_bytes());
        bytes.extend(update.delta.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// Reads it from bytes, which must be exactly one update. The length is checked before anything is allocated.
    pub fn decode(bytes: &[u8]) -> Result<UpdateMessage, UpdateCodecError> {
        let Some((header, body)) = bytes.split_at_checked(HEADER) else {
            return Err(UpdateCodecError::NoHeader { found: bytes.len() });
        };
        let (magic, fields) = header.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(UpdateCodecError::Magic);
        }
        let (fields, _) = fields.as_chunks::<4>();
        let &[round, client, weight, loss, announced] = fields else {
            unreachable!("the header has five fields of four bytes behind the magic")
        };
        let announced = u32::from_le_bytes(announced);
        let expected = HEADER as u64 + 4 * u64::from(announced);
        if bytes.len() as u64 != expected {
            return Err(UpdateCodecError::Length { announced, expected, found: bytes.len() as u64 });
        }
        let (values, _) = body.as_chunks::<4>();
        Ok(UpdateMessage {
            round: u32::from_le_bytes(round),
            client: u32::from_le_bytes(client),
            update: Update {
                delta: values.iter().map(|value| i32::from_le_bytes(*value)).collect(),
                weight: u32::from_le_bytes(weight),
                loss: i32::from_le_bytes(loss),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message() -> UpdateMessage {
        let update = Update { delta: vec![1, -2], weight: 3, loss: 4 };
        UpdateMessage { round: 5, client: 6, update }
    }

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let mut expected = b"privet-1".to_vec();
        for field in [5_i32, 6, 3, 4, 2, 1, -2] {
            expected.extend(field.to_le_bytes());
        }
        assert_eq!(message().encode(), expected);
        assert_eq!(expected.len(), UpdateMessage::encoded_len(2));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let bytes = message().encode();
        let refused = |bytes: &[u8]| UpdateMessage::decode(bytes).unwrap_err();
        assert_eq!(refused(&bytes[..27]), UpdateCodecError::NoHeader { found: 27 });
        let length = |found| UpdateCodecError::Length { announced: 2, expected: 36, found };
        assert_eq!(refused(&bytes[..35]), length(35));
        assert_eq!(refused(&[&bytes[..], &[0]].concat()), length(37));
        let mut vast = bytes.clone();
        vast[24..28].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(refused(&vast), UpdateCodecError::Length { announced: u32::MAX, .. }));
        let mut other = bytes;
        other[7] = b'2';
        assert_eq!(refused(&other), UpdateCodecError::Magic);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            (round, client, weight, loss) in any::<(u32, u32, u32, i32)>(),
            delta in prop::collection::vec(any::<i32>(), 0..50),
        ) {
            let message = UpdateMessage { round, client, update: Update { delta, weight, loss } };
            prop_assert_eq!(UpdateMessage::decode(&message.encode()), Ok(message));
        }

        #[test]
        fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(UpdateMessage::decode(&bytes).is_err());
        }
    }
}
