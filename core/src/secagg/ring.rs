//! The ring in which masked vectors are added, and whether a sum fits it.

use std::fmt;

/// A word of the ring: `u32` for `Z_{2^32}`, `u64` for `Z_{2^64}`.
pub trait Word: sealed::Sealed + Copy + Default + Eq + Send + Sync + fmt::Debug + 'static {
    /// The ring of such words.
    const RING: Ring;

    /// Adds a signed number.
    fn from_signed(value: i64) -> Self;

    /// The number of least magnitude that the word stands for.
    fn to_signed(self) -> i64;

    /// The sum in the ring.
    fn plus(self, other: Self) -> Self;

    /// The difference in the ring.
    fn minus(self, other: Self) -> Self;

    /// Adds (or, if `negative`, subtracts) the little-endian words of a key stream.
    #[doc(hidden)]
    fn absorb(words: &mut [Self], stream: &[u8], negative: bool);

    /// Appends the little-endian bytes of the words.
    #[doc(hidden)]
    fn write(words: &[Self], bytes: &mut Vec<u8>);

    /// Reads little-endian words; what is left over at the end is ignored.
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Vec<Self>;
}

/// The ring of integers modulo a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// Modulo `2^32`: four bytes a coordinate.
    Bits32,
    /// Modulo `2^64`: eight bytes a coordinate.
    Bits64,
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
    /// The narrowest ring that such a sum leaves with probability `2^-40` at most.
    pub fn for_sum(bound: &SumBound) -> Result<Ring, RingTooNarrow> {
        let largest = bound.largest();
        [Ring::Bits32, Ring::Bits64]
            .into_iter()
            .find(|ring| largest < ((ring.bits() - 1) as f64).exp2())
            .ok_or(RingTooNarrow { largest })
    }

    /// The bits of a word.
    pub fn bits(self) -> u32 {
        match self {
            Ring::Bits32 => 32,
            Ring::Bits64 => 64,
        }
    }

    /// The bytes of a word.
    pub fn bytes(self) -> usize {
        self.bits() as usize / 8
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
    ($word:ty, $signed:ty, $ring:expr) => {
        impl sealed::Sealed for $word {}

        impl Word for $word {
            const RING: Ring = $ring;

            fn from_signed(value: i64) -> $word {
                value as $word
            }

            fn to_signed(self) -> i64 {
                i64::from(self as $signed)
            }

            fn plus(self, other: $word) -> $word {
                self.wrapping_add(other)
            }

            fn minus(self, other: $word) -> $word {
                self.wrapping_sub(other)
            }

            fn absorb(words: &mut [$word], stream: &[u8], negative: bool) {
                let (stream, _) = stream.as_chunks();
                let pairs = words.iter_mut().zip(stream);
                if negative {
                    pairs.for_each(|(word, bytes)| *word = word.wrapping_sub(<$word>::from_le_bytes(*bytes)));
                } else {
                    pairs.for_each(|(word, bytes)| *word = word.wrapping_add(<$word>::from_le_bytes(*bytes)));
                }
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

word!(u32, i32, Ring::Bits32);
word!(u64, i64, Ring::Bits64);

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
        let half = 2_f64.powi(31);
        assert_eq!(Ring::for_sum(&bound(half - 1.0, 0.0)), Ok(Ring::Bits32));
        assert_eq!(Ring::for_sum(&bound(half, 0.0)), Ok(Ring::Bits64));
        assert!(Ring::for_sum(&bound(2_f64.powi(63), 0.0)).is_err());
    }

    #[test]
    fn noise_needs_room() {
        // For a wide Skellam or Gaussian the reach is near sqrt(2 ln(2 d 2^40)) = 9.2 standard deviations.
        let reach = bound(0.0, 1e8).largest();
        assert!((91_700.0..92_300.0).contains(&reach), "{reach}");
        assert_eq!(Ring::for_sum(&bound(2_f64.powi(31) - 90_000.0, 1e8)), Ok(Ring::Bits64));
        assert_eq!(Ring::for_sum(&bound(2_f64.powi(31) - 95_000.0, 1e8)), Ok(Ring::Bits32));
    }

    proptest! {
        #[test]
        fn signed_numbers_come_back(value: i32, wide: i64) {
            prop_assert_eq!(u32::from_signed(i64::from(value)).to_signed(), i64::from(value));
            prop_assert_eq!(u64::from_signed(wide).to_signed(), wide);
        }
    }
}
