//! The exact sum of updates.

use crate::encoding::{FixedPoint, Update};
use crate::instructions::{InstructionSet, Job};

/// A sum of weighted updates, in integers: it has no order, and parts of it can be added in parallel.
///
/// It cannot overflow: a coordinate is below `2^31`, and a round admits no more than [`Sum::WEIGHT_LIMIT`] of
/// weight in all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sum {
    pub(super) delta: Vec<i64>,
    pub(super) loss: i64,
    pub(super) weight: u64,
}

/// The mean of a finished sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Mean {
    /// The mean movement of the model, one number a parameter.
    pub delta: Vec<f64>,
    /// The mean loss of local training.
    pub loss: f64,
}

impl Sum {
    /// The most weight that the contributions to one sum may have together.
    pub const WEIGHT_LIMIT: u64 = u32::MAX as u64;

    /// The empty sum of vectors with `parameters` coordinates.
    pub fn new(parameters: usize) -> Sum {
        Sum { delta: vec![0; parameters], loss: 0, weight: 0 }
    }

    /// How many coordinates it has.
    pub fn parameters(&self) -> usize {
        self.delta.len()
    }

    /// The weight that has been added so far.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Adds an update, times its weight.
    ///
    /// The caller has checked that the lengths agree and that the weight stays within [`Sum::WEIGHT_LIMIT`].
    pub(crate) fn add(&mut self, update: &Update) {
        debug_assert_eq!(self.delta.len(), update.delta.len());
        let Update { delta: values, weight, loss } = update;
        InstructionSet::detect().run(AddWeighted { sum: &mut self.delta, values, weight: *weight });
        self.loss += i64::from(*weight) * i64::from(*loss);
        self.weight += u64::from(update.weight);
    }

    /// Adds another part of the same sum.
    pub(crate) fn merge(&mut self, part: &Sum) {
        debug_assert_eq!(self.delta.len(), part.delta.len());
        for (sum, value) in self.delta.iter_mut().zip(&part.delta) {
            *sum += value;
        }
        self.loss += part.loss;
        self.weight += part.weight;
    }

    /// Takes the last coordinate out of the sum: it is no parameter of the model.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn take_last(&mut self) -> i64 {
        self.delta.pop().expect("a sum with a vote has a coordinate")
    }

    /// Adds a draw of noise to every coordinate of the movement, and drops the loss, which carries none.
    pub(crate) fn add_noise(&mut self, mut draw: impl FnMut() -> i64) {
        for sum in &mut self.delta {
            *sum = sum.saturating_add(draw());
        }
        self.loss = 0;
    }

    /// The sum over a denominator that does not depend on who contributed.
    pub(crate) fn mean_over(&self, denominator: u64, grid: FixedPoint) -> Mean {
        Mean {
            delta: self.delta.iter().map(|sum| grid.decode_mean(*sum, denominator)).collect(),
            loss: grid.decode_mean(self.loss, denominator),
        }
    }

    /// The weighted mean. `None` while nothing has been added.
    pub fn mean(&self, grid: FixedPoint) -> Option<Mean> {
        (self.weight > 0).then(|| Mean {
            delta: self.delta.iter().map(|sum| grid.decode_mean(*sum, self.weight)).collect(),
            loss: grid.decode_mean(self.loss, self.weight),
        })
    }
}

/// sum += weight * value, number by number.
struct AddWeighted<'a> {
    sum: &'a mut [i64],
    values: &'a [i32],
    weight: u32,
}

impl Job for AddWeighted<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) {
        let pairs = self.sum.iter_mut().zip(self.values);
        // Two factors of 32 bits are one instruction, and nearly every weight is such a factor.
        if let Ok(weight) = i32::try_from(self.weight) {
            pairs.for_each(|(sum, value)| *sum += i64::from(weight) * i64::from(*value));
        } else {
            pairs.for_each(|(sum, value)| *sum += i64::from(self.weight) * i64::from(*value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn updates() -> impl Strategy<Value = Vec<Update>> {
        let update = (prop::collection::vec(any::<i32>(), 3), 1_u32..100_000, any::<i32>())
            .prop_map(|(delta, weight, loss)| Update { delta, weight, loss });
        prop::collection::vec(update, 1..20)
    }

    fn sum(updates: &[Update]) -> Sum {
        let mut sum = Sum::new(3);
        updates.iter().for_each(|update| sum.add(update));
        sum
    }

    proptest! {
        #[test]
        fn neither_order_nor_grouping_changes_a_bit(updates in updates(), at in 0_usize..20) {
            let whole = sum(&updates);
            let backwards: Vec<_> = updates.iter().rev().cloned().collect();
            prop_assert_eq!(&sum(&backwards), &whole);

            let (left, right) = updates.split_at(at.min(updates.len()));
            let mut parts = sum(right);
            parts.merge(&sum(left));
            prop_assert_eq!(&parts, &whole);
        }
    }

    #[test]
    fn the_mean_is_weighted() {
        let grid = FixedPoint::new(8).unwrap();
        let (one, three) = (256, 3 * 256);
        let sum = sum(&[
            Update { delta: vec![one, 0, 0], weight: 3, loss: one },
            Update { delta: vec![three, 0, one], weight: 1, loss: three },
        ]);
        let mean = sum.mean(grid).unwrap();
        assert_eq!(mean, Mean { delta: vec![1.5, 0.0, 0.25], loss: 1.5 });
    }

    #[test]
    fn an_empty_sum_has_no_mean() {
        assert_eq!(Sum::new(3).mean(FixedPoint::new(8).unwrap()), None);
    }

    #[test]
    fn the_heaviest_sum_does_not_overflow() {
        let mut sum = Sum::new(1);
        sum.add(&Update { delta: vec![i32::MIN], weight: u32::MAX, loss: i32::MIN });
        assert_eq!(sum.weight(), Sum::WEIGHT_LIMIT);
        assert_eq!(sum.delta[0], i64::from(i32::MIN) * i64::from(u32::MAX));
    }
}
