//! Fixed-point numbers with 64 integer and 256 fraction bits, for probabilities that must be right to 128 bits.
//!
//! Invariant: every operation rounds down by less than `2^-256` (times the other factor, for a product), and nothing overflows for values below
//! `2^64`.

use std::cmp::Ordering;

/// `limbs[4]` is the integer part; `limbs[3]` the highest fraction bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixed {
    limbs: [u64; 5],
}

impl Fixed {
    pub(crate) const ZERO: Fixed = Fixed { limbs: [0; 5] };
    pub(crate) const ONE: Fixed = Fixed { limbs: [0, 0, 0, 0, 1] };

    /// `2^-bits` for `bits` of 1 to 256.
    pub(crate) fn power_of_half(bits: u32) -> Fixed {
        let mut limbs = [0; 5];
        let place = 256 - bits;
        limbs[(place / 64) as usize] = 1 << (place % 64);
        Fixed { limbs }
    }

    /// `numerator / denominator`, for a quotient below `2^64` and a denominator of 1 to `2^126`.
    pub(crate) fn ratio(numerator: u128, denominator: u128) -> Fixed {
        let mut limbs = [0, 0, 0, 0, (numerator / denominator) as u64];
        let mut rest = numerator % denominator;
        for limb in limbs[..4].iter_mut().rev() {
            for _ in 0..64 {
                rest <<= 1;
                *limb <<= 1;
                if rest >= denominator {
                    rest -= denominator;
                    *limb |= 1;
                }
            }
        }
        Fixed { limbs }
    }

    /// A fraction below 1 from its 256 bits, highest word first.
    pub(crate) fn fraction(words: [u64; 4]) -> Fixed {
        Fixed { limbs: [words[3], words[2], words[1], words[0], 0] }
    }

    pub(crate) fn plus(&self, other: &Fixed) -> Fixed {
        let mut carry = 0;
        let limbs = std::array::from_fn(|i| {
            let sum = u128::from(self.limbs[i]) + u128::from(other.limbs[i]) + carry;
            carry = sum >> 64;
            sum as u64
        });
        Fixed { limbs }
    }

    /// The difference, of a number that is not smaller.
    pub(crate) fn minus(&self, other: &Fixed) -> Fixed {
        let mut borrow = false;
        let limbs = std::array::from_fn(|i| {
            let (difference, first) = self.limbs[i].overflowing_sub(other.limbs[i]);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            borrow = first || second;
            difference
        });
        Fixed { limbs }
    }

    pub(crate) fn times(&self, other: &Fixed) -> Fixed {
        let mut product = [0u64; 10];
        for (i, &a) in self.limbs.iter().enumerate() {
            let mut carry = 0u128;
            for (j, &b) in other.limbs.iter().enumerate() {
                let sum = u128::from(a) * u128::from(b) + u128::from(product[i + j]) + carry;
                product[i + j] = sum as u64;
                carry = sum >> 64;
            }
            product[i + 5] = carry as u64;
        }
        Fixed { limbs: std::array::from_fn(|i| product[i + 4]) }
    }

    pub(crate) fn multiplied(&self, factor: u64) -> Fixed {
        let mut carry = 0u128;
        let limbs = std::array::from_fn(|i| {
            let sum = u128::from(self.limbs[i]) * u128::from(factor) + carry;
            carry = sum >> 64;
            sum as u64
        });
        Fixed { limbs }
    }

    pub(crate) fn divided(&self, divisor: u64) -> Fixed {
        let mut limbs = [0; 5];
        let mut rest = 0u128;
        for i in (0..5).rev() {
            let part = (rest << 64) | u128::from(self.limbs[i]);
            limbs[i] = (part / u128::from(divisor)) as u64;
            rest = part % u128::from(divisor);
        }
        Fixed { limbs }
    }

    /// `1 / self` for a value above `2^-60`, by long division bit by bit.
    pub(crate) fn inverse(&self) -> Fixed {
        let (mut rest, mut quotient) = (Fixed::ONE, Fixed::ZERO);
        let mut place = Fixed::ONE;
        // Whole part first: the largest 2^k of which `self` times it fits into 1.
        let mut divisor = *self;
        while divisor.compare(&Fixed::ONE) == Ordering::Less {
            divisor = divisor.plus(&divisor);
            place = place.plus(&place);
        }
        for _ in 0..320 {
            if rest.compare(&divisor) != Ordering::Less {
                rest = rest.minus(&divisor);
                quotient = quotient.plus(&place);
            }
            rest = rest.plus(&rest);
            place = place.divided(2);
        }
        quotient
    }

    /// The highest 128 fraction bits, as two words.
    pub(crate) fn leading_words(&self) -> (u64, u64) {
        (self.limbs[3], self.limbs[2])
    }

    /// `e^-argument`: the series after halving the argument below 1, then squaring back.
    ///
    /// Each of the at most 64 squarings doubles the error, which stays below `2^-185`.
    pub(crate) fn exp_minus(argument: &Fixed) -> Fixed {
        let mut argument = *argument;
        let halvings = 64 - argument.limbs[4].leading_zeros();
        for _ in 0..halvings {
            argument = argument.divided(2);
        }
        let (mut even, mut odd) = (Fixed::ONE, Fixed::ZERO);
        let mut term = Fixed::ONE;
        for n in 1..80 {
            term = term.times(&argument).divided(n);
            if n % 2 == 0 { even = even.plus(&term) } else { odd = odd.plus(&term) }
        }
        let mut result = even.minus(&odd);
        for _ in 0..halvings {
            result = result.times(&result);
        }
        result
    }

    pub(crate) fn compare(&self, other: &Fixed) -> Ordering {
        self.limbs.iter().rev().cmp(other.limbs.iter().rev())
    }

    /// The nearest `f64`, to a relative 2^-52 of numbers above 2^-190.
    pub(crate) fn to_f64(self) -> f64 {
        self.limbs.iter().enumerate().map(|(i, &limb)| limb as f64 * 2f64.powi(64 * (i as i32 - 4))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right() {
        // e^-1 to 256 bits.
        let known =
            [0x5e2d_58d8_b3bc_df1a, 0xbade_c782_9054_f90d, 0xda98_05aa_b56c_7733, 0x3024_b9d0_a507_daed];
        let error =
            Fixed::fraction(known).plus(&Fixed::power_of_half(248)).minus(&Fixed::exp_minus(&Fixed::ONE));
        assert!(error.compare(&Fixed::power_of_half(247)) == Ordering::Less);
        for (numerator, denominator) in [(1, 3), (1, 1_000_003), (7, 2), (40, 1)] {
            let found = Fixed::exp_minus(&Fixed::ratio(numerator, denominator)).to_f64();
            let expected = (-(numerator as f64) / denominator as f64).exp();
            assert!((found / expected - 1.0).abs() < 1e-14, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn inverses_are_right() {
        let third = Fixed::ratio(3, 1).inverse();
        assert_eq!(third.leading_words(), (0x5555_5555_5555_5555, 0x5555_5555_5555_5555));
        for (numerator, denominator) in [(1, 7), (1_000_003, 4), (5, 1 << 30)] {
            let value = Fixed::ratio(numerator, denominator);
            let error = Fixed::ONE.minus(&value.times(&value.inverse()));
            assert!(error.compare(&Fixed::power_of_half(200)) == Ordering::Less, "{numerator}/{denominator}");
        }
    }
}
