//! Coins of probability `e^-x` for a rational `x`, and what is made of them.
//!
//! Canonne, Kamath and Steinke 2020 draw such a coin from a run of rational ones (their Alg. 1). Here one uniform number `U`
//! of 256 bits is compared with `e^-x`: its first 53 bits with an `f64`, and where these lie within the error of that, all of it with 256-bit
//! arithmetic. What 256 bits leave undecided counts as tails. A coin is so within `2^-185` of its exact law, and no draw depends on how a
//! machine rounds exponentials.

use std::cmp::Ordering;

use rand::CryptoRng;

use super::fixed::Fixed;

/// `2^53`: so many bits of a word `f64` holds exactly.
const SCALE: f64 = 9_007_199_254_740_992.0;

/// A uniform integer below `bound`, which is not 0 (Lemire 2019).
#[inline]
pub(crate) fn uniform_below(bound: u64, stream: &mut impl CryptoRng) -> u64 {
    let mut product = u128::from(stream.next_u64()) * u128::from(bound);
    if (product as u64) < bound {
        let threshold = bound.wrapping_neg() % bound;
        while (product as u64) < threshold {
            product = u128::from(stream.next_u64()) * u128::from(bound);
        }
    }
    (product >> 64) as u64
}

/// True with probability `e^-x`. `near` is within `2^-47` of `x`, or of its size if that is above 1; `exact` gives numerator and
/// denominator of `x`, which is asked once in `2^45` draws: the first below `2^64` times the second, the second at most `2^126`.
#[inline]
pub(crate) fn exponential_coin<R: CryptoRng>(
    near: f64,
    exact: impl FnOnce() -> (u128, u128),
    stream: &mut R,
) -> bool {
    // x e^-x is at most 1, so an error of 2^-47 of x moves e^-x by 2^-47, which is 2^6 of the last places; f64::exp adds its own few.
    const MARGIN: f64 = 80.0;
    let word = stream.next_u64();
    let drawn = leading(word);
    // 1 - x <= e^-x <= 1 - x + x^2/2 spares most exponentials.
    let line = (1.0 - near) * SCALE;
    if drawn < line - MARGIN {
        return true;
    }
    if drawn > line + 0.5 * near * near * SCALE + MARGIN {
        return false;
    }
    let beyond = drawn - (-near).exp() * SCALE;
    if beyond.abs() > MARGIN {
        return beyond < 0.0;
    }
    coin_by_digits(word, exact(), stream)
}

/// The same from all digits of the uniform number that begins with `word`.
#[cold]
#[inline(never)]
fn coin_by_digits<R: CryptoRng>(word: u64, (numerator, denominator): (u128, u128), stream: &mut R) -> bool {
    let exact = Fixed::exp_minus(&Fixed::ratio(numerator, denominator));
    uniform_from(word, stream).compare(&exact) == Ordering::Less
}

/// How many coins of probability `1/e` in a row come up heads: `P(count >= k) = e^-k`, at most 178.
#[inline]
pub(crate) fn run_of_inverse_e(stream: &mut impl CryptoRng) -> u64 {
    const MARGIN: f64 = 4.0;
    let word = stream.next_u64();
    let drawn = leading(word);
    for (k, power) in POWERS.iter().enumerate() {
        let beyond = drawn - power * SCALE;
        if beyond > MARGIN {
            return k as u64;
        }
        if beyond > -MARGIN {
            break;
        }
    }
    run_by_digits(word, stream)
}

/// The same from all digits.
#[cold]
fn run_by_digits(word: u64, stream: &mut impl CryptoRng) -> u64 {
    let uniform = uniform_from(word, stream);
    let inverse_e = Fixed::exp_minus(&Fixed::ONE);
    let (mut count, mut power) = (0, inverse_e);
    while uniform.compare(&power) == Ordering::Less {
        count += 1;
        power = power.times(&inverse_e);
    }
    count
}

/// `e^-1`, `e^-2`, ... as far as 53 bits tell them apart from 0.
const POWERS: [f64; 12] = [
    0.367_879_441_171_442_33,
    0.135_335_283_236_612_7,
    0.049_787_068_367_863_944,
    0.018_315_638_888_734_18,
    0.006_737_946_999_085_467,
    0.002_478_752_176_666_358_5,
    0.000_911_881_965_554_516_2,
    0.000_335_462_627_902_511_85,
    0.000_123_409_804_086_679_56,
    4.539_992_976_248_485e-5,
    1.670_170_079_024_566e-5,
    6.144_212_353_328_21e-6,
];

/// The uniform number that begins with `word`.
fn uniform_from(word: u64, stream: &mut impl CryptoRng) -> Fixed {
    Fixed::fraction([word, stream.next_u64(), stream.next_u64(), stream.next_u64()])
}

/// The first 53 bits of a word, as an integer.
#[inline]
pub(crate) fn leading(word: u64) -> f64 {
    (word >> 11) as i64 as f64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{stream, words};
    use super::*;

    #[test]
    fn frequencies_are_those_of_the_law() {
        const DRAWS: u32 = 400_000;
        let mut stream = stream(1);
        let cases: [(u128, u128); 6] = [(0, 1), (1, 3), (1, 1), (7, 5), (5, 2), (999, 1 << 100)];
        for (numerator, denominator) in cases {
            let near = numerator as f64 / denominator as f64;
            let exact = || (numerator, denominator);
            let hits = (0..DRAWS).filter(|_| exponential_coin(near, exact, &mut stream)).count();
            let p = (-near).exp();
            let deviation = (f64::from(DRAWS) * p * (1.0 - p)).sqrt();
            // 4.9 deviations: once in a million seeds.
            assert!(
                (hits as f64 - f64::from(DRAWS) * p).abs() <= 4.9 * deviation,
                "{numerator}/{denominator}: {hits}"
            );
        }
    }

    #[test]
    fn the_digits_decide_where_the_first_bits_do_not() {
        // e^-1 to 256 bits, and its neighbours in the last.
        let digits: [u64; 4] =
            [0x5e2d_58d8_b3bc_df1a, 0xbade_c782_9054_f90d, 0xda98_05aa_b56c_7733, 0x3024_b9d0_a507_daed];
        let coin = |words: Vec<u64>| exponential_coin(1.0 + 1e-15, || (7, 7), &mut self::words(words));
        for (place, step) in [(0, 1), (1, 1), (2, 1), (3, 1 << 12)] {
            let moved = |by: i64| {
                let mut moved = digits.to_vec();
                moved[place] = u64::wrapping_add_signed(moved[place], by);
                moved
            };
            assert!(coin(moved(-step)), "{place}");
            assert!(!coin(moved(step)), "{place}");
            assert!(run_of_inverse_e(&mut words(moved(-step))) == 1, "{place}");
            assert!(run_of_inverse_e(&mut words(moved(step))) == 0, "{place}");
        }
        assert_eq!(run_of_inverse_e(&mut words(vec![0, 0, 0, 1 << 20])), 163);
    }

    #[test]
    fn powers_are_those_of_e() {
        for (k, power) in (1..).zip(POWERS) {
            assert!((power / (-f64::from(k)).exp() - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn small_uniforms_are_uniform() {
        let mut stream = stream(2);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[uniform_below(7, &mut stream) as usize] += 1;
        }
        let square: f64 = counts.iter().map(|&count| (f64::from(count) - 1e4).powi(2) / 1e4).sum();
        // Chi-square with 6 degrees of freedom passes 38.3 once in a million.
        assert!(square < 38.3, "{counts:?}");
    }
}
