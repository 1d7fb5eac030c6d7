//! An update as a vector over a ring, as secure aggregation adds it, and the sum that comes back.
//!
//! ```text
//! weight * delta (d words), weight * loss (limbs), weight (limbs)
//! ```
//!
//! Everything that leaves a participant is in the vector, so that masks cover all of it; and it adds up to the very
//! integers that [`Sum`] holds, so that a masked round makes the same model, bit for bit.
//!
//! The ring is as narrow as the delta allows. Loss and weight may be wider: they are cut into limbs so short that no sum
//! of limbs leaves the ring, and put together again, modulo `2^64`, from the sums.

use super::Sum;
use crate::encoding::Update;
use crate::secagg::{Ring, Word};

/// A limb has so many bits at the most.
const LIMB: u32 = 32;

/// How updates of one model are written as words of one ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordLayout {
    parameters: usize,
    ring: Ring,
    limb: u32,
}

/// A vector is no sum of updates.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum SumWordsError {
    /// It has another length.
    #[error("a sum of updates of {parameters} parameters has {expected} words, this one has {found}")]
    Length {
        /// How many parameters the model has.
        parameters: usize,
        /// How many words are awaited.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Its weight is none that participants can have together.
    #[error(
        "a sum of updates cannot weigh {weight}: a participant sent a weight that the plan does not allow"
    )]
    Weight {
        /// The weight in the sum.
        weight: u64,
    },
}

impl WordLayout {
    /// The layout for so many parameters and at most so many contributions to one sum. The ring must hold the sum of the
    /// deltas: [`Ring::for_sum`] says which one does.
    ///
    /// # Panics
    /// If there are half as many contributions as the ring has elements, or more.
    pub fn new(parameters: usize, ring: Ring, contributions: u32) -> WordLayout {
        // So many limbs are below 2^(32 - zeros) / 2^limb together.
        let carry = u32::BITS - contributions.leading_zeros();
        let limb = ring.bits().checked_sub(carry).filter(|limb| *limb > 0);
        let limb = limb.expect("the ring holds one step of every contribution").min(LIMB);
        WordLayout { parameters, ring, limb }
    }

    /// The ring.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// How many words a vector has.
    pub fn words(&self) -> usize {
        self.parameters + 2 * self.limbs()
    }

    fn limbs(&self) -> usize {
        u64::BITS.div_ceil(self.limb) as usize
    }

    fn cut(self, value: u64) -> impl Iterator<Item = i64> {
        (0..u64::BITS)
            .step_by(self.limb as usize)
            .map(move |at| (value >> at & ((1 << self.limb) - 1)) as i64)
    }

    fn put_together<W: Word>(&self, limbs: &[W]) -> u64 {
        let shifts = (0..u64::BITS).step_by(self.limb as usize);
        limbs
            .iter()
            .zip(shifts)
            .fold(0, |sum, (limb, at)| sum.wrapping_add(limb.to_unsigned(self.ring) << at))
    }
}

impl Update {
    /// The update, times its weight, as words of the layout's ring.
    pub fn to_words<W: Word>(&self, layout: &WordLayout) -> Vec<W> {
        debug_assert_eq!(self.delta.len(), layout.parameters);
        let weight = i64::from(self.weight);
        let mut words = Vec::with_capacity(layout.words());
        words.extend(self.delta.iter().map(|value| W::from_signed(weight * i64::from(*value))));
        let loss = weight * i64::from(self.loss);
        words.extend(layout.cut(loss as u64).chain(layout.cut(weight as u64)).map(W::from_signed));
        words
    }
}

impl Sum {
    /// The sum that the added words of updates stand for.
    pub fn from_words<W: Word>(words: &[W], layout: &WordLayout) -> Result<Sum, SumWordsError> {
        let WordLayout { parameters, ring, .. } = *layout;
        let (expected, found) = (layout.words(), words.len());
        if found != expected {
            return Err(SumWordsError::Length { parameters, expected, found });
        }
        let (delta, limbs) = words.split_at(parameters);
        let (loss, weight) = limbs.split_at(layout.limbs());
        let weight = layout.put_together(weight);
        if weight > Sum::WEIGHT_LIMIT {
            return Err(SumWordsError::Weight { weight });
        }
        let delta = delta.iter().map(|word| word.to_signed(ring)).collect();
        Ok(Sum { delta, loss: layout.put_together(loss) as i64, weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn added<W: Word>(updates: &[Update], layout: &WordLayout) -> Vec<W> {
        updates.iter().fold(vec![W::default(); layout.words()], |sum, update| {
            sum.into_iter().zip(update.to_words::<W>(layout)).map(|(sum, word)| sum.plus(word)).collect()
        })
    }

    fn plain(updates: &[Update]) -> Sum {
        let mut sum = Sum::new(3);
        updates.iter().for_each(|update| sum.add(update));
        sum
    }

    fn updates(magnitude: i32) -> impl Strategy<Value = Vec<Update>> {
        let value = -magnitude..=magnitude;
        let update = (prop::collection::vec(value, 3), 1_u32..1_000, any::<i32>())
            .prop_map(|(delta, weight, loss)| Update { delta, weight, loss });
        prop::collection::vec(update, 0..20)
    }

    proptest! {
        #[test]
        fn words_add_up_to_the_plain_sum_in_the_wide_ring(updates in updates(i32::MAX)) {
            let layout = WordLayout::new(3, Ring::BITS_64, 20);
            prop_assert_eq!(Sum::from_words(&added::<u64>(&updates, &layout), &layout), Ok(plain(&updates)));
        }

        #[test]
        fn words_add_up_to_the_plain_sum_in_a_narrow_ring_that_holds_the_delta(
            (bits, updates) in (16_u32..=32).prop_flat_map(|bits| {
                let magnitude = ((1_i64 << (bits - 1)) / 20 / 1_000) as i32;
                (Just(bits), updates(magnitude))
            }),
        ) {
            let layout = WordLayout::new(3, Ring::new(bits).unwrap(), 20);
            prop_assert_eq!(Sum::from_words(&added::<u32>(&updates, &layout), &layout), Ok(plain(&updates)));
        }
    }

    #[test]
    fn the_heaviest_limbs_do_not_leave_the_ring() {
        let layout = WordLayout::new(0, Ring::new(16).unwrap(), 1_023);
        let heavy = Update { delta: vec![], weight: 4_198_404, loss: -1 };
        let updates = vec![heavy; 1_023];
        let sum = Sum::from_words(&added::<u32>(&updates, &layout), &layout).unwrap();
        assert_eq!((sum.weight(), sum.loss), (1_023 * 4_198_404, -1_023 * 4_198_404));
    }

    #[test]
    fn vectors_that_are_no_sum_are_refused() {
        let layout = WordLayout::new(3, Ring::BITS_64, 2);
        let expected = layout.words();
        let length = |found| Err(SumWordsError::Length { parameters: 3, expected, found });
        assert_eq!(Sum::from_words(&[0_u64; 4], &layout), length(4));
        assert_eq!(Sum::from_words::<u64>(&[], &layout), length(0));
        let mut heavy = vec![0_u64; expected];
        heavy[expected - 1] = 1;
        assert_eq!(Sum::from_words(&heavy, &layout), Err(SumWordsError::Weight { weight: 1 << 32 }));
    }
}
