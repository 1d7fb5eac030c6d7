//! An update as a vector over a ring, as secure aggregation adds it, and the sum that comes back.
//!
//! ```text
//! weight * delta (d words), weight * loss, weight
//! ```
//!
//! Everything that leaves a participant is in the vector, so that masks cover all of it; and it adds up to the very
//! integers that [`Sum`] holds, so that a masked round makes the same model, bit for bit.

use super::Sum;
use crate::encoding::Update;
use crate::secagg::Word;

/// How many words follow those of the delta.
const EXTRA: usize = 2;

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
        weight: i64,
    },
}

impl Update {
    /// How many words an update of so many parameters has.
    pub fn words_len(parameters: usize) -> usize {
        parameters + EXTRA
    }

    /// The update, times its weight, as words of a ring. The ring must be wide enough for the sum:
    /// [`crate::secagg::Ring::for_sum`] says which one is.
    pub fn to_words<W: Word>(&self) -> Vec<W> {
        let weight = i64::from(self.weight);
        let weighted = self.delta.iter().chain([&self.loss]).map(|value| weight * i64::from(*value));
        weighted.chain([weight]).map(W::from_signed).collect()
    }
}

impl Sum {
    /// The sum that the added words of updates of so many parameters stand for.
    pub fn from_words<W: Word>(words: &[W], parameters: usize) -> Result<Sum, SumWordsError> {
        let (expected, found) = (Update::words_len(parameters), words.len());
        let (delta, &[loss, weight]) = words
            .split_last_chunk::<EXTRA>()
            .filter(|(delta, _)| delta.len() == parameters)
            .ok_or(SumWordsError::Length { parameters, expected, found })?;
        let weight = weight.to_signed();
        let weight = u64::try_from(weight)
            .ok()
            .filter(|weight| *weight <= Sum::WEIGHT_LIMIT)
            .ok_or(SumWordsError::Weight { weight })?;
        Ok(Sum { delta: delta.iter().map(|word| word.to_signed()).collect(), loss: loss.to_signed(), weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn added<W: Word>(updates: &[Update]) -> Vec<W> {
        updates.iter().fold(vec![W::default(); 5], |sum, update| {
            sum.into_iter().zip(update.to_words::<W>()).map(|(sum, word)| sum.plus(word)).collect()
        })
    }

    fn plain(updates: &[Update]) -> Sum {
        let mut sum = Sum::new(3);
        updates.iter().for_each(|update| sum.add(update));
        sum
    }

    fn updates(magnitude: i32) -> impl Strategy<Value = Vec<Update>> {
        let value = -magnitude..=magnitude;
        let update = (prop::collection::vec(value.clone(), 3), 1_u32..1_000, value)
            .prop_map(|(delta, weight, loss)| Update { delta, weight, loss });
        prop::collection::vec(update, 0..20)
    }

    proptest! {
        #[test]
        fn words_add_up_to_the_plain_sum_in_the_wide_ring(updates in updates(i32::MAX)) {
            prop_assert_eq!(Sum::from_words(&added::<u64>(&updates), 3), Ok(plain(&updates)));
        }

        #[test]
        fn words_add_up_to_the_plain_sum_in_the_narrow_ring_if_it_fits(updates in updates(100_000)) {
            prop_assert_eq!(Sum::from_words(&added::<u32>(&updates), 3), Ok(plain(&updates)));
        }
    }

    #[test]
    fn vectors_that_are_no_sum_are_refused() {
        let refused = Sum::from_words(&[0_u64; 4], 3);
        assert_eq!(refused, Err(SumWordsError::Length { parameters: 3, expected: 5, found: 4 }));
        let refused = Sum::from_words(&[0, 0, 0, 0, u64::MAX], 3);
        assert_eq!(refused, Err(SumWordsError::Weight { weight: -1 }));
        assert_eq!(
            Sum::from_words::<u64>(&[], 3).map(|_| ()),
            Err(SumWordsError::Length { parameters: 3, expected: 5, found: 0 })
        );
    }
}
