//! Masks: the key stream of AES-128 in counter mode, added to a vector without ever being held as a whole.
//!
//! Key and first counter are the halves of a seed of 32 bytes, derived for this one mask. The counter is one
//! 128-bit number, big-endian, as in NIST SP 800-38A; the words of a ring are taken from the stream little-endian.

use super::Word;
use aes::Aes128Enc;
use aes::cipher::consts::U16;
use aes::cipher::inout::InOutBuf;
use aes::cipher::{
    Block, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

/// The bytes of a block.
const BLOCK: usize = 16;
/// So many blocks are encrypted at a time: as many as the registers of the widest vectors hold.
const BATCH: usize = 64;
/// So many bytes of a vector take all masks before the next do: they stay in the second-level cache.
const CHUNK: usize = 64 << 10;

/// A mask, and whether it is added or subtracted. Its secrets are wiped when it is dropped.
pub(crate) struct Mask {
    cipher: Aes128Enc,
    counter: u128,
    negative: bool,
}

impl Mask {
    /// The mask of a seed, to be added.
    pub(crate) fn added(seed: &[u8; 32]) -> Mask {
        Mask::new(seed, false)
    }

    /// The mask of a seed, to be subtracted.
    pub(crate) fn subtracted(seed: &[u8; 32]) -> Mask {
        Mask::new(seed, true)
    }

    fn new(seed: &[u8; 32], negative: bool) -> Mask {
        let (key, counter) = seed.split_at(BLOCK);
        let key = key.try_into().expect("the first half has 16 bytes");
        let counter = counter.try_into().expect("the second half has 16 bytes");
        Mask { cipher: Aes128Enc::new(key), counter: u128::from_be_bytes(counter), negative }
    }

    /// Applies the part of the mask that begins at block `from`.
    fn apply<W: Word>(&self, words: &mut [W], from: u128, stream: &mut [[u8; BLOCK]; BATCH]) {
        let counter = self.counter.wrapping_add(from);
        self.cipher.encrypt_with_backend(Absorbing { words, counter, negative: self.negative, stream });
    }
}

/// What is done with a cipher's blocks. The cipher calls it from a function that is compiled for the instructions that
/// it found: everything here is compiled for them too, as long as it is inlined.
struct Absorbing<'a, W> {
    words: &'a mut [W],
    counter: u128,
    negative: bool,
    stream: &'a mut [[u8; BLOCK]; BATCH],
}

impl<W> BlockSizeUser for Absorbing<'_, W> {
    type BlockSize = U16;
}

impl<W: Word> BlockCipherEncClosure for Absorbing<'_, W> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Absorbing { words, mut counter, negative, stream } = self;
        for words in words.chunks_mut(BATCH * BLOCK / W::BYTES) {
            let blocks = &mut stream[..(words.len() * W::BYTES).div_ceil(BLOCK)];
            count(blocks, counter);
            counter = counter.wrapping_add(BATCH as u128);
            let blocks_of_cipher = Block::<Aes128Enc>::cast_slice_from_core_mut(blocks);
            let (whole, rest) = InOutBuf::from(blocks_of_cipher).into_chunks();
            whole.into_iter().for_each(|blocks| backend.encrypt_par_blocks(blocks));
            backend.encrypt_tail_blocks(rest);
            W::absorb(words, blocks.as_flattened(), negative);
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

impl Drop for Mask {
    fn drop(&mut self) {
        self.counter.zeroize(); // the round keys wipe themselves
    }
}

/// Applies all masks to a vector, chunk by chunk.
pub(crate) fn apply<W: Word>(masks: &[Mask], words: &mut [W]) {
    words.chunks_mut(chunk_words::<W>()).enumerate().for_each(|(at, chunk)| apply_to_chunk(masks, chunk, at));
}

/// [`apply`] with the chunks in parallel: the same result for any number of threads.
pub(crate) fn apply_in_parallel<W: Word>(masks: &[Mask], words: &mut [W]) {
    words
        .par_chunks_mut(chunk_words::<W>())
        .enumerate()
        .for_each(|(at, chunk)| apply_to_chunk(masks, chunk, at));
}

fn chunk_words<W: Word>() -> usize {
    CHUNK / W::BYTES
}

fn apply_to_chunk<W: Word>(masks: &[Mask], chunk: &mut [W], at: usize) {
    let from = (at * CHUNK / BLOCK) as u128;
    let mut stream = Zeroizing::new([[0; BLOCK]; BATCH]);
    masks.iter().for_each(|mask| mask.apply(chunk, from, &mut stream));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// NIST SP 800-38A, F.5.1 (CTR-AES128.Encrypt): the key stream is plaintext xor ciphertext.
    #[test]
    fn the_stream_is_the_standard_one() {
        let seed = hex::decode("2b7e151628aed2a6abf7158809cf4f3cf0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").unwrap();
        let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                     30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
        let cipher = "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff\
                      5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee";
        let stream: Vec<u8> = hex::decode(plain)
            .unwrap()
            .iter()
            .zip(hex::decode(cipher).unwrap())
            .map(|(plain, cipher)| plain ^ cipher)
            .collect();
        let mut words = [0_u32; 16];
        apply(&[Mask::added(&seed.try_into().unwrap())], &mut words);
        assert_eq!(words.to_vec(), u32::read(&stream));
    }

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

    proptest! {
        #[test]
        fn a_mask_added_and_subtracted_leaves_nothing(seed: [u8; 32], length in 0_usize..40_000) {
            let mut narrow = vec![7_u32; length];
            apply(&[Mask::added(&seed)], &mut narrow);
            prop_assert!(length < 8 || narrow.iter().any(|word| *word != 7));
            apply_in_parallel(&[Mask::subtracted(&seed)], &mut narrow);
            prop_assert!(narrow.iter().all(|word| *word == 7));

            let mut wide = vec![7_u64; length];
            apply(&[Mask::added(&seed), Mask::subtracted(&seed)], &mut wide);
            prop_assert!(wide.iter().all(|word| *word == 7));
        }

        #[test]
        fn a_vector_is_the_beginning_of_a_longer_one(seed: [u8; 32], length in 0_usize..20_000) {
            let (mut short, mut long) = (vec![0_u32; length], vec![0_u32; 20_000]);
            apply(&[Mask::added(&seed)], &mut short);
            apply(&[Mask::added(&seed)], &mut long);
            prop_assert_eq!(&short[..], &long[..length]);
        }
    }
}
