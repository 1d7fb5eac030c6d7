//! A secret from shares of which some are wrong.
//!
//! Shares are a Reed-Solomon code word for each limb. Which secret is the right one is known from outside: its owner
//! committed to it. So that the first shares that give a secret that passes settle it, and otherwise:
//!
//! 1. Of `n` shares up to `(n - t) / 2` wrong ones are found outright, by Gao's decoder (Gao 2003, "A new algorithm for
//!    decoding Reed-Solomon codes"), in `O(n^2)`.
//! 2. Up to `n - t`, as long as there are spare shares for each, by leaving some out and trying, at most [`TRIALS`] times:
//!    one wrong share is found with one to spare.
//!
//! The work is bounded whatever the shares. It is not constant in time: whoever does it may know the secret.

use super::field::Element;
use super::shamir::{LIMBS, Polynomials, SECRET_LEN, Share, index};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// So many sets of shares are tried for a secret.
const TRIALS: usize = 500;

/// A secret, and everybody who gave a share of something else.
pub(crate) struct Recovered<T> {
    pub(crate) secret: T,
    pub(crate) altered: BTreeSet<u32>,
}

/// The secret of these shares that `open` accepts. `None` if none was found.
pub(crate) fn recover<T>(
    threshold: usize,
    shares: &[(u32, &Share)],
    open: impl Fn(Zeroizing<[u8; SECRET_LEN]>) -> Option<T>,
) -> Option<Recovered<T>> {
    let agreeing = |good: &[(u32, &Share)]| {
        let polynomials = Polynomials::through(threshold, good).ok()?;
        let secret = open(polynomials.secret().ok()?)?;
        let altered = shares.iter().filter(|(holder, share)| !polynomials.pass(*holder, share));
        Some(Recovered { secret, altered: altered.map(|(holder, _)| *holder).collect() })
    };
    agreeing(shares).or_else(|| agreeing(&decode(threshold, shares)?)).or_else(|| {
        let spare = shares.len().checked_sub(threshold)?;
        let sizes = (1..=spare).take_while(|size| combinations(threshold + size, *size) <= TRIALS);
        let left_out = sizes.flat_map(|size| subsets(threshold + size, size));
        left_out.take(TRIALS).find_map(|left_out| {
            let is_in = |at: &usize| !left_out.contains(at);
            let rest: Vec<_> = (0..shares.len()).filter(is_in).map(|at| shares[at]).collect();
            agreeing(&rest)
        })
    })
}

/// The shares that lie on one polynomial for each limb, if more than half of the spare ones do.
fn decode<'a>(threshold: usize, shares: &[(u32, &'a Share)]) -> Option<Vec<(u32, &'a Share)>> {
    let points: Vec<Element> = shares.iter().map(|(holder, _)| index(*holder)).collect();
    let mut good = vec![true; shares.len()];
    for limb in 0..LIMBS {
        let values: Vec<Element> = shares.iter().map(|(_, share)| share.limb(limb)).collect();
        let polynomial = gao(threshold, &points, &values)?;
        for ((good, point), value) in good.iter_mut().zip(&points).zip(&values) {
            *good &= evaluate(&polynomial, *point).is(*value);
        }
    }
    let good: Vec<_> = shares.iter().zip(good).filter(|(_, good)| *good).map(|(share, _)| *share).collect();
    (good.len() >= threshold).then_some(good)
}

/// The polynomial of degree below `threshold` through all but `(n - threshold) / 2` of the points, lowest power first.
fn gao(threshold: usize, points: &[Element], values: &[Element]) -> Option<Vec<Element>> {
    let mut last = vec![Element::ONE];
    points.iter().for_each(|point| times_root(&mut last, *point));
    let mut remainder = interpolate(&last, points, values);
    let (mut last_factor, mut factor) = (Vec::new(), vec![Element::ONE]);
    while 2 * remainder.len() > points.len() + threshold {
        let (quotient, rest) = divide(last, &remainder);
        (last, remainder) = (remainder, rest);
        let next = less_product(last_factor, &quotient, &factor);
        (last_factor, factor) = (factor, next);
    }
    let (polynomial, rest) = divide(remainder, &factor);
    (rest.is_empty() && polynomial.len() <= threshold).then_some(polynomial)
}

/// The polynomial through all points (Lagrange). `vanishing` is the one that is zero at all of them.
fn interpolate(vanishing: &[Element], points: &[Element], values: &[Element]) -> Vec<Element> {
    let mut polynomial = vec![Element::ZERO; points.len()];
    for (point, value) in points.iter().zip(values) {
        let (others, _) = divide(vanishing.to_vec(), &[Element::ZERO.sub(*point), Element::ONE]);
        let weight = value.mul(evaluate(&others, *point).invert());
        for (coefficient, other) in polynomial.iter_mut().zip(&others) {
            *coefficient = coefficient.add(weight.mul(*other));
        }
    }
    trimmed(polynomial)
}

/// Multiplies by `x - root`.
fn times_root(polynomial: &mut Vec<Element>, root: Element) {
    polynomial.insert(0, Element::ZERO);
    for at in 0..polynomial.len() - 1 {
        polynomial[at] = polynomial[at].sub(root.mul(polynomial[at + 1]));
    }
}

/// Quotient and remainder, neither with zeros in front. The divisor is not zero.
fn divide(mut dividend: Vec<Element>, divisor: &[Element]) -> (Vec<Element>, Vec<Element>) {
    let Some(leading) = divisor.last().map(|leading| leading.invert()) else { return (Vec::new(), dividend) };
    let steps = (dividend.len() + 1).saturating_sub(divisor.len());
    let mut quotient = vec![Element::ZERO; steps];
    for step in (0..steps).rev() {
        let digit = dividend[step + divisor.len() - 1].mul(leading);
        quotient[step] = digit;
        for (value, coefficient) in dividend[step..].iter_mut().zip(divisor) {
            *value = value.sub(digit.mul(*coefficient));
        }
    }
    (trimmed(quotient), trimmed(dividend))
}

/// `from - one * other`.
fn less_product(mut from: Vec<Element>, one: &[Element], other: &[Element]) -> Vec<Element> {
    from.resize(from.len().max((one.len() + other.len()).saturating_sub(1)), Element::ZERO);
    for (at, a) in one.iter().enumerate() {
        for (value, b) in from[at..].iter_mut().zip(other) {
            *value = value.sub(a.mul(*b));
        }
    }
    trimmed(from)
}

fn trimmed(mut polynomial: Vec<Element>) -> Vec<Element> {
    while polynomial.last().is_some_and(|leading| leading.is(Element::ZERO)) {
        polynomial.pop();
    }
    polynomial
}

fn evaluate(polynomial: &[Element], at: Element) -> Element {
    polynomial.iter().rev().fold(Element::ZERO, |value, coefficient| value.mul(at).add(*coefficient))
}

/// How many subsets of a size there are; at the most so many as tell that they are too many.
fn combinations(of: usize, size: usize) -> usize {
    (0..size).fold(1_usize, |found, at| found.saturating_mul(of - at) / (at + 1))
}

/// All subsets of `0..of` of a size, in lexicographic order.
fn subsets(of: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    std::iter::successors(Some((0..size).collect::<Vec<usize>>()), move |last| {
        let at = (0..size).rev().find(|at| last[*at] < of - size + at)?;
        let mut next = last.clone();
        next[at] += 1;
        (at + 1..size).for_each(|later| next[later] = next[later - 1] + 1);
        Some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::super::shamir;
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    const SECRET: [u8; SECRET_LEN] = [9; SECRET_LEN];

    /// Holders 1 to `count` with shares of the secret, `wrong` of which were altered: the first of them, or the last.
    fn recovered(
        threshold: usize,
        count: u32,
        wrong: &[u32],
        seed: u64,
    ) -> Option<Recovered<[u8; SECRET_LEN]>> {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let holders: Vec<u32> = (1..=count).collect();
        let mut shares = shamir::split(&SECRET, threshold, &holders, &mut rng);
        let other = shamir::split(&[1; SECRET_LEN], threshold, &holders, &mut rng);
        for holder in wrong {
            shares[*holder as usize - 1] = other[*holder as usize - 1].clone();
        }
        let held: Vec<_> = holders.into_iter().zip(&shares).collect();
        recover(threshold, &held, |secret| (*secret == SECRET).then_some(*secret))
    }

    #[test]
    fn one_spare_share_finds_one_wrong_share() {
        for wrong in 1..=8 {
            let found = recovered(7, 8, &[wrong], 1).unwrap();
            assert_eq!((found.secret, found.altered), (SECRET, BTreeSet::from([wrong])));
            assert!(recovered(8, 8, &[wrong], 1).is_none());
        }
        assert!(recovered(7, 8, &[2, 5], 1).is_none());
        assert!(recovered(67, 68, &[40], 1).is_some());
    }

    #[test]
    fn of_few_shares_as_many_wrong_ones_are_found_as_there_are_spare() {
        for wrong in subsets(8, 3) {
            let wrong: Vec<u32> = wrong.into_iter().map(|at| at as u32 + 1).collect();
            let found = recovered(5, 8, &wrong, 2).unwrap();
            assert_eq!(found.altered, wrong.iter().copied().collect());
        }
    }

    /// A tenth of a graph of 1,000 lies, and a tenth has dropped out.
    #[test]
    fn of_many_shares_half_the_spare_ones_may_be_wrong() {
        let wrong: Vec<u32> = (1..=9).map(|at| at * 7).collect();
        let found = recovered(67, 86, &wrong, 3).unwrap();
        assert_eq!(found.altered, wrong.iter().copied().collect());
        let (mut too_many, threshold) = (wrong, 67);
        too_many.extend([2, 3]);
        assert!(recovered(threshold, 86, &too_many, 3).is_none());
    }

    #[test]
    fn subsets_are_counted() {
        for (of, size) in [(5, 1), (6, 3), (7, 7), (10, 4)] {
            assert_eq!(subsets(of, size).count(), combinations(of, size));
        }
        assert!(combinations(500, 250) > TRIALS);
    }

    proptest! {
        #[test]
        fn whatever_is_wrong_the_right_secret_comes_out_or_none(
            threshold in 2_usize..7, spare in 0_u32..5, wrong in proptest::collection::btree_set(1_u32..12, 0..7), seed: u64,
        ) {
            let count = threshold as u32 + spare;
            let wrong: Vec<u32> = wrong.into_iter().filter(|holder| *holder <= count).collect();
            match recovered(threshold, count, &wrong, seed) {
                Some(found) => {
                    prop_assert_eq!(found.secret, SECRET);
                    prop_assert_eq!(found.altered, wrong.into_iter().collect());
                }
                None => prop_assert!(wrong.len() > spare as usize),
            }
        }
    }
}
