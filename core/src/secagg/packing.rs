//! Elements of a ring as bits, one behind the other, the lowest bit first.

use super::{Ring, Word};

/// How many elements take a whole number of bytes, whatever their width.
const GROUP: usize = 8;

/// Appends the elements.
pub(super) fn pack<W: Word>(words: &[W], ring: Ring, bytes: &mut Vec<u8>) {
    let bits = ring.bits();
    if bits == W::BITS {
        return W::write(words, bytes);
    }
    let (mut held, mut pending) = (0_u64, 0);
    for group in words.chunks(GROUP) {
        for word in group {
            held |= word.to_unsigned(ring) << pending;
            pending += bits;
            while pending >= 8 {
                bytes.push(held as u8);
                (held, pending) = (held >> 8, pending - 8);
            }
        }
    }
    if pending > 0 {
        bytes.push(held as u8);
    }
}

/// Reads so many elements from just their bytes. `None` if a bit behind the last one is set: there is one writing.
pub(super) fn unpack<W: Word>(bytes: &[u8], ring: Ring, words: usize) -> Option<Vec<W>> {
    debug_assert_eq!(bytes.len(), ring.bytes(words));
    let bits = ring.bits();
    if bits == W::BITS {
        return Some(W::read(bytes));
    }
    let (mut held, mut pending, mut rest) = (0_u64, 0, bytes.iter());
    let mut unpacked = Vec::with_capacity(words);
    for _ in 0..words {
        while pending < bits {
            held |= u64::from(*rest.next()?) << pending;
            pending += 8;
        }
        unpacked.push(W::from_signed((held & ((1 << bits) - 1)) as i64));
        (held, pending) = (held >> bits, pending - bits);
    }
    (held == 0).then_some(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(
            values in prop::collection::vec(any::<u32>(), 0..50),
            bits in 16_u32..=32,
        ) {
            let ring = Ring::new(bits).unwrap();
            let mut bytes = Vec::new();
            pack(&values, ring, &mut bytes);
            prop_assert_eq!(bytes.len(), ring.bytes(values.len()));
            let unpacked = unpack::<u32>(&bytes, ring, values.len()).unwrap();
            let same = |(one, other): (&u32, &u32)| one.to_unsigned(ring) == other.to_unsigned(ring);
            prop_assert!(unpacked.iter().zip(&values).all(same));
        }
    }

    #[test]
    fn bits_behind_the_end_are_refused() {
        let ring = Ring::new(17).unwrap();
        let mut bytes = Vec::new();
        pack(&[1_u32], ring, &mut bytes);
        assert_eq!(bytes, [1, 0, 0]);
        assert!(unpack::<u32>(&[1, 0, 1], ring, 1).is_some());
        assert!(unpack::<u32>(&[1, 0, 2], ring, 1).is_none());
    }
}
