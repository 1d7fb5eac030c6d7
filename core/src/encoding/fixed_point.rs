//! The grid of `32`-bit integers on which an update is written: `integer = round(value * 2^fraction_bits)`.

use crate::instructions::{InstructionSet, Job};
use std::ops::RangeInclusive;

/// Adding this to a number below `2^51` in magnitude rounds it to an integer, ties to even, and leaves that
/// integer, in two's complement, in the low bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// A fixed-point grid with steps of `2^-fraction_bits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedPoint {
    fraction_bits: u32,
    /// The largest magnitude of a coordinate, in steps.
    limit: i32,
}

/// Why numbers cannot be put on the grid.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum EncodingError {
    /// The grid asked for is too coarse or too narrow to be of use.
    #[error("{given} fraction bits are outside {} to {}", FixedPoint::FRACTION_BITS.start(), FixedPoint::FRACTION_BITS.end())]
    FractionBits {
        /// What was asked for.
        given: u32,
    },
    /// The largest coordinate asked for is less than a step, or beyond 32 bits.
    #[error("a largest coordinate of {given} is not between a step of the grid and its end, {end}")]
    Largest {
        /// What was asked for.
        given: f64,
        /// The largest magnitude that 32 bits hold.
        end: f64,
    },
    /// A coordinate is NaN or infinite.
    #[error("coordinate {index} of the update is {value}: training diverged; lower the learning rate")]
    NotFinite {
        /// Which coordinate.
        index: usize,
        /// What it holds.
        value: f32,
    },
    /// A coordinate is finite but beyond the grid.
    #[error(
        "coordinate {index} of the update is {value}, beyond the largest that can be encoded, {largest}: \
         lower the learning rate, or let the encoding have larger values"
    )]
    OutOfRange {
        /// Which coordinate.
        index: usize,
        /// What it holds.
        value: f32,
        /// The largest magnitude on the grid.
        largest: f64,
    },
}

impl FixedPoint {
    /// The grids that can be had: from steps of 1/256 (and values up to 8,388,607) to steps of `2^-30`
    /// (and values up to 2).
    pub const FRACTION_BITS: RangeInclusive<u32> = 8..=30;

    /// The grid with steps of `2^-fraction_bits`.
    pub fn new(fraction_bits: u32) -> Result<FixedPoint, EncodingError> {
        if Self::FRACTION_BITS.contains(&fraction_bits) {
            Ok(FixedPoint { fraction_bits, limit: i32::MAX })
        } else {
            Err(EncodingError::FractionBits { given: fraction_bits })
        }
    }

    /// The same grid for coordinates of this magnitude at the most: sums of them need less room.
    pub fn within(self, largest: f64) -> Result<FixedPoint, EncodingError> {
        let steps = largest * self.scale();
        if (1.0..=f64::from(i32::MAX)).contains(&steps) {
            Ok(FixedPoint { limit: steps as i32, ..self })
        } else {
            let end = f64::from(i32::MAX) / self.scale();
            Err(EncodingError::Largest { given: largest, end })
        }
    }

    /// The largest magnitude of a coordinate, in steps.
    pub fn limit(self) -> i32 {
        self.limit
    }

    /// The number of steps in 1.
    pub fn scale(self) -> f64 {
        (1_u64 << self.fraction_bits) as f64
    }

    /// The largest magnitude of a coordinate.
    pub fn largest(self) -> f64 {
        f64::from(self.limit) / self.scale()
    }

    /// Writes `after - before`, coordinate by coordinate, on the grid; each is rounded to the nearest step, ties
    /// to even.
    ///
    /// # Errors
    /// The first coordinate that is not finite or lies beyond the grid: an update is never bent to fit.
    ///
    /// # Panics
    /// If the two vectors differ in length, which two `Params` of one layout never do.
    pub fn encode_difference(self, after: &[f32], before: &[f32]) -> Result<Vec<i32>, EncodingError> {
        assert_eq!(after.len(), before.len(), "parameters of one layout have one length");
        let (scale, largest) = (self.scale(), f64::from(self.limit));
        let mut encoded = Vec::with_capacity(after.len());
        let encode = Encode { after, before, scale, largest, encoded: &mut encoded };
        if InstructionSet::detect().run(encode) { Ok(encoded) } else { Err(self.first_fault(after, before)) }
    }

    /// Writes numbers on the grid as [`FixedPoint::encode_difference`] does.
    ///
    /// # Errors
    /// The first that is not finite or lies beyond the grid.
    pub fn encode(self, values: &[f32]) -> Result<Vec<i32>, EncodingError> {
        self.encode_difference(values, &vec![0.0; values.len()])
    }

    /// Writes one number on the grid; one that lies beyond it becomes the largest, and NaN becomes 0.
    /// For diagnostics only, which nothing but a chart depends on.
    pub fn encode_saturating(self, value: f64) -> i32 {
        (value * self.scale()).round_ties_even() as i32
    }

    /// The mean of contributions whose weighted sum on the grid is `sum` and whose weights add up to `weight`.
    pub fn decode_mean(self, sum: i64, weight: u64) -> f64 {
        sum as f64 / (weight as f64 * self.scale())
    }

    fn first_fault(self, after: &[f32], before: &[f32]) -> EncodingError {
        let largest = self.largest();
        after
            .iter()
            .zip(before)
            .map(|(after, before)| after - before)
            .enumerate()
            .find_map(|(index, value)| match value {
                value if !value.is_finite() => Some(EncodingError::NotFinite { index, value }),
                value if f64::from(value).abs() > largest => {
                    Some(EncodingError::OutOfRange { index, value, largest })
                }
                _ => None,
            })
            .expect("called only when a coordinate does not fit")
    }
}

/// Appends the differences to `encoded`; whether all of them fit.
struct Encode<'a> {
    after: &'a [f32],
    before: &'a [f32],
    scale: f64,
    largest: f64,
    encoded: &'a mut Vec<i32>,
}

impl Job for Encode<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<const COLUMNS: usize>(self) -> bool {
        let mut fits = true;
        self.encoded.extend(self.after.iter().zip(self.before).map(|(after, before)| {
            let steps = f64::from(after - before) * self.scale;
            fits &= steps.abs() <= self.largest; // false for NaN too
            (steps + ROUND).to_bits() as i32
        }));
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(bits: u32, values: &[f32]) -> Result<Vec<i32>, EncodingError> {
        FixedPoint::new(bits).unwrap().encode(values)
    }

    #[test]
    fn rounds_to_the_nearest_step_and_ties_to_even() {
        let half_steps = [0.5, 1.5, 2.5, -0.5, -1.5, 0.25, -0.75].map(|steps: f32| steps / 256.0);
        assert_eq!(encode(8, &half_steps).unwrap(), [0, 2, 2, 0, -2, 0, -1]);
    }

    #[test]
    fn refuses_what_is_not_finite_and_names_the_coordinate() {
        let refused = encode(24, &[0.0, f32::NAN, f32::INFINITY]).unwrap_err();
        assert!(matches!(refused, EncodingError::NotFinite { index: 1, .. }));
    }

    #[test]
    fn refuses_what_lies_beyond_the_grid() {
        assert!(encode(24, &[127.99999]).is_ok());
        let refused = encode(24, &[1.0, -128.0]).unwrap_err();
        assert!(matches!(refused, EncodingError::OutOfRange { index: 1, .. }));
    }

    #[test]
    fn a_largest_coordinate_is_kept() {
        let grid = FixedPoint::new(8).unwrap().within(2.0).unwrap();
        assert_eq!((grid.limit(), grid.largest()), (512, 2.0));
        assert_eq!(grid.encode(&[2.0, -2.0]).unwrap(), [512, -512]);
        let refused = grid.encode(&[0.0, 2.01]).unwrap_err();
        assert!(matches!(refused, EncodingError::OutOfRange { index: 1, largest: 2.0, .. }));
        for largest in [0.0, 0.001, -1.0, 8_388_608.0, f64::NAN] {
            assert!(FixedPoint::new(8).unwrap().within(largest).is_err());
        }
    }

    #[test]
    fn grids_of_no_use_are_refused() {
        assert_eq!(FixedPoint::new(31), Err(EncodingError::FractionBits { given: 31 }));
    }

    proptest! {
        #[test]
        fn agrees_with_rounding_in_double_precision(value in -120.0_f32..120.0, bits in 8_u32..=24) {
            let expected = (f64::from(value) * f64::from(1_u32 << bits)).round_ties_even() as i32;
            prop_assert_eq!(encode(bits, &[value]).unwrap(), [expected]);
        }

        #[test]
        fn a_decoded_number_is_within_half_a_step(value in -120.0_f32..120.0) {
            let grid = FixedPoint::new(24).unwrap();
            let encoded = i64::from(encode(24, &[value]).unwrap()[0]);
            prop_assert!((grid.decode_mean(encoded, 1) - f64::from(value)).abs() <= 0.5 / grid.scale());
        }
    }
}
