//! A sum as bytes, to be kept while its round is open.
//!
//! ```text
//! offset  length  little-endian
//!      0       8  "privet-s"
//!      8       8  weight
//!     16       8  loss, fixed point times weight
//!     24       8  number of parameters, d
//!     32     8*d  delta, fixed point times weight
//! ```

use super::sum::Sum;

const MAGIC: &[u8; 8] = b"privet-s";
const HEADER: usize = 32;

/// Why some bytes are no sum.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum SumCodecError {
    /// They begin otherwise.
    #[error("it does not begin as a sum does")]
    Magic,
    /// They are more or fewer than the header says.
    #[error("it announces {announced} parameters, and has {found} bytes")]
    Length {
        /// The number of parameters in the header.
        announced: u64,
        /// How many bytes there are.
        found: u64,
    },
    /// The weight is larger than any sum's.
    #[error("it weighs {weight}, more than any sum can")]
    Weight {
        /// The weight in the header.
        weight: u64,
    },
}

impl Sum {
    /// Writes it as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + 8 * self.delta.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.weight.to_le_bytes());
        bytes.extend_from_slice(&self.loss.to_le_bytes());
        bytes.extend_from_slice(&(self.delta.len() as u64).to_le_bytes());
        bytes.extend(self.delta.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// Reads it from bytes, which must be exactly one sum.
    pub fn decode(bytes: &[u8]) -> Result<Sum, SumCodecError> {
        let (words, rest) = bytes.as_chunks::<8>();
        let &[magic, weight, loss, announced, ref values @ ..] = words else {
            return Err(SumCodecError::Magic);
        };
        let (weight, announced) = (u64::from_le_bytes(weight), u64::from_le_bytes(announced));
        if magic != *MAGIC {
            return Err(SumCodecError::Magic);
        }
        if !rest.is_empty() || values.len() as u64 != announced {
            return Err(SumCodecError::Length { announced, found: bytes.len() as u64 });
        }
        if weight > Sum::WEIGHT_LIMIT {
            return Err(SumCodecError::Weight { weight });
        }
        let delta = values.iter().map(|value| i64::from_le_bytes(*value)).collect();
        Ok(Sum { delta, loss: i64::from_le_bytes(loss), weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_sum_is_refused() {
        let bytes = Sum { delta: vec![1, -2], loss: 3, weight: 4 }.encode();
        assert_eq!(Sum::decode(&bytes[..24]), Err(SumCodecError::Magic));
        let length = |found| Err(SumCodecError::Length { announced: 2, found });
        assert_eq!(Sum::decode(&bytes[..40]), length(40));
        assert_eq!(Sum::decode(&bytes[..47]), length(47));
        let mut heavy = bytes.clone();
        heavy[15] = 1;
        assert!(matches!(Sum::decode(&heavy), Err(SumCodecError::Weight { .. })));
        let mut other = bytes;
        other[0] = 0;
        assert_eq!(Sum::decode(&other), Err(SumCodecError::Magic));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            delta in prop::collection::vec(any::<i64>(), 0..20),
            loss in any::<i64>(),
            weight in 0..=Sum::WEIGHT_LIMIT,
        ) {
            let sum = Sum { delta, loss, weight };
            prop_assert_eq!(Sum::decode(&sum.encode()), Ok(sum));
        }
    }
}
