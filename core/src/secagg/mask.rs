//! Masks on whole vectors, chunk by chunk. What a mask is says `privet_masks`.

use super::Word;
use privet_masks::BLOCK;
pub(crate) use privet_masks::Mask;
use rayon::prelude::*;

/// So many bytes of a vector take all masks before the next do: they stay in the second-level cache.
const CHUNK: usize = 64 << 10;

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
    privet_masks::apply(masks, &mut W::words(chunk), (at * CHUNK / BLOCK) as u128);
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
