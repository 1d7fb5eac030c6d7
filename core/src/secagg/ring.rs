//! The ring in which masked vectors are added, and whether a sum fits it.
//!
//! Masks and sums are computed in whole words, `Z_{2^32}` or `Z_{2^64}`. Dropping high bits is a homomorphism of rings, so
//! that a narrower ring costs nothing but the packing of what is sent.

use privet_masks::Words;
use std::fmt;

/// A word that holds an element of a ring: `u32` for rings of 16 to 32 bits, `u64` for `Z_{2^64}`. Arithmetic is
/// modulo the word; what lies above the bits of the ring is dropped when an element is sent or read.
pub trait Word: sealed::Sealed + Copy + Default + Eq + Send + Sync + fmt::Debug + 'static {
    /// The bits of the word.
    const BITS: u32;

    /// The bytes of the word.
    #[doc(hidden)]
    const BYTES: usize = Self::BITS as usize / 8;

    /// The element of a signed number.
    fn from_signed(value: i64) -> Self;

    /// The number of least magnitude that the element stands for.
    fn to_signed(self, ring: Ring) -> i64;

    /// The number from 0 that the element stands for.
    fn to_unsigned(self, ring: Ring) -> u64;

    /// The sum in the ring.
    fn plus(self, other: Self) -> Self;

    /// The difference in the ring.
    fn minus(self, other: Self) -> Self;

    /// What a mask takes them for.
    #[doc(hidden)]
    fn words(words: &mut [Self]) -> Words<'_>;

    /// Appends whole words, little-endian.
    #[doc(hidden)]
    fn write(words: &[Self], bytes: &mut Vec<u8>);

    /// Reads whole little-endian words; what is left over at the end is ignored.
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Vec<Self>;
}

/// The ring of integers modulo a power of two: `2^16` to `2^32`, or `2^64`. An element takes so many bits on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    bits: u32,
}

/// What a sum in a ring may come to, besides the inputs' own bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SumBound {
    /// The largest magnitude that all inputs together can have in one coordinate.
    pub magnitude: f64,
    /// The variance of all noise together in one coordinate: discrete Gaussian or Skellam; 0 without noise.
    pub noise_variance: f64,
    /// How many coordinates there are.
    pub coordinates: usize,
}

/// A sum may leave every ring.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq)]
#[error(
    "a sum of magnitude {largest:e} does not fit 64 bits: use fewer fraction bits, a smaller clip or less noise"
)]
pub struct RingTooNarrow {
    /// What the sum may come to.
    pub largest: f64,
}

impl Ring {
    /// Modulo `2^32`.
    pub const BITS_32: Ring = Ring { bits: 32 };
    /// Modulo `2^64`.
    pub const BITS_64: Ring = Ring { bits: 64 };

    /// The ring of elements of so many bits: 16 to 32, or 64.
    pub fn new(bits: u32) -> Option<Ring> {
        matches!(bits, 16..=32 | 64).then_some(Ring { bits })
    }

    /// The narrowest ring that such a sum leaves with probability `2^-40` at most.
    pub fn for_sum(bound: &SumBound) -> Result<Ring, RingTooNarrow> {
        let largest = bound.largest();
        (16..=32)
            .chain([64])
            .map(|bits| Ring { bits })
            .find(|ring| ring.holds(largest))
            .ok_or(RingTooNarrow { largest })
    }

    /// Whether a sum of this magnitude is told from every other.
    pub fn holds(self, largest: f64) -> bool {
        largest < f64::from(self.bits - 1).exp2()
    }

    /// The bits of an element.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Whether its elements take a `u64`.
    pub fn is_wide(self) -> bool {
        self.bits > u32::BITS
    }

    /// The bytes of so many elements, one behind the other.
    pub fn bytes(self, words: usize) -> usize {
        (words * self.bits as usize).div_ceil(8)
    }
}

impl SumBound {
    /// The probability with which noise may exceed what a ring is built for, in bits.
    pub const FAILURE_BITS: f64 = 40.0;

    /// What no coordinate exceeds, but with probability `2^-40`.
    pub fn largest(&self) -> f64 {
        self.magnitude + self.noise_reach()
    }

    /// The `x` with `2 d Pr[noise > x] <= 2^-40`, by Chernoff's bound for the symmetric Skellam distribution,
    /// `Pr[X > x] <= exp(-(x asinh(x / v) - v (sqrt(1 + (x / v)^2) - 1)))` with variance `v`. It holds for the
    /// discrete Gaussian too, whose moments are smaller (Canonne, Kamath, Steinke 2020, Corollary 17).
    fn noise_reach(&self) -> f64 {
        let variance = self.noise_variance;
        if variance <= 0.0 {
            return 0.0;
        }
        let target =
            (2.0 * self.coordinates.max(1) as f64).ln() + Self::FAILURE_BITS * std::f64::consts::LN_2;
        let exponent = |x: f64| {
            let ratio = x / variance;
            x * ratio.asinh() - variance * (ratio.hypot(1.0) - 1.0)
        };
        let mut high = variance.sqrt().max(1.0);
        while exponent(high) < target {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if exponent(middle) < target { low = middle } else { high = middle }
        }
        high
    }
}

macro_rules! word {
    ($word:ty, $signed:ty, $width:ident) => {
        impl sealed::Sealed for $word {}

        impl Word for $word {
            const BITS: u32 = <$word>::BITS;

            fn from_signed(value: i64) -> $word {
                value as $word
            }

            fn to_signed(self, ring: Ring) -> i64 {
                let above = <$word>::BITS - ring.bits;
                i64::from((self << above) as $signed >> above)
            }

            fn to_unsigned(self, ring: Ring) -> u64 {
                let above = <$word>::BITS - ring.bits;
                u64::from(self << above >> above)
            }

            fn plus(self, other: $word) -> $word {
                self.wrapping_add(other)
            }

            fn minus(self, other: $word) -> $word {
                self.wrapping_sub(other)
            }

            fn words(words: &mut [$word]) -> Words<'_> {
                Words::$width(words)
            }

            fn write(words: &[$word], bytes: &mut Vec<u8>) {
                bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            }

            fn read(bytes: &[u8]) -> Vec<$word> {
                let (words, _) = bytes.as_chunks();
                words.iter().map(|word| <$word>::from_le_bytes(*word)).collect()
            }
        }
    };
}

word!(u32, i32, Narrow);
word!(u64, i64, Wide);

mod sealed {
    /// No other ring.
    pub trait Sealed {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bound(magnitude: f64, noise_variance: f64) -> SumBound {
        SumBound { magnitude, noise_variance, coordinates: 1_000_000 }
    }

    #[test]
    fn the_narrowest_ring_that_holds_the_sum_is_taken() {
        for bits in (16..=32).chain([64]) {
            let half = 2_f64.powi(bits - 1);
            // Below 2^63 the next double is 1,024 less.
            let most = half - (half / 2_f64.powi(53)).max(1.0);
            assert_eq!(Ring::for_sum(&bound(most, 0.0)), Ok(Ring::new(bits as u32).unwrap()));
            assert_ne!(Ring::for_sum(&bound(half, 0.0)).ok(), Ring::new(bits as u32));
        }
        assert_eq!(Ring::for_sum(&bound(2_f64.powi(31), 0.0)), Ok(Ring::BITS_64));
        assert!(Ring::for_sum(&bound(2_f64.powi(63), 0.0)).is_err());
        assert!([0, 15, 33, 63, 65].into_iter().all(|bits| Ring::new(bits).is_none()));
    }

    #[test]
    fn noise_needs_room() {
        // For a wide Skellam or Gaussian the reach is near sqrt(2 ln(2 d 2^40)) = 9.2 standard deviations.
        let reach = bound(0.0, 1e8).largest();
        assert!((91_700.0..92_300.0).contains(&reach), "{reach}");
        assert_eq!(Ring::for_sum(&bound(2_f64.powi(31) - 90_000.0, 1e8)), Ok(Ring::BITS_64));
        assert_eq!(Ring::for_sum(&bound(2_f64.powi(31) - 95_000.0, 1e8)), Ok(Ring::BITS_32));
    }

    proptest! {
        #[test]
        fn signed_numbers_come_back(value: i32, wide: i64, bits in 16_u32..=32) {
            let ring = Ring::new(bits).unwrap();
            let narrow = i64::from(value >> (32 - bits));
            prop_assert_eq!(u32::from_signed(narrow).to_signed(ring), narrow);
            // What lies above the ring says nothing.
            let dirty = u32::from_signed(narrow) ^ (u32::MAX.checked_shl(bits).unwrap_or(0));
            prop_assert_eq!(dirty.to_signed(ring), narrow);
            prop_assert_eq!(u64::from_signed(wide).to_signed(Ring::BITS_64), wide);
            prop_assert_eq!(u64::from_signed(wide).to_unsigned(Ring::BITS_64), wide as u64);
        }
    }
}
