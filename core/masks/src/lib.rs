//! Masks of secure aggregation: the key stream of AES-128 in counter mode, added to words without ever being held as a whole.
//!
//! Key and first counter are the halves of a seed of 32 bytes, derived for this one mask. The counter is one
//! 128-bit number, big-endian, as in NIST SP 800-38A; words are taken from the stream little-endian.
//!
//! A crate of its own for its speed alone, which this doubles. The `aes` crate loads blocks by a generic function that is not
//! marked for inlining. If the compiler puts that into another codegen unit than the cipher, every block passes through memory
//! behind a call. This crate is compiled as one unit (the workspace's profile says so), and has nothing generic that would be
//! compiled elsewhere.

use aes::Aes128Enc;
use aes::cipher::consts::U16;
use aes::cipher::inout::InOutBuf;
use aes::cipher::{
    Block, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use zeroize::{Zeroize, Zeroizing};

/// The bytes of a block.
pub const BLOCK: usize = 16;
/// So many blocks are encrypted at a time: as many as the registers of the widest vectors hold.
const BATCH: usize = 64;

/// A mask, and whether it is added or subtracted. Its secrets do not print, and are wiped when it is dropped.
pub struct Mask {
    cipher: Aes128Enc,
    counter: u128,
    negative: bool,
}

/// What masks are added to, modulo the word.
pub enum Words<'a> {
    /// Modulo `2^32`.
    Narrow(&'a mut [u32]),
    /// Modulo `2^64`.
    Wide(&'a mut [u64]),
}

/// Applies the part of all masks that begins at block `from`. Of words that fit the cache of a core, so that each is fetched once.
pub fn apply(masks: &[Mask], words: &mut Words<'_>, from: u128) {
    let mut stream = Zeroizing::new([[0; BLOCK]; BATCH]);
    for mask in masks {
        let (words, counter, negative) = (words.reborrow(), mask.counter.wrapping_add(from), mask.negative);
        mask.cipher.encrypt_with_backend(Absorbing { words, counter, negative, stream: &mut stream });
    }
}

impl Mask {
    /// The mask of a seed, to be added.
    pub fn added(seed: &[u8; 32]) -> Mask {
        Mask::new(seed, false)
    }

    /// The mask of a seed, to be subtracted.
    pub fn subtracted(seed: &[u8; 32]) -> Mask {
        Mask::new(seed, true)
    }

    fn new(seed: &[u8; 32], negative: bool) -> Mask {
        let (key, counter) = seed.split_at(BLOCK);
        let key = key.try_into().expect("the first half has 16 bytes");
        let counter = counter.try_into().expect("the second half has 16 bytes");
        Mask { cipher: Aes128Enc::new(key), counter: u128::from_be_bytes(counter), negative }
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        self.counter.zeroize(); // the round keys wipe themselves
    }
}

/// What is done with a cipher's blocks. The cipher calls it from a function that is compiled for the instructions that
/// it found: everything here is compiled for them too, as long as it is inlined.
struct Absorbing<'a> {
    words: Words<'a>,
    counter: u128,
    negative: bool,
    stream: &'a mut [[u8; BLOCK]; BATCH],
}

impl BlockSizeUser for Absorbing<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Absorbing<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Absorbing { mut words, mut counter, negative, stream } = self;
        // One loop for both widths: the cipher is inlined as long as it is called from one place.
        while words.bytes() > 0 {
            let blocks = &mut stream[..words.bytes().div_ceil(BLOCK).min(BATCH)];
            count(blocks, counter);
            counter = counter.wrapping_add(BATCH as u128);
            let blocks_of_cipher = Block::<Aes128Enc>::cast_slice_from_core_mut(blocks);
            let (whole, rest) = InOutBuf::from(blocks_of_cipher).into_chunks();
            whole.into_iter().for_each(|blocks| backend.encrypt_par_blocks(blocks));
            backend.encrypt_tail_blocks(rest);
            words = words.absorb(blocks.as_flattened(), negative);
        }
    }
}

/// Adds or subtracts little-endian words to those at the beginning; gives the others.
macro_rules! absorb {
    ($word:ty, $words:ident, $stream:ident, $negative:ident) => {{
        let (stream, _) = $stream.as_chunks();
        let (now, later) = $words.split_at_mut(stream.len().min($words.len()));
        let pairs = now.iter_mut().zip(stream);
        if $negative {
            pairs.for_each(|(word, bytes)| *word = word.wrapping_sub(<$word>::from_le_bytes(*bytes)));
        } else {
            pairs.for_each(|(word, bytes)| *word = word.wrapping_add(<$word>::from_le_bytes(*bytes)));
        }
        later
    }};
}

impl<'a> Words<'a> {
    #[inline(always)]
    fn absorb(self, stream: &[u8], negative: bool) -> Words<'a> {
        match self {
            Words::Narrow(words) => Words::Narrow(absorb!(u32, words, stream, negative)),
            Words::Wide(words) => Words::Wide(absorb!(u64, words, stream, negative)),
        }
    }

    #[inline(always)]
    fn bytes(&self) -> usize {
        match self {
            Words::Narrow(words) => size_of_val(*words),
            Words::Wide(words) => size_of_val(*words),
        }
    }

    fn reborrow(&mut self) -> Words<'_> {
        match self {
            Words::Narrow(words) => Words::Narrow(words),
            Words::Wide(words) => Words::Wide(words),
        }
    }
}

/// Writes the counters from one on.
#[inline(always)]
fn count(blocks: &mut [[u8; BLOCK]], from: u128) {
    let (high, low) = ((from >> 64) as u64, from as u64);
    for (block, step) in blocks.iter_mut().zip(0_u64..) {
        let (low, carried) = low.overflowing_add(step);
        let (front, back) = block.split_at_mut(BLOCK / 2);
        front.copy_from_slice(&high.wrapping_add(u64::from(carried)).to_be_bytes());
        back.copy_from_slice(&low.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key streams of counters that carry, against one 128-bit number counted on.
    #[test]
    fn the_counter_is_one_number() {
        for from in [0, u128::from(u64::MAX) - 3, u128::MAX - 40, (7 << 64) + u128::from(u64::MAX)] {
            let mut blocks = [[0; BLOCK]; BATCH];
            count(&mut blocks, from);
            for (at, block) in (0..).zip(blocks) {
                assert_eq!(block, from.wrapping_add(at).to_be_bytes());
            }
        }
    }

    /// A wide word is two narrow ones of the same stream; a part of the stream is what follows the part before.
    #[test]
    fn both_widths_take_the_same_stream() {
        let mask = [Mask::added(&std::array::from_fn(|at| 0xff ^ at as u8))];
        for length in [1, 7, 128, 129, 1_000] {
            let (mut narrow, mut wide) = (vec![0_u32; 2 * length], vec![0_u64; length]);
            let (first, rest) = narrow.split_at_mut(4.min(2 * length));
            apply(&mask, &mut Words::Narrow(first), 0);
            apply(&mask, &mut Words::Narrow(rest), 1);
            apply(&mask, &mut Words::Wide(&mut wide), 0);
            let (pairs, _) = narrow.as_chunks();
            assert!(
                pairs
                    .iter()
                    .zip(&wide)
                    .all(|([low, high], wide)| { u64::from(*low) | u64::from(*high) << 32 == *wide })
            );
        }
    }
}
